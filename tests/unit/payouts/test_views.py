"""What a trainer reads of a payout."""

from datetime import timedelta

import pytest

from services.payouts.views import payout_view
from tests.unit.payouts.builders import NOW, a_payout

LATER = NOW + timedelta(days=2)


@pytest.mark.scenario(46)
def test_money_that_is_not_available_yet_is_pending_with_the_day() -> None:
    shown = payout_view(a_payout("initiated", available_at=LATER), NOW)
    assert (shown.pending, shown.available_at) == (True, LATER)
    assert shown.detail == "On the balance at Stripe, pending until 4 March 2026: then it can go to the bank, by itself"


@pytest.mark.parametrize("available_at", [LATER, NOW, None])
def test_from_that_day_on_it_is_not_pending_any_more(available_at: object) -> None:
    shown = payout_view(a_payout("initiated", available_at=available_at), LATER)
    assert (shown.pending, shown.available_at, shown.detail) == (False, available_at, None)


@pytest.mark.parametrize("state", ["in_transit", "paid", "failed", "reversed"])
def test_what_left_the_balance_is_not_pending_on_it(state: str) -> None:
    assert not payout_view(a_payout(state, available_at=LATER), NOW).pending
