"""Every decision about charges, and every refusal."""

from datetime import date, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import funding as said
from schemas import stripe
from schemas.money import CURRENCIES, MAXIMUM_MINOR, share
from services.funding import charge_answers, charging, records, releasing, standing, states
from services.funding.fees import FeeRule, Fees, fees_for
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    EMPLOYER,
    FEES,
    INSUFFICIENT,
    NOW,
    OPERATOR,
    SERVICE,
    STRANGER,
    TRAINER,
    a_fact,
    a_funding,
    a_method,
    a_milestone,
    a_posting,
    an_attempt,
    approved,
    decided,
    held,
    movements,
    to_fund,
)

FUND = said.FundMilestone.type_name


def refusal(found: object) -> tuple[str, str]:
    assert isinstance(found, Refused), found
    return found.kind, found.code


def begin(last: records.Funding | None, **given: Any) -> Any:
    """Ask for the charge of 1,000.00 USD by `pm_1`."""
    milestone, method, fees = (
        given.get("milestone", a_milestone()), given.get("method", a_method()), given.get("fees", FEES)
    )  # fmt: skip
    return charging.begin(milestone, last, method, fees, FUND, "fnd_new", a_posting())


def charge(funding: records.Funding, **changed: Any) -> records.Decided | None:
    fact = a_fact("stripe.payment_intent_succeeded", **changed)
    return charge_answers.charged(funding, fact, a_posting("charge_answered"), a_posting("charge_succeeded"))


def decline(funding: records.Funding, attempt: int = 1, *, cancelled: bool = False) -> records.Decided | None:
    trigger = stripe.PaymentIntentFailed.type_name
    answered = a_posting("charge_answered")
    return charge_answers.declined(funding, trigger, attempt, INSUFFICIENT, answered, cancelled=cancelled)


# -- who may ask -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [EMPLOYER, OPERATOR, SERVICE], ids=lambda actor: actor.role)
def test_the_employer_or_somebody_on_its_behalf_funds(actor: Any) -> None:
    assert charging.may_fund(a_milestone(), to_fund(actor=actor)) is None


@pytest.mark.parametrize(
    ("milestone", "changed", "expected"),
    [
        (None, {}, ("not_found", "not_found")),
        (a_milestone(), {"actor": STRANGER}, ("not_found", "not_found")),
        (a_milestone(), {"contract_id": "ctr_2"}, ("not_found", "not_found")),
        (a_milestone(), {"actor": TRAINER}, ("forbidden", "forbidden")),
        (a_milestone(cancelled=True), {}, ("conflict", "milestone_not_fundable")),
    ],
)
def test_nobody_else_funds(milestone: Any, changed: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refusal(charging.may_fund(milestone, to_fund(**changed))) == expected


# -- by which method ---------------------------------------------------------------------------------------

OTHER = a_method(payment_method_id="pm_2", is_default=False)


def test_the_default_is_charged_when_none_is_named() -> None:
    for methods in ([OTHER, a_method()], [a_method(), OTHER]):
        assert charging.choose_method(methods, None, NOW) == a_method()


def test_the_named_one_is_charged() -> None:
    assert charging.choose_method([a_method(), OTHER], "pm_2", NOW) == OTHER


@pytest.mark.parametrize("methods", [[], [a_method(removed=True)]])
def test_without_a_method_one_must_be_added(methods: list[records.PaymentMethod]) -> None:
    assert refusal(charging.choose_method(methods, None, NOW)) == ("conflict", "payment_method_required")


def test_a_removed_or_foreign_method_is_not_charged() -> None:
    methods = [a_method(), a_method(payment_method_id="pm_3", removed=True)]
    for wanted in ("pm_3", "pm_9"):
        assert refusal(charging.choose_method(methods, wanted, NOW)) == ("invalid", "unknown_payment_method")


@pytest.mark.parametrize(("month", "year"), [(2, 2026), (12, 2025)])
@pytest.mark.scenario(41)
def test_a_card_that_has_expired_is_refused_before_it_is_charged(month: int, year: int) -> None:
    method = a_method(exp_month=month, exp_year=year)
    for wanted in (None, "pm_1"):
        found = charging.choose_method([method], wanted, NOW)
        assert isinstance(found, Refused)
        assert (found.kind, found.code) == ("conflict", "payment_method_expired")
        assert f"4242 expired {month:02}/{year}" in found.detail


def test_a_card_is_good_until_the_end_of_its_month() -> None:
    method = a_method(exp_month=3, exp_year=2026)
    assert charging.choose_method([method], None, NOW) == method


# -- how often ---------------------------------------------------------------------------------------------


def tries(count: int, apart: timedelta = timedelta(hours=1), **changed: Any) -> list[records.Attempt]:
    return [an_attempt(attempt=n, ended_at=NOW - n * apart, **changed) for n in range(1, count + 1)]


@pytest.mark.parametrize(
    ("attempts", "code"),
    [
        (tries(3), None),
        (tries(4), "too_many_attempts"),
        (tries(4, timedelta(hours=8)), None),
        (tries(4, timedelta(hours=6)), None),
        (tries(7, timedelta(days=2)), None),
        (tries(8, timedelta(days=2)), "too_many_attempts"),
        (tries(1, advice="do_not_try_again"), "use_another_method"),
        (tries(1, timedelta(days=300), advice="do_not_try_again"), "use_another_method"),
        (tries(8, payment_method_id="pm_2"), None),
        (tries(8, outcome="succeeded"), None),
    ],
)
@pytest.mark.scenario(35)
def test_a_declined_method_is_tried_so_often_and_no_more(attempts: list[records.Attempt], code: str | None) -> None:
    found = charging.check_tries(attempts, "pm_1", NOW)
    assert (found.code if found else None) == code


# -- asking ------------------------------------------------------------------------------------------------


def test_a_first_charge_says_all_its_parts_and_asks_for_an_intent() -> None:
    made = decided(begin(None))
    requested, create = made.said
    assert isinstance(requested, said.FundingRequested)
    assert isinstance(create, stripe.CreatePaymentIntent)
    assert (requested.amount_minor, requested.marketplace_fee_minor, requested.initiation_fee_minor) == (
        100_000, 10_000, 995,
    )  # fmt: skip
    assert requested.charge_minor == create.charge_minor == 110_995
    assert (requested.funding_id, requested.attempt, create.funding_id) == ("fnd_new", 1, "fnd_new")
    assert movements(made.entries) == [("charges_in_flight", 110_995), ("funding_in_flight", -110_995)]


@pytest.mark.scenario(55)
@given(
    currency=st.sampled_from(sorted(CURRENCIES)),
    amount_units=st.integers(1, 8_000_000),
    basis_points=st.integers(0, 2_500),
    first=st.booleans(),
)
def test_the_parts_sum_to_the_charge_in_every_currency(
    currency: str, amount_units: int, basis_points: int, first: bool
) -> None:
    step = 10 if CURRENCIES[currency].exponent == 3 else 1
    amount_minor = amount_units * step
    rule = FeeRule("any", date(2026, 1, 1), basis_points, {currency: 990})
    milestone = a_milestone(amount_minor=amount_minor, currency=currency)
    made = begin(None, milestone=milestone, fees=fees_for((rule,), NOW, amount_minor, currency, first=first))
    if isinstance(made, Refused):  # with its fees it is more than Stripe charges at once
        assert amount_minor + share(amount_minor, basis_points, currency) + 990 > MAXIMUM_MINOR
        return
    requested, create = decided(made).said
    assert isinstance(requested, said.FundingRequested)
    assert isinstance(create, stripe.CreatePaymentIntent)
    parts = requested.amount_minor + requested.marketplace_fee_minor + requested.initiation_fee_minor
    assert parts == requested.charge_minor == create.charge_minor
    assert requested.amount_minor == amount_minor
    assert create.charge_minor % step == 0


@pytest.mark.scenario(37)
def test_a_retry_charges_the_same_intent_by_another_card() -> None:
    made = decided(begin(a_funding("failed"), method=OTHER))
    confirm = made.said[1]
    assert isinstance(confirm, stripe.ConfirmPaymentIntent)
    assert (confirm.payment_intent_id, confirm.payment_method_id, confirm.attempt) == ("pi_1", "pm_2", 2)
    assert (made.funding.funding_id, made.funding.payment_method_id) == ("fnd_1", "pm_2")


def test_the_retry_keeps_the_rule_that_applied_to_it() -> None:
    made = decided(begin(a_funding("failed"), fees=Fees("fees_2026_07", 10_000, 995)))
    assert made.funding.fee_rule == "fees_2026_07"


@pytest.mark.parametrize(
    "given",
    [
        {"milestone": a_milestone(amount_minor=90_000)},
        {"fees": Fees("fees_2026_01", 10_000, 0)},
        # The same charge of 1,109.95 USD, but less of it is for the work.
        {"milestone": a_milestone(amount_minor=99_000), "fees": Fees("fees_2026_07", 11_000, 995)},
        {"milestone": a_milestone(currency="eur")},
    ],
    ids=["amount", "no initiation fee", "same sum of other parts", "currency"],
)
def test_changed_terms_begin_a_charge_of_their_own(given: dict[str, Any]) -> None:
    made = decided(begin(a_funding("failed"), **given))
    cancel, _, create = made.said
    assert isinstance(create, stripe.CreatePaymentIntent)
    # Nobody is to pay the former terms any more: that is asked before the new ones are.
    assert isinstance(cancel, stripe.CancelPaymentIntent)
    assert (cancel.funding_id, cancel.payment_intent_id) == ("fnd_1", "pi_1")
    assert (made.funding.funding_id, made.funding.attempt, made.funding.payment_intent_id) == ("fnd_new", 1, None)


def test_after_a_cancelled_intent_the_next_try_begins_a_new_one() -> None:
    failed = decided(decline(a_funding("action_required"), cancelled=True)).funding
    assert isinstance(decided(begin(failed)).said[1], stripe.CreatePaymentIntent)


@pytest.mark.parametrize("state", ["processing", "action_required", "funded"])
def test_asking_again_for_what_is_under_way_or_done_changes_nothing(state: str) -> None:
    assert isinstance(begin(a_funding(state)), Unchanged)


@pytest.mark.parametrize(
    ("state", "went"),
    [("released", "paid out"), ("refunded", "given back"), ("charged_back", "taken back by the bank")],
)
def test_a_milestone_is_funded_once_wherever_its_money_went(state: str, went: str) -> None:
    found = begin(a_funding(state))
    assert refusal(found) == ("conflict", "milestone_not_fundable")
    assert went in found.detail


def test_that_a_milestone_is_added_begins_no_second_try() -> None:
    added = "contracts.milestone_added.v1"
    found = charging.begin(a_milestone(), a_funding("failed"), a_method(), FEES, added, "fnd_new", a_posting())
    assert refusal(found) == ("conflict", "milestone_not_fundable")


@pytest.mark.parametrize(("amount_minor", "fits"), [(MAXIMUM_MINOR - 10_995, True), (MAXIMUM_MINOR - 10_994, False)])
def test_the_charge_with_its_fees_must_not_be_too_large(amount_minor: int, fits: bool) -> None:
    found = begin(None, milestone=a_milestone(amount_minor=amount_minor))
    assert isinstance(found, records.Decided) == fits
    assert fits or refusal(found) == ("invalid", "amount_too_large")


@pytest.mark.parametrize("state", ["funded", "released", "refunded", "charged_back", "processing", "action_required"])
def test_money_that_came_in_speaks_for_the_milestone_whatever_failed_later(state: str) -> None:
    stands = a_funding(state)
    later = a_funding("failed", funding_id="fnd_2", requested_at=NOW + timedelta(days=1))
    assert standing.standing([later, stands]) == stands
    assert standing.standing([stands, later]) == stands


def test_money_that_came_in_speaks_before_what_is_under_way() -> None:
    for state in states.WITH_MONEY:
        later = a_funding("processing", funding_id="fnd_2", requested_at=NOW + timedelta(days=1))
        assert standing.standing([later, a_funding(state)]) == a_funding(state)


def test_of_two_declined_charges_the_later_speaks() -> None:
    later = a_funding("failed", funding_id="fnd_0", requested_at=NOW + timedelta(days=1))
    assert standing.standing([later, a_funding("failed")]) == later
    assert standing.standing([]) is None


# -- Stripe's answers --------------------------------------------------------------------------------------


def test_the_intent_is_charged_as_soon_as_it_exists() -> None:
    made = decided(
        charge_answers.intent_created(
            a_funding("processing", payment_intent_id=None), a_fact("stripe.payment_intent_created")
        )
    )
    assert isinstance(made.said[0], stripe.ConfirmPaymentIntent)
    assert made.funding.payment_intent_id == "pi_1"


def test_an_intent_is_confirmed_once_for_its_creation() -> None:
    assert charge_answers.intent_created(a_funding("processing"), a_fact("stripe.payment_intent_created")) is None


def test_a_charge_holds_the_amount_and_books_fees() -> None:
    made = decided(charge(a_funding("processing")))
    assert movements(made.entries) == [
        ("charges_in_flight", -110_995),
        ("funding_in_flight", 110_995),
        ("stripe_balance", 110_995),
        ("held", -100_000),
        ("marketplace_fees", -10_995),
        ("stripe_fees", 3_249),
        ("stripe_balance", -3_249),
    ]
    (event,) = made.said
    assert isinstance(event, said.MilestoneFunded)
    assert (event.held_minor, event.charge_minor, event.stripe_fee_minor) == (100_000, 110_995, 3_249)
    assert made.attempt is not None
    assert made.attempt.outcome == "succeeded"


def test_a_late_success_after_a_decline_counts_and_is_not_in_flight_any_more() -> None:
    made = decided(charge(a_funding("failed")))
    assert made.funding.state == states.FUNDED
    assert movements(made.entries)[0] == ("stripe_balance", 110_995)


@pytest.mark.parametrize("state", ["funded", "released"])
def test_a_success_is_booked_once(state: str) -> None:
    assert charge(a_funding(state)) is None


def test_a_decline_says_why_and_takes_the_charge_out_of_flight() -> None:
    made = decided(decline(a_funding("processing")))
    (event,) = made.said
    assert isinstance(event, said.FundingFailed)
    assert (event.code, event.advice, event.can_retry) == ("insufficient_funds", "try_again_later", True)
    assert movements(made.entries) == [("charges_in_flight", -110_995), ("funding_in_flight", 110_995)]
    assert made.attempt is not None
    assert (made.attempt.outcome, made.attempt.payment_method_id) == ("failed", "pm_1")
    assert made.funding.payment_intent_id == "pi_1"


def test_an_intent_that_is_cancelled_after_its_decline_is_forgotten_and_nothing_is_told_twice() -> None:
    before = a_funding("failed", attempt=2)
    trigger = stripe.PaymentIntentCanceled.type_name
    args: Any = (before, trigger, 2, INSUFFICIENT, a_posting("charge_answered"))
    made = decided(charge_answers.declined(*args, cancelled=True))
    assert made == records.Decided(before._replace(payment_intent_id=None), ())
    assert isinstance(decided(begin(made.funding)).said[1], stripe.CreatePaymentIntent)


def test_stale_answers_of_an_earlier_attempt_are_ignored() -> None:
    second = a_funding("processing", attempt=2)
    assert decline(second, attempt=1) is None
    action = a_fact("stripe.payment_intent_action_required", attempt=1)
    assert charge_answers.action_required(second, action, NOW) is None


def test_authentication_is_asked_for_23_hours_and_the_charge_stays_in_flight() -> None:
    fact = a_fact("stripe.payment_intent_action_required")
    made = decided(charge_answers.action_required(a_funding("processing"), fact, NOW))
    (event,) = made.said
    assert isinstance(event, said.FundingActionRequired)
    assert made.funding.expires_at == event.expires_at == NOW + timedelta(hours=23)
    assert list(made.entries) == []


# -- releasing ---------------------------------------------------------------------------------------------


def release(funding: records.Funding | None, entries: Any, approval: Any) -> Any:
    return releasing.release(funding, entries, [], approval, a_posting("funds_released"))


def test_a_part_then_the_rest() -> None:
    part = decided(release(a_funding("funded"), held(), approved(40_000)))
    (first,) = part.said
    assert isinstance(first, said.FundsReleased)
    assert (first.amount_minor, first.still_held_minor, first.charge_id) == (40_000, 60_000, "ch_1")
    rest = decided(release(part.funding, [*held(), *part.entries], approved(60_000)))
    assert rest.funding.state == states.RELEASED
    assert movements(rest.entries) == [("held", 60_000), ("released", -60_000)]


@pytest.mark.parametrize("amount_minor", [100_001, MAXIMUM_MINOR])
@pytest.mark.scenario(47)
def test_never_more_than_is_held(amount_minor: int) -> None:
    refused = release(a_funding("funded"), held(), approved(amount_minor))
    assert isinstance(refused, said.ReleaseRefused)
    assert (refused.held_minor, refused.amount_minor, refused.release_id) == (100_000, amount_minor, "rel_1")


def test_never_more_than_a_partial_release_left() -> None:
    part = decided(release(a_funding("funded"), held(), approved(40_000)))
    assert isinstance(release(part.funding, [*held(), *part.entries], approved(60_001)), said.ReleaseRefused)


def test_another_currency_is_not_held() -> None:
    refused = release(a_funding("funded"), held(), approved(40_000, currency="eur"))
    assert isinstance(refused, said.ReleaseRefused)
    assert refused.held_minor == 0


def test_nothing_is_released_that_was_never_funded() -> None:
    refused = release(None, [], approved(100))
    assert isinstance(refused, said.ReleaseRefused)
    assert refused.reason == "0.00 USD is held, 1.00 USD was to be released"
