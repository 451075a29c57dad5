"""Which message goes to which decision of approvals."""

from dataclasses import replace
from typing import Any

from schemas import approvals as said
from schemas.contracts import MilestoneAdded
from schemas.funding import FundsReleased, MilestoneFunded, ReleaseRefused
from services.approvals import domain, tables
from services.approvals.domain import Decided, History
from services.approvals.records import Release, Review, Round
from services.approvals.settings import ApprovalsSettings
from services.approvals.views import ReviewView, review_view
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Load

HANDLERS = Handlers()

REVIEWS = Entity(tables.reviews, Review)
ROUNDS = Entity(tables.rounds, Round)
RELEASES = Entity(tables.releases, Release)

_OF_MILESTONE: tuple[Load[Any], ...] = tuple(
    Load(entity, "milestone_id", lambda m, _: m.milestone_id) for entity in (REVIEWS, ROUNDS, RELEASES)
)
_PERIOD = ApprovalsSettings().review_period


# -- commands ----------------------------------------------------------------------------------------------


@HANDLERS.on(said.RequestRelease, *_OF_MILESTONE)
def request_release(ctx: Context, command: said.RequestRelease) -> Outcome:
    """Complete and request payout."""
    decided = domain.request_release(_history(ctx, command.milestone_id), command, ctx.now, _PERIOD)
    return _answer(ctx, command.milestone_id, decided)


@HANDLERS.on(said.WithdrawRequest, *_OF_MILESTONE)
def withdraw_request(ctx: Context, command: said.WithdrawRequest) -> Outcome:
    """Not yet done after all."""
    decided = domain.withdraw_request(_history(ctx, command.milestone_id), command, ctx.now)
    return _answer(ctx, command.milestone_id, decided)


@HANDLERS.on(said.RequestChanges, *_OF_MILESTONE)
def request_changes(ctx: Context, command: said.RequestChanges) -> Outcome:
    """Not yet right."""
    decided = domain.request_changes(_history(ctx, command.milestone_id), command, ctx.now)
    return _answer(ctx, command.milestone_id, decided)


@HANDLERS.on(said.ApproveMilestone, *_OF_MILESTONE)
def approve_milestone(ctx: Context, command: said.ApproveMilestone) -> Outcome:
    """Approve and release payment."""
    decided = domain.approve(_history(ctx, command.milestone_id), command, ctx.new_id("rel"), ctx.now)
    return _answer(ctx, command.milestone_id, decided)


# -- what other services say -------------------------------------------------------------------------------


@HANDLERS.on(MilestoneAdded, Load(REVIEWS, "milestone_id", lambda m, _: m.milestone_id))
def milestone_added(ctx: Context, fact: MilestoneAdded) -> Outcome:
    """There is something to review one day."""
    review = domain.milestone_added(ctx.get(REVIEWS, fact.milestone_id), fact)
    if review is not None:
        ctx.put(REVIEWS, review)
    return None


@HANDLERS.on(MilestoneFunded, Load(REVIEWS, "milestone_id", lambda m, _: m.milestone_id))
def milestone_funded(ctx: Context, fact: MilestoneFunded) -> Outcome:
    """The review opens."""
    ctx.put(REVIEWS, domain.milestone_funded(ctx.get(REVIEWS, fact.milestone_id), fact))
    return None


def _ledger_answered(ctx: Context, fact: FundsReleased | ReleaseRefused) -> Outcome:
    _apply(ctx, domain.ledger_answered(_history(ctx, fact.milestone_id), fact))
    return None


_ANSWERS: tuple[type[FundsReleased | ReleaseRefused], ...] = (FundsReleased, ReleaseRefused)
for _fact in _ANSWERS:
    HANDLERS.on(_fact, *_OF_MILESTONE)(_ledger_answered)


# -- common steps ------------------------------------------------------------------------------------------


def _history(ctx: Context, milestone_id: str) -> History:
    return History(
        ctx.get(REVIEWS, milestone_id),
        ctx.find(ROUNDS, "milestone_id", milestone_id),
        ctx.find(RELEASES, "milestone_id", milestone_id),
    )


def _answer(ctx: Context, milestone_id: str, decided: domain.Decision) -> Outcome:
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return replace(decided, view=lambda: _view(ctx, milestone_id))
    _apply(ctx, decided)
    return Accepted(lambda: _view(ctx, milestone_id))


def _apply(ctx: Context, decided: Decided) -> None:
    ctx.put(REVIEWS, decided.review)
    if decided.round is not None:
        ctx.put(ROUNDS, decided.round)
    if decided.release is not None:
        ctx.put(RELEASES, decided.release)
    ctx.emit(*decided.said)


def _view(ctx: Context, milestone_id: str) -> ReviewView | None:
    found = _history(ctx, milestone_id)
    return review_view(found.review, found.rounds, found.releases) if found.review else None
