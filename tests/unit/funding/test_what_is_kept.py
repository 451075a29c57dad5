"""The rows that charging leaves behind, whole, what its messages carry, and the rules as they are read."""

from datetime import date, timedelta
from pathlib import Path
from typing import Any

import pytest

from schemas import funding as said
from schemas import stripe
from services.funding import charge_answers, charging, payment_methods
from services.funding.declines import explain
from services.funding.fees import FeeRule, Fees, load_rules
from services.funding.records import Attempt, Funding
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    FEES,
    INSUFFICIENT,
    NOW,
    STRANGER,
    a_fact,
    a_funding,
    a_method,
    a_milestone,
    a_posting,
    an_attempt,
    decided,
    to_fund,
)

FUND = said.FundMilestone.type_name
LATER = NOW + timedelta(hours=3)
OTHER = a_method(payment_method_id="pm_2", is_default=False)


def begun(last: Funding | None) -> Funding:
    posting = a_posting(posted_at=LATER)
    made = charging.begin(a_milestone(number=7), last, OTHER, FEES, FUND, "fnd_new", posting)
    return decided(made).funding


# -- charging ----------------------------------------------------------------------------------------------


def test_a_first_funding_is_kept_whole() -> None:
    expected = a_funding(
        "processing", funding_id="fnd_new", payment_method_id="pm_2", payment_intent_id=None, requested_at=LATER
    )
    assert begun(None) == expected


def test_a_retry_keeps_when_it_was_first_asked_for_and_forgets_the_page_that_ran_out() -> None:
    failed = a_funding("failed", expires_at=NOW)
    assert begun(failed) == failed._replace(state="processing", attempt=2, payment_method_id="pm_2", expires_at=None)


def test_what_is_asked_of_stripe_names_everything() -> None:
    made = decided(charging.begin(a_milestone(number=7), None, OTHER, FEES, FUND, "fnd_new", a_posting()))
    assert made.said == (
        said.FundingRequested(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_new", employer_id="emp_1",
            payment_method_id="pm_2", attempt=1, amount_minor=100_000, marketplace_fee_minor=10_000,
            initiation_fee_minor=995, charge_minor=110_995, currency="usd", fee_rule="fees_2026_01",
        ),
        stripe.CreatePaymentIntent(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_new", employer_id="emp_1",
            charge_minor=110_995, currency="usd", description="Contract ctr_1, milestone 7",
        ),
    )  # fmt: skip


def test_a_confirmation_names_everything() -> None:
    made = decided(charging.begin(a_milestone(), a_funding("failed"), OTHER, FEES, FUND, "fnd_new", a_posting()))
    assert made.said[1] == stripe.ConfirmPaymentIntent(
        contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1",
        payment_method_id="pm_2", attempt=2,
    )  # fmt: skip


def test_where_none_is_the_default_the_last_is_charged() -> None:
    methods = [a_method(payment_method_id=f"pm_{n}", is_default=False) for n in (1, 2, 3)]
    assert charging.choose_method([*methods, a_method(payment_method_id="pm_4", removed=True)], None, NOW) == methods[2]


def test_a_strangers_milestone_is_named_as_it_was_asked_for() -> None:
    found = charging.may_fund(a_milestone(), to_fund(actor=STRANGER))
    assert isinstance(found, Refused)
    assert "milestone mls_1" in found.detail


@pytest.mark.parametrize(
    ("count", "apart", "tomorrow"), [(4, timedelta(hours=1), True), (8, timedelta(hours=1), False)]
)
def test_tomorrow_is_offered_only_while_tries_are_left(count: int, apart: timedelta, tomorrow: bool) -> None:
    tries = [an_attempt(attempt=n, ended_at=NOW - n * apart) for n in range(1, count + 1)]
    found = charging.check_tries(tries, "pm_1", NOW)
    assert found is not None
    assert found.detail.endswith("use another, or try again tomorrow" if tomorrow else "use another")


# -- Stripe's answers --------------------------------------------------------------------------------------


def test_an_intent_that_exists_is_kept_and_the_funding_stays_under_way() -> None:
    before = a_funding("processing", payment_intent_id=None)
    made = decided(charge_answers.intent_created(before, a_fact("stripe.payment_intent_created")))
    assert made.funding == a_funding("processing")


def test_a_charge_is_kept_and_told_whole() -> None:
    fact = a_fact("stripe.payment_intent_succeeded", payment_intent_id="pi_2", charge_id="ch_2")
    before = a_funding("action_required", attempt=3, expires_at=LATER)
    postings = a_posting("charge_answered", posted_at=NOW), a_posting("charge_succeeded", posted_at=LATER)
    made = decided(charge_answers.charged(before, fact, *postings))
    assert made.funding == before._replace(state="funded", payment_intent_id="pi_2", charge_id="ch_2", expires_at=None)
    assert made.said == (
        said.MilestoneFunded(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", employer_id="emp_1", trainer_id="trn_1",
            attempt=3, held_minor=100_000, marketplace_fee_minor=10_000, initiation_fee_minor=995,
            charge_minor=110_995, stripe_fee_minor=3_249, currency="usd", payment_intent_id="pi_2", charge_id="ch_2",
        ),
    )  # fmt: skip
    assert made.attempt == Attempt("fnd_1", 3, "mls_1", "pm_1", "succeeded", None, None, None, LATER)


def test_a_decline_is_kept_and_told_whole() -> None:
    before = a_funding("action_required", attempt=3, expires_at=LATER)
    trigger = stripe.PaymentIntentFailed.type_name
    answered = a_posting("charge_answered", posted_at=LATER)
    made = decided(charge_answers.declined(before, trigger, 3, INSUFFICIENT, answered))
    assert made.funding == before._replace(state="failed", expires_at=None)
    assert made.said == (
        said.FundingFailed(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", employer_id="emp_1", attempt=3,
            code=INSUFFICIENT.code, reason=INSUFFICIENT.reason, advice=INSUFFICIENT.advice, can_retry=True,
            amount_minor=100_000, currency="usd",
        ),
    )  # fmt: skip
    assert made.attempt == Attempt(
        "fnd_1", 3, "mls_1", "pm_1", "failed", INSUFFICIENT.code, INSUFFICIENT.reason, INSUFFICIENT.advice, LATER
    )


def test_the_page_to_authenticate_on_is_told_whole() -> None:
    fact = a_fact("stripe.payment_intent_action_required", attempt=2)
    made = decided(charge_answers.action_required(a_funding("processing", attempt=2), fact, NOW))
    until = NOW + charge_answers.AUTHENTICATION_LIFE
    assert made.funding == a_funding("action_required", attempt=2, expires_at=until)
    assert made.said == (
        said.FundingActionRequired(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", employer_id="emp_1", attempt=2,
            expires_at=until,
        ),
    )  # fmt: skip


def test_an_unknown_decline_may_be_tried_again_later() -> None:
    assert explain("card_declined", "secret_reason").advice == "try_again_later"


# -- cards -------------------------------------------------------------------------------------------------


def test_a_new_card_is_kept_and_told_as_the_default() -> None:
    new = a_method(payment_method_id="pm_4", brand="amex", last4="0005", exp_month=7, exp_year=2031, is_default=False)
    changed, events = payment_methods.add([a_method(), OTHER], new)
    assert changed == [a_method(is_default=False), new._replace(is_default=True)]
    assert events == [
        said.PaymentMethodAdded(
            employer_id="emp_1", payment_method_id="pm_4", brand="amex", last4="0005", exp_month=7, exp_year=2031,
            is_default=True,
        )
    ]  # fmt: skip


def test_another_default_is_kept_and_told() -> None:
    assert payment_methods.set_default([a_method(), OTHER], "pm_2") == (
        [a_method(is_default=False), OTHER._replace(is_default=True)],
        [said.DefaultPaymentMethodChanged(employer_id="emp_1", payment_method_id="pm_2")],
    )


def test_a_removed_card_is_never_the_default_and_its_heir_is_told() -> None:
    changed, events = payment_methods.detached([a_method(), OTHER], "pm_1") or ([], [])
    assert changed == [a_method(removed=True, is_default=False), OTHER._replace(is_default=True)]
    assert events == [said.PaymentMethodRemoved(employer_id="emp_1", payment_method_id="pm_1", new_default_id="pm_2")]


def test_a_removal_asks_stripe_to_forget_the_card() -> None:
    found = payment_methods.remove([a_method(), OTHER], "pm_2", funding_under_way=False)
    assert not isinstance(found, Refused)
    assert found == (
        [OTHER._replace(removed=True)],
        [
            said.PaymentMethodRemoved(employer_id="emp_1", payment_method_id="pm_2", new_default_id=None),
            stripe.DetachPaymentMethod(employer_id="emp_1", payment_method_id="pm_2"),
        ],
    )


@pytest.mark.parametrize(
    "decide",
    [
        lambda: payment_methods.set_default([], "pm_9"),
        lambda: payment_methods.remove([], "pm_9", funding_under_way=False),
        lambda: payment_methods.may_change(
            said.RemovePaymentMethod(actor=STRANGER, employer_id="emp_1", payment_method_id="pm_9")
        ),
    ],
    ids=["set default", "remove", "another's"],
)
def test_a_card_that_is_not_there_is_named(decide: Any) -> None:
    found = decide()
    assert isinstance(found, Refused)
    assert "payment method pm_9" in found.detail


def test_the_default_that_it_is_already_changes_nothing() -> None:
    assert isinstance(payment_methods.set_default([a_method()], "pm_1"), Unchanged)


# -- fee rules ---------------------------------------------------------------------------------------------


def test_a_rule_is_read_as_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(
        '[[rule]]\nid = "new"\nfrom = 2026-07-01\nmarketplace_basis_points = 1200\n'
        "[rule.initiation_minor]\nusd = 995\njpy = 1500\n"
    )
    assert load_rules(file) == (FeeRule("new", date(2026, 7, 1), 1_200, {"usd": 995, "jpy": 1_500}),)


def test_what_goes_back_of_the_fees_is_as_the_file_says(tmp_path: Path) -> None:
    file = tmp_path / "fees.toml"
    file.write_text(
        '[[rule]]\nid = "new"\nfrom = 2026-07-01\nmarketplace_basis_points = 1200\n'
        "[rule.refund]\nmarketplace_returned_basis_points = 5000\ninitiation_returned_basis_points = 2500\n"
    )
    assert load_rules(file) == (FeeRule("new", date(2026, 7, 1), 1_200, {}, 5_000, 2_500),)


def test_the_fees_of_a_charge_are_its_two_parts() -> None:
    assert Fees("any", 10_000, 995).total_minor == 10_995
    funding = a_funding("funded")
    assert (funding.fees_minor, funding.charge_minor) == (10_995, 110_995)
