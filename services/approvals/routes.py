"""Approvals over HTTP."""

import time

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from schemas.approvals import (
    ApproveMilestone,
    DisputeMilestone,
    RequestChanges,
    RequestRelease,
    ResolveDispute,
    WithdrawRequest,
)
from schemas.base import Identifier, Links, Reason
from schemas.money import AmountMinor, CurrencyCode, WholeMinor
from services.approvals import domain, states
from services.approvals.handlers import DISPUTES, RELEASES, REVIEWS, ROUNDS
from services.approvals.views import ReviewView, review_view
from services.runtime.http import Call, CallOf
from services.runtime.problems import Problem

router = APIRouter(tags=["approvals"])

_POLL_S = 0.02


class RequestBody(BaseModel):
    """What the employer should know and see."""

    model_config = ConfigDict(extra="forbid")

    note: Reason | None = None
    links: Links = ()


class ChangesBody(BaseModel):
    """What is to be changed."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class PartBody(BaseModel):
    """A part of what is held. Stripe's least charge is no bound here: the money is in already."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: AmountMinor
    currency: CurrencyCode


class ApproveBody(BaseModel):
    """How much to release; without it, all that is held."""

    model_config = ConfigDict(extra="forbid")

    amount: PartBody | None = None


class DisputeBody(BaseModel):
    """What is wrong, for the other party and for the operator who may have to decide."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


class ShareBody(BaseModel):
    """One side's part of what is held; it may be nothing."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: WholeMinor
    currency: CurrencyCode


class ResolveBody(BaseModel):
    """How what is held is divided, and why. Both parts are in the currency of the contract."""

    model_config = ConfigDict(extra="forbid")

    to_trainer: ShareBody
    to_employer: ShareBody
    reason: Reason


@router.post("/v1/milestones/{milestone_id}/request-release", status_code=202, response_model=ReviewView)
def request_release(milestone_id: Identifier, call: CallOf, body: RequestBody | None = None) -> Response:
    """Complete and request payout: the work is done, the employer reviews it."""
    contract_id = _contract_of(call, milestone_id)
    asked = body or RequestBody()
    return call.run(
        RequestRelease(
            actor=call.actor, contract_id=contract_id, milestone_id=milestone_id, note=asked.note, links=asked.links
        )
    )


@router.post("/v1/milestones/{milestone_id}/withdraw-request", status_code=202, response_model=ReviewView)
def withdraw_request(milestone_id: Identifier, call: CallOf) -> Response:
    """Take the request back."""
    contract_id = _contract_of(call, milestone_id)
    return call.run(WithdrawRequest(actor=call.actor, contract_id=contract_id, milestone_id=milestone_id))


@router.post("/v1/milestones/{milestone_id}/request-changes", status_code=202, response_model=ReviewView)
def request_changes(milestone_id: Identifier, body: ChangesBody, call: CallOf) -> Response:
    """Ask for changes before anything is released."""
    contract_id = _contract_of(call, milestone_id)
    return call.run(
        RequestChanges(actor=call.actor, contract_id=contract_id, milestone_id=milestone_id, reason=body.reason)
    )


@router.post("/v1/milestones/{milestone_id}/approve", status_code=202, response_model=ReviewView)
def approve(milestone_id: Identifier, call: CallOf, body: ApproveBody | None = None) -> Response:
    """Approve the work and release the payment, or a part of it."""
    contract_id = _contract_of(call, milestone_id)
    part = body.amount if body else None
    return call.run(
        ApproveMilestone(
            actor=call.actor,
            contract_id=contract_id,
            milestone_id=milestone_id,
            amount_minor=part.amount_minor if part else None,
            currency=part.currency if part else None,
        )
    )


@router.post("/v1/milestones/{milestone_id}/dispute", status_code=202, response_model=ReviewView)
def dispute(milestone_id: Identifier, body: DisputeBody, call: CallOf) -> Response:
    """Dispute what is held: it freezes until the dispute is settled."""
    contract_id = _contract_of(call, milestone_id)
    return call.run(
        DisputeMilestone(actor=call.actor, contract_id=contract_id, milestone_id=milestone_id, reason=body.reason)
    )


@router.post("/v1/disputes/{dispute_id}/resolve", status_code=202, response_model=ReviewView)
def resolve(dispute_id: Identifier, body: ResolveBody, call: CallOf) -> Response:
    """Settle a dispute: the two parts sum to what is held."""
    found = call.wait_for(DISPUTES, dispute_id, "dispute")
    _contract_of(call, found.milestone_id, "dispute", dispute_id)
    if body.to_trainer.currency != body.to_employer.currency:
        raise Problem(422, "currency_mismatch", "to_employer.currency: both parts are in the currency of the contract")
    return call.run(
        ResolveDispute(
            actor=call.actor,
            contract_id=found.contract_id,
            milestone_id=found.milestone_id,
            dispute_id=dispute_id,
            to_trainer_minor=body.to_trainer.amount_minor,
            to_employer_minor=body.to_employer.amount_minor,
            currency=body.to_trainer.currency,
            reason=body.reason,
        )
    )


@router.get("/v1/milestones/{milestone_id}/review")
def review(milestone_id: Identifier, call: CallOf) -> ReviewView:
    """Where the review stands, with every round of it."""
    if not domain.concerns(call.actor, call.wait_for(REVIEWS, milestone_id, "milestone")):
        raise Problem(404, "not_found", f"there is no milestone {milestone_id}")
    with call.snapshot() as at:
        (found,) = at.find(REVIEWS, "milestone_id", milestone_id)
        rounds, releases, disputes = (
            at.find(entity, "milestone_id", milestone_id) for entity in (ROUNDS, RELEASES, DISPUTES)
        )
    return review_view(found, rounds, releases, disputes)


def _contract_of(call: Call, milestone_id: str, asked_for: str = "milestone", identifier: str = "") -> str:
    """The contract of a milestone that the caller may see. Raises a 404 Problem about what was asked for.

    Who just saw "Active & Funded" elsewhere may be here before the news of it: it gets a moment to arrive. The
    decision refuses what is not funded.
    """
    found = call.wait_for(REVIEWS, milestone_id, "milestone")
    if not domain.concerns(call.actor, found):
        raise Problem(404, "not_found", f"there is no {asked_for} {identifier or milestone_id}")
    until = time.monotonic() + call.gate.settings.projection_wait_s
    while found.state == states.NOT_FUNDED and time.monotonic() < until:
        time.sleep(_POLL_S)
        found = call.wait_for(REVIEWS, milestone_id, "milestone")
    return found.contract_id
