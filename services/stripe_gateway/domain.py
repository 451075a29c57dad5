"""Decisions: what a command asks of Stripe, and what an answer closes. Pure: rows, a message and the time in; rows and
facts out. What a reading of a thing at Stripe means is in `facts`."""

from collections.abc import Sequence
from datetime import datetime, timedelta

from schemas import stripe
from services.stripe_gateway import facts, money_back, parameters, states
from services.stripe_gateway.local_commands import AuthenticateIntent, EnsureCustomer
from services.stripe_gateway.opening import (
    NOTHING,
    Decided,
    Opening,
    ask,
    next_number,
    open_call,
    refuse,
    refuse_other_intent,
)
from services.stripe_gateway.readings import (
    Answer,
    Answered,
    CardTrouble,
    Declined,
    IntentReading,
    Reading,
    Refused,
    ReversalReading,
    Unanswered,
)
from services.stripe_gateway.records import (
    Account,
    Attempt,
    Customer,
    Intent,
    PaymentMethod,
    Record,
    Refund,
    Reversal,
    Transfer,
)
from services.stripe_gateway.told import Told

# -- asking ------------------------------------------------------------------------------------------------


def create_payment_intent(
    intent: Intent | None,
    customer: Customer | None,
    command: stripe.CreatePaymentIntent,
    asked: Sequence[Attempt],
    opening: Opening,
) -> Decided:
    """Ask for the one payment intent of a funding."""
    base = intent or Intent(
        command.funding_id, command.contract_id, command.milestone_id, command.employer_id, command.charge_minor,
        command.currency, states.NONE, None, None, 0, None,
    )  # fmt: skip
    if customer is None or customer.customer_id is None:
        refusal = refuse(opening, command, base.funding_id, "no_customer", "the employer has saved no card yet")
        target = base.move(states.REFUSAL)
        return Decided((base._replace(state=target),) if target else (), (refusal,))
    call = parameters.create_payment_intent(command, customer.customer_id)
    return ask(command, base.funding_id, call, asked, opening, base, base.move(command.type_name))


def confirm_payment_intent(
    intent: Intent | None,
    command: stripe.ConfirmPaymentIntent,
    asked: Sequence[Attempt],
    opening: Opening,
    method: PaymentMethod | None = None,
) -> Decided:
    """Ask to charge a card off-session. One that is known to be gone or expired fails at once, without a call."""
    if intent is None or intent.payment_intent_id != command.payment_intent_id:
        return refuse_other_intent(opening, command, command.funding_id)
    if intent.state in (states.SUCCEEDED, states.SET_ASIDE):
        return NOTHING  # it was told that it is paid
    after = intent._replace(payment_method_id=command.payment_method_id, attempt=command.attempt)
    target = intent.move(command.type_name)
    trouble = _unusable(method, opening.now) if method else None
    if trouble is not None and target is not None:
        if command.attempt <= intent.attempt:
            return NOTHING  # this attempt was told
        told = facts.intent_declined(after._replace(state=target), trouble)
        return Decided((told.record,), told.said)
    call = parameters.confirm_payment_intent(command)
    return ask(command, intent.funding_id, call, asked, opening, after, target)


_SOMEWHERE_STILL = timedelta(hours=12)
"""A card is good to the end of its month, wherever that ends last."""


def _unusable(method: PaymentMethod, now: datetime) -> CardTrouble | None:
    """Why a card cannot be charged, as far as we know."""
    if method.state == states.DETACHED:
        return CardTrouble(code="payment_method_detached", message="The card was removed.")
    month = now - _SOMEWHERE_STILL
    if method.exp_year and (method.exp_year, method.exp_month) < (month.year, month.month):
        return CardTrouble(code="expired_card", message="The card has expired, and the bank has not renewed it.")
    return None


def cancel_payment_intent(
    intent: Intent | None, command: stripe.CancelPaymentIntent, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask to cancel a payment intent that nobody is to pay any more."""
    if intent is None or intent.payment_intent_id != command.payment_intent_id:
        return refuse_other_intent(opening, command, command.funding_id)
    if intent.state in (states.SUCCEEDED, states.SET_ASIDE, states.CANCELED, states.CANCELING):
        return NOTHING  # it was told, or will be
    call = parameters.cancel_payment_intent(command, next_number(asked, "cancel_payment_intent"))
    return ask(command, intent.funding_id, call, asked, opening, intent, intent.move(command.type_name))


def authenticate(
    intent: Intent, command: AuthenticateIntent, asked: Sequence[Attempt], opening: Opening
) -> Decided | None:
    """Ask for the bank's page. None: it is being asked for, or there is nothing to authenticate."""
    before = [attempt for attempt in asked if attempt.operation == "authenticate_payment_intent"]
    if intent.state != states.ACTION_REQUIRED or any(attempt.is_pending for attempt in before):
        return None
    number = 1 + sum(attempt.number == intent.attempt for attempt in before)
    call = parameters.authenticate_payment_intent(intent, number, command.return_url)
    return Decided((open_call(command, intent.funding_id, call, opening),))


def create_transfer(
    transfer: Transfer | None, command: stripe.CreateTransfer, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask to move released money to the trainer's account."""
    if transfer is not None and transfer.state == states.CREATED:
        return NOTHING  # one transfer a payout, and it was told
    base = transfer or Transfer(
        command.payout_id, command.contract_id, command.milestone_id, command.account_id, command.amount_minor,
        command.currency, states.NONE, 0, None,
    )  # fmt: skip
    after = base._replace(
        account_id=command.account_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        attempt=command.attempt,
    )
    call = parameters.create_transfer(command)
    return ask(command, base.payout_id, call, asked, opening, after, base.move(command.type_name))


def create_account(
    account: Account | None, command: stripe.CreateAccount, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask for the trainer's connected account."""
    base = account or Account(command.trainer_id, command.country, states.NONE, None, None, [], False)
    call = parameters.create_account(command, next_number(asked, "create_account"))
    after = base._replace(country=command.country)
    return ask(command, base.trainer_id, call, asked, opening, after, base.move(command.type_name))


def ensure_customer(
    customer: Customer | None, command: EnsureCustomer, asked: Sequence[Attempt], opening: Opening
) -> Decided | None:
    """Ask for the employer's customer. None: there is one, or it is being asked for."""
    base = customer or Customer(command.employer_id, states.NONE, None)
    target = base.move("ensure")
    if target is None:
        return None
    call = parameters.create_customer(command.employer_id, next_number(asked, "create_customer"))
    return ask(command, base.employer_id, call, asked, opening, base, target)


def detach_payment_method(
    method: PaymentMethod | None, command: stripe.DetachPaymentMethod, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask to forget a card."""
    base = method or PaymentMethod(command.payment_method_id, command.employer_id, states.NONE)
    if base.state == states.DETACHED:
        return NOTHING
    call = parameters.detach_payment_method(command)
    whose = base.employer_id == command.employer_id
    return ask(command, base.payment_method_id, call, asked, opening, base, base.state if whose else None)


# -- closing -----------------------------------------------------------------------------------------------


def answer(
    attempt: Attempt, record: Record | None, answered: Answer, now: datetime, transfer: Transfer | None = None
) -> Decided | None:
    """Close a call and tell what its answer means. None: it was closed before, by another owner or by a webhook.

    `transfer`: of the payout that a reversal is about.
    """
    match answered:
        case Answered():
            closed = _close(attempt, states.ANSWERED, now, object_id=_id_of(answered.reading))
            told = _read(_there(attempt, record), answered.reading, transfer) if closed else None
        case Declined():
            trouble = answered.trouble
            closed = _close(
                attempt, states.DECLINE, now, http_status=answered.http_status,
                code=trouble.decline_code or trouble.code, message=trouble.message, request_id=answered.request_id,
            )  # fmt: skip
            told = _declined(attempt, record, trouble) if closed else None
        case Refused():
            closed = _close(
                attempt, states.REFUSAL, now, http_status=answered.http_status, code=answered.code,
                message=answered.message, request_id=answered.request_id,
            )  # fmt: skip
            told = _refused(attempt, record, answered) if closed else None
        case Unanswered():
            closed = _close(attempt, states.NO_ANSWER, None, message=answered.reason)
            told = None
    if closed is None:
        return None
    if told is None:
        return Decided((closed,))
    return Decided((closed, told.record, *told.beside) if told.record != record else (closed,), told.said)


def _read(record: Record, reading: Reading, transfer: Transfer | None) -> Told:
    if isinstance(record, Reversal) and isinstance(reading, ReversalReading):
        if transfer is None:
            raise LookupError(f"the reversal {record.reversal_id} is of a transfer that is not in the database")
        return money_back.reversal_read(record, transfer, reading)
    return facts.read(record, reading)


def _close(
    attempt: Attempt,
    trigger: str,
    now: datetime | None,
    *,
    object_id: str | None = None,
    http_status: int | None = None,
    code: str | None = None,
    message: str | None = None,
    request_id: str | None = None,
) -> Attempt | None:
    target = attempt.move(trigger)
    if target is None:
        return None
    return attempt._replace(
        state=target,
        closed_at=now,
        object_id=object_id or attempt.object_id,
        http_status=http_status,
        code=code,
        message=message,
        request_id=request_id,
    )


def _there(attempt: Attempt, record: Record | None) -> Record:
    if record is None:
        raise LookupError(f"the call {attempt.attempt_id} is about {attempt.about}, which is not in the database")
    return record


def _declined(attempt: Attempt, record: Record | None, trouble: CardTrouble) -> Told:
    match _there(attempt, record):
        case Intent() as intent:
            on_session = attempt.operation == "authenticate_payment_intent"
            return facts.intent_declined(intent, trouble, on_session=on_session)
        case Transfer() as transfer:
            return facts.transfer_declined(transfer, trouble)
        case Refund() as refund:
            return money_back.refund_declined(refund, trouble)
        case Reversal() as reversal:
            return money_back.reversal_declined(reversal, trouble)
        case other:
            raise ValueError(
                f"{attempt.operation} of {attempt.about} cannot be declined: it is a {type(other).__name__}"
            )


def _refused(attempt: Attempt, record: Record | None, refused: Refused) -> Told:
    there = _there(attempt, record)
    event = stripe.CallRefused(
        asked_of=attempt.key,
        command_id=attempt.attempt_id,
        command_type=attempt.command_type,
        about=attempt.about,
        http_status=refused.http_status,
        code=refused.code,
        message=refused.message,
        request_id=refused.request_id,
    )
    target = there.move(states.REFUSAL)
    return Told(there._replace(state=target) if target else there, (event,))


def _id_of(reading: Reading) -> str:
    return str(getattr(reading, _IDS[reading.kind]))


_IDS = {
    "intent": "payment_intent_id",
    "refund": "stripe_refund_id",
    "transfer": "transfer_id",
    "reversal": "stripe_reversal_id",
    "account": "account_id",
    "customer": "customer_id",
    "method": "payment_method_id",
    "bank_payout": "stripe_payout_id",
    "evidence": "dispute_id",
}
"""Where a reading has Stripe's id."""


# -- hearing -----------------------------------------------------------------------------------------------


def heard(record: Record, reading: Reading, asked: Sequence[Attempt], now: datetime) -> Decided:
    """What a thing at Stripe, read anew, tells; a call that waits for just that is closed with it."""
    told = facts.read(record, reading)
    closed = []
    for attempt in asked:
        trigger = _settles(attempt, record, told.record, reading)
        if trigger is not None and (done := _close(attempt, trigger, now, object_id=_id_of(reading))) is not None:
            closed.append(done)
    return Decided((*closed, told.record) if told.record != record else tuple(closed), told.said)


def _settles(attempt: Attempt, before: Record, after: Record, reading: Reading) -> str | None:
    """How a reading closes a call that is open or unknown; None: it does not."""
    if not attempt.is_pending:
        return None
    if attempt.operation in _MAKE:
        return states.TOLD
    if attempt.operation in _CHARGE:
        moved = isinstance(reading, IntentReading) and before.state != after.state
        return _CHARGED.get(after.state) if moved else None
    return states.TOLD if after.state in _WANTED.get(attempt.operation, ()) else None


_MAKE = frozenset({"create_payment_intent", "create_transfer", "create_account", "create_refund"})
"""What makes a thing is done when the thing is there."""
_CHARGE = frozenset({"confirm_payment_intent", "authenticate_payment_intent"})
_CHARGED = {
    states.SUCCEEDED: states.TOLD,
    states.SET_ASIDE: states.TOLD,
    states.FAILED: states.DECLINE,
    states.ACTION_REQUIRED: states.DECLINE,
    states.CANCELED: states.DECLINE,
}
_WANTED = {
    "cancel_payment_intent": (states.CANCELED, states.SUCCEEDED, states.SET_ASIDE),
    "detach_payment_method": (states.DETACHED,),
}


def reversals_heard(
    transfer: Transfer,
    known: Sequence[Reversal],
    readings: Sequence[ReversalReading],
    asked: Sequence[Attempt],
    now: datetime,
) -> Decided:
    """All reversals of a transfer, read anew; the calls that wait for one of them are closed."""
    changed, after, said = money_back.reversals_read(transfer, known, readings)
    made = {row.reversal_id: row for row in changed}
    done = [
        _close(attempt, states.TOLD, now, object_id=made[attempt.about].stripe_reversal_id)
        for attempt in asked
        if attempt.operation == "reverse_transfer" and attempt.is_pending and attempt.about in made
    ]
    closed = [attempt for attempt in done if attempt is not None]
    return Decided((*closed, *changed, *((after,) if changed else ())), tuple(said))
