# Everything a person types on a fresh machine. Each target sets up what it needs first; a second run reuses it.

SHELL := /bin/sh
.DEFAULT_GOAL := help

# The first of these that is 3.11, 3.12 or 3.13; `make PYTHON=/path/to/python` names another.
PYTHON ?= $(shell for name in python3 python3.13 python3.12 python3.11; do \
	$$name -c 'import sys; sys.exit(not (3, 11) <= sys.version_info < (3, 14))' 2>/dev/null && echo $$name && break; done)
VENV := .venv
BIN := $(VENV)/bin
READY := $(VENV)/.ready

# The lock names hashes, never an index: where packages come from is the machine's own pip configuration.
PIP_INSTALL := $(BIN)/python -m pip --disable-pip-version-check --quiet install

.PHONY: help setup lock

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-16s %s\n", $$1, $$2}'

setup: $(READY) ## make .venv with the locked dependencies and the `tranche` command
	@:

$(READY): requirements.lock pyproject.toml
	@test -n "$(PYTHON)" || { echo "make: Python 3.11, 3.12 or 3.13 is missing: apt-get install python3 python3-venv" >&2; exit 1; }
	@test -x $(BIN)/python || echo "Setting up $(VENV) (once) ..."
	@test -x $(BIN)/python || $(PYTHON) -m venv $(VENV) || { rm -rf $(VENV); \
		echo "make: Python's venv module is missing: apt-get install python3-venv" >&2; exit 1; }
	@$(PIP_INSTALL) --require-hashes --requirement requirements.lock
	@$(PIP_INSTALL) --no-deps --no-build-isolation --editable .
	@touch $(READY)

# hatchling and editables are here so that installing the checkout itself asks for nothing that is not locked.
lock: ## resolve requirements.lock anew from pyproject.toml
	@$(PYTHON) -m venv .tranche/uv && .tranche/uv/bin/python -m pip --quiet install uv
	@printf 'hatchling\neditables\n' | .tranche/uv/bin/uv pip compile pyproject.toml - --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet --output-file requirements.lock
