"""The rows of contracts, as named tuples: names and order of the fields are those of the tables' columns."""

from collections.abc import Mapping, Sequence
from datetime import date, datetime
from typing import Any, NamedTuple


class Contract(NamedTuple):
    """One trainer hired by one employer for one job."""

    contract_id: str
    job_id: str
    employer_id: str
    trainer_id: str
    title: str
    currency: str
    state: str
    created_at: datetime
    auto_approve_after_days: int | None
    """Days after a request for release at which it is approved without an answer; None: never."""


class Milestone(NamedTuple):
    """A unit of work with its agreed amount, and what everybody sees of it. All `_minor` in its currency."""

    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    number: int
    milestone_name: str | None
    description: str
    amount_minor: int
    currency: str
    due_date: date | None
    status: str
    funding_state: str
    payout_state: str
    held_minor: int
    """What the ledger last said is held."""
    unsettled_minor: int
    """Approved and not answered by the ledger yet; below zero: the answer was heard before the approval."""
    released_minor: int
    refunded_minor: int
    """Given back, or on its way to the employer."""
    created_at: datetime
    charged_back_minor: int
    """Taken by the employer's bank and not given back."""
    returning_minor: int
    """The employer's by a settled dispute, and not taken up by the ledger yet; below zero as `unsettled_minor` is."""
    review: str
    """What approvals last said: see `states.REVIEW`."""
    freezes: Sequence[str]
    """What keeps the money from being released, each `cause about`; not the dispute between the parties."""
    refunds: Mapping[str, Any]
    """By id: `state` (see `standing`), and `minor`, of the work."""
    chargebacks: Mapping[str, Any]
    """Those that stand, by the bank's dispute or, for what made it good, by transfer or payout: `state` and `minor`."""

    @property
    def uncommitted_minor(self) -> int:
        """What is held and not decided about."""
        return self.held_minor - self.unsettled_minor - self.returning_minor


class Payout(NamedTuple):
    """How far one release is on its way to the bank."""

    payout_id: str
    milestone_id: str
    state: str


class KnownMethod(NamedTuple):
    """A payment method of an employer."""

    payment_method_id: str
    employer_id: str
    removed: bool


class KnownTrainer(NamedTuple):
    """Where a trainer is paid."""

    trainer_id: str
    country: str


class Entry(NamedTuple):
    """A line of a milestone's timeline."""

    entry_id: str
    milestone_id: str
    at: datetime
    type: str
    text: str
