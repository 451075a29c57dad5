"""What approvals shows over HTTP."""

from collections.abc import Sequence
from datetime import datetime

from pydantic import BaseModel

from services.approvals.domain import open_minor
from services.approvals.records import Release, Review, Round


class Sum(BaseModel):
    """A sum of money in minor units, zero allowed."""

    amount_minor: int
    currency: str


class RoundView(BaseModel):
    """One request for release. `outcome`: open, withdrawn, changes_requested, approved, approved_in_part."""

    round: int
    note: str | None
    links: list[str]
    requested_at: datetime
    review_due_at: datetime
    outcome: str
    reason: str | None
    ended_at: datetime | None


class ReleaseView(BaseModel):
    """An amount approved. `outcome`: approved (the ledger has not answered yet), released, refused."""

    release_id: str
    round: int
    amount: Sum
    approved_by: str
    approved_at: datetime
    outcome: str
    reason: str | None


class ReviewView(BaseModel):
    """Where the review stands. `state`: not_funded, funded, requested, approved."""

    milestone_id: str
    contract_id: str
    state: str
    held: Sum
    """Held and not approved yet."""
    review_due_at: datetime | None
    """By when the employer should answer the open request."""
    rounds: list[RoundView]
    releases: list[ReleaseView]


def review_view(review: Review, rounds: Sequence[Round], releases: Sequence[Release]) -> ReviewView:
    """A review with every round and every release, the oldest first."""
    ordered = sorted(rounds, key=lambda of: of.round)

    def money(amount_minor: int) -> Sum:
        return Sum(amount_minor=amount_minor, currency=review.currency)

    return ReviewView(
        milestone_id=review.milestone_id,
        contract_id=review.contract_id,
        state=review.state,
        held=money(open_minor(review, releases)),
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
    )
