"""The rows of contracts, as frozen values: names and order of the fields are those of the tables' columns."""

from dataclasses import dataclass
from datetime import date, datetime


@dataclass(frozen=True, slots=True)
class Contract:
    """One trainer hired by one employer for one job."""

    contract_id: str
    job_id: str
    employer_id: str
    trainer_id: str
    title: str
    currency: str
    state: str
    created_at: datetime


@dataclass(frozen=True, slots=True)
class Milestone:
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
    created_at: datetime

    @property
    def uncommitted_minor(self) -> int:
        """What is held and not approved for release."""
        return self.held_minor - self.unsettled_minor


@dataclass(frozen=True, slots=True)
class Payout:
    """How far one release is on its way to the bank."""

    payout_id: str
    milestone_id: str
    state: str


@dataclass(frozen=True, slots=True)
class KnownMethod:
    """A payment method of an employer."""

    payment_method_id: str
    employer_id: str
    removed: bool


@dataclass(frozen=True, slots=True)
class KnownTrainer:
    """Where a trainer is paid."""

    trainer_id: str
    country: str


@dataclass(frozen=True, slots=True)
class Entry:
    """A line of a milestone's timeline."""

    entry_id: str
    milestone_id: str
    at: datetime
    type: str
    text: str
