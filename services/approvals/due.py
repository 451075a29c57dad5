"""A request that nobody has answered: reminders, and the approval that comes by itself. Pure.

One timer follows a request from moment to moment. What a check finds due at its own time is said, once; what was due
before it and is no longer true ("three days left") is left out.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas.approvals import BY_RULE, ApprovalDue, ApproveMilestone, CheckReview
from schemas.base import Actor
from services.approvals import domain, states
from services.approvals.domain import Decided, Decision, History
from services.approvals.records import Round
from services.runtime.clock import CLOCKS_APART
from services.runtime.decisions import Unchanged

_RULE = Actor(role="service", party_id=BY_RULE)
_DAY = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Reminders:
    """When the employer is reminded: time before and after the review's end."""

    before: tuple[timedelta, ...]
    after: tuple[timedelta, ...]


def first_check(request: Round, reminders: Reminders, *, approves_itself: bool) -> datetime | None:
    """When to look at a new request for the first time."""
    return _next(request, request.requested_at, reminders, approves_itself)


def next_check(request: Round, now: datetime, reminders: Reminders, *, approves_itself: bool) -> datetime | None:
    """When to look again after a check at `now`; None: there is nothing more to say."""
    if approves_itself and now + CLOCKS_APART >= request.review_due_at:
        return now + _DAY  # frozen: the approval comes when that is lifted
    return _next(request, now + CLOCKS_APART, reminders, approves_itself)


def _next(request: Round, after: datetime, reminders: Reminders, approves_itself: bool) -> datetime | None:
    end = request.review_due_at
    moments = [end - before for before in reminders.before]
    moments += [end] if approves_itself else [end + later for later in reminders.after]
    return min((moment for moment in moments if moment > after), default=None)


def check(history: History, command: CheckReview, release_id: str, now: datetime, *, approves_itself: bool) -> Decision:
    """What is due about the request that the check was set for: a reminder, the approval, or nothing any more."""
    review, last = history.review, history.last
    if review is None or last is None or review.state != states.REQUESTED or last.round != command.round:
        return Unchanged(detail="the request that this check was set for is closed")
    if approves_itself and now + CLOCKS_APART >= last.review_due_at:
        if domain.frozen(review):
            return Decided(review)
        # As the employer's own approval: of two that race, the first to be decided counts.
        approval = ApproveMilestone(actor=_RULE, contract_id=review.contract_id, milestone_id=review.milestone_id)
        return domain.approve(history, approval, release_id, now)
    reminder = ApprovalDue(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        employer_id=review.employer_id,
        trainer_id=review.trainer_id,
        round=last.round,
        review_due_at=last.review_due_at,
        days_left=-((now - last.review_due_at) // _DAY),
        approves_itself=approves_itself,
    )
    return Decided(review, (reminder,))
