"""Each move of a call and of a thing at Stripe: where it leads, and that it says what its table says."""

from typing import Any

import pytest

from schemas import stripe
from services.runtime.states import StateTable
from services.stripe_gateway import domain, facts, money_back, platform_account, risks, states
from services.stripe_gateway.local_commands import EnsureCustomer
from services.stripe_gateway.opening import Decided
from services.stripe_gateway.readings import (
    AccountReading,
    Answered,
    BalanceReading,
    BankPayoutReading,
    CardTrouble,
    CustomerReading,
    Declined,
    DisputeReading,
    IntentReading,
    MethodReading,
    RefundReading,
    Refused,
    ReversalReading,
    ReviewReading,
    TransferReading,
    Unanswered,
    WarningReading,
)
from services.stripe_gateway.records import (
    Account,
    Alarm,
    Attempt,
    Balance,
    BankPayout,
    Customer,
    Dispute,
    FraudWarning,
    Intent,
    PaymentMethod,
    Refund,
    Reversal,
    Review,
)
from tests.unit.stripe_gateway.builders import (
    ACCOUNT,
    CANCEL,
    CONFIRM,
    CREATE,
    CUSTOMER,
    MADE,
    NOW,
    PAID,
    REFUND,
    REVERSE,
    TRANSFER,
    attempt,
    declined,
    intent,
    opening,
    transfer,
)

REFUSED = Refused(code="parameter_unknown", message="no", http_status=400)
TROUBLE = CardTrouble(code="balance_insufficient", message="no")
CHARGED = intent(states.SUCCEEDED)


def refund(state: str) -> Refund:
    return money_back.new_refund("rfd_1", intent(states.SUCCEEDED), 50_000, "usd", by_hand=False)._replace(state=state)


def reversal(state: str) -> Reversal:
    return money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)._replace(state=state)


def account(state: str) -> Account:
    return Account("trn_1", "US", state, "acct_1" if state == states.CREATED else None, None, [], False)


def told(found: Any) -> tuple[str, list[str]]:
    """The state of the thing, and the types of what was said."""
    rows = [found.record] if hasattr(found, "record") else [r for r in found.records if not isinstance(r, Attempt)]
    assert len(rows) == 1
    return rows[0].state, [message.type_name for message in found.said]


def says(table: StateTable, state: str, trigger: str, when: str = "") -> list[str]:
    edge = table.edge(state, trigger, when)
    assert edge is not None, (table.name, state, trigger, when)
    return [edge.emits] if edge.emits else []


# -- calls -------------------------------------------------------------------------------------------------

ANSWERS = [
    (states.ANSWERED, Answered(reading=PAID), states.SUCCEEDED),
    (states.DECLINE, Declined(trouble=CardTrouble(code="card_declined"), http_status=402), states.DECLINED),
    (states.REFUSAL, REFUSED, states.REFUSED),
]


@pytest.mark.parametrize("state", [states.OPEN, states.UNKNOWN])
@pytest.mark.parametrize(("trigger", "answer", "becomes"), ANSWERS, ids=[trigger for trigger, _, _ in ANSWERS])
def test_a_call_is_closed_by_its_answer_however_late_it_comes(
    state: str, trigger: str, answer: Any, becomes: str
) -> None:
    decided = domain.answer(attempt(state=state), intent(), answer, NOW)
    assert decided is not None
    assert [record.state for record in decided.records if isinstance(record, Attempt)] == [becomes]
    said = [message.type_name for message in decided.said]
    assert set(says(states.ATTEMPT, state, trigger)) <= set(said)


def test_a_call_whose_outcome_is_not_known_stays_so_without_an_answer() -> None:
    assert domain.answer(attempt(state=states.UNKNOWN), intent(), Unanswered(reason="again"), NOW) is None


# -- asking ------------------------------------------------------------------------------------------------


def asks(decided: Decided | None, state: str) -> bool:
    """Whether a call was opened and the thing is in that state."""
    assert decided is not None
    opened = [record for record in decided.records if isinstance(record, Attempt)]
    rows = [record.state for record in decided.records if not isinstance(record, Attempt)]
    assert len(opened) == len(rows) == 1 or (opened, rows) == ([], [])
    return rows == [state] and decided.said == ()


@pytest.mark.parametrize(
    ("state", "may_confirm", "may_cancel"),
    [
        (states.CREATING, False, False),
        (states.CREATED, True, True),
        (states.CONFIRMING, False, True),
        (states.ACTION_REQUIRED, True, True),
        (states.FAILED, True, True),
        (states.CANCELING, False, False),
        (states.REFUSED, False, False),
    ],
)
def test_what_may_be_asked_of_an_intent_in_each_state(state: str, may_confirm: bool, may_cancel: bool) -> None:
    row = intent(state, payment_intent_id="pi_1")
    assert asks(domain.confirm_payment_intent(row, CONFIRM, [], opening()), states.CONFIRMING) == may_confirm
    assert asks(domain.cancel_payment_intent(row, CANCEL, [], opening()), states.CANCELING) == may_cancel


@pytest.mark.parametrize("state", [states.SUCCEEDED, states.CANCELED, states.CANCELING])
def test_an_intent_that_is_over_or_being_cancelled_is_not_cancelled_again(state: str) -> None:
    assert domain.cancel_payment_intent(intent(state), CANCEL, [], opening()) == Decided()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: domain.create_payment_intent(None, CUSTOMER, CREATE, [], opening()),
        lambda: domain.create_transfer(None, TRANSFER, [], opening()),
        lambda: domain.create_transfer(transfer(states.FAILED), TRANSFER, [], opening()),
        lambda: money_back.create_refund(None, CHARGED, REFUND, [], opening()),
        lambda: money_back.create_refund(refund(states.REFUSED), CHARGED, REFUND, [], opening()),
        lambda: money_back.reverse_transfer(None, MADE, REVERSE, [], opening()),
        lambda: domain.create_account(None, ACCOUNT, [], opening()),
        lambda: domain.create_account(account(states.REFUSED), ACCOUNT, [], opening()),
        lambda: domain.ensure_customer(None, EnsureCustomer(employer_id="emp_1"), [], opening()),
        lambda: domain.ensure_customer(
            Customer("emp_1", states.REFUSED, None), EnsureCustomer(employer_id="emp_1"), [], opening()
        ),
    ],
    ids=["intent", "transfer", "transfer again", "refund", "refund again", "reversal", "account", "account again",
         "customer", "customer again"],
)  # fmt: skip
def test_what_is_new_or_was_refused_may_be_asked_for(ask: Any) -> None:
    found = ask()
    [row] = [record for record in found.records if not isinstance(record, Attempt)]
    assert row.state == (states.CREATING if isinstance(row, Intent) else states.REQUESTED)
    assert found.said == ()


@pytest.mark.parametrize(
    "ask",
    [
        lambda: money_back.reverse_transfer(reversal(states.REQUESTED), MADE, REVERSE, [], opening()),
        lambda: money_back.reverse_transfer(reversal(states.REFUSED), MADE, REVERSE, [], opening()),
        lambda: domain.create_account(account(states.REQUESTED), ACCOUNT, [], opening()),
        lambda: domain.create_account(account(states.CREATED), ACCOUNT, [], opening()),
        lambda: domain.create_payment_intent(intent(states.CREATED), CUSTOMER, CREATE, [], opening()),
    ],
    ids=["reversal asked for", "reversal refused", "account asked for", "account there", "intent there"],
)
def test_what_is_asked_for_or_there_is_an_open_item(ask: Any) -> None:
    found = ask()
    assert found.records == ()
    [fact] = found.said
    assert isinstance(fact, stripe.CallRefused)
    assert fact.code == "wrong_state"


# -- refusals and declines ---------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("row", "becomes", "table"),
    [
        (intent(states.CREATING), states.REFUSED, states.INTENT),
        (intent(states.CONFIRMING), states.FAILED, states.INTENT),
        (intent(states.CANCELING), states.FAILED, states.INTENT),
        (transfer(states.REQUESTED), states.FAILED, states.TRANSFER),
        (refund(states.REQUESTED), states.REFUSED, states.REFUND),
        (reversal(states.REQUESTED), states.REFUSED, states.REVERSAL),
        (account(states.REQUESTED), states.REFUSED, states.ACCOUNT),
        (Customer("emp_1", states.REQUESTED, None), states.REFUSED, states.CUSTOMER),
    ],
    ids=lambda of: getattr(of, "state", getattr(of, "name", of)),
)
def test_a_refusal_ends_what_was_asked_for_and_is_an_open_item(row: Any, becomes: str, table: StateTable) -> None:
    decided = domain.answer(attempt(), row, REFUSED, NOW)
    assert decided is not None
    assert told(decided) == (becomes, says(table, row.state, states.REFUSAL))


def test_without_a_customer_no_intent_is_made_and_that_is_an_open_item() -> None:
    found = domain.create_payment_intent(None, None, CREATE, [], opening())
    assert told(found) == (states.REFUSED, says(states.INTENT, states.NONE, states.REFUSAL))


@pytest.mark.parametrize(
    ("decline", "becomes", "said"),
    [
        (lambda: facts.transfer_declined(transfer(), TROUBLE), states.FAILED,
         lambda: says(states.TRANSFER, states.REQUESTED, states.DECLINE)),
        (lambda: money_back.refund_declined(refund(states.REQUESTED), TROUBLE), states.REFUSED,
         lambda: says(states.REFUND, states.REQUESTED, states.DECLINE)),
        (lambda: money_back.reversal_declined(reversal(states.REQUESTED), TROUBLE), states.REFUSED,
         lambda: says(states.REVERSAL, states.REQUESTED, states.DECLINE)),
    ],
    ids=["transfer", "refund", "reversal"],
)  # fmt: skip
def test_a_decline_ends_what_was_asked_for_and_is_told(decline: Any, becomes: str, said: Any) -> None:
    assert told(decline()) == (becomes, said())


# -- readings ----------------------------------------------------------------------------------------------

AUTHENTICATE = declined(decline_code="authentication_required", code="authentication_required")
WITHDRAWN = IntentReading(payment_intent_id="pi_1", status="canceled")


@pytest.mark.parametrize(
    "state",
    [states.CREATING, states.CREATED, states.CONFIRMING, states.ACTION_REQUIRED, states.FAILED, states.CANCELING,
     states.REFUSED],
)  # fmt: skip
def test_from_each_state_money_that_came_in_is_told(state: str) -> None:
    found = facts.intent_read(intent(state), PAID)
    first = ["stripe.payment_intent_created.v1"] if state == states.CREATING else []
    assert told(found) == (states.SUCCEEDED, [*first, *says(states.INTENT, state, states.CHARGED)])


@pytest.mark.parametrize("state", [states.CONFIRMING, states.ACTION_REQUIRED])
def test_a_decline_of_a_charge_is_told(state: str) -> None:
    found = facts.intent_read(intent(state), declined())
    assert told(found) == (states.FAILED, says(states.INTENT, state, states.DECLINE))


def test_that_the_bank_wants_the_employer_is_told() -> None:
    found = facts.intent_read(intent(), AUTHENTICATE)
    assert told(found) == (states.ACTION_REQUIRED, says(states.INTENT, states.CONFIRMING, states.AUTHENTICATION))


@pytest.mark.parametrize(
    "state", [states.CREATED, states.CONFIRMING, states.FAILED, states.ACTION_REQUIRED, states.CANCELING]
)
def test_that_an_intent_was_cancelled_is_told(state: str) -> None:
    found = facts.intent_read(intent(state), WITHDRAWN)
    assert told(found) == (states.CANCELED, says(states.INTENT, state, states.WITHDRAWN))


def test_that_an_intent_is_there_is_told() -> None:
    found = facts.intent_read(
        intent(states.CREATING), IntentReading(payment_intent_id="pi_1", status="requires_payment_method")
    )
    assert told(found) == (states.CREATED, says(states.INTENT, states.CREATING, states.SEEN))


@pytest.mark.parametrize("state", [states.REQUESTED, states.FAILED])
def test_that_money_was_transferred_is_told_whatever_was_told_before(state: str) -> None:
    reading = TransferReading(transfer_id="tr_1", account_id="acct_1", amount_minor=120_000, currency="usd")
    assert told(facts.transfer_read(transfer(state), reading)) == (
        states.CREATED,
        says(states.TRANSFER, state, states.SEEN),
    )


@pytest.mark.parametrize("state", [states.NONE, states.REQUESTED, states.REFUSED])
def test_that_money_was_taken_back_is_told_whatever_was_told_before(state: str) -> None:
    reading = ReversalReading(
        stripe_reversal_id="trr_1", reversal_id="rev_1", transfer_id="tr_1", amount_minor=50_000, currency="usd"
    )
    found = money_back.reversal_read(reversal(state), MADE, reading)
    assert told(found) == (states.REVERSED, says(states.REVERSAL, state, states.SEEN))


REFUND_STATUSES = (states.PENDING, states.REQUIRES_ACTION, states.SUCCEEDED, states.FAILED, states.CANCELED)


@pytest.mark.parametrize(
    ("state", "follows"),
    [
        *((state, REFUND_STATUSES) for state in (states.NONE, states.REQUESTED, states.REFUSED, states.PENDING)),
        (states.REQUIRES_ACTION, REFUND_STATUSES),
        (states.SUCCEEDED, (states.SUCCEEDED, states.FAILED)),
        (states.FAILED, (states.FAILED,)),
        (states.CANCELED, (states.CANCELED,)),
    ],
)
def test_what_a_refund_can_become_and_that_it_is_told(state: str, follows: tuple[str, ...]) -> None:
    for status in REFUND_STATUSES:
        reading = RefundReading.model_validate(
            {
                "stripe_refund_id": "re_1", "refund_id": "rfd_1", "payment_intent_id": "pi_1", "status": status,
                "amount_minor": 50_000, "debited_minor": 50_000, "returned_minor": 0, "currency": "usd",
            }
        )  # fmt: skip
        found = money_back.refund_read(refund(state), reading)
        if status in follows:
            assert told(found) == (status, says(states.REFUND, state, states.SEEN, status))
        else:
            assert told(found) == (state, [])


@pytest.mark.parametrize("state", [states.REQUESTED, states.REFUSED])
def test_an_account_that_is_there_is_told(state: str) -> None:
    reading = AccountReading(account_id="acct_1", transfers="active", requirements=(), details_submitted=True)
    found = facts.account_read(account(state), reading)
    assert found.record.state == states.CREATED
    said = [message.type_name for message in found.said]
    assert said[:1] == says(states.ACCOUNT, state, states.SEEN)
    again = facts.account_read(account(states.CREATED), reading)
    assert told(again) == (states.CREATED, says(states.ACCOUNT, states.CREATED, states.SEEN))


@pytest.mark.parametrize("state", [states.REQUESTED, states.REFUSED])
def test_a_customer_that_is_there_is_told(state: str) -> None:
    found = facts.customer_read(Customer("emp_1", state, None), CustomerReading(customer_id="cus_1"))
    assert told(found) == (states.CREATED, says(states.CUSTOMER, state, states.SEEN))


def test_a_card_that_is_gone_is_told_from_wherever_it_was() -> None:
    gone = MethodReading(payment_method_id="pm_1", attached=False)
    for state in (states.NONE, states.ATTACHED):
        found = facts.method_read(PaymentMethod("pm_1", "emp_1", state), gone)
        assert told(found) == (states.DETACHED, says(states.PAYMENT_METHOD, state, states.DETACHED))


@pytest.mark.parametrize("state", [states.NONE, states.ATTACHED])
def test_a_card_that_is_saved_or_renewed_is_told(state: str) -> None:
    saved = MethodReading(payment_method_id="pm_1", attached=True, brand="visa", last4="4242")
    found = facts.method_read(PaymentMethod("pm_1", "emp_1", state), saved)
    assert told(found) == (states.ATTACHED, says(states.PAYMENT_METHOD, state, states.ATTACHED))


def test_a_card_that_is_gone_does_not_come_back() -> None:
    saved = MethodReading(payment_method_id="pm_1", attached=True)
    assert told(facts.method_read(PaymentMethod("pm_1", "emp_1", states.DETACHED), saved)) == (states.DETACHED, [])


BANK_STATUSES = ("pending", "in_transit", "paid", "failed", "canceled")


@pytest.mark.parametrize(
    ("state", "follows"),
    [
        ("none", BANK_STATUSES),
        ("pending", BANK_STATUSES),
        ("in_transit", ("in_transit", "paid", "failed", "canceled")),
        ("paid", ("paid", "failed")),
        ("failed", ("failed",)),
        ("canceled", ("canceled",)),
    ],
)
def test_what_a_bank_payout_can_become_and_that_it_is_told(state: str, follows: tuple[str, ...]) -> None:
    row = BankPayout("po_1", "trn_1", "acct_1", state, None, None, [])
    for status in BANK_STATUSES:
        reading = BankPayoutReading.model_validate(
            {"stripe_payout_id": "po_1", "account_id": "acct_1", "status": status, "amount_minor": 5,
             "currency": "usd", "transfer_ids": ("tr_1",)}
        )  # fmt: skip
        found = facts.bank_payout_read(row, reading)
        if status in follows:
            assert told(found) == (status, says(states.BANK_PAYOUT, state, states.SEEN, status))
        else:
            assert told(found) == (state, [])


# -- what makes a payment doubtful -------------------------------------------------------------------------

GROUPS: dict[str, tuple[str, ...]] = {
    "inquiry": ("warning_needs_response", "warning_under_review"),
    "closed inquiry": ("warning_closed",),
    "dispute": ("needs_response", "under_review"),
    "decision": ("won", "lost"),
    "appeal": ("appeal_needs_response", "appeal_under_review"),
    "prevented": ("prevented",),
}
"""Stripe's words for a dispute, by what they mean."""


@pytest.mark.parametrize(
    ("known", "follows"),
    [
        ("nothing", set(GROUPS)),
        ("inquiry", {"inquiry", "closed inquiry", "dispute", "decision", "prevented"}),
        # A bank may dispute in earnest what it only asked about before.
        ("closed inquiry", {"closed inquiry", "dispute", "decision"}),
        ("dispute", {"dispute", "decision", "prevented"}),
        # A decision may be appealed, and turned over either way.
        ("decision", {"decision", "appeal"}),
        ("appeal", {"decision", "appeal"}),
        ("prevented", {"prevented"}),
    ],
)
def test_what_a_card_dispute_can_become_and_that_it_is_told(known: str, follows: set[str]) -> None:
    for state in GROUPS.get(known, (states.NONE,)):
        for group, statuses in GROUPS.items():
            for status in statuses:
                reading = DisputeReading.model_validate(
                    {"dispute_id": "du_1", "charge_id": "ch_2", "status": status, "reason": "fraudulent",
                     "amount_minor": 5, "withdrawn_minor": 5, "reinstated_minor": 0, "fee_minor": 0,
                     "currency": "usd", "is_charge_refundable": False}
                )  # fmt: skip
                row = risks.new(reading, CHARGED)
                assert isinstance(row, Dispute)
                found = risks.read(row._replace(state=state), reading)
                if group in follows:
                    assert told(found) == (status, says(states.DISPUTE, state, states.SEEN, status))
                else:
                    assert told(found) == (state, [])


@pytest.mark.parametrize(
    ("state", "actionable", "becomes"),
    [("none", True, "raised"), ("none", False, "settled"), ("raised", False, "settled"),
     ("raised", True, None), ("settled", True, None), ("settled", False, None)],
)  # fmt: skip
def test_a_fraud_warning_is_told_when_it_is_raised_and_when_it_is_over(
    state: str, actionable: bool, becomes: str | None
) -> None:
    reading = WarningReading(warning_id="issfr_1", charge_id="ch_2", fraud_type="misc", actionable=actionable)
    row = risks.new(reading, CHARGED)
    assert isinstance(row, FraudWarning)
    found = told(risks.read(row._replace(state=state), reading))
    when = "actionable" if actionable else "over"
    assert found == ((becomes, says(states.WARNING, state, states.SEEN, when)) if becomes else (state, []))


@pytest.mark.parametrize(
    ("state", "open_", "becomes"),
    [("none", True, "open"), ("none", False, "closed"), ("open", False, "closed"), ("open", True, None),
     ("closed", True, None), ("closed", False, None)],
)  # fmt: skip
def test_a_review_is_told_when_it_is_opened_and_when_it_is_closed(state: str, open_: bool, becomes: str | None) -> None:
    reading = ReviewReading(review_id="prv_1", open=open_, reason="rule")
    row = risks.new(reading, CHARGED)
    assert isinstance(row, Review)
    found = told(risks.read(row._replace(state=state), reading))
    assert found == ((becomes, says(states.REVIEW, state, states.SEEN, becomes)) if becomes else (state, []))


# -- the platform's own account ----------------------------------------------------------------------------


def test_a_balance_is_told_when_it_is_first_seen_and_again() -> None:
    first = platform_account.balance_read(None, BalanceReading(
        currency="usd", available_minor=1, pending_minor=0, reserved_minor=0
    ))  # fmt: skip
    assert told(first) == (states.KNOWN, says(states.BALANCE, states.NONE, states.SEEN))
    assert isinstance(first.record, Balance)
    again = platform_account.balance_read(first.record, BalanceReading(
        currency="usd", available_minor=2, pending_minor=0, reserved_minor=0
    ))  # fmt: skip
    assert told(again) == (states.KNOWN, says(states.BALANCE, states.KNOWN, states.SEEN))


@pytest.mark.parametrize(
    ("state", "wrong", "becomes"),
    [("none", True, "raised"), ("raised", False, "settled"), ("settled", True, "raised"), ("none", False, None),
     ("raised", True, None), ("settled", False, None)],
)  # fmt: skip
def test_an_alarm_is_told_when_something_is_wrong_and_is_settled_in_silence(
    state: str, wrong: bool, becomes: str | None
) -> None:
    alarm = Alarm("code:platform", "code", "platform", state)
    found = told(platform_account.alarm_read(alarm, "code", "platform", "why", wrong=wrong))
    trigger = states.SEEN if wrong else states.MENDED
    assert found == ((becomes, says(states.ALARM, state, trigger)) if becomes else (state, []))
