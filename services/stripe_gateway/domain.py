"""Decisions: what a command asks of Stripe, and what an answer closes. Pure: rows, a message and the time in; rows and
facts out. What a reading of a thing at Stripe means is in `facts`."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from schemas import stripe
from schemas.base import Message
from services.stripe_gateway import facts, parameters, states
from services.stripe_gateway.facts import Told
from services.stripe_gateway.local_commands import AuthenticateIntent, EnsureCustomer
from services.stripe_gateway.parameters import Call
from services.stripe_gateway.readings import (
    Answer,
    Answered,
    CardTrouble,
    Declined,
    IntentReading,
    Reading,
    Refused,
    Unanswered,
)
from services.stripe_gateway.records import Account, Attempt, Customer, Intent, PaymentMethod, Record, Transfer


@dataclass(frozen=True, slots=True)
class Opening:
    """What a call is opened with: the command's identity, its place in the order, the time."""

    command_id: str
    arrival: str
    lane_of: Callable[[str], int]
    correlation_id: str
    traceparent: str
    now: datetime


@dataclass(frozen=True, slots=True)
class Decided:
    """Rows to write and facts to tell."""

    records: tuple[Record, ...] = ()
    said: tuple[Message, ...] = ()


NOTHING = Decided()


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
        refusal = _refuse(opening, command, base.funding_id, "no_customer", "the employer has saved no card yet")
        target = base.move(states.REFUSAL)
        return Decided((replace(base, state=target),) if target else (), (refusal,))
    call = parameters.create_payment_intent(command, customer.customer_id)
    return _ask(command, base.funding_id, call, asked, opening, base, base.move(command.type_name))


def confirm_payment_intent(
    intent: Intent | None, command: stripe.ConfirmPaymentIntent, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask to charge a card off-session."""
    if intent is None or intent.payment_intent_id != command.payment_intent_id:
        detail = f"the payment intent of {command.funding_id} is not {command.payment_intent_id}"
        return Decided(said=(_refuse(opening, command, command.funding_id, "unknown_payment_intent", detail),))
    if intent.state == states.SUCCEEDED:
        return NOTHING  # it was told that it is paid
    after = replace(intent, payment_method_id=command.payment_method_id, attempt=command.attempt)
    call = parameters.confirm_payment_intent(command)
    return _ask(command, intent.funding_id, call, asked, opening, after, intent.move(command.type_name))


def authenticate(
    intent: Intent, command: AuthenticateIntent, asked: Sequence[Attempt], opening: Opening
) -> Decided | None:
    """Ask for the bank's page. None: it is being asked for, or there is nothing to authenticate."""
    before = [attempt for attempt in asked if attempt.operation == "authenticate_payment_intent"]
    if intent.state != states.ACTION_REQUIRED or any(attempt.is_pending for attempt in before):
        return None
    number = 1 + sum(attempt.number == intent.attempt for attempt in before)
    call = parameters.authenticate_payment_intent(intent, number, command.return_url)
    return Decided((_open(command, intent.funding_id, call, opening),))


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
    after = replace(
        base,
        account_id=command.account_id,
        amount_minor=command.amount_minor,
        currency=command.currency,
        attempt=command.attempt,
    )
    call = parameters.create_transfer(command)
    return _ask(command, base.payout_id, call, asked, opening, after, base.move(command.type_name))


def create_account(
    account: Account | None, command: stripe.CreateAccount, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask for the trainer's connected account."""
    base = account or Account(command.trainer_id, command.country, states.NONE, None, None, [], False)
    call = parameters.create_account(command, _next_number(asked, "create_account"))
    after = replace(base, country=command.country)
    return _ask(command, base.trainer_id, call, asked, opening, after, base.move(command.type_name))


def ensure_customer(
    customer: Customer | None, command: EnsureCustomer, asked: Sequence[Attempt], opening: Opening
) -> Decided | None:
    """Ask for the employer's customer. None: there is one, or it is being asked for."""
    base = customer or Customer(command.employer_id, states.NONE, None)
    target = base.move("ensure")
    if target is None:
        return None
    call = parameters.create_customer(command.employer_id, _next_number(asked, "create_customer"))
    return _ask(command, base.employer_id, call, asked, opening, base, target)


def detach_payment_method(
    method: PaymentMethod | None, command: stripe.DetachPaymentMethod, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask to forget a card."""
    base = method or PaymentMethod(command.payment_method_id, command.employer_id, states.NONE)
    if base.state == states.DETACHED:
        return NOTHING
    call = parameters.detach_payment_method(command)
    whose = base.employer_id == command.employer_id
    return _ask(command, base.payment_method_id, call, asked, opening, base, base.state if whose else None)


def _next_number(asked: Sequence[Attempt], operation: str) -> int:
    """A refused call is stored under its key at Stripe: the next one needs another."""
    return 1 + sum(attempt.operation == operation and attempt.state == states.REFUSED for attempt in asked)


def _ask(
    command: Message,
    about: str,
    call: Call,
    asked: Sequence[Attempt],
    opening: Opening,
    after: Record,
    target: str | None,
) -> Decided:
    """Open a call, unless the same was asked before; a state that does not allow it is an open item."""
    same = next((attempt for attempt in asked if attempt.idempotency_key == call.idempotency_key), None)
    if same is not None and (same.parameters, same.target) == (call.parameters, call.target):
        return NOTHING  # the command came twice under two ids: its answer was told, or will be
    if same is not None:
        detail = f"{call.idempotency_key} was asked for with other parameters, by {same.attempt_id}"
        return Decided(said=(_refuse(opening, command, about, "asked_otherwise_before", detail),))
    if target is None:
        detail = f"{about} is {after.state}: {command.type_name} is not possible now"
        return Decided(said=(_refuse(opening, command, about, "wrong_state", detail),))
    return Decided((_open(command, about, call, opening), replace(after, state=target)))


def _open(command: Message, about: str, call: Call, opening: Opening) -> Attempt:
    return Attempt(
        opening.command_id, opening.arrival, command.key, opening.lane_of(command.key), about, call.operation,
        command.type_name, call.number, call.idempotency_key, call.target, call.parameters, states.OPEN,
        opening.correlation_id, opening.traceparent, opening.now, None, None, None, None, None, None,
    )  # fmt: skip


def _refuse(opening: Opening, command: Message, about: str, code: str, message: str) -> stripe.CallRefused:
    """The call is not made at all."""
    return stripe.CallRefused(
        asked_of=command.key,
        command_id=opening.command_id,
        command_type=command.type_name,
        about=about,
        http_status=0,
        code=code,
        message=message,
    )


# -- closing -----------------------------------------------------------------------------------------------


def answer(attempt: Attempt, record: Record | None, answered: Answer, now: datetime) -> Decided | None:
    """Close a call and tell what its answer means. None: it was closed before, by another owner or by a webhook."""
    match answered:
        case Answered():
            closed = _close(attempt, states.ANSWERED, now, object_id=_id_of(answered.reading))
            told = facts.read(_there(attempt, record), answered.reading) if closed else None
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
    return Decided((closed, told.record) if told.record != record else (closed,), told.said)


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
    return replace(
        attempt,
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
    return Told(replace(there, state=target) if target else there, (event,))


def _id_of(reading: Reading) -> str:
    match reading.kind:
        case "intent":
            return reading.payment_intent_id
        case "transfer":
            return reading.transfer_id
        case "account":
            return reading.account_id
        case "customer":
            return reading.customer_id
        case "method":
            return reading.payment_method_id
        case "bank_payout":
            return reading.stripe_payout_id


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
    match attempt.operation:
        case "create_payment_intent" | "create_transfer" | "create_account":
            return states.TOLD
        case "confirm_payment_intent" | "authenticate_payment_intent" if (
            isinstance(reading, IntentReading) and before.state != after.state
        ):
            match after.state:
                case states.SUCCEEDED:
                    return states.TOLD
                case states.FAILED | states.ACTION_REQUIRED:
                    return states.DECLINE
        case "detach_payment_method" if after.state == states.DETACHED:
            return states.TOLD
    return None
