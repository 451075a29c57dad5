"""Who may import whom, what a decision may not touch, and the one shape of a service. The rules are tested first."""

import tomllib
from fnmatch import fnmatch
from pathlib import Path

import pytest

from tests.contract.source_rules import (
    ROOT,
    foreign_imports,
    imported,
    impurities,
    more_than_pydantic,
    own_modules,
    package_of,
)

CORE = ("contracts", "funding", "approvals", "payouts", "stripe_gateway")
SHAPE = ("__init__.py", "__main__.py", "README.md", "states.py", "domain.py", "handlers.py", "tables.py", "routes.py",
         "service.py", "migrations")  # fmt: skip

SERVICES = sorted(folder.name for folder in (ROOT / "services").iterdir() if (folder / "__init__.py").exists())


def sources(*folder: str) -> list[Path]:
    return sorted(ROOT.joinpath(*folder).rglob("*.py"))


def named(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


@pytest.mark.parametrize("service", SERVICES)
def test_a_service_imports_no_other(service: str) -> None:
    wrong = {
        named(path): found
        for path in sources("services", service)
        if (found := foreign_imports(path.read_text(), service, package_of(path)))
    }

    assert wrong == {}


def test_schemas_depend_on_pydantic_alone() -> None:
    wrong = {named(path): found for path in sources("schemas") if (found := more_than_pydantic(path.read_text()))}

    assert wrong == {}


@pytest.mark.parametrize("name", ["domain.py", "states.py"])
@pytest.mark.parametrize("service", CORE)
def test_decisions_are_pure(service: str, name: str) -> None:
    start = ROOT / "services" / service / name
    if not start.exists():
        assert not (start.parent / "service.py").exists(), f"{named(start)} is missing"
        return
    wrong = {
        named(path): found
        for path in sorted(own_modules(start))
        if (found := impurities(path.read_text(), package_of(path)))
    }

    assert wrong == {}


@pytest.mark.parametrize("service", CORE)
def test_a_service_has_the_shape_of_all(service: str) -> None:
    folder = ROOT / "services" / service
    begun = (folder / "service.py").exists()

    missing = [name for name in SHAPE if not (folder / name).exists()] if begun else []

    assert missing == []


def test_the_rules_see_every_service() -> None:
    assert "runtime" in SERVICES
    assert len(sources("services", "runtime")) > 10
    assert len(sources("schemas")) > 10


# The rules themselves.


@pytest.mark.parametrize(
    ("line", "modules"),
    [
        ("import services.payouts.domain", ["services.payouts.domain"]),
        ("import a, b.c as d", ["a", "b.c"]),
        ("from services import payouts", ["services.payouts"]),
        ("from services.payouts import domain", ["services.payouts.domain"]),
        ("from . import tables", ["services.funding.tables"]),
        ("from .tables import rows", ["services.funding.tables.rows"]),
        ("from ..payouts import tables", ["services.payouts.tables"]),
        ("def f():\n    import stripe", ["stripe"]),
        ("import importlib\nimportlib.import_module('services.payouts')", ["importlib", "services.payouts"]),
    ],
)
def test_every_way_to_import_is_seen(line: str, modules: list[str]) -> None:
    assert [name for _, name in imported(line, "services.funding")] == modules


@pytest.mark.parametrize(
    "line",
    ["from services.payouts import domain", "from ..payouts import domain", "import services.payouts",
     "from deploy.local import cli", "import tests.platform", "import stripe"],
)  # fmt: skip
def test_a_foreign_import_is_wrong(line: str) -> None:
    assert foreign_imports(line, "funding") != []


@pytest.mark.parametrize(
    "line",
    ["from services.runtime import clock", "from services.funding import ledger", "from . import ledger",
     "from schemas import stripe", "import sqlalchemy"],
)  # fmt: skip
def test_a_service_may_import_the_runtime_the_schemas_and_itself(line: str) -> None:
    assert foreign_imports(line, "funding") == []


def test_the_runtime_may_import_no_service() -> None:
    assert foreign_imports("from services.funding import domain", "runtime") != []


def test_the_gateway_may_import_stripe() -> None:
    assert foreign_imports("import stripe", "stripe_gateway") == []


@pytest.mark.parametrize("line", ["import orjson", "from services.runtime import ids", "import sqlalchemy"])
def test_schemas_may_not_import(line: str) -> None:
    assert more_than_pydantic(line) != []


@pytest.mark.parametrize("line", ["import json", "from pydantic import BaseModel", "from schemas.base import Event"])
def test_schemas_may_import(line: str) -> None:
    assert more_than_pydantic(line) == []


@pytest.mark.parametrize(
    "line",
    ["import sqlalchemy", "from psycopg import connect", "import confluent_kafka", "import httpx", "import stripe",
     "from fastapi import Request", "import random", "from uuid import uuid4", "import time",
     "from datetime import datetime\nnow = datetime.now()", "import datetime\nnow = datetime.datetime.now(None)",
     "from datetime import date\nday = date.today()", "read = datetime.now", "open('x')", "print(1)"],
)  # fmt: skip
def test_what_is_not_pure(line: str) -> None:
    assert impurities(line, "services.funding") != []


@pytest.mark.parametrize(
    "line",
    ["from datetime import datetime, timedelta", "def decide(now): return now + timedelta(days=1)",
     "from schemas import stripe", "from services.funding import ledger", "order.now", "door.open()"],
)  # fmt: skip
def test_what_is_pure(line: str) -> None:
    assert impurities(line, "services.funding") == []


def test_what_a_pure_module_imports_of_its_own_service_is_judged_too() -> None:
    runtime = ROOT / "services" / "runtime"

    assert own_modules(runtime / "diagrams.py") == {runtime / "diagrams.py", runtime / "states.py"}


def test_what_decides_is_tried_by_mutation_testing() -> None:
    """`[tool.mutmut]` names the modules; whatever `domain.py` is made of must be among them."""
    chosen = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["tool"]["mutmut"]
    decides = {
        named(path)
        for service in CORE
        for path in own_modules(ROOT / "services" / service / "domain.py")
        if path.name != "states.py"  # a table; tests/mutation/tables.py tries those
    }
    tried = {path for path in decides if _matches(path, chosen["only_mutate"])}
    assert decides - tried == set()
    assert {path for path in decides if _matches(path, chosen["do_not_mutate"])} == set()


def _matches(path: str, patterns: list[str]) -> bool:
    return any(fnmatch(path, pattern) for pattern in patterns)
