"""The rows of approvals, as named tuples: names and order of the fields are those of the tables' columns."""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple


class Review(NamedTuple):
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
    freezes: Sequence[str]
    """What keeps the money from being released, each `cause about`; a dispute between the parties is a state."""

    @property
    def frozen_by(self) -> list[str]:
        """The causes of its freezes, each once."""
        return sorted({freeze.split(" ", maxsplit=1)[0] for freeze in self.freezes})


class Terms(NamedTuple):
    """What a contract that approves by itself says about its reviews."""

    contract_id: str
    auto_approve_after_days: int


class Round(NamedTuple):
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


class Release(NamedTuple):
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


class Dispute(NamedTuple):
    """A dispute between the parties. The sums are in the currency of the review."""

    dispute_id: str
    milestone_id: str
    contract_id: str
    opened_by: str
    reason: str
    opened_at: datetime
    outcome: str
    """`open`, `resolved`, `stopped`."""
    to_trainer_minor: int
    to_employer_minor: int
    refunding_minor: int
    """Of the employer's part, what the ledger has not answered yet."""
    release_id: str | None
    """Of the trainer's part."""
    settled_by: str | None
    settlement: str | None
    """Why it was settled so, or what stopped it."""
    settled_at: datetime | None
