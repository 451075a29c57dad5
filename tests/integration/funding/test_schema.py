"""Funding's tables."""

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from services.funding.tables import metadata
from tests.integration.contracts.bench import Bench
from tests.integration.funding.charges import Charge


def test_the_migrations_make_the_tables_that_the_code_uses(bench: Bench) -> None:
    with bench.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        )
        differences = [d for d in compare_metadata(context, metadata) if "comment" not in str(d[0])]
    assert differences == []


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE ledger_entries SET amount_minor = 1",
        "UPDATE ledger_entries SET amount_minor = 1 WHERE false",
        "DELETE FROM ledger_entries",
        "TRUNCATE ledger_entries",
    ],
)
def test_the_ledger_is_only_ever_added_to(bench: Bench, charge: Charge, statement: str) -> None:
    charge.funded()
    before = charge.balances()
    with (
        psycopg.connect(bench.url) as connection,
        pytest.raises(psycopg.errors.RaiseException, match="append-only"),
    ):
        connection.execute(statement)
    assert charge.balances() == before
