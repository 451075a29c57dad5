"""What Stripe answered is made again from what was told of it: the same decisions tell the very same."""

import json
from collections.abc import Sequence
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any

import pytest

from schemas import stripe
from schemas.base import Message
from schemas.envelope import Envelope
from services.stripe_gateway import domain, facts, money_back, platform_account, risks, states
from services.stripe_gateway.local_commands import (
    EnsureCustomer,
    RecordAlarm,
    RecordAnswer,
    RecordBalance,
    RecordRefund,
    RecordReversals,
)
from services.stripe_gateway.readings import (
    AccountReading,
    Answer,
    Answered,
    BalanceReading,
    BankPayoutReading,
    CardTrouble,
    ConvertedReading,
    CustomerReading,
    Declined,
    DisputeReading,
    EvidenceReading,
    IntentReading,
    MethodReading,
    RefundReading,
    Refused,
    ReversalReading,
    ReviewReading,
    TransferReading,
    WarningReading,
)
from services.stripe_gateway.records import (
    Account,
    BankPayout,
    Customer,
    PaymentMethod,
    Record,
)
from services.stripe_gateway.recovering import Answers, UntellableError
from tests.unit.stripe_gateway.builders import MADE, NOW, PAID, attempt, declined, intent, transfer

TRANSFER = TransferReading(
    transfer_id="tr_1", account_id="acct_1", amount_minor=120_000, currency="usd", available_at=NOW
)
ACCOUNT = AccountReading(account_id="acct_1", transfers="restricted", requirements=("bank",), details_submitted=True)
CARD = MethodReading(payment_method_id="pm_1", attached=True, brand="visa", last4="4242", exp_month=1, exp_year=2030)
SAVED = PaymentMethod("pm_1", "emp_1", states.ATTACHED, "visa", "1111", 1, 2030)
REVERSAL = ReversalReading(
    stripe_reversal_id="trr_2", reversal_id="rev_1", transfer_id="tr_1", amount_minor=50_000, currency="usd"
)
BY_HAND = ReversalReading(stripe_reversal_id="trr_1", transfer_id="tr_1", amount_minor=1_000, currency="usd")
CONVERTED = ConvertedReading(
    charge_id="ch_2", balance_transaction_id="txn_2", charge_minor=123_720, currency="usd", settled_minor=113_822,
    fee_minor=3_329, settled_currency="eur", available_at=NOW,
)  # fmt: skip
CHARGED = intent(states.SUCCEEDED)


class Stripe:
    """What can still be read."""

    def failed_charge(self, payment_intent_id: str, until: datetime) -> str:
        assert (payment_intent_id, until) == ("pi_1", NOW)
        return "ch_2"

    def payment_intent_of(self, stripe_refund_id: str) -> str:
        assert stripe_refund_id == "re_1"
        return "pi_1"

    def reversals_of(self, transfer_id: str) -> Sequence[ReversalReading]:
        assert transfer_id == "tr_1"
        return [BY_HAND, REVERSAL]


def lines(*said: Message) -> list[Any]:
    return [
        SimpleNamespace(
            key=one.key,
            body=json.loads(one.model_dump_json()),
            envelope=Envelope("evt_1", one.type_name, "", "", NOW, "", ""),
        )
        for one in said
    ]


def again(*said: Message, asked: bool = False, calls: Sequence[str] = ()) -> tuple[Any, ...]:
    return Answers(calls, Stripe()).of("cmd_1", lines(*said), asked=asked)


# -- what a webhook brought ----------------------------------------------------------------------------------------


def refund(status: Any = "succeeded", **changed: Any) -> RefundReading:
    row = {
        "stripe_refund_id": "re_1", "refund_id": "rfd_1", "payment_intent_id": "pi_1", "amount_minor": 50_000,
        "debited_minor": 50_000, "returned_minor": 0, "currency": "usd",
    }  # fmt: skip
    return RefundReading(**{**row, "status": status, **changed})


READ: list[tuple[Record, Any]] = [
    (intent(states.CREATING), IntentReading(payment_intent_id="pi_1", status="requires_payment_method")),
    (intent(states.CREATING), PAID),
    (intent(), PAID),
    (intent(), IntentReading(payment_intent_id="pi_1", status="succeeded", converted=CONVERTED)),
    (intent(), declined("ch_2", advice_code="try_again_later")),
    (intent(), declined("ch_2", code="authentication_required", decline_code="")),
    (intent(states.ACTION_REQUIRED), declined("", code="payment_intent_authentication_failure")),
    (intent(states.CANCELING), IntentReading(payment_intent_id="pi_1", status="canceled",
                                             cancellation_reason="abandoned")),
    (intent(), IntentReading(payment_intent_id="pi_1", status="canceled", cancellation_reason="fraudulent",
                             trouble=CardTrouble(code="payment_intent_canceled", message="gone"))),
    (transfer(), TRANSFER),
    (Account("trn_1", "US", states.REQUESTED, None, None, [], False), ACCOUNT),
    (Account("trn_1", "US", states.CREATED, "acct_1", "active", [], True), ACCOUNT),
    (PaymentMethod("pm_1", "emp_1", states.NONE), CARD),
    (SAVED, CARD),
    (SAVED, MethodReading(payment_method_id="pm_1", attached=False)),
    (BankPayout("po_1", "trn_1", "acct_1", states.NONE, None, None, []),
     BankPayoutReading(stripe_payout_id="po_1", account_id="acct_1", status="failed", amount_minor=5, currency="usd",
                       arrival_at=NOW + timedelta(days=2), failure_code="no_account", transfer_ids=("tr_1", "tr_2"))),
    (money_back.new_refund("rfd_1", CHARGED, 50_000, "usd", by_hand=False), refund("pending", pending_reason="later")),
    (money_back.new_refund("re_1", CHARGED, 50_000, "usd", by_hand=True), refund(refund_id="")),
    (money_back.new_refund("re_1", intent(states.SET_ASIDE), 50_000, "usd", by_hand=True),
     refund(refund_id="", settled_currency="eur", debited_minor=46_000)),
]  # fmt: skip


@pytest.mark.scenario(79)
@pytest.mark.parametrize(("row", "reading"), READ, ids=[f"{n} {reading.kind}" for n, (_, reading) in enumerate(READ)])
def test_what_was_read_is_read_again_from_what_it_told(row: Record, reading: Any) -> None:
    told = facts.read(row, reading)
    assert told.said

    (command,) = again(*told.said)

    assert facts.read(row, command.reading) == told
    assert command.key == told.said[0].key


DOUBTS = [
    DisputeReading(dispute_id="du_1", charge_id="ch_2", status="needs_response", reason="fraudulent", amount_minor=7,
                   withdrawn_minor=7, reinstated_minor=1, fee_minor=3, currency="usd", evidence_due_at=NOW,
                   is_charge_refundable=True),
    WarningReading(warning_id="issfr_1", charge_id="ch_2", fraud_type="misc", actionable=True),
    ReviewReading(review_id="prv_1", open=True, reason="rule"),
]  # fmt: skip


@pytest.mark.parametrize("reading", DOUBTS, ids=lambda reading: str(reading.kind))
def test_what_makes_a_payment_doubtful_is_read_again(reading: Any) -> None:
    told = risks.read(risks.new(reading, CHARGED), reading)

    (command,) = again(*told.said)

    assert command.reading == reading
    assert (command.contract_id, command.funding_id) == ("ctr_1", "fnd_1")


def test_a_refund_by_hand_is_under_stripes_name_and_ours_under_ours() -> None:
    for by_hand, name in ((True, "re_1"), (False, "rfd_1")):
        row = money_back.new_refund(name, CHARGED, 50_000, "usd", by_hand=by_hand)
        told = money_back.refund_read(row, refund(refund_id="" if by_hand else "rfd_1"))
        (command,) = again(*told.said)
        assert isinstance(command, RecordRefund)
        assert command.refund_id == name


def test_reversals_are_found_by_our_name_and_those_by_hand_by_their_sum() -> None:
    _, _, said = money_back.reversals_read(MADE, [], [BY_HAND, REVERSAL])

    (command,) = again(*said)

    assert isinstance(command, RecordReversals)
    assert command.reversals == (BY_HAND, REVERSAL)
    assert money_back.reversals_read(MADE, [], command.reversals)[2] == said


def test_a_reversal_that_is_not_at_stripe_any_more_stops_the_recovery() -> None:
    _, _, (said,) = money_back.reversals_read(MADE, [], [BY_HAND.model_copy(update={"amount_minor": 999})])

    with pytest.raises(UntellableError, match="tr_1"):
        again(said)


def test_the_platforms_balance_is_recorded_in_all_its_currencies_at_once() -> None:
    readings = [
        BalanceReading(currency=c, available_minor=-1, pending_minor=2, reserved_minor=3) for c in ("eur", "usd")
    ]
    said = [fact for reading in readings for fact in platform_account.balance_read(None, reading).said]

    (command,) = again(*said)

    assert isinstance(command, RecordBalance)
    assert list(command.readings) == readings


def test_an_alarm_is_raised_again() -> None:
    (said,) = platform_account.alarm_read(None, "unexpected_payout", "po_1", "look", wrong=True).said
    assert again(said) == (RecordAlarm(platform="platform", code="unexpected_payout", about="po_1", detail="look"),)


# -- what a call was answered --------------------------------------------------------------------------------------

ASKED_BACK = money_back.new_refund("rfd_1", CHARGED, 50_000, "usd", by_hand=False)._replace(state=states.REQUESTED)
TAKEN_BACK = money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)._replace(state=states.REQUESTED)
NO = CardTrouble(code="balance_insufficient", message="no")
ASKED: list[tuple[str, Record, Answer]] = [
    ("create_payment_intent", intent(states.CREATING), Answered(reading=declined())),
    ("confirm_payment_intent", intent(), Answered(reading=PAID)),
    ("confirm_payment_intent", intent(), Answered(
        reading=IntentReading(payment_intent_id="pi_1", status="succeeded", converted=CONVERTED))),
    ("confirm_payment_intent", intent(), Declined(trouble=declined("ch_2").trouble or NO, http_status=402)),
    ("confirm_payment_intent", intent(), Declined(
        trouble=CardTrouble(code="authentication_required", charge_id="ch_2"), http_status=402)),
    ("confirm_payment_intent", intent(), Refused(code="odd", message="no", http_status=400, request_id="req_1")),
    ("cancel_payment_intent", intent(states.CANCELING), Answered(
        reading=IntentReading(payment_intent_id="pi_1", status="canceled", cancellation_reason="abandoned"))),
    ("create_transfer", transfer(), Answered(reading=TRANSFER)),
    ("create_transfer", transfer(), Declined(trouble=NO, http_status=402)),
    ("create_refund", ASKED_BACK, Answered(reading=refund())),
    ("create_refund", ASKED_BACK, Declined(trouble=NO, http_status=402)),
    ("reverse_transfer", TAKEN_BACK, Answered(reading=REVERSAL)),
    ("reverse_transfer", TAKEN_BACK, Declined(trouble=NO, http_status=402)),
    ("create_account", Account("trn_1", "US", states.REQUESTED, None, None, [], False), Answered(reading=ACCOUNT)),
    ("create_customer", Customer("emp_1", states.REQUESTED, None), Answered(
        reading=CustomerReading(customer_id="cus_1"))),
    ("detach_payment_method", SAVED, Answered(reading=MethodReading(payment_method_id="pm_1", attached=False))),
    ("submit_dispute_evidence", risks.read(risks.new(DOUBTS[0], CHARGED), DOUBTS[0]).record, Answered(
        reading=EvidenceReading(dispute_id="du_1", submitted=True))),
]  # fmt: skip


@pytest.mark.scenario(79)
@pytest.mark.parametrize(
    ("operation", "row", "answer"), ASKED, ids=[f"{n} {ask[0]} {ask[2].outcome}" for n, ask in enumerate(ASKED)]
)
def test_what_was_answered_is_answered_again_from_what_it_told(operation: str, row: Record, answer: Answer) -> None:
    call = attempt(operation)
    decided = domain.answer(call, row, answer, NOW, MADE)
    assert decided is not None

    (command,) = again(*decided.said, asked=True)

    assert isinstance(command, RecordAnswer)
    assert (command.attempt_id, command.about_key) == ("cmd_1", decided.said[0].key)
    repeated = domain.answer(call, row, command.answer, NOW, MADE)
    assert repeated is not None
    assert repeated.said == decided.said
    assert repeated.records[1:] == decided.records[1:]
    assert getattr(repeated.records[0], "state", "") == getattr(decided.records[0], "state", "")


def test_a_call_that_was_open_in_the_backup_is_known_by_its_id() -> None:
    said = facts.read(intent(), PAID).said
    assert isinstance(again(*said, calls=["cmd_1"])[0], RecordAnswer)
    assert not isinstance(again(*said, calls=["cmd_2"])[0], RecordAnswer)


def test_what_was_refused_without_a_call_has_no_answer() -> None:
    refused = stripe.CallRefused(
        asked_of="ctr_1", command_id="cmd_1", command_type="stripe.create_transfer.v1", about="pay_1", http_status=0,
        code="wrong_state", message="no",
    )  # fmt: skip
    assert again(refused, asked=True) == ()


def test_a_customer_of_whom_a_page_had_asked_is_asked_for_and_answered() -> None:
    made = stripe.CustomerCreated(employer_id="emp_1", customer_id="cus_1")
    asked, answered = again(made)
    assert asked == EnsureCustomer(employer_id="emp_1")
    assert isinstance(answered, RecordAnswer)
    assert answered.answer == Answered(reading=CustomerReading(customer_id="cus_1"))


def test_a_fact_that_nobody_knows_stops_the_recovery() -> None:
    strange = SimpleNamespace(key="ctr_1", body={}, envelope=Envelope("evt_1", "stripe.odd.v1", "", "", NOW, "", ""))
    for asked in (True, False):
        with pytest.raises(UntellableError, match="odd"):
            Answers((), Stripe()).of("cmd_1", [strange], asked=asked)
