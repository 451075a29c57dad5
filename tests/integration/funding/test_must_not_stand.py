"""Charges that succeed and must not stand: booked, given back whole, told loudly; and those stopped before that."""

import pytest

from schemas.contracts import MilestoneCancelled
from schemas.funding import FundingFailed, RefundRequested
from schemas.stripe import CancelPaymentIntent, CreateRefund, PaymentMethodUpdated
from services.funding import metrics
from tests.integration.bench import Bench, problem
from tests.integration.funding.charges import Charge


def voided(cause: str) -> float:
    return metrics.VOIDED_CHARGES.labels(cause)._value.get()


def test_a_second_charge_of_a_milestone_goes_back_whole(
    bench: Bench, charge: Charge, caplog: pytest.LogCaptureFixture
) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    late = charge.answer("payment_intent_succeeded")
    charge.amended(90_000).fund()
    charge.answered("payment_intent_created", "payment_intent_succeeded")
    before = voided("duplicate_charge")
    bench.hear(late)
    bench.hear(late)
    assert voided("duplicate_charge") == before + 1
    assert "must not stand (duplicate_charge)" in caplog.text
    requested, call = bench.said(charge.contract_id)[-2:]
    assert isinstance(requested, RefundRequested)
    assert isinstance(call, CreateRefund)
    assert (requested.refund_minor, requested.still_held_minor, call.reason) == (132_995, 90_000, "duplicate")
    assert charge.balances()["held"] == -90_000
    assert charge.balances()["refunded"] == -120_000
    assert charge.shown()["state"] == "funded"


@pytest.mark.scenario(39)
def test_another_sum_than_asked_is_booked_given_back_and_asked_anew(
    bench: Bench, charge: Charge, caplog: pytest.LogCaptureFixture
) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created")
    before = voided("amount_mismatch")
    charge.answered("payment_intent_succeeded", charge_minor=132_994)
    assert voided("amount_mismatch") == before + 1
    assert "Stripe charged 132994 usd, asked were 132995 usd" in caplog.text
    assert charge.told()[-3:] == ["funding_failed", "refund_requested", "create_refund"]
    assert charge.balances() == {"stripe_balance": 132_994 - 3_887, "refunded": -132_994, "stripe_fees": 3_887}
    bench.hear(charge.approval(120_000))
    assert charge.told()[-1] == "release_refused"
    assert charge.fund().status_code == 202
    assert charge.requests()[1].initiation_fee_minor == 995
    charge.answered("payment_intent_created", "payment_intent_succeeded")
    assert charge.balances()["held"] == -120_000


@pytest.mark.scenario(39)
def test_an_edited_amount_is_never_charged_at_its_former_height(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    charge.amended(90_000).fund()
    cancel = bench.said(charge.contract_id)[-3]
    assert isinstance(cancel, CancelPaymentIntent)
    assert cancel.funding_id == charge.requests()[0].funding_id
    assert charge.requests()[1].charge_minor == 99_995


@pytest.mark.scenario(38)
def test_the_former_charge_that_succeeded_is_adopted_and_the_new_one_never_confirmed(
    bench: Bench, charge: Charge
) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    late = charge.answer("payment_intent_succeeded")
    charge.amended(90_000).fund()
    bench.hear(late)
    charge.answered("payment_intent_created")
    assert charge.told()[-4:] == [
        "funding_requested", "create_payment_intent", "milestone_funded", "cancel_payment_intent",
    ]  # fmt: skip
    charge.answered("payment_intent_canceled", reason="duplicate")
    assert charge.told()[-1] == "cancel_payment_intent"
    assert charge.shown()["state"] == "funded"
    assert "charges_in_flight" not in charge.balances()
    assert charge.balances()["held"] == -120_000
    bench.hear(charge.approval(120_000))
    assert charge.told()[-1] == "funds_released"


def test_a_new_one_that_was_confirmed_already_is_cancelled_and_goes_back_should_it_succeed(
    bench: Bench, charge: Charge
) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    late = charge.answer("payment_intent_succeeded")
    charge.amended(90_000).fund()
    charge.answered("payment_intent_created")
    bench.hear(late)
    assert charge.told()[-2:] == ["milestone_funded", "cancel_payment_intent"]
    charge.answered("payment_intent_succeeded")
    assert charge.told()[-2:] == ["refund_requested", "create_refund"]
    assert charge.balances()["held"] == -120_000


def cancelled(charge: Charge) -> MilestoneCancelled:
    return MilestoneCancelled(contract_id=charge.contract_id, milestone_id=charge.milestone_id)


@pytest.mark.scenario(40)
def test_a_charge_that_succeeds_after_the_milestone_was_cancelled_goes_back_whole(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created")
    bench.hear(cancelled(charge))
    cancel = bench.said(charge.contract_id)[-1]
    assert isinstance(cancel, CancelPaymentIntent)
    charge.answered("payment_intent_succeeded")
    failed, requested, call = bench.said(charge.contract_id)[-3:]
    assert isinstance(failed, FundingFailed)
    assert isinstance(requested, RefundRequested)
    assert isinstance(call, CreateRefund)
    assert (requested.cause, call.amount_minor, failed.can_retry) == ("milestone_cancelled", 132_995, False)
    assert "held" not in charge.balances()
    assert charge.balances()["fees_returned"] == -12_995


@pytest.mark.scenario(40)
def test_an_intent_made_after_the_milestone_was_cancelled_is_not_confirmed(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    bench.hear(cancelled(charge))
    charge.answered("payment_intent_created")
    assert charge.told()[-1] == "cancel_payment_intent"


@pytest.mark.scenario(40)
def test_money_that_is_held_when_the_milestone_is_cancelled_goes_back_with_all_fees(
    bench: Bench, charge: Charge
) -> None:
    charge.funded()
    bench.hear(cancelled(charge))
    bench.hear(cancelled(charge))
    requested, call = bench.said(charge.contract_id)[-2:]
    assert isinstance(requested, RefundRequested)
    assert isinstance(call, CreateRefund)
    assert (requested.refund_minor, requested.cause) == (132_995, "milestone_cancelled")
    assert "held" not in charge.balances()


@pytest.mark.scenario(41)
def test_an_expired_card_fails_early_and_a_renewed_one_is_taken_over(bench: Bench, charge: Charge) -> None:
    charge.has_card()
    gone = PaymentMethodUpdated(
        employer_id=charge.employer[1], payment_method_id=charge.card(), brand="visa", last4="4242", exp_month=1,
        exp_year=2020,
    )  # fmt: skip
    bench.hear(gone)
    charge.added(fund=True)
    failed = bench.said(charge.contract_id)[-1]
    assert isinstance(failed, FundingFailed)
    assert failed.code == "payment_method_expired"
    assert problem(charge.fund()) == (409, "payment_method_expired")
    before = len(bench.said(charge.employer[1]))
    bench.hear(gone.model_copy(update={"exp_year": 2090, "last4": "1111"}))
    assert len(bench.said(charge.employer[1])) == before
    assert charge.fund().status_code == 202


@pytest.mark.scenario(42)
def test_a_charge_that_stripe_converted_is_set_aside_frozen_and_never_held(
    bench: Bench, charge: Charge, caplog: pytest.LogCaptureFixture
) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created")
    word = charge.answer("charge_converted", settled_minor=122_355, stripe_fee_minor=3_576, settled_currency="eur")
    bench.hear(word)
    bench.hear(word)
    assert "is set aside: 132995 usd were charged, and 122355 eur came to the balance" in caplog.text
    assert charge.told()[-2:] == ["funding_failed", "funds_frozen"]
    assert charge.balances() == {"stripe_balance": 118_779, "set_aside": -122_355, "stripe_fees": 3_576}
    shown = charge.shown(("operator", "opr_1"))
    assert shown["state"] == "set_aside"
    assert [freeze["about"] for freeze in shown["freezes"]] == [f"ch_{shown['funding_id']}"]
    bench.hear(charge.approval(120_000))
    assert charge.told()[-1] == "release_refused"
    assert problem(charge.fund()) == (409, "charge_set_aside")
    bench.hear(
        charge.answer(
            "converted_refund_changed", stripe_refund_id="re_by_hand", amount_minor=132_995, debited_minor=124_000,
            returned_minor=0, settled_currency="eur", status="succeeded",
        )
    )  # fmt: skip
    assert charge.balances() == {
        "stripe_balance": 118_779 - 124_000, "stripe_fees": 3_576, "platform_losses": 124_000 - 122_355,
    }  # fmt: skip
    assert charge.told()[-1] != "refund_requested"
