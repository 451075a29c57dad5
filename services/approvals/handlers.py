"""Which message goes to which decision of approvals."""

from dataclasses import replace
from datetime import datetime, timedelta
from typing import Any

from schemas import approvals as said
from schemas.contracts import ContractCreated, MilestoneAdded
from schemas.funding import (
    ChargebackReversed,
    FundsFrozen,
    FundsReleased,
    FundsReturned,
    FundsUnfrozen,
    MilestoneChargedBack,
    MilestoneFunded,
    MilestoneRefunded,
    RefundFailed,
    RefundRequested,
    ReleaseGivenUp,
    ReleaseRefused,
)
from services.approvals import disputes, domain, due, held, tables
from services.approvals.domain import Decided, History
from services.approvals.records import Dispute, Release, Review, Round, Terms
from services.approvals.settings import ApprovalsSettings
from services.approvals.views import ReviewView, review_view
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Load

HANDLERS = Handlers()

REVIEWS = Entity(tables.reviews, Review)
TERMS = Entity(tables.terms, Terms)
ROUNDS = Entity(tables.rounds, Round)
RELEASES = Entity(tables.releases, Release)
DISPUTES = Entity(tables.disputes, Dispute)

_OF_MILESTONE: tuple[Load[Any], ...] = tuple(
    Load(entity, "milestone_id", lambda m, _: m.milestone_id) for entity in (REVIEWS, ROUNDS, RELEASES, DISPUTES)
)
_TERMS: Load[Any] = Load(TERMS, "contract_id", lambda m, _: m.contract_id)
_SETTINGS = ApprovalsSettings()


# -- commands ----------------------------------------------------------------------------------------------


@HANDLERS.on(said.RequestRelease, *_OF_MILESTONE, _TERMS)
def request_release(ctx: Context, command: said.RequestRelease) -> Outcome:
    """Complete and request payout."""
    terms = ctx.get(TERMS, command.contract_id)
    period = timedelta(days=terms.auto_approve_after_days) if terms else _SETTINGS.review_period
    decided = domain.request_release(_history(ctx, command.milestone_id), command, ctx.now, period)
    if isinstance(decided, Decided) and decided.round is not None:
        first = due.first_check(decided.round, _SETTINGS.reminders, approves_itself=terms is not None)
        _look_again(ctx, command.contract_id, decided.round, first)
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


@HANDLERS.on(said.DisputeMilestone, *_OF_MILESTONE)
def dispute_milestone(ctx: Context, command: said.DisputeMilestone) -> Outcome:
    """What is held freezes."""
    decided = disputes.dispute(_history(ctx, command.milestone_id), command, ctx.new_id("dsp"), ctx.now)
    return _answer(ctx, command.milestone_id, decided)


@HANDLERS.on(said.ResolveDispute, *_OF_MILESTONE)
def resolve_dispute(ctx: Context, command: said.ResolveDispute) -> Outcome:
    """An operator decides, to the cent."""
    decided = disputes.resolve(_history(ctx, command.milestone_id), command, ctx.new_id("rel"), ctx.now)
    return _answer(ctx, command.milestone_id, decided)


@HANDLERS.on(said.CheckReview, *_OF_MILESTONE, _TERMS)
def check_review(ctx: Context, command: said.CheckReview) -> Outcome:
    """A moment has come that this service set itself."""
    history, approves_itself = _history(ctx, command.milestone_id), ctx.get(TERMS, command.contract_id) is not None
    decided = due.check(history, command, ctx.new_id("rel"), ctx.now, approves_itself=approves_itself)
    if isinstance(decided, Decided) and decided.release is None and history.last is not None:
        again = due.next_check(history.last, ctx.now, _SETTINGS.reminders, approves_itself=approves_itself)
        _look_again(ctx, command.contract_id, history.last, again)
    return _answer(ctx, command.milestone_id, decided)


def _look_again(ctx: Context, contract_id: str, request: Round, at: datetime | None) -> None:
    if at is not None:
        ctx.at(at, said.CheckReview(contract_id=contract_id, milestone_id=request.milestone_id, round=request.round))


# -- what other services say -------------------------------------------------------------------------------


@HANDLERS.on(ContractCreated, _TERMS)
def contract_created(ctx: Context, fact: ContractCreated) -> Outcome:
    """Whether its releases are approved when nobody answers."""
    if fact.auto_approve_after_days is not None:
        ctx.put(TERMS, Terms(fact.contract_id, fact.auto_approve_after_days))
    return None


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


def _held_changed(ctx: Context, fact: held.HeldFact) -> Outcome:
    _apply(ctx, held.changed(_history(ctx, fact.milestone_id), fact, ctx.now))
    return None


_OF_HELD: tuple[type[held.HeldFact], ...] = (
    RefundRequested,
    MilestoneRefunded,
    RefundFailed,
    MilestoneChargedBack,
    ChargebackReversed,
    FundsReturned,
    ReleaseGivenUp,
)
for _change in _OF_HELD:
    HANDLERS.on(_change, *_OF_MILESTONE)(_held_changed)


def _freeze(ctx: Context, fact: held.FreezeFact) -> Outcome:
    review = held.freeze(_history(ctx, fact.milestone_id), fact)
    if review is not None:
        ctx.put(REVIEWS, review)
    return None


_OF_FREEZES: tuple[type[held.FreezeFact], ...] = (FundsFrozen, FundsUnfrozen)
for _freezing in _OF_FREEZES:
    HANDLERS.on(_freezing, *_OF_MILESTONE)(_freeze)


# -- common steps ------------------------------------------------------------------------------------------


def _history(ctx: Context, milestone_id: str) -> History:
    return History(
        ctx.get(REVIEWS, milestone_id),
        ctx.find(ROUNDS, "milestone_id", milestone_id),
        ctx.find(RELEASES, "milestone_id", milestone_id),
        ctx.find(DISPUTES, "milestone_id", milestone_id),
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
    if decided.dispute is not None:
        ctx.put(DISPUTES, decided.dispute)
    ctx.emit(*decided.said)


def _view(ctx: Context, milestone_id: str) -> ReviewView | None:
    found = _history(ctx, milestone_id)
    return review_view(found.review, found.rounds, found.releases, found.disputes) if found.review else None
