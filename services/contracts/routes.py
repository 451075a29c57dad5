"""Contracts over HTTP."""

import time
from datetime import date
from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import or_, select, tuple_

from schemas.base import Description, Identifier, Name
from schemas.contracts import AddMilestone, AmendMilestone, ArchiveContract, CancelMilestone, CreateContract, ReviewDays
from schemas.money import CurrencyCode, Money
from services.contracts import domain, tables
from services.contracts.cursors import Cursor, read_cursor, write_cursor
from services.contracts.handlers import CONTRACTS, METHODS, MILESTONES, TIMELINE
from services.contracts.records import Contract, Milestone
from services.contracts.views import (
    ContractList,
    ContractView,
    MilestoneDetail,
    MilestoneView,
    contract_view,
    milestone_detail,
)
from services.runtime.http import Call, CallOf, Snapshot
from services.runtime.problems import Problem

router = APIRouter(tags=["contracts"])

_POLL_S = 0.02


class MilestoneBody(BaseModel):
    """The terms of a milestone."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Description
    amount: Money
    due_date: date | None = None


class HireBody(BaseModel):
    """A hire: the contract's terms and its first milestone. `fund`: charge that milestone at once.

    `auto_approve_after_days`: what the trainer asks for is released when the employer has not answered by then.
    """

    model_config = ConfigDict(extra="forbid")

    job_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    title: Name
    currency: CurrencyCode
    milestone: MilestoneBody
    fund: bool = False
    auto_approve_after_days: ReviewDays | None = None


class AmendBody(BaseModel):
    """What to change; what is left out stays as it is."""

    model_config = ConfigDict(extra="forbid")

    name: Name | None = None
    description: Description | None = None
    amount: Money | None = None
    due_date: date | None = None


@router.post("/v1/contracts", status_code=201, response_model=ContractView)
def hire(body: HireBody, call: CallOf) -> Response:
    """Hire a trainer: a contract with its first milestone."""
    first = body.milestone
    if first.amount.currency != body.currency:
        raise Problem(
            422,
            "currency_mismatch",
            f"milestone.amount.currency: the contract is in {body.currency}, not in {first.amount.currency}",
        )
    command = CreateContract(
        actor=call.actor,
        contract_id=call.new_id("ctr"),
        milestone_id=call.new_id("mls"),
        job_id=body.job_id,
        employer_id=body.employer_id,
        trainer_id=body.trainer_id,
        title=body.title,
        currency=body.currency,
        milestone_name=first.name,
        description=first.description,
        amount_minor=first.amount.amount_minor,
        due_date=first.due_date,
        fund=body.fund,
        auto_approve_after_days=body.auto_approve_after_days,
    )
    employer_id = body.employer_id
    if body.fund and call.caller.party_id == employer_id:
        _wait_for_method(call, employer_id)
    page = {"payment_method_required": lambda: {"setup_url": call.link_to("setup", employer_id, employer_id)}}
    return call.run(command, 201, page)


@router.get("/v1/contracts")
def list_contracts(
    call: CallOf,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[str | None, Query(max_length=200)] = None,
) -> ContractList:
    """The caller's contracts, the newest first; all of them for operators and services."""
    after = read_cursor(cursor) if cursor is not None else None
    with call.snapshot() as at:
        found = _page(call, at, limit + 1, after)
        page, more = found[:limit], len(found) > limit
        milestones = _milestones_of(at, [contract.contract_id for contract in page])
    return ContractList(
        data=[contract_view(contract, milestones[contract.contract_id]) for contract in page],
        next_cursor=write_cursor(Cursor(page[-1].created_at, page[-1].contract_id)) if more else None,
        has_more=more,
    )


@router.get("/v1/contracts/{contract_id}")
def get_contract(contract_id: Identifier, call: CallOf) -> ContractView:
    """A contract with its milestones."""
    with call.snapshot() as at:
        return contract_view(_contract(call, contract_id, at), at.find(MILESTONES, "contract_id", contract_id))


@router.post("/v1/contracts/{contract_id}/milestones", status_code=201, response_model=MilestoneView)
def add_milestone(contract_id: Identifier, body: MilestoneBody, call: CallOf) -> Response:
    """Add a milestone; no money moves."""
    command = AddMilestone(
        actor=call.actor,
        contract_id=contract_id,
        milestone_id=call.new_id("mls"),
        milestone_name=body.name,
        description=body.description,
        amount_minor=body.amount.amount_minor,
        currency=body.amount.currency,
        due_date=body.due_date,
    )
    return call.run(command, 201)


@router.post("/v1/contracts/{contract_id}/archive", response_model=ContractView)
def archive(contract_id: Identifier, call: CallOf) -> Response:
    """Put a contract away; every milestone must be resolved."""
    return call.run(ArchiveContract(actor=call.actor, contract_id=contract_id), 200)


@router.get("/v1/milestones/{milestone_id}")
def get_milestone(milestone_id: Identifier, call: CallOf) -> MilestoneDetail:
    """A milestone: status, sums, and all that happened to it."""
    with call.snapshot() as at:
        return milestone_detail(_milestone(call, milestone_id, at), at.find(TIMELINE, "milestone_id", milestone_id))


@router.patch("/v1/milestones/{milestone_id}", response_model=MilestoneView)
def amend(milestone_id: Identifier, body: AmendBody, call: CallOf) -> Response:
    """Change the terms, while it is neither funded nor being funded."""
    command = AmendMilestone(
        actor=call.actor,
        contract_id=_milestone(call, milestone_id).contract_id,
        milestone_id=milestone_id,
        milestone_name=body.name,
        description=body.description,
        amount_minor=body.amount.amount_minor if body.amount else None,
        currency=body.amount.currency if body.amount else None,
        due_date=body.due_date,
    )
    return call.run(command, 200)


@router.post("/v1/milestones/{milestone_id}/cancel", response_model=MilestoneView)
def cancel(milestone_id: Identifier, call: CallOf) -> Response:
    """Cancel a milestone that is neither funded nor being funded."""
    contract_id = _milestone(call, milestone_id).contract_id
    return call.run(CancelMilestone(actor=call.actor, contract_id=contract_id, milestone_id=milestone_id), 200)


# -- looking up --------------------------------------------------------------------------------------------
# Contracts and milestones begin here, so one that is not in the database is not on its way either.


def _contract(call: Call, contract_id: str, at: Snapshot) -> Contract:
    found = at.find(CONTRACTS, "contract_id", contract_id)
    if not found or not domain.concerns(call.actor, found[0]):
        raise Problem(404, "not_found", f"there is no contract {contract_id}")
    return found[0]


def _milestone(call: Call, milestone_id: str, at: Snapshot | None = None) -> Milestone:
    found = (at or call).find(MILESTONES, "milestone_id", milestone_id)
    if not found or not domain.concerns(call.actor, found[0]):
        raise Problem(404, "not_found", f"there is no milestone {milestone_id}")
    return found[0]


def _page(call: Call, at: Snapshot, count: int, after: Cursor | None) -> list[Contract]:
    columns = tables.contracts.c
    query = select(tables.contracts).order_by(columns.created_at.desc(), columns.contract_id.desc()).limit(count)
    if call.caller.role in ("employer", "trainer"):
        party_id = call.caller.party_id
        query = query.where(or_(columns.employer_id == party_id, columns.trainer_id == party_id))
    if after is not None:
        query = query.where(tuple_(columns.created_at, columns.contract_id) < tuple_(after.at, after.contract_id))
    return [Contract(*row) for row in at.connection.execute(query)]


def _milestones_of(at: Snapshot, contract_ids: list[str]) -> dict[str, list[Milestone]]:
    by_contract: dict[str, list[Milestone]] = {contract_id: [] for contract_id in contract_ids}
    query = select(tables.milestones).where(tables.milestones.c.contract_id.in_(contract_ids))
    for row in at.connection.execute(query):
        milestone = Milestone(*row)
        by_contract[milestone.contract_id].append(milestone)
    return by_contract


def _wait_for_method(call: Call, employer_id: str) -> None:
    """Give the news of a payment method that was just added a moment to arrive; the decision refuses without one."""
    until = time.monotonic() + call.gate.settings.projection_wait_s
    while time.monotonic() < until:
        if any(not method.removed for method in call.find(METHODS, "employer_id", employer_id)):
            return
        time.sleep(_POLL_S)
