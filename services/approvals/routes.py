"""Approvals over HTTP."""

import time

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict

from schemas.approvals import ApproveMilestone, RequestChanges, RequestRelease, WithdrawRequest
from schemas.base import Identifier, Links, Reason
from schemas.money import AmountMinor, CurrencyCode
from services.approvals import domain, states
from services.approvals.handlers import RELEASES, REVIEWS, ROUNDS
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


@router.get("/v1/milestones/{milestone_id}/review")
def review(milestone_id: Identifier, call: CallOf) -> ReviewView:
    """Where the review stands, with every round of it."""
    found = call.wait_for(REVIEWS, milestone_id, "milestone")
    if not domain.concerns(call.actor, found):
        raise Problem(404, "not_found", f"there is no milestone {milestone_id}")
    rounds, releases = (call.find(entity, "milestone_id", milestone_id) for entity in (ROUNDS, RELEASES))
    return review_view(found, rounds, releases)


def _contract_of(call: Call, milestone_id: str) -> str:
    """The contract of a milestone that the caller may see. Raises a 404 Problem.

    Who just saw "Active & Funded" elsewhere may be here before the news of it: it gets a moment to arrive. The
    decision refuses what is not funded.
    """
    found = call.wait_for(REVIEWS, milestone_id, "milestone")
    if not domain.concerns(call.actor, found):
        raise Problem(404, "not_found", f"there is no milestone {milestone_id}")
    until = time.monotonic() + call.gate.settings.projection_wait_s
    while found.state == states.NOT_FUNDED and time.monotonic() < until:
        time.sleep(_POLL_S)
        found = call.wait_for(REVIEWS, milestone_id, "milestone")
    return found.contract_id
