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
ACTION_REQUIRED = "action_required"
FAILED = "failed"

REQUESTED = "requested"
ATTACHED = "attached"
DETACHED = "detached"

PENDING = "pending"
IN_TRANSIT = "in_transit"
PAID = "paid"
CANCELED = "canceled"

ANSWERED = "answered"
DECLINE = "decline"
REFUSAL = "refusal"
NO_ANSWER = "no_answer"
TOLD = "told"
SEEN = "seen"
CHARGED = "charged"
AUTHENTICATION = "authentication"

_CREATE_INTENT = "stripe.create_payment_intent.v1"
_CONFIRM_INTENT = "stripe.confirm_payment_intent.v1"
_CREATE_TRANSFER = "stripe.create_transfer.v1"
_CREATE_ACCOUNT = "stripe.create_account.v1"

_CALL_REFUSED = "stripe.call_refused.v1"
_INTENT_CREATED = "stripe.payment_intent_created.v1"
_INTENT_SUCCEEDED = "stripe.payment_intent_succeeded.v1"
_INTENT_FAILED = "stripe.payment_intent_failed.v1"
_INTENT_ACTION = "stripe.payment_intent_action_required.v1"
_TRANSFER_CREATED = "stripe.transfer_created.v1"
_TRANSFER_FAILED = "stripe.transfer_failed.v1"
_ACCOUNT_CREATED = "stripe.account_created.v1"
_ACCOUNT_UPDATED = "stripe.account_updated.v1"
_CUSTOMER_CREATED = "stripe.customer_created.v1"
_METHOD_ATTACHED = "stripe.payment_method_attached.v1"
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
)

INTENT = StateTable(
    name="payment intent",
    initial=NONE,
    terminal=(SUCCEEDED,),
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
        # Money that came in counts, whatever was told before.
        Edge(CREATING, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(CREATED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(FAILED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
        Edge(REFUSED, CHARGED, SUCCEEDED, _INTENT_SUCCEEDED),
    ),
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
)

PAYMENT_METHOD = StateTable(
    name="payment method",
    initial=NONE,
    terminal=(DETACHED,),
    edges=(
        Edge(NONE, ATTACHED, ATTACHED, _METHOD_ATTACHED),
        Edge(NONE, DETACHED, DETACHED, _METHOD_DETACHED),
        Edge(ATTACHED, DETACHED, DETACHED, _METHOD_DETACHED),
    ),
)

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

TABLES = (ATTEMPT, INTENT, TRANSFER, ACCOUNT, CUSTOMER, PAYMENT_METHOD, BANK_PAYOUT)
