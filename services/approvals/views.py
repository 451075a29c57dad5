"""What approvals shows over HTTP."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from services.approvals.domain import open_minor
from services.approvals.records import Dispute, Release, Review, Round


class Sum(BaseModel):
    """A sum of money in minor units, zero allowed."""

    amount_minor: int
    currency: str


class RoundView(BaseModel):
    """One request for release. `outcome`: open, withdrawn, changes_requested, approved, approved_in_part,
    disputed, refunded, charged_back."""

    round: int
    note: str | None
    links: list[str]
    requested_at: datetime
    review_due_at: datetime
    outcome: str
    reason: str | None
    ended_at: datetime | None


class ReleaseView(BaseModel):
    """An amount approved. `outcome`: approved (the ledger has not answered yet), released, refused, given_up (it will
    not be paid out and is held again)."""

    release_id: str
    round: int
    amount: Sum
    approved_by: str
    approved_at: datetime
    outcome: str
    reason: str | None


class DisputeView(BaseModel):
    """A dispute between the parties. `outcome`: open, resolved, stopped."""

    dispute_id: str
    opened_by: str
    reason: str
    opened_at: datetime
    outcome: str
    to_trainer: Sum | None
    to_employer: Sum | None
    settled_by: str | None
    settlement: str | None
    settled_at: datetime | None


class ReviewView(BaseModel):
    """Where the review stands. `state`: not_funded, funded, requested, approved, disputed, closed (nothing is held any
    more). `frozen_by`: what keeps the money from being released besides a dispute between the parties."""

    milestone_id: str
    contract_id: str
    state: str
    held: Sum
    """Held and not decided about yet."""
    frozen_by: list[str]
    review_due_at: datetime | None
    """By when the employer should answer the open request."""
    rounds: list[RoundView]
    releases: list[ReleaseView]
    disputes: list[DisputeView]


def review_view(
    review: Review, rounds: Sequence[Round], releases: Sequence[Release], disputes: Sequence[Dispute] = ()
) -> ReviewView:
    """A review with every round, every release and every dispute, the oldest first."""
    ordered = sorted(rounds, key=lambda of: of.round)

    def money(amount_minor: int) -> Sum:
        return Sum(amount_minor=amount_minor, currency=review.currency)

    return ReviewView(
        milestone_id=review.milestone_id,
        contract_id=review.contract_id,
        state=review.state,
        held=money(open_minor(review, releases, disputes)),
        frozen_by=review.frozen_by,
        review_due_at=ordered[-1].review_due_at if ordered and ordered[-1].outcome == "open" else None,
        rounds=[
            RoundView(
                round=of.round,
                note=of.note,
                links=of.links,
                requested_at=of.requested_at,
                review_due_at=of.review_due_at,
                outcome=of.outcome,
                reason=of.reason,
                ended_at=of.ended_at,
            )
            for of in ordered
        ],
        releases=[
            ReleaseView(
                release_id=of.release_id,
                round=of.round,
                amount=money(of.amount_minor),
                approved_by=of.approved_by,
                approved_at=of.approved_at,
                outcome=of.outcome,
                reason=of.reason,
            )
            for of in sorted(releases, key=lambda of: (of.approved_at, of.release_id))
        ],
        disputes=[
            DisputeView(
                dispute_id=of.dispute_id,
                opened_by=of.opened_by,
                reason=of.reason,
                opened_at=of.opened_at,
                outcome=of.outcome,
                to_trainer=money(of.to_trainer_minor) if of.outcome == "resolved" else None,
                to_employer=money(of.to_employer_minor) if of.outcome == "resolved" else None,
                settled_by=of.settled_by,
                settlement=of.settlement,
                settled_at=of.settled_at,
            )
            for of in sorted(disputes, key=lambda of: (of.opened_at, of.dispute_id))
        ],
    )
