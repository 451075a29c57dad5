"""A charge from the hire to the transfer, with everything that may come between, on a real database."""

import pytest

from schemas import stripe
from schemas.base import Actor
from schemas.contracts import MilestoneCancelled
from schemas.funding import (
    CommandRejected,
    CommandUnchanged,
    FundingFailed,
    FundMilestone,
    FundsReleased,
    ReleaseRefused,
    RemovePaymentMethod,
    SetDefaultPaymentMethod,
)
from tests.integration.bench import Bench, problem
from tests.integration.funding.charges import Charge


def test_the_whole_way_from_the_hire_to_the_transfer(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    assert charge.balances() == {"charges_in_flight": 132_995, "funding_in_flight": -132_995}
    charge.answered("payment_intent_created", "payment_intent_succeeded")
    held = {"stripe_balance": 129_108, "held": -120_000, "marketplace_fees": -12_995, "stripe_fees": 3_887}
    assert charge.balances() == held
    bench.hear(charge.approval(120_000))
    assert charge.balances() == {**{k: v for k, v in held.items() if k != "held"}, "released": -120_000}
    bench.hear(
        charge.answer("transfer_created", amount_minor=120_000, payout_id=f"pay_{charge.name}", transfer_id="tr_1")
    )
    assert charge.balances()["transferred"] == 120_000
    assert charge.balances()["stripe_balance"] == 9_108
    assert charge.told() == [
        "funding_requested", "create_payment_intent", "confirm_payment_intent", "milestone_funded", "funds_released",
    ]  # fmt: skip
    assert [(kind, total) for kind, total, _ in charge.postings()] == [
        ("charge_requested", 0), ("charge_answered", 0), ("charge_succeeded", 0), ("funds_released", 0),
        ("transfer_made", 0),
    ]  # fmt: skip
    assert charge.shown()["state"] == "released"


def test_the_release_names_the_charge_that_it_comes_from(bench: Bench, charge: Charge) -> None:
    charge.funded()
    bench.hear(charge.approval(120_000))
    released = bench.said(charge.contract_id)[-1]
    assert isinstance(released, FundsReleased)
    assert released.charge_id == f"ch_{charge.requests()[0].funding_id}"


@pytest.mark.scenario(37)
def test_a_declined_charge_is_tried_again_by_the_same_intent(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    assert charge.shown()["state"] == "failed"
    charge.has_card("2")
    assert charge.fund().status_code == 202
    confirm = bench.said(charge.contract_id)[-1]
    assert isinstance(confirm, stripe.ConfirmPaymentIntent)
    first = charge.requests()[0].funding_id
    assert (confirm.funding_id, confirm.payment_intent_id, confirm.attempt) == (first, f"pi_{first}", 2)
    assert confirm.payment_method_id == charge.card("2")
    charge.answered("payment_intent_succeeded")
    assert [a["outcome"] for a in charge.shown()["attempts"]] == ["failed", "succeeded"]
    assert charge.balances()["held"] == -120_000
    assert "charges_in_flight" not in charge.balances()


def test_changed_terms_are_charged_by_a_new_intent_with_the_initiation_fee(charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    assert charge.amended(90_000).fund().status_code == 202
    first, second = charge.requests()
    assert second.funding_id != first.funding_id
    assert (second.charge_minor, second.initiation_fee_minor) == (99_995, 995)
    assert charge.told()[-1] == "create_payment_intent"


def test_a_late_success_after_a_decline_counts(charge: Charge) -> None:
    charge.has_card().added(fund=True)
    charge.answered("payment_intent_created", "payment_intent_failed", "payment_intent_succeeded")
    assert charge.shown()["state"] == "funded"
    assert [a["outcome"] for a in charge.shown()["attempts"]] == ["succeeded"]
    assert charge.balances()["held"] == -120_000


@pytest.mark.scenario(24)
def test_a_decline_heard_after_the_next_tries_success_leaves_it_funded(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    decline = charge.answer("payment_intent_failed")
    charge.fund()
    charge.answered("payment_intent_succeeded")
    bench.hear(decline)
    assert charge.shown()["state"] == "funded"
    assert charge.balances()["held"] == -120_000
    assert charge.told()[-1] == "milestone_funded"


def test_a_late_success_of_the_former_terms_is_released_and_not_charged_again(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    late = charge.answer("payment_intent_succeeded")
    charge.amended(90_000).fund()
    assert charge.told()[-3:] == ["cancel_payment_intent", "funding_requested", "create_payment_intent"]
    charge.answered("payment_intent_created", "payment_intent_failed")
    bench.hear(late)
    assert charge.fund().json()["state"] == "funded"
    assert len(charge.requests()) == 2
    bench.hear(charge.approval(120_000))
    assert charge.told()[-1] == "funds_released"


def test_a_cancelled_intent_is_not_charged_again(charge: Charge) -> None:
    charge.has_card().added(fund=True)
    charge.answered("payment_intent_created", "payment_intent_action_required")
    charge.answered("payment_intent_canceled", reason="abandoned")
    failed = charge.bench.said(charge.contract_id)[-1]
    assert isinstance(failed, FundingFailed)
    assert (failed.code, failed.can_retry) == ("authentication_expired", True)
    assert charge.balances() == {}
    assert charge.fund().status_code == 202
    assert charge.told()[-1] == "create_payment_intent"
    assert charge.requests()[1].funding_id != charge.requests()[0].funding_id


def test_a_refused_call_fails_the_funding(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    refused = charge.answer(
        "call_refused", asked_of=charge.contract_id, about=charge.requests()[0].funding_id,
        command_type=stripe.CreatePaymentIntent.type_name,
    )  # fmt: skip
    bench.hear(refused)
    failed = bench.said(charge.contract_id)[-1]
    assert isinstance(failed, FundingFailed)
    assert failed.code == "call_refused"
    assert charge.balances() == {}


def test_an_answer_to_nothing_is_not_dropped(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    with pytest.raises(LookupError):
        bench.hear(charge.answer("payment_intent_succeeded", funding_id="fnd_lost"))


@pytest.mark.scenario(47)
def test_a_part_then_too_much_then_the_rest_in_one_batch(bench: Bench, charge: Charge) -> None:
    charge.funded()
    bench.hear(charge.approval(20_000, 100_000), charge.approval(100_001), charge.approval(100_000))
    assert charge.told()[-3:] == ["funds_released", "release_refused", "funds_released"]
    assert charge.balances()["released"] == -120_000
    assert "held" not in charge.balances()


@pytest.mark.scenario(12, 47)
def test_an_approval_of_what_is_not_held_is_refused(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    bench.hear(charge.approval(120_000))
    refused = bench.said(charge.contract_id)[-1]
    assert isinstance(refused, ReleaseRefused)
    assert refused.held_minor == 0


# -- asking twice ------------------------------------------------------------------------------------------


def a_command(charge: Charge, milestone: str = "", **changed: object) -> FundMilestone:
    given = {
        "actor": Actor(role="employer", party_id=charge.employer[1]), "contract_id": charge.contract_id,
        "milestone_id": charge.milestone_id + milestone, **changed,
    }  # fmt: skip
    return FundMilestone.model_validate(given)


@pytest.mark.parametrize("turned", [False, True], ids=["the hire first", "the command first"])
@pytest.mark.scenario(2)
def test_hire_and_command_in_one_batch_charge_once(bench: Bench, charge: Charge, turned: bool) -> None:
    messages = [charge.addition(fund=True), a_command(charge)]
    charge.has_card()
    bench.hear(*reversed(messages) if turned else messages)
    assert len(charge.requests()) == 1


@pytest.mark.scenario(1)
def test_a_repeated_command_is_answered_and_charges_once(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    bench.hear(a_command(charge))
    assert isinstance(bench.said(charge.contract_id)[-1], CommandUnchanged)
    assert len(charge.requests()) == 1


def test_the_initiation_fee_is_charged_with_the_first_of_two_in_one_batch(bench: Bench, charge: Charge) -> None:
    charge.has_card()
    bench.hear(charge.addition(fund=True), charge.addition(milestone="_2"), a_command(charge, "_2"))
    assert [asked.initiation_fee_minor for asked in charge.requests()] == [995, 0]


def test_the_initiation_fee_moves_to_the_next_when_the_first_was_declined(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    bench.hear(charge.addition(milestone="_2"), a_command(charge, "_2"))
    charge.answered("payment_intent_created", "payment_intent_succeeded")
    assert charge.fund().status_code == 202
    assert [asked.initiation_fee_minor for asked in charge.requests()] == [995, 995, 0]
    charge.answered("payment_intent_created", "payment_intent_succeeded")
    assert charge.balances()["marketplace_fees"] == -(12_000 + 995 + 12_000)


def test_a_hire_whose_card_is_gone_says_why_nothing_was_charged(bench: Bench, charge: Charge) -> None:
    charge.added(fund=True)
    (failed,) = bench.said(charge.contract_id)
    assert isinstance(failed, FundingFailed)
    assert (failed.code, failed.attempt, failed.can_retry) == ("payment_method_required", 0, True)
    assert charge.balances() == {}


def test_a_cancelled_milestone_is_not_charged(bench: Bench, charge: Charge) -> None:
    charge.has_card().added()
    bench.hear(MilestoneCancelled(contract_id=charge.contract_id, milestone_id=charge.milestone_id))
    assert problem(charge.fund()) == (409, "milestone_not_fundable")


@pytest.mark.scenario(10)
def test_a_strangers_command_over_kafka_is_refused(bench: Bench, charge: Charge) -> None:
    charge.has_card().added()
    bench.hear(a_command(charge, actor=Actor(role="employer", party_id="emp_stranger")))
    rejected = bench.said(charge.contract_id)[-1]
    assert isinstance(rejected, CommandRejected)
    assert rejected.code == "not_found"


def test_a_stranger_removes_no_card_over_kafka(bench: Bench, charge: Charge) -> None:
    charge.has_card()
    bench.hear(
        RemovePaymentMethod(
            actor=Actor(role="employer", party_id="emp_stranger"), employer_id=charge.employer[1],
            payment_method_id=charge.card(),
        )
    )  # fmt: skip
    assert bench.told(charge.employer[1]) == ["payment_method_added", "command_rejected"]


def test_a_default_that_is_the_default_already_is_answered_over_kafka(bench: Bench, charge: Charge) -> None:
    charge.has_card()
    command = SetDefaultPaymentMethod(
        actor=Actor(role="service", party_id="svc_1"), employer_id=charge.employer[1], payment_method_id=charge.card()
    )
    bench.hear(command)
    assert bench.told(charge.employer[1]) == ["payment_method_added", "command_unchanged"]
