"""What the database itself promises of funding's tables; test_migrations compares them with the code."""

import psycopg
import pytest

from tests.integration.bench import Bench
from tests.integration.funding.charges import Charge


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
