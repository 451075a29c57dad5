"""What the gateway keeps: calls, and each thing at Stripe as we last told of it. Fields are the tables' columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.runtime.states import StateTable
from services.stripe_gateway import states


def _move(table: StateTable, state: str, trigger: str, when: str = "") -> str | None:
    edge = table.edge(state, trigger, when)
    return edge.target if edge else None


@dataclass(frozen=True, slots=True)
class Attempt:
    """One call to Stripe: everything that is needed to make it, again and byte for byte, and its outcome."""

    attempt_id: str
    """The id of the command that it is for."""
    arrival: str
    """Rises with time: calls of one key are made in this order."""
    key: str
    lane: int
    about: str
    """The funding, payout, party or payment method."""
    operation: str
    command_type: str
    number: int
    idempotency_key: str
    target: str
    """The object's id in the call's path; empty where it makes a new one."""
    parameters: str
    """JSON with sorted keys."""
    state: str
    correlation_id: str
    traceparent: str
    opened_at: datetime
    closed_at: datetime | None
    object_id: str | None
    http_status: int | None
    code: str | None
    message: str | None
    request_id: str | None

    def move(self, trigger: str) -> str | None:
        return _move(states.ATTEMPT, self.state, trigger)

    @property
    def is_pending(self) -> bool:
        """Whether its outcome is still to be told."""
        return self.state in (states.OPEN, states.UNKNOWN)


@dataclass(frozen=True, slots=True)
class Intent:
    """The payment intent of a funding."""

    funding_id: str
    contract_id: str
    milestone_id: str
    employer_id: str
    charge_minor: int
    currency: str
    state: str
    payment_intent_id: str | None
    payment_method_id: str | None
    attempt: int
    """The number of the last attempt to charge."""
    last_failed_charge_id: str | None
    """Of the last decline that was told: a reading that shows it again is no news."""

    def move(self, trigger: str) -> str | None:
        return _move(states.INTENT, self.state, trigger)


@dataclass(frozen=True, slots=True)
class Transfer:
    """The transfer of a payout."""

    payout_id: str
    contract_id: str
    milestone_id: str
    account_id: str
    amount_minor: int
    currency: str
    state: str
    attempt: int
    transfer_id: str | None

    def move(self, trigger: str) -> str | None:
        return _move(states.TRANSFER, self.state, trigger)


@dataclass(frozen=True, slots=True)
class Account:
    """A trainer's connected account, as we last told of it."""

    trainer_id: str
    country: str
    state: str
    account_id: str | None
    transfers: str | None
    requirements: Sequence[str]
    details_submitted: bool

    def move(self, trigger: str) -> str | None:
        return _move(states.ACCOUNT, self.state, trigger)


@dataclass(frozen=True, slots=True)
class Customer:
    """An employer's customer."""

    employer_id: str
    state: str
    customer_id: str | None

    def move(self, trigger: str) -> str | None:
        return _move(states.CUSTOMER, self.state, trigger)


@dataclass(frozen=True, slots=True)
class PaymentMethod:
    """A saved card."""

    payment_method_id: str
    employer_id: str
    state: str

    def move(self, trigger: str) -> str | None:
        return _move(states.PAYMENT_METHOD, self.state, trigger)


@dataclass(frozen=True, slots=True)
class BankPayout:
    """A payout to a trainer's bank, as we last told of it."""

    stripe_payout_id: str
    trainer_id: str
    account_id: str
    state: str
    arrival_at: datetime | None
    failure_code: str | None
    transfer_ids: Sequence[str]

    def move(self, status: str) -> str | None:
        return _move(states.BANK_PAYOUT, self.state, states.SEEN, status)


Record = Attempt | Intent | Transfer | Account | Customer | PaymentMethod | BankPayout
