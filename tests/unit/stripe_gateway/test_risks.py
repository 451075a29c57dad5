"""Disputes, warnings, reviews: what their objects say, and that each change is told once."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import stripe
from services.stripe_gateway import platform_account, risks, states, translate
from services.stripe_gateway.readings import BalanceReading, DisputeReading, ReviewReading, WarningReading
from services.stripe_gateway.records import Alarm, Balance, Dispute
from services.stripe_gateway.told import Told, WrongObjectError
from services.stripe_gateway.translate import UnexpectedObjectError
from tests.unit.stripe_gateway.builders import PAID, intent

PAYMENT = intent(states.SUCCEEDED)


def moved(amount_minor: int, fee_minor: int = 0, currency: str = "usd") -> dict[str, Any]:
    return {"amount": amount_minor, "fee": fee_minor, "net": amount_minor - fee_minor, "currency": currency}


def found(*transactions: dict[str, Any], **changed: Any) -> dict[str, Any]:
    return {
        "id": "du_1",
        "charge": "ch_2",
        "status": "needs_response",
        "reason": "fraudulent",
        "amount": 100_000,
        "currency": "usd",
        "balance_transactions": list(transactions),
        "evidence_details": {"due_by": 1_764_000_000},
        "is_charge_refundable": False,
        **changed,
    }


def reading(*transactions: dict[str, Any], **changed: Any) -> DisputeReading:
    return translate.dispute(found(*transactions, **changed), "usd", PAYMENT.charge_minor)


def kinds(told: Told) -> list[str]:
    return [message.type_name.split(".")[1] for message in told.said]


def test_the_sums_of_a_dispute_are_those_of_its_balance_transactions() -> None:
    read = reading(moved(-100_000, 1_500), moved(100_000), status="won")

    assert (read.withdrawn_minor, read.reinstated_minor, read.fee_minor) == (100_000, 100_000, 1_500)


def test_a_fee_that_is_given_back_was_not_kept() -> None:
    assert reading(moved(-100_000, 1_500), moved(100_000, -1_500)).fee_minor == 0


@pytest.mark.parametrize(("transactions", "amount_minor"), [((), 123_720), ((moved(-95_000, 1_500),), 95_000)])
def test_a_dispute_in_another_currency_is_over_what_was_withdrawn_or_all_of_it(
    transactions: tuple[dict[str, Any], ...], amount_minor: int
) -> None:
    read = reading(*transactions, currency="eur", amount=88_000)

    assert (read.amount_minor, read.currency) == (amount_minor, "usd")


def test_money_that_moved_in_another_currency_is_not_booked() -> None:
    with pytest.raises(UnexpectedObjectError, match="eur"):
        reading(moved(-88_000, currency="eur"))


def test_a_status_that_is_not_known_is_not_guessed() -> None:
    with pytest.raises(UnexpectedObjectError, match="something_new"):
        reading(status="something_new")


@pytest.mark.parametrize("changed", [{"charge": "ch_other"}, {"id": "du_other"}], ids=["charge", "dispute"])
def test_a_dispute_of_another_charge_and_another_dispute_are_never_taken(changed: dict[str, Any]) -> None:
    first = risks.read(risks.new(reading(), PAYMENT), reading())

    with pytest.raises(WrongObjectError):
        risks.read(first.record, reading(**changed))  # type: ignore[arg-type]


GONE, BACK = moved(-100_000, 1_500), moved(100_000)
_DISPUTE = st.lists(
    st.sampled_from(
        [
            reading(status="warning_needs_response", is_charge_refundable=True),
            reading(status="warning_closed"),
            reading(GONE),
            reading(GONE, status="under_review"),
            reading(GONE, status="lost"),
            reading(GONE, status="won"),
            reading(GONE, BACK, status="won"),
        ]
    ),
    max_size=15,
)


@given(_DISPUTE)
def test_in_any_order_of_readings_sums_never_fall_and_nothing_is_told_twice_in_a_row(
    readings: list[DisputeReading],
) -> None:
    row, told = risks.new(readings[0], PAYMENT) if readings else None, []
    for read in readings:
        assert isinstance(row, Dispute)
        heard = risks.read(row, read)
        assert isinstance(heard.record, Dispute)
        row = heard.record
        told += [fact for fact in heard.said if isinstance(fact, stripe.ChargeDisputeChanged)]

    assert all(first != second for first, second in itertools.pairwise(told))
    for sums in ([fact.withdrawn_minor for fact in told], [fact.reinstated_minor for fact in told]):
        assert sums == sorted(sums)
    if any(read.reinstated_minor for read in readings):
        assert told[-1].status == "won"


def test_a_warning_is_told_once_and_once_when_it_is_over() -> None:
    open_, over = (
        WarningReading(warning_id="issfr_1", charge_id="ch_2", fraud_type="misc", actionable=actionable)
        for actionable in (True, False)
    )
    first = risks.read(risks.new(open_, PAYMENT), open_)
    second = risks.read(first.record, over)  # type: ignore[arg-type]

    assert (kinds(first), kinds(second)) == (["early_fraud_warning_raised"], ["early_fraud_warning_raised"])
    assert kinds(risks.read(second.record, over)) == []  # type: ignore[arg-type]
    assert kinds(risks.read(second.record, open_)) == []  # type: ignore[arg-type]


def test_a_review_of_which_only_the_end_is_seen_is_told_as_closed() -> None:
    closed = ReviewReading(review_id="prv_1", open=False, reason="approved")
    told = risks.read(risks.new(closed, PAYMENT), closed)

    assert kinds(told) == ["review_changed"]
    assert kinds(risks.read(told.record, ReviewReading(review_id="prv_1", open=True, reason="rule"))) == []  # type: ignore[arg-type]


def test_a_reading_never_tells_of_another_kind_of_thing() -> None:
    review = ReviewReading(review_id="prv_1", open=True, reason="rule")

    with pytest.raises(WrongObjectError, match=r"review .* Dispute"):
        risks.read(risks.new(reading(), PAYMENT), review)


def test_a_balance_is_read_in_each_currency() -> None:
    one = {"amount": 5, "currency": "usd"}
    read = translate.balance({"available": [one, {"amount": -3, "currency": "eur"}], "pending": [one]})

    assert read == (
        BalanceReading(currency="eur", available_minor=-3, pending_minor=0, reserved_minor=0),
        BalanceReading(currency="usd", available_minor=5, pending_minor=5, reserved_minor=0),
    )


def test_a_balance_is_told_when_it_is_first_known_and_when_a_sum_changed() -> None:
    zero = BalanceReading(currency="usd", available_minor=0, pending_minor=0, reserved_minor=0)
    first = platform_account.balance_read(None, zero)
    assert isinstance(first.record, Balance)
    again = platform_account.balance_read(first.record, zero)
    less = platform_account.balance_read(first.record, zero.model_copy(update={"reserved_minor": 7}))

    assert (kinds(first), kinds(again), kinds(less)) == (
        ["platform_balance_changed"],
        [],
        ["platform_balance_changed"],
    )


def test_an_alarm_is_raised_once_until_it_was_mended() -> None:
    alarm: Alarm | None = None
    told = []
    for wrong in (False, True, True, False, False, True):
        heard = platform_account.alarm_read(alarm, "payouts_not_manual", "platform", "why", wrong=wrong)
        assert isinstance(heard.record, Alarm)
        alarm = heard.record
        told.append(len(heard.said))

    assert told == [0, 1, 0, 0, 0, 1]


def test_the_sum_that_was_asked_for_is_no_alarm() -> None:
    assert platform_account.wrong_charge(PAYMENT, PAID) is None


def test_another_sum_than_was_asked_for_is_an_alarm_with_both_sums() -> None:
    alarm = platform_account.wrong_charge(intent(charge_minor=120_000), PAID)

    assert alarm is not None
    assert (alarm.code, alarm.about) == ("charged_another_sum", "fnd_1")
    assert "123720 usd" in alarm.detail
    assert "120000 was asked for" in alarm.detail
