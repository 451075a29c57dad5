"""The rows of payouts, as frozen values: names and order of the fields are those of the tables' columns."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from services.payouts import states


@dataclass(frozen=True, slots=True)
class Account:
    """A trainer's payout account."""

    trainer_id: str
    country: str
    status: str
    account_id: str | None
    """Stripe's; None until Stripe has made it."""
    requirements: Sequence[str]
    """What Stripe still wants."""
    reason: str | None
    times_ready: int
    """How often it became ready: tells whether that happened since something was decided."""
    created_at: datetime
    updated_at: datetime

    def move(self, trigger: str, when: str = "") -> str | None:
        """The status that a trigger leads to; None: none."""
        edge = states.ACCOUNT.edge(self.status, trigger, when)
        return edge.target if edge else None


@dataclass(frozen=True, slots=True)
class Payout:
    """One release on its way to the trainer's bank. `amount_minor` in its currency."""

    payout_id: str
    release_id: str
    contract_id: str
    milestone_id: str
    trainer_id: str
    amount_minor: int
    currency: str
    charge_id: str
    state: str
    reason: str | None
    """Why it is held."""
    waits_for: str | None
    """The trainer, while it is held: finds what waits when an account becomes ready."""
    times_ready: int
    """That of the account when this was last decided."""
    attempt: int
    """Of the transfer; each has its own idempotency key at Stripe."""
    transfer_id: str | None
    stripe_payout_id: str | None
    arrival_at: datetime | None
    failure_code: str | None
    created_at: datetime
    updated_at: datetime

    def move(self, trigger: str, when: str = "") -> str | None:
        """The state that a trigger leads to; None: it is stale or not allowed here."""
        edge = states.PAYOUT.edge(self.state, trigger, when)
        return edge.target if edge else None


@dataclass(frozen=True, slots=True)
class Transfer:
    """Whose payout a transfer at Stripe is."""

    transfer_id: str
    payout_id: str
    contract_id: str
    trainer_id: str


@dataclass(frozen=True, slots=True)
class BankPayout:
    """What Stripe last told of the bank payout that carries a transfer."""

    transfer_id: str
    trainer_id: str
    stripe_payout_id: str
    status: str
    arrival_at: datetime | None
    failure_code: str | None
