"""What readings tell: each fact once, stale words never."""

import pytest

from schemas import stripe
from services.stripe_gateway import facts, states
from services.stripe_gateway.readings import (
    AccountReading,
    BankPayoutReading,
    CardTrouble,
    ConvertedReading,
    CustomerReading,
    IntentReading,
    MethodReading,
    TransferReading,
)
from services.stripe_gateway.records import Account, BankPayout, Customer, PaymentMethod
from services.stripe_gateway.told import Told, WrongObjectError
from tests.unit.stripe_gateway.builders import NOW, PAID, declined, intent, transfer


def said(told: Told) -> list[str]:
    return [message.type_name.split(".")[1] for message in told.said]


# -- payment intents -----------------------------------------------------------------------------------------------


def test_a_new_intent_is_told_once() -> None:
    reading = IntentReading(payment_intent_id="pi_1", status="requires_payment_method")

    told = facts.intent_read(intent(states.CREATING), reading)

    assert said(told) == ["payment_intent_created"]
    assert said(facts.read(told.record, reading)) == []


@pytest.mark.parametrize("state", [states.CREATED, states.CONFIRMING, states.ACTION_REQUIRED, states.FAILED])
def test_money_that_came_in_counts_whatever_was_told(state: str) -> None:
    told = facts.intent_read(intent(state), PAID)

    assert said(told) == ["payment_intent_succeeded"]
    [fact] = told.said
    assert isinstance(fact, stripe.PaymentIntentSucceeded)
    assert (fact.charge_minor, fact.stripe_fee_minor) == (123_720, 3_618)


CONVERTED = IntentReading(
    payment_intent_id="pi_1",
    status="succeeded",
    converted=ConvertedReading(
        charge_id="ch_2", balance_transaction_id="txn_2", charge_minor=123_720, currency="usd", settled_minor=113_822,
        fee_minor=3_329, settled_currency="eur", available_at=NOW,
    ),
)  # fmt: skip


@pytest.mark.scenario(42)
@pytest.mark.parametrize(
    "state", [states.CREATED, states.CONFIRMING, states.ACTION_REQUIRED, states.CANCELING, states.FAILED]
)
def test_a_converted_charge_is_told_as_that_once_and_never_as_paid(state: str) -> None:
    told = facts.intent_read(intent(state), CONVERTED)

    assert told.said == (
        stripe.ChargeConverted(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1", charge_id="ch_2",
            balance_transaction_id="txn_2", charge_minor=123_720, currency="usd", settled_minor=113_822,
            stripe_fee_minor=3_329, settled_currency="eur", available_at=NOW,
        ),
    )  # fmt: skip
    assert told.record == intent(states.SET_ASIDE)
    assert facts.intent_read(told.record, CONVERTED) == Told(told.record)


def test_an_intent_that_is_paid_before_it_was_known_is_told_as_both() -> None:
    assert said(facts.intent_read(intent(states.CREATING), PAID)) == [
        "payment_intent_created",
        "payment_intent_succeeded",
    ]


def test_paid_is_told_once_and_is_for_good() -> None:
    paid = intent(states.SUCCEEDED)

    assert facts.intent_read(paid, PAID) == Told(paid)
    assert facts.intent_read(paid, declined("ch_late")) == Told(paid)


def test_paid_without_its_fee_waits_for_the_fee() -> None:
    reading = IntentReading(payment_intent_id="pi_1", status="succeeded")

    assert facts.intent_read(intent(), reading) == Told(intent())


def test_a_decline_is_told_with_its_attempt() -> None:
    told = facts.intent_read(intent(), declined())

    assert said(told) == ["payment_intent_failed"]
    assert told.said[0].attempt == 2  # type: ignore[attr-defined]


def test_the_decline_of_the_attempt_before_is_no_news() -> None:
    assert said(facts.intent_read(intent(last_failed_charge_id="ch_2"), declined("ch_2"))) == []


def test_the_decline_of_another_card_is_no_news() -> None:
    assert said(facts.intent_read(intent(payment_method_id="pm_new"), declined())) == []


def test_a_decline_that_nothing_tells_from_the_last_waits_for_the_answer() -> None:
    assert said(facts.intent_read(intent(), declined(charge_id=""))) == []


def test_a_bank_that_wants_authentication_is_not_a_decline() -> None:
    told = facts.intent_read(intent(), declined(decline_code="authentication_required"))

    assert said(told) == ["payment_intent_action_required"]
    assert said(facts.read(told.record, declined(decline_code="authentication_required"))) == []


def test_a_failed_authentication_is_a_decline() -> None:
    waiting = intent(states.ACTION_REQUIRED)

    told = facts.intent_read(waiting, declined(charge_id="", code="payment_intent_authentication_failure"))

    assert said(told) == ["payment_intent_failed"]


def test_authentication_wanted_off_session_is_asked_of_the_employer_and_on_session_it_is_a_decline() -> None:
    trouble = CardTrouble(code="authentication_required")

    assert said(facts.intent_declined(intent(), trouble)) == ["payment_intent_action_required"]
    assert said(facts.intent_declined(intent(states.ACTION_REQUIRED), trouble, on_session=True)) == [
        "payment_intent_failed"
    ]


@pytest.mark.parametrize("state", [states.CONFIRMING, states.ACTION_REQUIRED])
def test_cancelled_at_stripe_is_a_decline_of_what_was_under_way_and_the_end(state: str) -> None:
    reading = IntentReading(
        payment_intent_id="pi_1", status="canceled", trouble=CardTrouble(code="payment_intent_canceled")
    )

    told = facts.intent_read(intent(state), reading)

    assert said(told) == ["payment_intent_failed", "payment_intent_canceled"]
    assert said(facts.read(told.record, reading)) == []


@pytest.mark.parametrize("state", [states.CREATED, states.FAILED, states.CANCELING])
def test_cancelled_with_nothing_under_way_is_told_as_that(state: str) -> None:
    trouble = CardTrouble(code="payment_intent_canceled")
    reading = IntentReading(
        payment_intent_id="pi_1", status="canceled", trouble=trouble, cancellation_reason="abandoned"
    )

    told = facts.intent_read(intent(state), reading)

    assert said(told) == ["payment_intent_canceled"]
    assert told.said[0].reason == "abandoned"  # type: ignore[attr-defined]


def test_money_that_came_in_before_the_cancellation_counts() -> None:
    assert said(facts.intent_read(intent(states.CANCELING), PAID)) == ["payment_intent_succeeded"]


def test_a_decline_of_what_is_being_cancelled_is_no_news() -> None:
    assert said(facts.intent_declined(intent(states.CANCELING), CardTrouble(code="card_declined"))) == []


def test_another_intent_than_ours_is_never_taken() -> None:
    with pytest.raises(WrongObjectError):
        facts.intent_read(intent(payment_intent_id="pi_other"), PAID)


@pytest.mark.parametrize(
    ("reading", "executed"),
    [
        (PAID, True),
        (IntentReading(payment_intent_id="pi_1", status="requires_action"), True),
        (IntentReading(payment_intent_id="pi_1", status="requires_payment_method"), False),
        (declined("ch_2"), True),
        (declined("ch_first"), False),
        (declined("ch_2", payment_method_id="pm_before"), False),
        (declined(""), None),
    ],
)
def test_an_intent_shows_whether_the_last_attempt_was_executed(reading: IntentReading, executed: bool | None) -> None:
    assert facts.is_of_last_attempt(intent(), reading) is executed


# -- transfers -----------------------------------------------------------------------------------------------------

MADE = TransferReading(transfer_id="tr_1", account_id="acct_1", amount_minor=120_000, currency="usd")


@pytest.mark.parametrize("state", [states.REQUESTED, states.FAILED])
def test_a_transfer_is_told_once(state: str) -> None:
    told = facts.transfer_read(transfer(state), MADE)

    assert said(told) == ["transfer_created"]
    assert said(facts.read(told.record, MADE)) == []


def test_a_second_transfer_of_a_payout_is_never_taken() -> None:
    with pytest.raises(WrongObjectError):
        facts.transfer_read(transfer(states.CREATED, transfer_id="tr_0"), MADE)


def test_a_decline_after_the_transfer_was_made_is_stale() -> None:
    assert said(facts.transfer_declined(transfer(states.CREATED), CardTrouble(code="balance_insufficient"))) == []


# -- accounts, customers, cards --------------------------------------------------------------------------------------

OPENED = Account("trn_1", "US", states.REQUESTED, None, None, [], False)
DUE = AccountReading(account_id="acct_1", transfers="restricted", requirements=("external_account",))
ABLE = AccountReading(account_id="acct_1", transfers="active", details_submitted=True)


def test_an_account_is_told_when_it_exists_and_when_it_changes() -> None:
    first = facts.account_read(OPENED, DUE)
    again = facts.read(first.record, DUE)
    able = facts.read(first.record, ABLE)

    assert said(first) == ["account_created", "account_updated"]
    assert said(again) == []
    assert said(able) == ["account_updated"]


def test_another_account_than_the_trainers_is_never_taken() -> None:
    known = facts.account_read(OPENED, DUE).record

    with pytest.raises(WrongObjectError):
        facts.read(known, AccountReading(account_id="acct_2", transfers="active"))


def test_a_customer_is_told_once() -> None:
    told = facts.customer_read(Customer("emp_1", states.REQUESTED, None), CustomerReading(customer_id="cus_1"))

    assert said(told) == ["customer_created"]
    assert said(facts.read(told.record, CustomerReading(customer_id="cus_1"))) == []


def test_a_card_is_told_when_it_is_saved_and_when_it_is_gone_and_never_comes_back() -> None:
    saved = MethodReading(payment_method_id="pm_1", attached=True, brand="visa", last4="4242", exp_month=1, exp_year=30)
    gone = MethodReading(payment_method_id="pm_1", attached=False)

    first = facts.method_read(PaymentMethod("pm_1", "emp_1", states.NONE), saved)
    second = facts.read(first.record, gone)

    assert (said(first), said(second)) == (["payment_method_attached"], ["payment_method_detached"])
    assert said(facts.read(second.record, saved)) == []
    assert said(facts.read(second.record, gone)) == []


# -- to the bank -----------------------------------------------------------------------------------------------------


def bank(status: str, transfers: tuple[str, ...] = (), failure: str | None = None) -> BankPayoutReading:
    return BankPayoutReading.model_validate(
        {"stripe_payout_id": "po_1", "account_id": "acct_1", "status": status, "amount_minor": 5, "currency": "usd",
         "arrival_at": NOW, "failure_code": failure, "transfer_ids": transfers}
    )  # fmt: skip


NEW = BankPayout("po_1", "trn_1", "acct_1", states.NONE, None, None, [])


def test_a_bank_payout_is_told_at_each_step_and_once() -> None:
    record: object = NEW
    for reading in (bank("pending"), bank("in_transit", ("tr_1",)), bank("paid", ("tr_1",)), bank("failed", ("tr_1",))):
        told = facts.read(record, reading)  # type: ignore[arg-type]
        assert said(told) == ["bank_payout_changed"]
        assert said(facts.read(told.record, reading)) == []
        record = told.record


@pytest.mark.parametrize(("now", "before"), [("paid", "in_transit"), ("failed", "paid"), ("in_transit", "pending")])
def test_an_older_status_is_stale(now: str, before: str) -> None:
    record = facts.bank_payout_read(NEW, bank(now)).record

    assert said(facts.read(record, bank(before))) == []


def test_the_transfers_are_told_once_stripe_can_say_and_never_taken_back() -> None:
    without = facts.bank_payout_read(NEW, bank("in_transit")).record
    told = facts.read(without, bank("in_transit", ("tr_1", "tr_2")))
    paid = facts.read(told.record, bank("paid"))

    assert told.said[0].transfer_ids == ("tr_1", "tr_2")  # type: ignore[attr-defined]
    assert paid.said[0].transfer_ids == ("tr_1", "tr_2")  # type: ignore[attr-defined]


def test_a_reading_of_one_kind_cannot_tell_of_another() -> None:
    with pytest.raises(WrongObjectError, match=r"transfer .* Intent"):
        facts.read(intent(), MADE)
