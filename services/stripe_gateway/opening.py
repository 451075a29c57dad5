"""Opening a call: what every decision that asks something of Stripe has in common. Pure."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas import stripe
from schemas.base import Message
from services.stripe_gateway import states
from services.stripe_gateway.parameters import Call
from services.stripe_gateway.records import Attempt, Record


@dataclass(frozen=True, slots=True)
class Opening:
    """What a call is opened with: the command's identity, its place in the order, the time."""

    command_id: str
    arrival: str
    lane_of: Callable[[str], int]
    correlation_id: str
    traceparent: str
    now: datetime
    asked_at: datetime
    """When the command was given: the call may be as old as that."""


@dataclass(frozen=True, slots=True)
class Decided:
    """Rows to write and facts to tell."""

    records: tuple[Record, ...] = ()
    said: tuple[Message, ...] = ()


NOTHING = Decided()


def next_number(asked: Sequence[Attempt], operation: str) -> int:
    """A refused call is stored under its key at Stripe: the next one needs another."""
    return 1 + sum(attempt.operation == operation and attempt.state == states.REFUSED for attempt in asked)


def ask(
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
        return Decided(said=(refuse(opening, command, about, "asked_otherwise_before", detail),))
    if target is None:
        detail = f"{about} is {after.state}: {command.type_name} is not possible now"
        return Decided(said=(refuse(opening, command, about, "wrong_state", detail),))
    return Decided((open_call(command, about, call, opening), after._replace(state=target)))


def open_call(command: Message, about: str, call: Call, opening: Opening) -> Attempt:
    return Attempt(
        opening.command_id, opening.arrival, command.key, opening.lane_of(command.key), about, call.operation,
        command.type_name, call.number, call.idempotency_key, call.target, call.parameters, states.OPEN,
        opening.correlation_id, opening.traceparent, opening.asked_at, None, None, None, None, None, None,
    )  # fmt: skip


def refuse_other_intent(
    opening: Opening,
    command: stripe.ConfirmPaymentIntent | stripe.CancelPaymentIntent | stripe.CreateRefund,
    about: str,
) -> Decided:
    """The payment intent that the command names is not the funding's: no money of another one moves."""
    detail = f"the payment intent of {command.funding_id} is not {command.payment_intent_id}"
    return Decided(said=(refuse(opening, command, about, "unknown_payment_intent", detail),))


def refuse(opening: Opening, command: Message, about: str, code: str, message: str) -> stripe.CallRefused:
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
