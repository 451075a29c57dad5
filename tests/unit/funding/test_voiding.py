"""Charges that succeed and must not stand."""

from typing import Any

import pytest

from schemas import funding as said
from schemas import stripe
from services.funding import charge_answers, ledger, states, voiding
from services.funding.records import Decided, Funding
from tests.unit.funding.builders import NOW, a_fact, a_funding, a_milestone, a_posting, decided, movements

FACT = "stripe.payment_intent_succeeded"


def void(funding: Funding, cause: Any, held_minor: int = 0, **changed: Any) -> Decided | None:
    fact = a_fact(FACT, **changed)
    return voiding.void(
        funding, fact, cause, "rfd_1", held_minor, a_posting("charge_answered"), a_posting("charge_succeeded")
    )


@pytest.mark.parametrize(
    ("changed", "milestone", "standing", "cause"),
    [
        ({}, {}, None, None),
        ({"charge_minor": 110_994}, {}, None, "amount_mismatch"),
        ({"charge_minor": 110_996}, {}, None, "amount_mismatch"),
        ({"currency": "eur"}, {}, None, "amount_mismatch"),
        ({}, {"cancelled": True}, None, "milestone_cancelled"),
        ({}, {}, a_funding("funded", funding_id="fnd_0"), "duplicate_charge"),
        ({}, {}, a_funding("refunded", funding_id="fnd_0"), "duplicate_charge"),
        ({}, {}, a_funding("processing", funding_id="fnd_0"), None),
        ({}, {}, a_funding("processing"), None),
    ],
)
def test_what_must_not_stand(changed: dict[str, Any], milestone: Any, standing: Any, cause: str | None) -> None:
    found = voiding.must_not_stand(a_funding("processing"), a_fact(FACT, **changed), a_milestone(**milestone), standing)
    assert found == cause


@pytest.mark.parametrize("state", ["processing", "action_required", "failed"])
def test_a_second_charge_is_booked_as_owed_and_never_held(state: str) -> None:
    made = decided(void(a_funding(state), "duplicate_charge", 100_000))
    assert made.funding.state == states.VOIDED
    assert ledger.owed_minor(made.entries, "held") == 0
    assert ledger.owed_minor(made.entries, "refunded") == 100_000
    assert ledger.owed_minor(made.entries, "fees_returned") == 10_995
    requested, call = made.said
    assert isinstance(requested, said.RefundRequested)
    assert (requested.refund_minor, requested.cause, requested.still_held_minor) == (
        110_995, "duplicate_charge", 100_000,
    )  # fmt: skip
    assert isinstance(call, stripe.CreateRefund)
    assert (call.amount_minor, call.payment_intent_id, call.reason) == (110_995, "pi_1", "duplicate")


def test_what_became_of_a_charge_that_must_not_stand_is_kept_whole() -> None:
    before = a_funding("action_required", attempt=3, expires_at=NOW)
    made = decided(void(before, "duplicate_charge", payment_intent_id="pi_2", charge_id="ch_2"))
    assert made.funding == before._replace(state="voided", payment_intent_id="pi_2", charge_id="ch_2", expires_at=None)
    assert made.attempt is not None
    assert (made.attempt.outcome, made.attempt.attempt) == ("succeeded", 3)
    assert [entry.kind for entry in made.entries if entry.account == "refunded"] == ["charge_voided"]


def test_another_sum_than_asked_is_booked_as_it_came_and_goes_back_whole() -> None:
    made = decided(void(a_funding("processing"), "amount_mismatch", charge_minor=99_999))
    assert movements(made.entries) == [
        ("charges_in_flight", -110_995),
        ("funding_in_flight", 110_995),
        ("stripe_balance", 99_999),
        ("refunded", -99_999),
        ("stripe_fees", 3_249),
        ("stripe_balance", -3_249),
    ]
    failed, requested, call = made.said
    assert isinstance(failed, said.FundingFailed)
    assert isinstance(requested, said.RefundRequested)
    assert isinstance(call, stripe.CreateRefund)
    assert (failed.code, requested.refund_minor, call.amount_minor) == ("amount_mismatch", 99_999, 99_999)


@pytest.mark.parametrize(("cause", "can_retry"), [("amount_mismatch", True), ("milestone_cancelled", False)])
def test_a_charge_that_goes_back_may_be_tried_again_unless_the_milestone_is_gone(cause: str, can_retry: bool) -> None:
    failed = decided(void(a_funding("processing"), cause)).said[0]
    assert isinstance(failed, said.FundingFailed)
    assert (failed.code, failed.can_retry) == (cause, can_retry)


def test_another_currency_than_asked_is_booked_in_its_own() -> None:
    made = decided(void(a_funding("processing"), "amount_mismatch", currency="eur"))
    assert ledger.balances(made.entries)["refunded", "eur"] == -110_995
    assert made.refund is not None
    assert made.refund.currency == "eur"


def test_a_success_that_was_voided_is_not_voided_again() -> None:
    assert void(a_funding("voided"), "duplicate_charge") is None
    assert void(a_funding("funded"), "duplicate_charge") is None


def test_an_intent_that_nobody_wants_any_more_is_cancelled_and_not_charged() -> None:
    fact = a_fact("stripe.payment_intent_created")
    made = decided(charge_answers.intent_created(a_funding("processing", payment_intent_id=None), fact, wanted=False))
    (call,) = made.said
    assert isinstance(call, stripe.CancelPaymentIntent)
    assert made.funding.state == states.PROCESSING


def test_the_rival_of_an_adopted_charge_is_cancelled() -> None:
    rival = a_funding("processing", funding_id="fnd_2", payment_intent_id="pi_2")
    made = decided(
        charge_answers.charged(
            a_funding("failed"), a_fact(FACT), a_posting("charge_answered"), a_posting("charge_succeeded"), rival
        )
    )
    funded, cancel = made.said
    assert isinstance(funded, said.MilestoneFunded)
    assert isinstance(cancel, stripe.CancelPaymentIntent)
    assert cancel.payment_intent_id == "pi_2"
