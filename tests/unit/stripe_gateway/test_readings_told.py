"""What a reading of Stripe leaves in the row and in the fact, whole; and which cards are not charged at all."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas import stripe
from services.stripe_gateway import domain, facts, money_back, platform_account, states, translate
from services.stripe_gateway.local_commands import EnsureCustomer
from services.stripe_gateway.opening import NOTHING
from services.stripe_gateway.readings import (
    AccountReading,
    BankPayoutReading,
    CardTrouble,
    ConvertedReading,
    CustomerReading,
    Declined,
    IntentReading,
    MethodReading,
    ReversalReading,
    TransferReading,
)
from services.stripe_gateway.records import Account, Attempt, BankPayout, Customer, Intent, PaymentMethod, Reversal
from services.stripe_gateway.told import WrongObjectError
from tests.unit.stripe_gateway.builders import (
    CANCEL,
    CONFIRM,
    MADE,
    NOW,
    PAID,
    attempt,
    declined,
    intent,
    opening,
    transfer,
)

ARRIVAL = NOW + timedelta(days=2)
CARD = PaymentMethod("pm_1", "emp_1", states.ATTACHED, "visa", "4242", 11, 2026)
ASKS = CardTrouble(code="authentication_required", charge_id="ch_3", payment_method_id="pm_1")


# -- charges -----------------------------------------------------------------------------------------------


def test_a_charge_is_told_whole() -> None:
    assert facts.intent_read(intent(), PAID).said == (
        stripe.PaymentIntentSucceeded(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1", charge_id="ch_2",
            balance_transaction_id="txn_2", charge_minor=123_720, stripe_fee_minor=3_618, currency="usd",
            available_at=NOW,
        ),
    )  # fmt: skip


def test_a_decline_is_told_whole_and_its_charge_remembered() -> None:
    found = facts.intent_read(intent(), declined(advice_code="try_again_later"))
    assert found.record == intent(states.FAILED, last_failed_charge_id="ch_2")
    assert found.said == (
        stripe.PaymentIntentFailed(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1", attempt=2,
            code="card_declined", decline_code="insufficient_funds", advice_code="try_again_later", message="no",
        ),
    )  # fmt: skip


def test_a_decline_without_a_charge_keeps_the_charge_that_is_known() -> None:
    found = facts.intent_declined(intent(), CardTrouble(code="card_declined"))
    assert found.record == intent(states.FAILED)


def test_a_cancellation_is_told_with_its_reason() -> None:
    reading = IntentReading(payment_intent_id="pi_1", status="canceled", cancellation_reason="fraudulent")
    [fact] = facts.intent_read(intent(), reading).said
    assert isinstance(fact, stripe.PaymentIntentCanceled)
    assert (fact.funding_id, fact.reason) == ("fnd_1", "fraudulent")


@pytest.mark.parametrize(
    ("operation", "becomes"),
    [("confirm_payment_intent", states.ACTION_REQUIRED), ("authenticate_payment_intent", states.FAILED)],
)
def test_that_the_bank_wants_the_employer_is_no_news_while_the_employer_is_there(operation: str, becomes: str) -> None:
    row = intent(states.CONFIRMING if becomes == states.ACTION_REQUIRED else states.ACTION_REQUIRED)
    found = domain.answer(attempt(operation), row, Declined(trouble=ASKS, http_status=402), NOW)
    assert found is not None
    assert [record.state for record in found.records if isinstance(record, Intent)] == [becomes]


@pytest.mark.parametrize(
    ("reading", "executed"),
    [
        (PAID, True),
        (IntentReading(payment_intent_id="pi_1", status="requires_action"), True),
        (IntentReading(payment_intent_id="pi_1", status="processing"), True),
        (IntentReading(payment_intent_id="pi_1", status="canceled"), True),
        (IntentReading(payment_intent_id="pi_1", status="requires_confirmation"), False),
        (declined(), True),
        (declined("ch_first"), False),
        (declined(payment_method_id="pm_9"), False),
        (declined(payment_method_id=""), True),
        (declined(""), None),
    ],
)
def test_whether_the_last_attempt_was_made_is_seen_in_the_intent(reading: IntentReading, executed: bool | None) -> None:
    assert facts.is_of_last_attempt(intent(), reading) is executed


# -- cards that are not charged ----------------------------------------------------------------------------


def confirm(method: PaymentMethod | None, now: datetime = NOW, row: Intent | None = None) -> Any:
    at = replace(opening(), now=now)
    return domain.confirm_payment_intent(row or intent(states.FAILED, attempt=1), CONFIRM, [], at, method)


@pytest.mark.parametrize(
    ("method", "code"),
    [
        (CARD._replace(state=states.DETACHED), "payment_method_detached"),
        (CARD._replace(exp_month=10), "expired_card"),
        (CARD._replace(exp_month=12, exp_year=2025), "expired_card"),
    ],
    ids=["removed", "expired last month", "expired last year"],
)
def test_a_card_that_is_gone_or_expired_fails_without_a_call(method: PaymentMethod, code: str) -> None:
    found = confirm(method)
    assert [type(record) for record in found.records] == [Intent]
    assert found.records == (intent(states.FAILED, attempt=2),)
    [fact] = found.said
    assert isinstance(fact, stripe.PaymentIntentFailed)
    assert (fact.code, fact.attempt) == (code, 2)
    assert fact.message.startswith("The card ")


@pytest.mark.parametrize(
    "method",
    [None, CARD, CARD._replace(exp_month=1, exp_year=2027), CARD._replace(exp_month=0, exp_year=0)],
    ids=["not known", "of this month", "of next year", "saved before this was kept"],
)
def test_every_other_card_is_charged(method: PaymentMethod | None) -> None:
    assert [record.state for record in confirm(method).records if isinstance(record, Attempt)] == [states.OPEN]


def test_a_card_is_good_to_the_end_of_its_month_wherever_that_ends_last() -> None:
    october = CARD._replace(exp_month=10)
    still, over = datetime(2026, 11, 1, 11, 59, tzinfo=UTC), datetime(2026, 11, 1, 12, 0, tzinfo=UTC)
    assert confirm(october, still).said == ()
    assert [fact.code for fact in confirm(october, over).said] == ["expired_card"]


def test_an_attempt_that_failed_without_a_call_is_told_once() -> None:
    gone = CARD._replace(state=states.DETACHED)
    assert confirm(gone, row=intent(states.FAILED, attempt=2)) == NOTHING


def an_intent(settled: str) -> dict[str, Any]:
    """One that succeeded, as Stripe answers it."""
    transaction = {"id": "txn_2", "amount": 113_822, "fee": 3_329, "currency": settled, "available_on": 1_700_000_000}
    charge = {"id": "ch_2", "amount": 123_720, "currency": "usd", "balance_transaction": transaction}
    return {"id": "pi_1", "status": "succeeded", "latest_charge": charge}


def test_a_charge_that_settled_in_another_currency_is_read_as_converted_and_as_no_charge() -> None:
    read = translate.intent(an_intent("eur"))

    assert read.charge is None
    assert read.converted == ConvertedReading(
        charge_id="ch_2", balance_transaction_id="txn_2", charge_minor=123_720, currency="usd", settled_minor=113_822,
        fee_minor=3_329, settled_currency="eur", available_at=datetime.fromtimestamp(1_700_000_000, UTC),
    )  # fmt: skip


def test_a_charge_that_settled_in_its_own_currency_is_read_as_a_charge() -> None:
    read = translate.intent(an_intent("usd"))

    assert read.converted is None
    assert read.charge is not None
    assert (read.charge.charge_minor, read.charge.fee_minor, read.charge.currency) == (123_720, 3_329, "usd")


def test_a_converted_charge_is_an_alarm_with_both_sums() -> None:
    alarm = platform_account.wrong_charge(intent(), translate.intent(an_intent("eur")))

    assert alarm is not None
    assert (alarm.code, alarm.about) == ("charge_converted", "fnd_1")
    assert "123720 usd" in alarm.detail
    assert "113822 eur" in alarm.detail


@pytest.mark.parametrize(("operation", "state"), [("confirm_payment_intent", states.CONFIRMING),
                                                  ("cancel_payment_intent", states.CANCELING)])  # fmt: skip
def test_a_call_that_waits_is_closed_by_a_converted_charge(operation: str, state: str) -> None:
    found = domain.heard(intent(state), translate.intent(an_intent("eur")), [attempt(operation)], NOW)

    assert found.records == (
        attempt(operation, states.SUCCEEDED, closed_at=NOW, object_id="pi_1"), intent(states.SET_ASIDE),
    )  # fmt: skip


@pytest.mark.parametrize(
    "asked", [lambda row: domain.confirm_payment_intent(row, CONFIRM, [], opening()),
              lambda row: domain.cancel_payment_intent(row, CANCEL, [], opening())], ids=["confirm", "cancel"]
)  # fmt: skip
def test_of_what_is_set_aside_nothing_more_is_asked(asked: Any) -> None:
    assert asked(intent(states.SET_ASIDE)) == NOTHING


# -- transfers and reversals -------------------------------------------------------------------------------


def test_a_transfer_is_told_whole() -> None:
    reading = TransferReading(
        transfer_id="tr_1", account_id="acct_1", amount_minor=120_000, currency="usd", available_at=ARRIVAL
    )
    assert facts.transfer_read(transfer(), reading).said == (
        stripe.TransferCreated(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", transfer_id="tr_1", account_id="acct_1",
            amount_minor=120_000, currency="usd", available_at=ARRIVAL,
        ),
    )  # fmt: skip


def test_a_transfer_says_from_when_the_trainers_balance_has_it() -> None:
    arrived = {"id": "py_1", "balance_transaction": {"id": "txn_1", "available_on": int(ARRIVAL.timestamp())}}
    made = {"id": "tr_1", "destination": "acct_1", "amount": 5, "currency": "usd", "destination_payment": arrived}

    assert translate.transfer(made).available_at == ARRIVAL


@pytest.mark.parametrize("payment", [None, "py_1", {"id": "py_1", "balance_transaction": "txn_1"}])
def test_a_transfer_that_was_answered_without_these_parts_says_no_day(payment: object) -> None:
    made = {"id": "tr_1", "destination": "acct_1", "amount": 5, "currency": "usd", "destination_payment": payment}

    assert translate.transfer(made).available_at is None


def test_a_declined_transfer_is_told_whole() -> None:
    answer = Declined(trouble=CardTrouble(code="balance_insufficient", message="not there"), http_status=400)
    found = domain.answer(attempt("create_transfer"), transfer(attempt=3), answer, NOW)
    assert found is not None
    assert [record for record in found.records if not isinstance(record, Attempt)] == [
        transfer(states.FAILED, attempt=3)
    ]
    assert found.said == (
        stripe.TransferFailed(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", account_id="acct_1", attempt=3,
            code="balance_insufficient", message="not there",
        ),
    )  # fmt: skip


def test_a_declined_reversal_is_told_by_its_call() -> None:
    row = money_back.new_reversal("rev_1", MADE, 30_000, "usd", by_hand=False)._replace(state=states.REQUESTED)
    answer = Declined(trouble=CardTrouble(code="balance_insufficient", message="not there"), http_status=400)
    found = domain.answer(attempt("reverse_transfer", about="rev_1"), row, answer, NOW)
    assert found is not None
    assert [fact.type_name for fact in found.said] == ["stripe.reversal_refused.v1"]


def reversal_reading(number: int, reversal_id: str = "") -> ReversalReading:
    return ReversalReading(
        stripe_reversal_id=f"trr_{number}", reversal_id=reversal_id, transfer_id="tr_1", amount_minor=1_000 * number,
        currency="usd",
    )  # fmt: skip


def test_all_reversals_read_anew_close_the_calls_that_wait_for_them() -> None:
    mine = money_back.new_reversal("rev_1", MADE, 1_000, "usd", by_hand=False)._replace(state=states.REQUESTED)
    calls = [
        attempt("reverse_transfer", about="rev_1"),
        attempt("reverse_transfer", states.SUCCEEDED, attempt_id="cmd_0", about="rev_1"),
        attempt("reverse_transfer", attempt_id="cmd_2", about="rev_2"),
        attempt("create_transfer", attempt_id="cmd_3", about="rev_1"),
    ]
    readings = [reversal_reading(1, "rev_1"), reversal_reading(2)]
    found = domain.reversals_heard(MADE, [mine], readings, calls, NOW)
    by_hand = money_back.new_reversal("trr_2", MADE, 2_000, "usd", by_hand=True)
    assert found.records == (
        attempt("reverse_transfer", states.SUCCEEDED, about="rev_1", closed_at=NOW, object_id="trr_1"),
        mine._replace(state=states.REVERSED, stripe_reversal_id="trr_1"),
        by_hand._replace(state=states.REVERSED, stripe_reversal_id="trr_2"),
        MADE._replace(reversed_minor=3_000),
    )
    assert [(f.reversal_id, f.amount_minor, f.reversed_minor) for f in found.said] == [  # type: ignore[attr-defined]
        ("rev_1", 1_000, 1_000),
        (None, 2_000, 3_000),
    ]


def test_reversals_that_are_known_change_nothing() -> None:
    known = Reversal("rev_1", "pay_1", "ctr_1", "mls_1", "tr_1", 1_000, "usd", False, states.REVERSED, "trr_1")
    assert domain.reversals_heard(MADE, [known], [reversal_reading(1, "rev_1")], [], NOW) == NOTHING


# -- accounts, customers, cards, bank payouts --------------------------------------------------------------


def test_an_account_is_kept_and_told_whole() -> None:
    row = Account("trn_1", "US", states.REQUESTED, None, None, [], False)
    reading = AccountReading(
        account_id="acct_1", transfers="restricted", requirements=("identity",), details_submitted=True
    )
    found = facts.account_read(row, reading)
    assert found.record == Account("trn_1", "US", states.CREATED, "acct_1", "restricted", ["identity"], True)
    assert found.said == (
        stripe.AccountCreated(trainer_id="trn_1", account_id="acct_1"),
        stripe.AccountUpdated(
            trainer_id="trn_1", account_id="acct_1", transfers="restricted", requirements=("identity",),
            details_submitted=True,
        ),
    )  # fmt: skip
    assert facts.account_read(found.record, reading).said == ()  # type: ignore[arg-type]


@pytest.mark.parametrize(
    "changed", [{"transfers": "active"}, {"requirements": ("identity", "bank")}, {"details_submitted": False}]
)
def test_each_thing_that_an_account_can_do_or_needs_is_told_when_it_changes(changed: dict[str, Any]) -> None:
    row = Account("trn_1", "US", states.CREATED, "acct_1", "restricted", ["identity"], True)
    same: dict[str, Any] = {"transfers": "restricted", "requirements": ("identity",), "details_submitted": True}
    [fact] = facts.account_read(row, AccountReading(account_id="acct_1", **{**same, **changed})).said
    assert fact.model_dump(include=set(same)) == {**same, **changed}


def test_a_card_is_kept_and_told_whole_and_again_when_it_is_renewed() -> None:
    reading = MethodReading(
        payment_method_id="pm_1", attached=True, brand="visa", last4="4242", exp_month=11, exp_year=2026
    )
    found = facts.method_read(PaymentMethod("pm_1", "emp_1", states.NONE), reading)
    assert found.record == CARD
    whole = {"employer_id": "emp_1", "payment_method_id": "pm_1", "brand": "visa", "last4": "4242"}
    assert found.said == (stripe.PaymentMethodAttached(**whole, exp_month=11, exp_year=2026),)  # type: ignore[arg-type]
    for changed in ({"brand": "amex"}, {"last4": "0005"}, {"exp_month": 12}, {"exp_year": 2030}):
        renewed = facts.method_read(CARD, reading.model_copy(update=changed))
        assert renewed.record == CARD._replace(**changed)  # type: ignore[arg-type]
        [fact] = renewed.said
        assert isinstance(fact, stripe.PaymentMethodUpdated)
        assert fact.model_dump(include=set(changed)) == changed
    assert facts.method_read(CARD, reading).said == ()


def test_a_bank_payout_is_kept_and_told_whole() -> None:
    row = BankPayout("po_1", "trn_1", "acct_1", states.PENDING, None, None, ["tr_1"])
    reading = BankPayoutReading(
        stripe_payout_id="po_1", account_id="acct_1", status="failed", amount_minor=120_000, currency="usd",
        arrival_at=ARRIVAL, failure_code="no_account",
    )  # fmt: skip
    found = facts.bank_payout_read(row, reading)
    assert found.record == BankPayout("po_1", "trn_1", "acct_1", states.FAILED, ARRIVAL, "no_account", ["tr_1"])
    assert found.said == (
        stripe.BankPayoutChanged(
            trainer_id="trn_1", account_id="acct_1", stripe_payout_id="po_1", status="failed", amount_minor=120_000,
            currency="usd", arrival_at=ARRIVAL, failure_code="no_account", transfer_ids=("tr_1",),
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("read", "row", "reading"),
    [
        (facts.customer_read, Customer("emp_1", states.CREATED, "cus_1"), CustomerReading(customer_id="cus_2")),
        (facts.method_read, CARD, MethodReading(payment_method_id="pm_2", attached=True)),
        (facts.bank_payout_read, BankPayout("po_1", "trn_1", "acct_1", states.PAID, None, None, []),
         BankPayoutReading(
             stripe_payout_id="po_2", account_id="acct_1", status="paid", amount_minor=1, currency="usd")),
        (facts.transfer_read, MADE,
         TransferReading(transfer_id="tr_2", account_id="acct_1", amount_minor=120_000, currency="usd")),
        (facts.account_read, Account("trn_1", "US", states.CREATED, "acct_1", None, [], False),
         AccountReading(account_id="acct_2", transfers="active")),
    ],
    ids=["customer", "card", "bank payout", "transfer", "account"],
)  # fmt: skip
def test_a_reading_of_another_object_is_never_taken(read: Any, row: Any, reading: Any) -> None:
    with pytest.raises(WrongObjectError):
        read(row, reading)


# -- numbers of calls --------------------------------------------------------------------------------------


def test_a_customer_whose_call_was_refused_is_asked_for_under_the_next_number() -> None:
    refused = attempt("create_customer", states.REFUSED, about="emp_1", idempotency_key="customer:emp_1")
    others = [
        attempt("create_account", states.REFUSED, attempt_id="cmd_2", idempotency_key="x"),
        attempt("create_customer", states.DECLINED, attempt_id="cmd_3", idempotency_key="y"),
    ]
    row = Customer("emp_1", states.REFUSED, None)
    found = domain.ensure_customer(row, EnsureCustomer(employer_id="emp_1"), [refused, *others], opening())
    assert found is not None
    [call] = [record for record in found.records if isinstance(record, Attempt)]
    assert (call.idempotency_key, call.number) == ("customer:emp_1:2", 2)


def test_a_cancellation_that_was_refused_is_asked_for_under_the_next_number() -> None:
    refused = attempt("cancel_payment_intent", states.REFUSED, idempotency_key="fund:fnd_1:cancel")
    found = domain.cancel_payment_intent(intent(states.FAILED), CANCEL, [refused], opening())
    [call] = [record for record in found.records if isinstance(record, Attempt)]
    assert (call.idempotency_key, call.number) == ("fund:fnd_1:cancel:2", 2)


@pytest.mark.parametrize("row", [None, intent(states.FAILED, payment_intent_id="pi_9")], ids=["none", "another"])
def test_an_intent_of_another_funding_is_never_cancelled(row: Intent | None) -> None:
    found = domain.cancel_payment_intent(row, CANCEL, [], opening())
    assert found.records == ()
    [fact] = found.said
    assert isinstance(fact, stripe.CallRefused)
    assert (fact.code, fact.about) == ("unknown_payment_intent", "fnd_1")
