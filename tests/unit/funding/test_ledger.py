"""The ledger's postings, one by one; `test_conservation` asks what holds whatever happens."""

import pytest

from services.funding import ledger
from tests.unit.funding.builders import a_posting


def test_a_posting_that_does_not_sum_to_zero_is_never_made() -> None:
    with pytest.raises(ValueError, match="must sum to zero"):
        a_posting().entries(("held", -100), ("released", 99))


def test_movements_of_zero_are_left_out() -> None:
    entries = ledger.charge_succeeded(a_posting("charge_succeeded"), 100, 0, 0)
    assert [entry.account for entry in entries] == ["stripe_balance", "held"]


def test_balances_keep_currencies_apart() -> None:
    entries = [
        *ledger.funds_released(a_posting("funds_released"), 100),
        *ledger.funds_released(a_posting("funds_released", currency="eur"), 7),
    ]
    assert ledger.balances(entries) == {
        ("held", "usd"): 100, ("released", "usd"): -100, ("held", "eur"): 7, ("released", "eur"): -7,
    }  # fmt: skip


def test_stripes_fee_never_touches_held_money() -> None:
    entries = ledger.charge_succeeded(a_posting("charge_succeeded"), 100_000, 10_000, 3_249)
    assert ledger.owed_minor(entries, "held") == 100_000
    assert ledger.balances(entries)["stripe_balance", "usd"] == 110_000 - 3_249
