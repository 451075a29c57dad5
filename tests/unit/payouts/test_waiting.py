"""What is held: for how long, for whom, and what brings it on."""

from datetime import timedelta

import pytest

from schemas.payouts import PayoutHeld, ResumePayout
from schemas.stripe import CreateTransfer
from services.payouts import domain
from services.runtime.clock import CLOCKS_APART
from tests.unit.payouts.builders import (
    NOW,
    PATIENCE,
    a_payout,
    a_refusal,
    a_release,
    a_resumption,
    an_account,
    not_transferred,
    the_balance,
    transferred,
)
from tests.unit.payouts.test_domain import decided

LONG = NOW + PATIENCE.overdue_after


def short(**changed: object) -> domain.Decided:
    """The balance did not cover it, for the last time at once."""
    payout = a_payout(attempt=domain.MOST_TRIES_AT_ONCE, **changed)
    fact = not_transferred("balance_insufficient", attempt=domain.MOST_TRIES_AT_ONCE)
    return decided(domain.not_transferred(payout, an_account(), fact, PATIENCE, NOW))


def test_what_the_balance_is_short_for_waits_for_the_platform_and_is_tried_again_later() -> None:
    found = short()
    assert (found.payout.state, found.payout.waits_for, found.payout.reason) == (
        "held",
        "platform",
        "balance_insufficient",
    )
    again = ResumePayout(contract_id="ctr_1", payout_id="pay_1")
    # Both: it may come earlier than the balance, and it must not wait for ever.
    assert found.later == ((LONG, again, "overdue pay_1"), (NOW + timedelta(hours=1), again, "short pay_1"))


def test_with_news_of_the_balance_it_goes_on_under_a_new_number() -> None:
    held = short().payout
    (command,) = domain.balance_changed([held], the_balance(100_000))
    assert isinstance(command, ResumePayout)
    found = decided(domain.resume(held, an_account(), command, PATIENCE, NOW))
    (call,) = found.said
    assert isinstance(call, CreateTransfer)
    assert (call.attempt, call.amount_minor) == (held.attempt + 1, held.amount_minor)


@pytest.mark.parametrize(("available", "going_on"), [(59_999, []), (100_000, ["pay_1"]), (160_000, ["pay_1", "pay_3"]),
                                                     (260_000, ["pay_1", "pay_2", "pay_3"]), (-5, [])])  # fmt: skip
def test_each_goes_on_whole_or_not_at_all_as_far_as_the_balance_reaches(available: int, going_on: list[str]) -> None:
    waiting = [
        a_payout("held", payout_id="pay_2", waits_for="platform"),
        a_payout("held", payout_id="pay_3", waits_for="platform", amount_minor=60_000),
        a_payout("held", payout_id="pay_1", waits_for="platform"),
        a_payout("held", payout_id="pay_4", waits_for="platform", currency="eur"),
    ]
    told = domain.balance_changed(waiting, the_balance(available))
    assert [command.payout_id for command in told if isinstance(command, ResumePayout)] == going_on


def test_a_hold_is_looked_at_after_thirty_days() -> None:
    found = domain.release(None, a_release(), "pay_1", PATIENCE, NOW)
    assert found.later == ((LONG, ResumePayout(contract_id="ctr_1", payout_id="pay_1"), "overdue pay_1"),)
    assert found.payout.held_since == NOW


def test_what_is_held_for_too_long_asks_an_operator_once() -> None:
    held = a_payout("held")
    account = an_account("restricted")
    too_early = LONG - CLOCKS_APART - timedelta(seconds=1)
    assert domain.resume(held, account, a_resumption(), PATIENCE, too_early) is None
    found = decided(domain.resume(held, account, a_resumption(), PATIENCE, LONG))
    (event,) = found.said
    assert isinstance(event, PayoutHeld)
    assert (event.overdue, event.reason) == (True, "account_not_ready")
    assert (found.payout.overdue, found.payout.updated_at) == (True, LONG)
    assert domain.resume(found.payout, account, a_resumption(), PATIENCE, LONG) is None


@pytest.mark.parametrize("behind", [timedelta(seconds=2), CLOCKS_APART], ids=["a little", "as far as it may be"])
def test_a_timer_that_is_decided_by_a_replica_whose_clock_is_behind_asks_an_operator_too(behind: timedelta) -> None:
    """It was given because it was due by another's clock, and no other timer comes."""
    now = LONG - behind
    found = decided(domain.resume(a_payout("held"), an_account("restricted"), a_resumption(), PATIENCE, now))
    assert found.payout.overdue


def test_a_try_that_fails_does_not_begin_the_wait_anew() -> None:
    first = a_payout("transferring", held_since=NOW)
    later = NOW + timedelta(days=31)
    found = decided(domain.not_transferred(first, an_account(), not_transferred(), PATIENCE, later))
    assert (found.payout.held_since, found.payout.overdue) == (NOW, True)
    held = found.said[0]
    assert isinstance(held, PayoutHeld)
    assert held.overdue


def test_what_is_transferred_after_all_waits_no_more() -> None:
    overdue = a_payout("held", overdue=True)
    found = decided(domain.transferred(overdue, transferred(), LONG))
    assert (found.payout.held_since, found.payout.overdue, found.payout.waits_for) == (None, False, None)


def test_what_stripe_refused_waits_for_the_trainers_account() -> None:
    found = decided(domain.transfer_refused(a_payout(), a_refusal(), PATIENCE, NOW))
    assert (found.payout.state, found.payout.waits_for, found.payout.reason) == ("held", "trn_1", domain.REFUSED)
