"""For every service: the migrations make the very tables that its code uses."""

import importlib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext
from sqlalchemy import MetaData, inspect, text

from schemas.catalogue import PARTITIONS
from services.runtime import tables as runtime
from services.runtime.database import migrate, open_engine
from tests.platform.backing import Backing

_VERSIONS = {"schema_version", "runtime_schema_version"}
_SERVICES = Path(runtime.__file__).parents[1]
_WITH_TABLES = sorted(file.parent.name for file in _SERVICES.glob("*/tables.py") if file.parent.name != "runtime")


def _own(service: str) -> MetaData:
    metadata: MetaData = importlib.import_module(f"services.{service}.tables").metadata
    return metadata


def _differences(context: MigrationContext, metadata: Sequence[MetaData]) -> list[Any]:
    """What is not the same, but for comments: they are for whoever reads the code."""
    found: list[Any] = []
    for difference in compare_metadata(context, metadata):  # type: ignore[arg-type]  # it takes several
        # A column's changes come as a list, everything else as one.
        found += difference if isinstance(difference, list) else [difference]
    return [
        difference
        for difference in found
        if not difference[0].endswith("_comment")
        and not (difference[0] == "remove_table" and difference[1].name in _VERSIONS)
    ]


@pytest.mark.parametrize("service", _WITH_TABLES)
def test_migrations_and_code_have_the_same_tables(platform: Backing, service: str) -> None:
    url = platform.new_database(service)
    migrate(url, _SERVICES / service)
    engine = open_engine(url)
    try:
        with engine.connect() as connection:
            context = MigrationContext.configure(connection, opts={"compare_type": True, "target_metadata": None})
            metadata = [runtime.metadata, _own(service)]
            assert _differences(context, metadata) == []
            predicates = dict(
                connection.execute(text("SELECT indexname, indexdef FROM pg_indexes WHERE indexdef LIKE '% WHERE %'"))
                .tuples()
                .all()
            )
    finally:
        engine.dispose()
    partial = {
        index.name
        for tables in metadata
        for table in tables.tables.values()
        for index in table.indexes
        if index.dialect_options["postgresql"]["where"] is not None
    }
    assert set(predicates) == partial


def test_there_are_services_to_compare() -> None:
    assert {"contracts", "funding", "approvals", "payouts", "stripe_gateway"} <= set(_WITH_TABLES)


def test_a_second_migration_changes_nothing_and_keeps_what_is_stored(platform: Backing) -> None:
    url = platform.new_database("again")
    migrate(url, _SERVICES / "funding")
    engine = open_engine(url)
    try:
        with engine.begin() as connection:
            connection.execute(text("INSERT INTO relay_cursor VALUES ('funding', 7)"))
        before = inspect(engine).get_table_names()
        migrate(url, _SERVICES / "funding")
        with engine.connect() as connection:
            assert connection.execute(text("SELECT sequence FROM relay_cursor")).scalar() == 7
            assert connection.execute(text("SELECT count(*) FROM lanes")).scalar() == PARTITIONS
        assert inspect(engine).get_table_names() == before
    finally:
        engine.dispose()


_DIES = """
from alembic import op

revision, down_revision, branch_labels, depends_on = "0001", None, None, None


def upgrade() -> None:
    op.execute("SELECT pg_terminate_backend(pg_backend_pid())")
"""


def test_a_database_that_goes_away_in_the_middle_is_told_as_one_that_was_never_there(
    platform: Backing, tmp_path: Path
) -> None:
    """A service then ends with one line that says so (seen when the database was shut down in that very moment)."""
    migrations = tmp_path / "migrations"
    migrations.mkdir()
    (migrations / "0001_dies.py").write_text(_DIES)
    with pytest.raises(psycopg.OperationalError, match="terminating connection"):
        migrate(platform.new_database("dies"), tmp_path)
