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

# A file's tests share what is dear to start, so a file goes to one worker whole, in the order of collection: the long
# end-to-end ones begin early. Tests of real processes wait half of their time: three files keep two cores busy.
# `.ci/run` says the same.
SIDE_BY_SIDE := --numprocesses 3 --dist loadfile --no-loadscope-reorder --max-worker-restart 2

.PHONY: help setup java browser demo up down clean test test-setup simulate check mutate bench chaos lock kafka-checksums

help: ## list the targets
	@sed -n 's/^\([a-z-]*\):.*## \(.*\)/  make \1|\2/p' Makefile | awk -F'|' '{printf "%-24s %s\n", $$1, $$2}'

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

# Said before anything is started, so that nobody waits for half a set-up.
java:
	@command -v java >/dev/null || test -x "$$JAVA_HOME/bin/java" || { \
		echo "make: Java 17 or newer is missing, which runs Kafka: apt-get install openjdk-17-jre-headless" >&2; exit 1; }
	@command -v mvn >/dev/null || test -d .tranche/tools/kafka-libs || { \
		echo "make: Maven is missing, which fetches Kafka: apt-get install maven" >&2; exit 1; }

# The browser tests skip with one clear reason where there is none and none can be installed.
browser:
	@if ! { command -v chromium && command -v chromedriver; } >/dev/null 2>&1 \
		&& [ "$$(id -u)" = 0 ] && command -v apt-get >/dev/null; then \
		echo "Installing Chromium for the browser tests (once) ..."; \
		export DEBIAN_FRONTEND=noninteractive; \
		{ apt-get -qq update && apt-get -qq install --yes --no-install-recommends chromium chromium-driver; } \
			>/dev/null 2>&1 </dev/null || echo "Chromium could not be installed: the browser tests will be skipped."; \
	fi

demo: setup java ## start the platform and tell the story of one milestone, from hire to bank
	@$(BIN)/tranche up --detach
	@$(BIN)/tranche demo

up: setup java ## start the platform and leave it running
	@$(BIN)/tranche up --detach

down: ## stop the platform: no process is left
	@if [ -x $(BIN)/tranche ]; then $(BIN)/tranche down; else echo "nothing was set up here"; fi

clean: ## stop the platform and remove every file that these commands made
	@if [ -x $(BIN)/tranche ]; then $(BIN)/tranche clean; fi
	@rm -rf .tranche .venv .mypy_cache .ruff_cache .pytest_cache .hypothesis mutants dist *.egg-info
	@find . -name __pycache__ -type d -prune -exec rm -rf {} +

test: test-setup ## run all tests, on a real Kafka and a real PostgreSQL, three files at a time
	@$(BIN)/python -m pytest $(SIDE_BY_SIDE) $(ARGS)

test-setup: setup java browser

simulate: setup ## 10,000 seeds of the simulation, on both cores; ARGS="--seed N" tells one again
	@$(BIN)/python -m tests.simulation $(ARGS)

check: setup ## format, lint, types, unit and contract tests: under a minute
	@$(BIN)/ruff format --check --quiet . || { echo "make: not formatted: run .venv/bin/ruff format ." >&2; exit 1; }
	@$(BIN)/ruff check --quiet .
	@$(BIN)/mypy -p schemas -p services -p deploy
	@$(BIN)/python -m pytest --quiet $(SIDE_BY_SIDE) tests/unit tests/contract

mutate: setup ## plant faults in the modules that decide about money: which does no unit test notice? (docs/mutation.md)
	@$(BIN)/python -m tests.mutation $(ARGS)

bench: setup java ## the benchmarks beside their peers, as a table of ratios
	@$(BIN)/python -m benchmarks $(ARGS)

chaos: setup java ## faults on the real stack under load, then the audit; ARGS="--seed N --seconds N"
	@$(BIN)/python -m tests.chaos $(ARGS)

# hatchling and editables are here so that installing the checkout itself asks for nothing that is not locked.
lock: setup ## resolve requirements.lock (and the images' deploy/requirements.lock) anew from pyproject.toml
	@$(PYTHON) -m venv .tranche/uv && .tranche/uv/bin/python -m pip --disable-pip-version-check --quiet install uv
	@printf 'hatchling\neditables\n' | .tranche/uv/bin/uv pip compile pyproject.toml - --extra dev --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet --output-file requirements.lock
	@.tranche/uv/bin/uv pip compile pyproject.toml --constraint requirements.lock --universal --python-version 3.11 \
		--generate-hashes --no-emit-index-url --custom-compile-command "make lock" --quiet --output-file deploy/requirements.lock

kafka-checksums: ## write the broker's checksums anew, after a new version in pins/kafka/pom.xml
	@mvn --batch-mode --quiet --file deploy/local/pins/kafka/pom.xml -Dmaven.repo.local=$(CURDIR)/.tranche/tools/maven \
		dependency:copy-dependencies -DoutputDirectory=$(CURDIR)/.tranche/tools/kafka-libs.new
	@cd .tranche/tools/kafka-libs.new && sha256sum *.jar > $(CURDIR)/deploy/local/pins/kafka/checksums.sha256
	@rm -rf .tranche/tools/kafka-libs.new
