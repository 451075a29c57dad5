"""The states of a call to Stripe, and of each thing at Stripe as we last told of it.

A thing moves by what Stripe says of it, whoever brings the word first: the answer to our call, a webhook, a later look.
What brings no move finds no edge, so every fact is told once and an old word is dropped.
"""

from services.runtime.states import Edge, StateTable

NONE = "none"

OPEN = "open"
SUCCEEDED = "succeeded"
DECLINED = "declined"
REFUSED = "refused"
UNKNOWN = "unknown"

CREATING = "creating"
CREATED = "created"
CONFIRMING = "confirming"
CANCELING = "canceling"
ACTION_REQUIRED = "action_required"
FAILED = "failed"

REQUESTED = "requested"
ATTACHED = "attached"
DETACHED = "detached"

PENDING = "pending"
REQUIRES_ACTION = "requires_action"
IN_TRANSIT = "in_transit"
PAID = "paid"
CANCELED = "canceled"
SET_ASIDE = "set_aside"
REVERSED = "reversed"

RAISED = "raised"
SETTLED = "settled"
CLOSED = "closed"
KNOWN = "known"

ANSWERED = "answered"
DECLINE = "decline"
REFUSAL = "refusal"
NO_ANSWER = "no_answer"
TOLD = "told"
SEEN = "seen"
CHARGED = "charged"
CONVERTED = "converted"
AUTHENTICATION = "authentication"
WITHDRAWN = "withdrawn"
MENDED = "mended"

_ASKED = "a call was asked for: what comes of it is told when Stripe has answered"

_CREATE_INTENT = "stripe.create_payment_intent.v1"
_CONFIRM_INTENT = "stripe.confirm_payment_intent.v1"
_CANCEL_INTENT = "stripe.cancel_payment_intent.v1"
_CREATE_TRANSFER = "stripe.create_transfer.v1"
_CREATE_REFUND = "stripe.create_refund.v1"
_REVERSE = "stripe.reverse_transfer.v1"
_CREATE_ACCOUNT = "stripe.create_account.v1"

_CALL_REFUSED = "stripe.call_refused.v1"
_INTENT_CREATED = "stripe.payment_intent_created.v1"
_INTENT_SUCCEEDED = "stripe.payment_intent_succeeded.v1"
_CHARGE_CONVERTED = "stripe.charge_converted.v1"
_INTENT_FAILED = "stripe.payment_intent_failed.v1"
_INTENT_ACTION = "stripe.payment_intent_action_required.v1"
_INTENT_CANCELED = "stripe.payment_intent_canceled.v1"
_REFUND_CHANGED = "stripe.refund_changed.v1"
_CONVERTED_REFUND = "stripe.converted_refund_changed.v1"
_REFUND_REFUSED = "stripe.refund_refused.v1"
_DISPUTE = "stripe.charge_dispute_changed.v1"
_SUBMIT_EVIDENCE = "stripe.submit_dispute_evidence.v1"
_EVIDENCE_SUBMITTED = "stripe.dispute_evidence_submitted.v1"
_WARNING = "stripe.early_fraud_warning_raised.v1"
_REVIEW = "stripe.review_changed.v1"
_BALANCE = "stripe.platform_balance_changed.v1"
_ALARM = "stripe.platform_alarm.v1"
_TRANSFER_REVERSED = "stripe.transfer_reversed.v1"
_REVERSAL_REFUSED = "stripe.reversal_refused.v1"
_TRANSFER_CREATED = "stripe.transfer_created.v1"
_TRANSFER_FAILED = "stripe.transfer_failed.v1"
_ACCOUNT_CREATED = "stripe.account_created.v1"
_ACCOUNT_UPDATED = "stripe.account_updated.v1"
_CUSTOMER_CREATED = "stripe.customer_created.v1"
_METHOD_ATTACHED = "stripe.payment_method_attached.v1"
_METHOD_UPDATED = "stripe.payment_method_updated.v1"
_METHOD_DETACHED = "stripe.payment_method_detached.v1"
_BANK = "stripe.bank_payout_changed.v1"

ATTEMPT = StateTable(
    name="call",
    initial=OPEN,
    terminal=(SUCCEEDED, DECLINED, REFUSED),
    edges=(
        Edge(OPEN, ANSWERED, SUCCEEDED),
        # Stripe said no in a way that is a fact of business: a card, an account, a balance.
        Edge(OPEN, DECLINE, DECLINED),
        # Stripe said no in a way that no rule foresees.
        Edge(OPEN, REFUSAL, REFUSED, _CALL_REFUSED),
        # Nobody can say whether it was done: the janitor looks for it, and it is an open item for an operator.
        Edge(OPEN, NO_ANSWER, UNKNOWN),
        # A webhook or a look said first that it was done.
        Edge(OPEN, TOLD, SUCCEEDED),
        Edge(UNKNOWN, ANSWERED, SUCCEEDED),
        Edge(UNKNOWN, DECLINE, DECLINED),
        Edge(UNKNOWN, REFUSAL, REFUSED, _CALL_REFUSED),
        Edge(UNKNOWN, TOLD, SUCCEEDED),
    ),
    silent=dict.fromkeys(
        (ANSWERED, DECLINE, NO_ANSWER, TOLD),
        "a call is the gateway's own: the thing that it is about tells what happened",
    ),
)

_WHERE_MONEY_MAY_COME_IN = (CREATING, CREATED, CONFIRMING, ACTION_REQUIRED, CANCELING, FAILED, REFUSED)

INTENT = StateTable(
    name="payment intent",
    initial=NONE,
    terminal=(SUCCEEDED, SET_ASIDE, CANCELED),
    edges=(
        Edge(NONE, _CREATE_INTENT, CREATING),
        Edge(NONE, REFUSAL, REFUSED, _CALL_REFUSED),
        Edge(CREATING, SEEN, CREATED, _INTENT_CREATED),
        Edge(CREATING, REFUSAL, REFUSED, _CALL_REFUSED),
        Edge(CREATED, _CONFIRM_INTENT, CONFIRMING),
        Edge(FAILED, _CONFIRM_INTENT, CONFIRMING),
        # Another method at any try: it is the same intent, so there is never a second charge.
        Edge(ACTION_REQUIRED, _CONFIRM_INTENT, CONFIRMING),
        Edge(CONFIRMING, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(CONFIRMING, DECLINE, FAILED, _INTENT_FAILED),
        Edge(CONFIRMING, AUTHENTICATION, ACTION_REQUIRED, _INTENT_ACTION),
        Edge(CONFIRMING, REFUSAL, FAILED, _CALL_REFUSED),
        Edge(ACTION_REQUIRED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(ACTION_REQUIRED, DECLINE, FAILED, _INTENT_FAILED),
        # Once it is to be canceled no further try is made; one that was under way may still bring money.
        *(Edge(state, _CANCEL_INTENT, CANCELING) for state in (CREATED, CONFIRMING, FAILED, ACTION_REQUIRED)),
        Edge(CANCELING, WITHDRAWN, CANCELED, _INTENT_CANCELED),
        Edge(CANCELING, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(CANCELING, REFUSAL, FAILED, _CALL_REFUSED),
        # Canceled at Stripe by hand, or by Stripe itself.
        *(Edge(state, WITHDRAWN, CANCELED, _INTENT_CANCELED) for state in (CREATED, CONFIRMING, FAILED)),
        Edge(ACTION_REQUIRED, WITHDRAWN, CANCELED, _INTENT_CANCELED),
        # Money that came in counts, whatever was told before.
        Edge(CREATING, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(CREATED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(FAILED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(REFUSED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        # Money that came in another currency than was charged is none that could be held or transferred.
        *(Edge(state, CONVERTED, SET_ASIDE, _CHARGE_CONVERTED) for state in _WHERE_MONEY_MAY_COME_IN),
    ),
    silent=dict.fromkeys((_CREATE_INTENT, _CONFIRM_INTENT, _CANCEL_INTENT), _ASKED),
)

TRANSFER = StateTable(
    name="transfer",
    initial=NONE,
    terminal=(CREATED,),
    edges=(
        Edge(NONE, _CREATE_TRANSFER, REQUESTED),
        Edge(REQUESTED, SEEN, CREATED, _TRANSFER_CREATED),
        Edge(REQUESTED, DECLINE, FAILED, _TRANSFER_FAILED),
        Edge(REQUESTED, REFUSAL, FAILED, _CALL_REFUSED),
        Edge(FAILED, _CREATE_TRANSFER, REQUESTED),
        # Money that moved counts, whatever was told before.
        Edge(FAILED, SEEN, CREATED, _TRANSFER_CREATED),
    ),
    silent={_CREATE_TRANSFER: _ASKED},
)

_REFUND_STATUSES = (PENDING, REQUIRES_ACTION, SUCCEEDED, FAILED, CANCELED)

REFUND = StateTable(
    name="refund",
    initial=NONE,
    terminal=(FAILED, CANCELED),
    edges=(
        Edge(NONE, _CREATE_REFUND, REQUESTED),
        Edge(REFUSED, _CREATE_REFUND, REQUESTED),
        Edge(REQUESTED, DECLINE, REFUSED, _REFUND_REFUSED),
        Edge(REQUESTED, REFUSAL, REFUSED, _CALL_REFUSED),
        # From nothing: it was made at Stripe by hand.
        *(
            Edge(state, SEEN, status, _REFUND_CHANGED, when=status)
            for state in (NONE, REQUESTED, REFUSED, PENDING, REQUIRES_ACTION)
            for status in _REFUND_STATUSES
        ),
        # The bank may send it back within thirty days.
        *(Edge(SUCCEEDED, SEEN, status, _REFUND_CHANGED, when=status) for status in (SUCCEEDED, FAILED)),
        *(Edge(status, SEEN, status, _REFUND_CHANGED, when=status) for status in (FAILED, CANCELED)),
        # Of a charge that Stripe converted, which is refunded at Stripe by hand.
        *(
            Edge(state, CONVERTED, status, _CONVERTED_REFUND, when=status)
            for state in (NONE, PENDING, REQUIRES_ACTION)
            for status in _REFUND_STATUSES
        ),
        *(Edge(SUCCEEDED, CONVERTED, status, _CONVERTED_REFUND, when=status) for status in (SUCCEEDED, FAILED)),
        *(Edge(status, CONVERTED, status, _CONVERTED_REFUND, when=status) for status in (FAILED, CANCELED)),
    ),
    silent={_CREATE_REFUND: _ASKED},
)
"""`seen` in the same state says something only when more has moved, or it waits for another reason."""

REVERSAL = StateTable(
    name="transfer's reversal",
    initial=NONE,
    terminal=(REVERSED,),
    edges=(
        Edge(NONE, _REVERSE, REQUESTED),
        Edge(REQUESTED, SEEN, REVERSED, _TRANSFER_REVERSED),
        Edge(REQUESTED, DECLINE, REFUSED, _REVERSAL_REFUSED),
        Edge(REQUESTED, REFUSAL, REFUSED, _CALL_REFUSED),
        # Money that moved counts, whatever was told before; from nothing: it was made at Stripe by hand.
        Edge(REFUSED, SEEN, REVERSED, _TRANSFER_REVERSED),
        Edge(NONE, SEEN, REVERSED, _TRANSFER_REVERSED),
    ),
    silent={_REVERSE: _ASKED},
)

ACCOUNT = StateTable(
    name="connected account",
    initial=NONE,
    terminal=(CREATED,),
    edges=(
        Edge(NONE, _CREATE_ACCOUNT, REQUESTED),
        Edge(REQUESTED, SEEN, CREATED, _ACCOUNT_CREATED),
        Edge(REQUESTED, REFUSAL, REFUSED, _CALL_REFUSED),
        Edge(REFUSED, _CREATE_ACCOUNT, REQUESTED),
        Edge(REFUSED, SEEN, CREATED, _ACCOUNT_CREATED),
        Edge(CREATED, SEEN, CREATED, _ACCOUNT_UPDATED),
    ),
    silent={_CREATE_ACCOUNT: _ASKED},
)
"""`seen` in `created` says something only when the account can do or needs something else than before."""

CUSTOMER = StateTable(
    name="customer",
    initial=NONE,
    terminal=(CREATED,),
    edges=(
        Edge(NONE, "ensure", REQUESTED),
        Edge(REQUESTED, SEEN, CREATED, _CUSTOMER_CREATED),
        Edge(REQUESTED, REFUSAL, REFUSED, _CALL_REFUSED),
        Edge(REFUSED, "ensure", REQUESTED),
        Edge(REFUSED, SEEN, CREATED, _CUSTOMER_CREATED),
    ),
    silent={"ensure": _ASKED},
)

PAYMENT_METHOD = StateTable(
    name="payment method",
    initial=NONE,
    terminal=(DETACHED,),
    edges=(
        Edge(NONE, ATTACHED, ATTACHED, _METHOD_ATTACHED),
        Edge(ATTACHED, ATTACHED, ATTACHED, _METHOD_UPDATED),
        Edge(NONE, DETACHED, DETACHED, _METHOD_DETACHED),
        Edge(ATTACHED, DETACHED, DETACHED, _METHOD_DETACHED),
    ),
)
"""`attached` again says something only when the card's expiry or digits are others than before."""

BANK_PAYOUT = StateTable(
    name="bank payout",
    initial=NONE,
    terminal=(FAILED, CANCELED),
    edges=(
        *(Edge(NONE, SEEN, status, _BANK, when=status) for status in (PENDING, IN_TRANSIT, PAID, FAILED, CANCELED)),
        *(Edge(PENDING, SEEN, status, _BANK, when=status) for status in (PENDING, IN_TRANSIT, PAID, FAILED, CANCELED)),
        *(Edge(IN_TRANSIT, SEEN, status, _BANK, when=status) for status in (IN_TRANSIT, PAID, FAILED, CANCELED)),
        # "Paid" is Stripe's expectation: the bank may send it back within five business days.
        *(Edge(PAID, SEEN, status, _BANK, when=status) for status in (PAID, FAILED)),
        *(Edge(status, SEEN, status, _BANK, when=status) for status in (FAILED, CANCELED)),
    ),
)
"""`seen` in the same state says something only when Stripe now tells more of it, e.g. which transfers it carries."""

_INQUIRY = ("warning_needs_response", "warning_under_review")
ANSWERABLE = ("warning_needs_response", "needs_response")
"""The bank asks, and takes one answer."""
_OPEN_DISPUTE = ("needs_response", "under_review")
_APPEAL = ("appeal_needs_response", "appeal_under_review")
_DECIDED = ("won", "lost")
_AFTER = {
    NONE: (*_INQUIRY, "warning_closed", *_OPEN_DISPUTE, *_APPEAL, "prevented", *_DECIDED),
    "warning_needs_response": (*_INQUIRY, "warning_closed", *_OPEN_DISPUTE, "prevented", *_DECIDED),
    "warning_under_review": (*_INQUIRY, "warning_closed", *_OPEN_DISPUTE, "prevented", *_DECIDED),
    # A bank may dispute in earnest what it only asked about before.
    "warning_closed": ("warning_closed", *_OPEN_DISPUTE, *_DECIDED),
    "needs_response": (*_OPEN_DISPUTE, "prevented", *_DECIDED),
    "under_review": (*_OPEN_DISPUTE, "prevented", *_DECIDED),
    # What was lost may be appealed, and a decision may be turned over either way.
    "won": (*_APPEAL, *_DECIDED),
    "lost": (*_APPEAL, *_DECIDED),
    "appeal_needs_response": (*_APPEAL, *_DECIDED),
    "appeal_under_review": (*_APPEAL, *_DECIDED),
    "prevented": ("prevented",),
}

DISPUTE = StateTable(
    name="card dispute",
    initial=NONE,
    terminal=("prevented",),
    edges=(
        *(Edge(state, SEEN, to, _DISPUTE, when=to) for state, after in _AFTER.items() for to in after),
        *(Edge(state, _SUBMIT_EVIDENCE, state) for state in ANSWERABLE),
        # The answer to our call; a webhook may have told before how the dispute stands then.
        *(Edge(state, ANSWERED, state, _EVIDENCE_SUBMITTED) for state in _AFTER if state != NONE),
    ),
    silent={_SUBMIT_EVIDENCE: _ASKED},
)
"""`seen` in the same state says something only when more has moved, or there is more to know. `won` and `lost` are the
end of nearly all of them."""

WARNING = StateTable(
    name="early fraud warning",
    initial=NONE,
    terminal=(SETTLED,),
    edges=(
        Edge(NONE, SEEN, RAISED, _WARNING, when="actionable"),
        Edge(NONE, SEEN, SETTLED, _WARNING, when="over"),
        # The charge was refunded or disputed meanwhile.
        Edge(RAISED, SEEN, SETTLED, _WARNING, when="over"),
    ),
)

REVIEW = StateTable(
    name="review",
    initial=NONE,
    terminal=(CLOSED,),
    edges=(
        Edge(NONE, SEEN, OPEN, _REVIEW, when=OPEN),
        Edge(NONE, SEEN, CLOSED, _REVIEW, when=CLOSED),
        Edge(OPEN, SEEN, CLOSED, _REVIEW, when=CLOSED),
    ),
)

BALANCE = StateTable(
    name="platform balance",
    initial=NONE,
    terminal=(KNOWN,),
    edges=(Edge(NONE, SEEN, KNOWN, _BALANCE), Edge(KNOWN, SEEN, KNOWN, _BALANCE)),
)
"""One for each currency; `seen` again says something only when a sum changed."""

ALARM = StateTable(
    name="alarm",
    initial=NONE,
    terminal=(),
    edges=(
        Edge(NONE, SEEN, RAISED, _ALARM),
        Edge(RAISED, MENDED, SETTLED),
        Edge(SETTLED, SEEN, RAISED, _ALARM),
    ),
    silent={MENDED: "an alarm is for operators; that its cause is gone is seen in what mended it"},
)
"""One for each thing that is wrong: told once until it was right again."""

TABLES = (
    ATTEMPT, INTENT, REFUND, TRANSFER, REVERSAL, DISPUTE, WARNING, REVIEW, ACCOUNT, CUSTOMER, PAYMENT_METHOD,
    BANK_PAYOUT, BALANCE, ALARM,
)  # fmt: skip
