"""What the gateway keeps: calls, and each thing at Stripe as we last told of it. Fields are the tables' columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.runtime.states import StateTable
from services.stripe_gateway import states


def _move(table: StateTable, state: str, trigger: str, when: str = "") -> str | None:
    edge = table.edge(state, trigger, when)
    return edge.target if edge else None


class Attempt(NamedTuple):
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
    """When it was asked for: no call of it can be older."""
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


class Intent(NamedTuple):
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


class Transfer(NamedTuple):
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
    reversed_minor: int = 0
    """The sum of the reversals that were told."""

    def move(self, trigger: str) -> str | None:
        return _move(states.TRANSFER, self.state, trigger)


class Refund(NamedTuple):
    """Money on its way back to a card, as we last told of it."""

    refund_id: str
    """Ours; Stripe's own for one that was made at Stripe by hand."""
    contract_id: str
    milestone_id: str
    funding_id: str
    payment_intent_id: str
    amount_minor: int
    currency: str
    by_hand: bool
    state: str
    attempt: int
    stripe_refund_id: str | None
    debited_minor: int
    returned_minor: int
    pending_reason: str
    failure_reason: str

    def move(self, trigger: str, when: str = "") -> str | None:
        return _move(states.REFUND, self.state, trigger, when)


class Reversal(NamedTuple):
    """Money taken back from a trainer's account."""

    reversal_id: str
    """Ours; Stripe's own for one that was made at Stripe by hand."""
    payout_id: str
    contract_id: str
    milestone_id: str
    transfer_id: str
    amount_minor: int
    currency: str
    by_hand: bool
    state: str
    stripe_reversal_id: str | None

    def move(self, trigger: str) -> str | None:
        return _move(states.REVERSAL, self.state, trigger)


class Account(NamedTuple):
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


class Customer(NamedTuple):
    """An employer's customer."""

    employer_id: str
    state: str
    customer_id: str | None

    def move(self, trigger: str) -> str | None:
        return _move(states.CUSTOMER, self.state, trigger)


class PaymentMethod(NamedTuple):
    """A saved card."""

    payment_method_id: str
    employer_id: str
    state: str
    brand: str = ""
    last4: str = ""
    exp_month: int = 0
    exp_year: int = 0
    """0: it was saved before this was kept."""

    def move(self, trigger: str) -> str | None:
        return _move(states.PAYMENT_METHOD, self.state, trigger)


class BankPayout(NamedTuple):
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


class Dispute(NamedTuple):
    """A cardholder's dispute of a charge, as we last told of it."""

    dispute_id: str
    contract_id: str
    milestone_id: str
    funding_id: str
    charge_id: str
    state: str
    reason: str
    amount_minor: int
    withdrawn_minor: int
    reinstated_minor: int
    fee_minor: int
    currency: str
    evidence_due_at: datetime | None
    is_charge_refundable: bool

    def move(self, status: str) -> str | None:
        return _move(states.DISPUTE, self.state, states.SEEN, status)

    def take(self, trigger: str) -> str | None:
        """Where a step of its evidence leads."""
        return _move(states.DISPUTE, self.state, trigger)


class FraudWarning(NamedTuple):
    """An issuer's suspicion of a charge."""

    warning_id: str
    contract_id: str
    milestone_id: str
    funding_id: str
    charge_id: str
    state: str

    def move(self, when: str) -> str | None:
        return _move(states.WARNING, self.state, states.SEEN, when)


class Review(NamedTuple):
    """Stripe's risk review of a payment."""

    review_id: str
    contract_id: str
    milestone_id: str
    funding_id: str
    state: str

    def move(self, when: str) -> str | None:
        return _move(states.REVIEW, self.state, states.SEEN, when)


class Balance(NamedTuple):
    """What the platform has at Stripe in one currency, as we last told of it."""

    currency: str
    state: str
    available_minor: int
    pending_minor: int
    reserved_minor: int

    def move(self, trigger: str) -> str | None:
        return _move(states.BALANCE, self.state, trigger)


class Alarm(NamedTuple):
    """Something about the platform's own account that an operator was told of."""

    alarm_id: str
    code: str
    about: str
    state: str

    def move(self, trigger: str) -> str | None:
        return _move(states.ALARM, self.state, trigger)


Risk = Dispute | FraudWarning | Review
Record = (
    Attempt
    | Intent
    | Refund
    | Transfer
    | Reversal
    | Risk
    | Account
    | Customer
    | PaymentMethod
    | BankPayout
    | Balance
    | Alarm
)
