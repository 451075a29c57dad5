"""Charges that Stripe converted."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas import funding as said
from schemas import stripe
from services.funding import charging, ledger, setting_aside, states
from services.funding.records import ConvertedRefund, Decided, Funding
from services.funding.setting_aside import Given
from services.runtime.decisions import Refused
from tests.unit.funding.builders import (
    FEES,
    NOW,
    a_fact,
    a_funding,
    a_method,
    a_milestone,
    a_posting,
    decided,
    movements,
)

FACT = a_fact("stripe.charge_converted", settled_minor=102_115, stripe_fee_minor=2_990, settled_currency="eur")


def put_aside(funding: Funding) -> Decided | None:
    return setting_aside.set_aside(funding, FACT, a_posting("charge_answered"), a_posting("charge_set_aside"))


@pytest.mark.scenario(42)
@pytest.mark.parametrize("state", ["processing", "action_required"])
def test_what_came_is_booked_in_what_it_is_now_and_nothing_is_held(state: str) -> None:
    made = decided(put_aside(a_funding(state)))
    assert ledger.balances(made.entries) == {
        ("charges_in_flight", "usd"): -110_995,
        ("funding_in_flight", "usd"): 110_995,
        ("stripe_balance", "eur"): 102_115 - 2_990,
        ("stripe_fees", "eur"): 2_990,
        ("set_aside", "eur"): -102_115,
    }
    assert ledger.owed_minor(made.entries, "held") == 0
    assert (made.funding.state, made.funding.charge_id, made.funding.payment_intent_id) == ("set_aside", "ch_1", "pi_1")


def test_what_became_of_a_converted_charge_is_kept_whole() -> None:
    before = a_funding("action_required", attempt=3, expires_at=NOW)
    fact = FACT.model_copy(update={"payment_intent_id": "pi_2", "charge_id": "ch_2"})
    made = decided(setting_aside.set_aside(before, fact, a_posting("charge_answered"), a_posting("charge_set_aside")))
    kept = before._replace(state="set_aside", payment_intent_id="pi_2", charge_id="ch_2", expires_at=None)
    assert made.funding == kept


def test_money_that_comes_late_was_not_in_flight_any_more() -> None:
    made = decided(put_aside(a_funding("failed")))
    assert {entry.account for entry in made.entries} == {"stripe_balance", "stripe_fees", "set_aside"}
    assert made.funding.state == "set_aside"


def test_the_employer_reads_that_it_failed_and_is_given_back() -> None:
    made = decided(put_aside(a_funding("processing", attempt=3)))
    (failed,) = made.said
    assert isinstance(failed, said.FundingFailed)
    assert (failed.code, failed.can_retry, failed.attempt, failed.currency) == ("charge_converted", False, 3, "usd")
    assert "operators give it back" in failed.reason
    assert made.attempt is not None
    assert (made.attempt.outcome, made.attempt.attempt, made.attempt.ended_at) == ("succeeded", 3, NOW)


@pytest.mark.parametrize("state", ["set_aside", "funded", "released", "refunded", "voided"])
def test_the_same_word_again_books_nothing(state: str) -> None:
    assert put_aside(a_funding(state)) is None


# -- given back at Stripe


def word(status: str = "succeeded", **changed: Any) -> stripe.ConvertedRefundChanged:
    fields = {
        "status": status, "stripe_refund_id": "re_1", "amount_minor": 110_995, "debited_minor": 102_115,
        "returned_minor": 0, "settled_currency": "eur",
    }  # fmt: skip
    found: stripe.ConvertedRefundChanged = a_fact("stripe.converted_refund_changed", **{**fields, **changed})
    return found


def given(
    fact: stripe.ConvertedRefundChanged,
    owed_minor: int = 102_115,
    known: Sequence[ConvertedRefund] = (),
    at: datetime = NOW,
) -> Given:
    posting = a_posting("set_aside_refunded", currency="usd", posted_at=at)
    found = setting_aside.given_back(a_funding("set_aside"), known, owed_minor, fact, posting)
    assert found is not None
    assert {entry.currency for entry in found.entries} <= {"eur"}  # whatever the posting's frame says
    return found


@pytest.mark.scenario(42)
def test_what_was_set_aside_is_paid_by_its_refund() -> None:
    made = given(word())
    assert movements(made.entries) == [("set_aside", 102_115), ("stripe_balance", -102_115)]
    assert (made.refund.paid_minor, made.refund.status, made.refund.changed_at) == (102_115, "succeeded", NOW)


@pytest.mark.scenario(42)
@pytest.mark.parametrize("debited_minor", [103_000, 101_000])
def test_a_refund_of_the_whole_pays_all_whatever_the_rate_made_of_it(debited_minor: int) -> None:
    made = given(word(debited_minor=debited_minor))
    assert ledger.balances(made.entries) == {
        ("set_aside", "eur"): 102_115,
        ("platform_losses", "eur"): debited_minor - 102_115,
        ("stripe_balance", "eur"): -debited_minor,
    }


@pytest.mark.parametrize("debited_minor", [57_000, 55_000])
def test_a_part_pays_what_left_and_the_rest_pays_the_rest_whatever_it_cost(debited_minor: int) -> None:
    first = given(word(amount_minor=50_000, debited_minor=46_000))
    assert movements(first.entries) == [("set_aside", 46_000), ("stripe_balance", -46_000)]
    rest = given(
        word(stripe_refund_id="re_2", amount_minor=60_995, debited_minor=debited_minor), 56_115, [first.refund]
    )
    assert movements(rest.entries) == [
        ("set_aside", 56_115), ("platform_losses", debited_minor - 56_115), ("stripe_balance", -debited_minor),
    ]  # fmt: skip


def test_a_part_that_was_on_its_way_is_not_counted_twice_once_it_leaves() -> None:
    on_its_way = given(word("pending", amount_minor=60_000, debited_minor=0)).refund
    made = given(word(amount_minor=60_000, debited_minor=55_000), 102_115, [on_its_way])
    assert movements(made.entries) == [("set_aside", 55_000), ("stripe_balance", -55_000)]


def test_a_part_that_failed_does_not_make_the_next_one_the_rest() -> None:
    failed = given(word("failed", amount_minor=50_000, debited_minor=46_000, returned_minor=46_000)).refund
    assert failed.paid_minor == 0
    other = given(word(stripe_refund_id="re_2", amount_minor=60_995, debited_minor=57_000), 102_115, [failed])
    assert movements(other.entries) == [("set_aside", 57_000), ("stripe_balance", -57_000)]


def test_what_fails_later_is_owed_again() -> None:
    made = given(word(debited_minor=103_000)).refund
    back = given(word("failed", debited_minor=103_000, returned_minor=103_000), 0, [made])
    assert movements(back.entries) == [("stripe_balance", 103_000), ("set_aside", -102_115), ("platform_losses", -885)]
    assert back.refund.paid_minor == 0


def test_what_left_and_came_back_before_it_is_heard_of_is_booked_both_ways() -> None:
    made = given(word("failed", debited_minor=103_000, returned_minor=103_000))
    assert movements(made.entries) == [
        ("set_aside", 102_115), ("platform_losses", 885), ("stripe_balance", -103_000),
        ("stripe_balance", 103_000), ("set_aside", -102_115), ("platform_losses", -885),
    ]  # fmt: skip


def test_what_came_back_does_so_once_though_its_end_is_told_later_and_the_time_of_that_is_kept() -> None:
    back = given(word("pending", debited_minor=103_000, returned_minor=103_000)).refund
    later = NOW + timedelta(hours=1)
    over = given(word("failed", debited_minor=103_000, returned_minor=103_000), 102_115, [back], later)
    assert list(over.entries) == []
    assert over.refund == back._replace(status="failed", changed_at=later)


def test_a_status_alone_moves_nothing_and_the_same_word_again_is_known() -> None:
    pending = given(word("pending", debited_minor=0))
    assert list(pending.entries) == []
    made = given(word(), known=[pending.refund]).refund
    again = setting_aside.given_back(a_funding("set_aside"), [made], 0, word(), a_posting("set_aside_refunded"))
    assert again is None


def test_another_currency_than_before_stops_here() -> None:
    made = given(word()).refund
    with pytest.raises(ValueError, match="re_1 moved eur and now gbp"):
        given(word(settled_currency="gbp"), 0, [made])


def test_the_milestone_is_not_charged_again() -> None:
    again = charging.begin(
        a_milestone(), a_funding(states.SET_ASIDE), a_method(), FEES, "funding.fund_milestone.v1", "fnd_2", a_posting()
    )
    assert isinstance(again, Refused)
    assert (again.kind, again.code) == ("conflict", "charge_set_aside")


def test_an_operator_reads_what_happened_and_what_to_do() -> None:
    assert setting_aside.why_frozen(FACT) == (
        "Stripe converted the charge to eur: it is set aside. Refund pi_1 at Stripe, and see why the platform's "
        "balance is not kept in the contract's currency."
    )
