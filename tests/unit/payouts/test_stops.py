"""Released money does not leave while its payment is in question."""

from typing import Any

import pytest

from schemas.base import Message
from schemas.fixtures import example
from schemas.payouts import PayoutHeld
from services.payouts import domain, stops
from services.payouts.records import Account, Stop
from tests.unit.payouts.builders import (
    LATER,
    NOW,
    PATIENCE,
    a_payout,
    a_release,
    a_resumption,
    an_account,
    not_transferred,
)
from tests.unit.payouts.test_domain import decided


def fact(name: str, **changed: Any) -> Any:
    message: Message = example(f"funding.{name}.v1").message
    given = {"contract_id": "ctr_1", "milestone_id": "mls_1", "dispute_id": "dp_1", "about": "dp_1", **changed}
    known = {field: value for field, value in given.items() if field in type(message).model_fields}
    return message.model_copy(update=known)


def after(*facts: Any) -> list[str]:
    stop: Stop | None = None
    for one in facts:
        stop = stops.heard(stop, one) or stop
    return list(stop.causes) if stop else []


FROZEN = fact("funds_frozen", cause="card_dispute")
UNFROZEN = fact("funds_unfrozen", cause="card_dispute")


@pytest.mark.parametrize(
    "cause", ["card_dispute", "card_inquiry", "fraud_warning", "review", "operator", "reconciliation"]
)
def test_a_freeze_stops_until_it_is_lifted(cause: str) -> None:
    frozen, unfrozen = fact("funds_frozen", cause=cause), fact("funds_unfrozen", cause=cause)
    assert after(frozen) == after(frozen, frozen) == [f"{cause} dp_1"]
    assert after(frozen, unfrozen) == []


@pytest.mark.parametrize("cause", ["party_dispute", "transfer_reversed"])
def test_a_freeze_of_what_is_held_alone_stops_nothing(cause: str) -> None:
    assert stops.heard(None, fact("funds_frozen", cause=cause)) is None


@pytest.mark.parametrize("recovery_minor", [1, 100_000])
def test_a_lost_dispute_that_the_trainer_has_to_make_good_goes_on_stopping(recovery_minor: int) -> None:
    taken = fact("milestone_charged_back", recovery_minor=recovery_minor)
    assert after(FROZEN, taken, UNFROZEN) == ["charged_back dp_1"]
    assert after(FROZEN, taken, fact("chargeback_reversed"), UNFROZEN) == []


def test_what_the_bank_took_from_held_money_alone_stops_nothing() -> None:
    assert stops.heard(None, fact("milestone_charged_back", recovery_minor=0)) is None


def test_what_is_released_while_it_is_stopped_is_held() -> None:
    found = domain.release(an_account(), a_release(), "pay_1", PATIENCE, NOW, stopped=True)
    assert (found.payout.state, found.payout.waits_for, found.payout.attempt) == ("held", "mls_1", 0)
    held = found.said[0]
    assert isinstance(held, PayoutHeld)
    assert held.reason == "payment_in_question"


def test_what_is_held_for_its_account_waits_for_the_payment_once_that_is_in_question() -> None:
    found = decided(domain.resume(a_payout("held"), an_account(), a_resumption(), PATIENCE, NOW, stopped=True))
    assert (found.payout.state, found.payout.waits_for, found.payout.reason) == ("held", "mls_1", "payment_in_question")
    assert domain.resume(found.payout, an_account(), a_resumption(), PATIENCE, LATER, stopped=True) is None


def test_once_nothing_stops_it_any_more_it_goes_on() -> None:
    stopped = a_payout("held", waits_for="mls_1", reason="payment_in_question")
    assert decided(domain.resume(stopped, an_account(), a_resumption(), PATIENCE, NOW)).payout.state == "transferring"


@pytest.mark.parametrize("account", [None, an_account("restricted")], ids=["none", "restricted"])
def test_or_waits_for_the_account_if_that_is_not_ready(account: Account | None) -> None:
    stopped = a_payout("held", waits_for="mls_1", reason="payment_in_question")
    found = decided(domain.resume(stopped, account, a_resumption(), PATIENCE, NOW))
    assert (found.payout.state, found.payout.waits_for) == ("held", "trn_1")


def test_a_transfer_that_failed_is_not_tried_again_while_it_is_stopped() -> None:
    short = not_transferred("balance_insufficient")
    found = decided(domain.not_transferred(a_payout(), an_account(), short, PATIENCE, NOW, stopped=True))
    assert (found.payout.state, found.payout.waits_for) == ("held", "mls_1")


def test_what_is_stopped_for_too_long_asks_an_operator() -> None:
    stopped = a_payout("held", waits_for="mls_1", reason="payment_in_question")
    late = NOW + PATIENCE.overdue_after
    found = decided(domain.resume(stopped, an_account(), a_resumption(), PATIENCE, late, stopped=True))
    (held,) = found.said
    assert isinstance(held, PayoutHeld)
    assert (held.overdue, held.reason) == (True, "payment_in_question")
