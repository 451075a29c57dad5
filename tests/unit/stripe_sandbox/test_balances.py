"""Double entry: nothing appears, nothing vanishes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from services.stripe_sandbox.balances import Balances, Posting, UnbalancedError
from services.stripe_sandbox.store import Store


def test_postings_that_do_not_sum_to_zero_are_refused() -> None:
    balances = Balances(Store())
    with pytest.raises(UnbalancedError):
        balances.post("usd", "x", Posting("a", "available", 5), Posting("external", "bank", -4))
    assert balances.amount_minor("a", "usd", "available") == 0


def test_a_balance_changed_behind_the_ledgers_back_is_found() -> None:
    store = Store()
    balances = Balances(store)
    balances.post("usd", "x", Posting("a", "available", 5), Posting("external", "bank", -5))
    found = store.get("_balance", "a:available:usd")
    assert found is not None
    store.put("_balance", "a", {**found, "amount": 6})
    with pytest.raises(UnbalancedError):
        balances.assert_balanced()
    assert balances.dump()["agrees_with_entries"] is False


def test_currencies_are_apart() -> None:
    balances = Balances(Store())
    balances.post("usd", "x", Posting("a", "available", 5), Posting("external", "bank", -5))
    balances.post("eur", "y", Posting("a", "pending", 7), Posting("external", "bank", -7))
    assert balances.currencies("a") == ["eur", "usd"]
    assert balances.amount_minor("a", "eur", "available") == 0


Moves = st.lists(
    st.tuples(
        st.sampled_from(["a", "b", "external"]),
        st.sampled_from(["a", "b", "external"]),
        st.sampled_from(["available", "pending"]),
        st.integers(1, 10**12),
        st.sampled_from(["usd", "jpy"]),
    ),
    max_size=30,
)


@given(Moves)
def test_the_sum_is_zero_after_any_moves(moves: list[tuple[str, str, str, int, str]]) -> None:
    balances = Balances(Store())
    for giver, taker, bucket, amount_minor, currency in moves:
        balances.post(currency, "x", Posting(giver, bucket, -amount_minor), Posting(taker, bucket, amount_minor))
        balances.assert_balanced()
    assert balances.dump()["agrees_with_entries"]
