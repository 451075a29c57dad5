"""Deadlines by the moved clock: nobody authenticates, and money that is held too long."""

from itertools import count
from typing import TypeVar

import psycopg
import pytest

from schemas.base import Message
from schemas.funding import BY_HOLD_LIMIT, HoldLimitNear, RefundMilestone, RefundRequested
from schemas.stripe import CancelPaymentIntent, RefundRefused
from services.auditor.open_items import OPEN_ITEMS
from services.funding.handling import watching
from services.funding.holding import HoldPolicy
from tests.integration.bench import Bench
from tests.integration.funding.charges import Charge

M = TypeVar("M", bound=Message)
_NUMBERS = count(1)
_LIMIT_QUERY = next(item for item in OPEN_ITEMS if "hold_limits" in item.sql)


@pytest.fixture
def charge(bench: Bench) -> Charge:
    """A milestone of the test's own. The clock only moves forward, for all of this module."""
    return Charge(bench, f"d{next(_NUMBERS)}")


@pytest.fixture
def ninety_days(monkeypatch: pytest.MonkeyPatch) -> None:
    """A platform of a country with a shorter limit."""
    monkeypatch.setattr(watching, "POLICY", HoldPolicy(90, (30, 14, 7, 3), 2))


def _said(charge: Charge, kind: type[M]) -> list[M]:
    return [message for message in charge.bench.said(charge.contract_id) if isinstance(message, kind)]


def _near(charge: Charge) -> list[tuple[int, bool]]:
    return [(said.days_left, said.operator_decides) for said in _said(charge, HoldLimitNear)]


def _open_items(charge: Charge) -> list[str]:
    with psycopg.connect(charge.bench.url) as connection:
        found = connection.execute(_LIMIT_QUERY.sql.encode()).fetchall()
    return [what for about, what, _ in found if about == charge.milestone_id]


# -- authentication ----------------------------------------------------------------------------------------


def _waiting(charge: Charge) -> Charge:
    charge.has_card().added(fund=True)
    return charge.answered("payment_intent_created", "payment_intent_action_required")


@pytest.mark.scenario(36)
def test_a_charge_that_nobody_authenticates_is_cancelled_at_stripe_after_23_hours(charge: Charge) -> None:
    _waiting(charge)
    charge.bench.later(hours=22.9)
    assert _said(charge, CancelPaymentIntent) == []
    charge.bench.later(hours=0.2)
    [cancel] = _said(charge, CancelPaymentIntent)
    assert (cancel.funding_id, cancel.reason) == (charge.requests()[0].funding_id, "abandoned")
    assert charge.shown()["state"] == "action_required", "only Stripe's answer says what became of it"


@pytest.mark.scenario(36)
def test_a_charge_that_was_authenticated_in_time_is_held_once_and_never_cancelled(charge: Charge) -> None:
    _waiting(charge)
    charge.bench.later(hours=22)
    charge.answered("payment_intent_succeeded")
    charge.bench.later(days=2)
    assert _said(charge, CancelPaymentIntent) == []
    assert charge.balances()["held"] == -120_000


@pytest.mark.scenario(36)
def test_one_whose_cancelling_is_done_has_failed_and_may_be_tried_anew(charge: Charge) -> None:
    _waiting(charge)
    charge.bench.later(hours=23)
    charge.answered("payment_intent_canceled", reason="abandoned")
    shown = charge.shown()
    assert (shown["state"], shown["attempts"][-1]["code"]) == ("failed", "authentication_expired")
    assert "charges_in_flight" not in charge.balances()
    assert charge.fund().status_code == 202
    assert len(charge.requests()) == 2
    assert charge.requests()[0].funding_id != charge.requests()[1].funding_id


@pytest.mark.scenario(21, 36)
def test_who_authenticates_while_the_cancelling_waits_for_stripe_has_paid(charge: Charge) -> None:
    _waiting(charge)
    charge.bench.later(hours=25)
    assert len(_said(charge, CancelPaymentIntent)) == 1
    charge.bench.later(hours=2)
    charge.answered("payment_intent_succeeded")
    assert charge.shown()["state"] == "funded"
    assert charge.balances()["held"] == -120_000
    assert "funding_failed" not in charge.told()


def test_the_next_attempt_has_its_own_23_hours(charge: Charge) -> None:
    _waiting(charge).bench.later(hours=20)
    charge.answered("payment_intent_failed")
    assert charge.fund().status_code == 202
    charge.answered("payment_intent_action_required")
    charge.bench.later(hours=4)
    assert _said(charge, CancelPaymentIntent) == []
    charge.bench.later(hours=20)
    assert len(_said(charge, CancelPaymentIntent)) == 1


# -- the limit for holding ---------------------------------------------------------------------------------


def test_the_limit_follows_from_the_country_and_is_shown(charge: Charge) -> None:
    hold = charge.funded().shown()["hold"]
    assert (hold["days_left"], hold["operator_decides"]) == (730, False)
    charge.bench.later(days=1)
    assert charge.shown()["hold"]["days_left"] == 729


@pytest.mark.scenario(78)
@pytest.mark.usefixtures("ninety_days")
def test_near_the_limit_all_are_warned_an_operator_must_decide_and_at_the_end_the_rule_refunds(charge: Charge) -> None:
    charge.funded()
    bench = charge.bench
    for days, told in (
        (60, [(30, False)]),
        (16, [(14, False)]),
        (7, [(7, False)]),
        (4, [(3, False)]),
        (1, [(2, True)]),
    ):
        before = len(_near(charge))
        bench.later(days=days - 0.01)
        bench.later(days=0.01)
        assert _near(charge)[before:] == told, days
        assert charge.shown()["hold"]["days_left"] == told[0][0]
    [item] = _open_items(charge)
    assert item.startswith("until 20")
    assert _said(charge, RefundMilestone) == []
    bench.later(days=2)
    [refund] = _said(charge, RefundMilestone)
    assert (refund.amount_minor, refund.actor.party_id) == (None, BY_HOLD_LIMIT)
    bench.hear(refund)
    [asked] = _said(charge, RefundRequested)
    assert (asked.amount_minor, asked.still_held_minor, asked.cause) == (120_000, 0, "hold_limit")
    assert _open_items(charge) == []
    bench.later(days=9)
    assert len(_said(charge, RefundMilestone)) == 1, "nothing is held any more"


@pytest.mark.scenario(78)
@pytest.mark.usefixtures("ninety_days")
def test_what_stripe_does_not_refund_at_the_limit_is_open_and_asked_again_the_next_day(charge: Charge) -> None:
    charge.funded()
    charge.bench.later(days=91)
    charge.bench.hear(_said(charge, RefundMilestone)[-1])
    asked = _said(charge, RefundRequested)[-1]
    refused = RefundRefused(
        contract_id=asked.contract_id, milestone_id=asked.milestone_id, funding_id=asked.funding_id,
        refund_id=asked.refund_id, attempt=1, code="charge_disputed",
    )  # fmt: skip
    charge.bench.hear(refused)
    assert len(_open_items(charge)) == 1
    charge.bench.later(hours=23)
    assert len(_said(charge, RefundMilestone)) == 1
    charge.bench.later(hours=2)
    assert len(_said(charge, RefundMilestone)) == 2


@pytest.mark.usefixtures("ninety_days")
def test_what_was_released_in_part_keeps_its_limit_for_the_rest(charge: Charge) -> None:
    charge.funded()
    charge.bench.hear(charge.approval(50_000, still_held_minor=70_000))
    charge.bench.later(days=61)
    [near] = _said(charge, HoldLimitNear)
    assert near.held_minor == 70_000
    charge.bench.hear(charge.approval(70_000, release_id="rel_rest"))
    charge.bench.later(days=100)
    assert len(_said(charge, HoldLimitNear)) == 1
    assert _said(charge, RefundMilestone) == []
    assert charge.shown()["hold"] is None


@pytest.mark.usefixtures("ninety_days")
def test_what_came_back_from_the_trainer_is_under_the_limit_of_its_charge(charge: Charge) -> None:
    charge.funded()
    charge.bench.hear(charge.approval(120_000))
    about = {"transfer_id": f"tr_{charge.name}", "payout_id": "pay_1", "amount_minor": 120_000}
    charge.answered("transfer_created", **about)
    charge.bench.later(days=61)
    assert _near(charge) == [], "nothing is held"
    charge.answered("transfer_reversed", reversed_minor=120_000, **about)
    charge.bench.later(hours=1)
    assert _near(charge) == [(29, False)]
    charge.bench.later(days=29)
    assert len(_said(charge, RefundMilestone)) == 1
