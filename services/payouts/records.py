"""The rows of payouts, as named tuples: names and order of the fields are those of the tables' columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from services.payouts import states


class Account(NamedTuple):
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


class Payout(NamedTuple):
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
    """Why it is held, or was given up."""
    waits_for: str | None
    """While it is held, for whom: the trainer; `platform`, for the balance at Stripe; the milestone, while its payment
    is disputed or looked into; `cover` with the currency, while releases in it are suspended. Finds what waits when
    that changes."""
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
    reversed_minor: int
    """Taken back from the trainer's account."""
    reversing_minor: int
    """Asked of Stripe to be taken back, and not answered."""
    held_since: datetime | None
    overdue: bool
    """It is held for so long that an operator was asked."""
    available_at: datetime | None
    """From when the trainer's balance at Stripe has it; None until it was transferred, or where Stripe did not say."""
    given_up_by: str | None
    """The operator who gave it up."""

    @property
    def left_minor(self) -> int:
        """What of it can still be taken back."""
        return self.amount_minor - self.reversed_minor - self.reversing_minor

    def move(self, trigger: str, when: str = "") -> str | None:
        """The state that a trigger leads to; None: it is stale or not allowed here."""
        edge = states.PAYOUT.edge(self.state, trigger, when)
        return edge.target if edge else None


class Transfer(NamedTuple):
    """Whose payout a transfer at Stripe is."""

    transfer_id: str
    payout_id: str
    contract_id: str
    trainer_id: str


class BankPayout(NamedTuple):
    """What Stripe last told of the bank payout that carries a transfer."""

    transfer_id: str
    trainer_id: str
    stripe_payout_id: str
    status: str
    arrival_at: datetime | None
    failure_code: str | None


class Reversal(NamedTuple):
    """A reversal of a transfer, asked for by an operator or made at Stripe by hand. `amount_minor` as the payout."""

    reversal_id: str
    payout_id: str
    contract_id: str
    amount_minor: int
    reason: str
    asked_by: str
    state: str
    """`asked`, `made`, `refused`."""
    code: str | None
    """Stripe's, where it refused."""
    detail: str | None
    asked_at: datetime
    ended_at: datetime | None


class Stop(NamedTuple):
    """What keeps a milestone's released money from leaving for the trainer, each `cause about`."""

    milestone_id: str
    contract_id: str
    causes: Sequence[str]


class Suspension(NamedTuple):
    """Whether released money in one currency may leave for trainers. Without a row it may."""

    currency: str
    state: str
    cause: str | None
    """Of the last suspension: `not_covered`, `payouts_not_manual`."""
    short_minor: int
    """What was missing when it was suspended, in minor units."""
    reason: str
    """In words, of whoever had the last word."""
    changed_by: str
    changed_at: datetime
    waived_until: datetime | None
    """Until when an operator lets them go, whatever the auditor says."""

    def move(self, trigger: str, when: str) -> str | None:
        """The state that a trigger leads to; None: it changes nothing."""
        edge = states.SUSPENSION.edge(self.state, trigger, when)
        return edge.target if edge else None
