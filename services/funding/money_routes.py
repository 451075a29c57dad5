"""Giving money back and freezing it, over HTTP."""

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from schemas.base import Identifier, Reason
from schemas.funding import (
    FreezeFunds,
    RecordManualRefund,
    RefundFromPlatform,
    RefundMilestone,
    SubmitDisputeEvidence,
    UnfreezeFunds,
)
from schemas.money import AmountMinor, CurrencyCode
from services.funding.handling.common import DISPUTES, MILESTONES, REFUNDS
from services.funding.records import concerns
from services.funding.views import DisputeView, FreezeList, RefundList, RefundView, refund_view
from services.runtime.http import CallOf
from services.runtime.problems import Problem

router = APIRouter(tags=["funding"])


class PartBody(BaseModel):
    """A part of what is held. Stripe's least charge is no bound here: the money is in already."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: AmountMinor
    currency: CurrencyCode


class RefundBody(BaseModel):
    """How much of the work's money to give back; without it, all that is held. The fees follow by the rule."""

    model_config = ConfigDict(extra="forbid")

    amount: PartBody | None = None
    reason: Reason | None = None


class PlatformRefundBody(BaseModel):
    """How much of the work's money to give from the platform's own, and why; without an amount, all that the trainer
    has of it. The fees follow by the rule."""

    model_config = ConfigDict(extra="forbid")

    amount: PartBody | None = None
    reason: Reason


class SettledBody(BaseModel):
    """How it was paid, as an auditor needs it."""

    model_config = ConfigDict(extra="forbid")

    reference: Reason


@router.post("/v1/milestones/{milestone_id}/refund", status_code=202, response_model=RefundView)
def refund(milestone_id: Identifier, call: CallOf, body: RefundBody | None = None) -> Response:
    """Give held money back to the employer: the trainer does, or an operator."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    asked = body or RefundBody()
    command = RefundMilestone(
        actor=call.actor,
        contract_id=milestone.contract_id,
        milestone_id=milestone_id,
        amount_minor=asked.amount.amount_minor if asked.amount else None,
        currency=asked.amount.currency if asked.amount else None,
        reason=asked.reason,
    )
    return call.run(command)


@router.post("/v1/milestones/{milestone_id}/refund-from-platform", status_code=202, response_model=RefundView)
def refund_from_platform(milestone_id: Identifier, body: PlatformRefundBody, call: CallOf) -> Response:
    """Give the employer what the trainer has and cannot be taken back, at the platform's loss. For operators."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    command = RefundFromPlatform(
        actor=call.actor,
        contract_id=milestone.contract_id,
        milestone_id=milestone_id,
        amount_minor=body.amount.amount_minor if body.amount else None,
        currency=body.amount.currency if body.amount else None,
        reason=body.reason,
    )
    return call.run(command)


@router.get("/v1/milestones/{milestone_id}/refunds")
def refunds(milestone_id: Identifier, call: CallOf) -> RefundList:
    """What was given back, the oldest first. For both parties and for operators."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    if not concerns(call.actor, milestone):
        raise Problem(404, "not_found", f"there is no milestone {milestone_id}")
    found = call.find(REFUNDS, "milestone_id", milestone_id)
    return RefundList(data=[refund_view(r) for r in sorted(found, key=lambda r: (r.requested_at, r.refund_id))])


@router.post("/v1/refunds/{refund_id}/paid-by-hand", status_code=202, response_model=RefundView)
def paid_by_hand(refund_id: Identifier, body: SettledBody, call: CallOf) -> Response:
    """An operator paid by another way what a failed refund left owed."""
    found = call.wait_for(REFUNDS, refund_id, "refund")
    command = RecordManualRefund(
        actor=call.actor,
        contract_id=found.contract_id,
        milestone_id=found.milestone_id,
        refund_id=refund_id,
        reference=body.reference,
    )
    return call.run(command)


class EvidenceBody(BaseModel):
    """What the operator has to add to what the platform knows of the payment."""

    model_config = ConfigDict(extra="forbid")

    statement: Reason | None = None


@router.post("/v1/card-disputes/{dispute_id}/evidence", status_code=202, response_model=DisputeView)
def submit_dispute_evidence(dispute_id: Identifier, call: CallOf, body: EvidenceBody | None = None) -> Response:
    """Answer a dispute at the bank with what is known of the payment. For operators, once each time the bank asks."""
    found = call.wait_for(DISPUTES, dispute_id, "card dispute")
    command = SubmitDisputeEvidence(
        actor=call.actor,
        contract_id=found.contract_id,
        milestone_id=found.milestone_id,
        dispute_id=dispute_id,
        statement=body.statement if body else None,
    )
    return call.run(command)


class FreezeBody(BaseModel):
    """Why, for everybody who looks later."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


@router.post("/v1/milestones/{milestone_id}/freeze", status_code=202, response_model=FreezeList)
def freeze(milestone_id: Identifier, body: FreezeBody, call: CallOf) -> Response:
    """An operator freezes what is held: nothing of it is released until that is lifted."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    command = FreezeFunds(
        actor=call.actor, contract_id=milestone.contract_id, milestone_id=milestone_id, reason=body.reason
    )
    return call.run(command)


@router.post("/v1/milestones/{milestone_id}/unfreeze", status_code=202, response_model=FreezeList)
def unfreeze(milestone_id: Identifier, body: FreezeBody, call: CallOf) -> Response:
    """An operator lifts the freezes that are an operator's to lift; a dispute's is not."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    command = UnfreezeFunds(
        actor=call.actor, contract_id=milestone.contract_id, milestone_id=milestone_id, reason=body.reason
    )
    return call.run(command)
