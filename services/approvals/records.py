"""The rows of approvals, as frozen values: names and order of the fields are those of the tables' columns."""

from dataclasses import dataclass
from datetime import datetime


@dataclass(frozen=True, slots=True)
class Review:
    """Where the review of a milestone stands."""

    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    currency: str
    state: str
    held_minor: int
    """What the ledger last said is held; minor units of `currency`."""
    round: int
    """The number of the last request; 0: there was none."""


@dataclass(frozen=True, slots=True)
class Round:
    """One request for release and what became of it."""

    milestone_id: str
    round: int
    note: str | None
    links: list[str]
    requested_at: datetime
    review_due_at: datetime
    outcome: str
    reason: str | None
    ended_at: datetime | None


@dataclass(frozen=True, slots=True)
class Release:
    """An amount that the employer approved, and the ledger's answer."""

    release_id: str
    milestone_id: str
    round: int
    """The round that it answers; 0: none was asked for."""
    amount_minor: int
    approved_by: str
    approved_at: datetime
    outcome: str
    reason: str | None
