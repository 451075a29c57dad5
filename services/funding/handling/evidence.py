"""Operators answer disputes at the bank, and what Stripe makes of the answers."""

from collections.abc import Sequence
from datetime import datetime

from schemas import funding as said
from schemas import stripe
from services.funding import evidence
from services.funding.evidence import Answered, Payment
from services.funding.handling.common import (
    APPROVALS,
    DISPUTES,
    EVIDENCE,
    FUNDINGS,
    HANDLERS,
    LEDGER,
    MILESTONES,
    REFUNDS,
    money_of,
)
from services.funding.ledger import Entry
from services.funding.records import CardDispute, Milestone
from services.funding.views import DisputeView, dispute_view
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(
    said.SubmitDisputeEvidence,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(DISPUTES, "dispute_id", lambda m, _: m.dispute_id),
    Load(EVIDENCE, "dispute_id", lambda m, _: m.dispute_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
    Load(APPROVALS, "milestone_id", lambda m, _: m.milestone_id),
)
def submit_dispute_evidence(ctx: Context, command: said.SubmitDisputeEvidence) -> Outcome:
    """Answer a dispute at the bank."""
    milestone, dispute = ctx.get(MILESTONES, command.milestone_id), ctx.get(DISPUTES, command.dispute_id)
    refused = evidence.may_answer(milestone, dispute, command)
    if refused is not None or milestone is None or dispute is None:
        return refused
    before = ctx.find(EVIDENCE, "dispute_id", dispute.dispute_id)
    payment = _payment(ctx, milestone, dispute)
    decided = evidence.answer(dispute, payment, before, command, ctx.new_id("evd"), ctx.now)
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _view(ctx, dispute), decided.detail)
    _apply(ctx, decided)
    return Accepted(lambda: _view(ctx, dispute))


@HANDLERS.on(stripe.DisputeEvidenceSubmitted, Load(EVIDENCE, "dispute_id", lambda m, _: m.dispute_id))
def dispute_evidence_submitted(ctx: Context, fact: stripe.DisputeEvidenceSubmitted) -> Outcome:
    """The bank has it."""
    _apply(ctx, evidence.submitted(ctx.find(EVIDENCE, "dispute_id", fact.dispute_id), fact, ctx.now))
    return None


def not_submitted(ctx: Context, fact: stripe.CallRefused) -> None:
    """Stripe did not take it."""
    dispute = ctx.get(DISPUTES, fact.about)
    due_at = dispute.evidence_due_at if dispute else None
    _apply(ctx, evidence.refused(ctx.find(EVIDENCE, "dispute_id", fact.about), due_at, fact, ctx.now))


def _payment(ctx: Context, milestone: Milestone, dispute: CardDispute) -> Payment | None:
    money = money_of(ctx, milestone.contract_id, milestone.milestone_id)
    if money is None or money.funding.funding_id != dispute.funding_id:
        return None
    approvals = ctx.find(APPROVALS, "milestone_id", milestone.milestone_id)
    return Payment(milestone, money, _charged_at(money.entries), approvals)


def _charged_at(entries: Sequence[Entry]) -> datetime:
    """When the charge that stands was booked. Raises ValueError where none was."""
    return min(entry.posted_at for entry in entries if entry.kind == "charge_succeeded")


def _apply(ctx: Context, answered: Answered | None) -> None:
    if answered is None:
        return
    ctx.put(EVIDENCE, answered.evidence)
    ctx.emit(*answered.said)


def _view(ctx: Context, dispute: CardDispute) -> DisputeView:
    return dispute_view(dispute, ctx.find(EVIDENCE, "dispute_id", dispute.dispute_id))
