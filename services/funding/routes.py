"""Funding over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import func, select

from schemas.base import Identifier
from schemas.funding import FundMilestone, RemovePaymentMethod, SetDefaultPaymentMethod
from services.funding import states
from services.funding.handling.common import (
    ATTEMPTS,
    DISPUTES,
    EVIDENCE,
    FREEZES,
    FUNDINGS,
    METHODS,
    MILESTONES,
    REFUNDS,
)
from services.funding.handling.watching import HOLD_LIMITS
from services.funding.ledger import ACCOUNTS
from services.funding.standing import standing
from services.funding.tables import ledger_entries
from services.funding.views import (
    Balance,
    BalanceList,
    FundingView,
    MethodList,
    SetupSession,
    funding_view,
    hold_view,
    method_view,
    next_action,
)
from services.runtime.http import CallOf
from services.runtime.problems import Problem

router = APIRouter(tags=["funding"])


class FundBody(BaseModel):
    """Which payment method to charge; without one, the default."""

    model_config = ConfigDict(extra="forbid")

    payment_method_id: Identifier | None = None


@router.post("/v1/milestones/{milestone_id}/fund", status_code=202, response_model=FundingView)
def fund(milestone_id: Identifier, call: CallOf, body: FundBody | None = None) -> Response:
    """Charge the employer's payment method and hold the money for this milestone."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    command = FundMilestone(
        actor=call.actor,
        contract_id=milestone.contract_id,
        milestone_id=milestone_id,
        payment_method_id=body.payment_method_id if body else None,
    )
    employer_id = milestone.employer_id
    page = {"payment_method_required": lambda: {"setup_url": call.link_to("setup", employer_id, employer_id)}}
    return call.run(command, 202, page)


@router.get("/v1/milestones/{milestone_id}/funding")
def funding(milestone_id: Identifier, call: CallOf) -> FundingView:
    """How the charge stands: attempts, the reason of a decline, the page where the bank asks for authentication."""
    milestone = call.wait_for(MILESTONES, milestone_id, "milestone")
    if call.caller.role in ("employer", "trainer") and call.caller.party_id != milestone.employer_id:
        raise Problem(404, "not_found", f"there is no milestone {milestone_id}")
    with call.snapshot() as at:
        fundings = at.find(FUNDINGS, "contract_id", milestone.contract_id)
        found = standing([funding for funding in fundings if funding.milestone_id == milestone_id])
        if found is None:
            raise Problem(404, "not_found", "no funding of this milestone was begun yet")
        view = funding_view(
            found,
            at.find(ATTEMPTS, "milestone_id", milestone_id),
            at.find(REFUNDS, "milestone_id", milestone_id),
            at.find(FREEZES, "milestone_id", milestone_id),
            at.find(DISPUTES, "milestone_id", milestone_id),
            at.find(EVIDENCE, "milestone_id", milestone_id),
        )
        if found.state == states.FUNDED:
            limits = at.find(HOLD_LIMITS, "funding_id", found.funding_id)
            view.hold = hold_view(limits[0], call.now) if limits else None
    if call.caller.role == "employer":
        # The link acts for the employer: whoever else may look must not be able to use it.
        view.next_action = next_action(found, call.link_to("authenticate", found.employer_id, found.funding_id))
    return view


@router.post("/v1/billing/setup-sessions", status_code=201)
def setup_session(call: CallOf) -> SetupSession:
    """The page that Stripe hosts to add a payment method."""
    employer_id = _employer(call)
    return SetupSession(url=call.link_to("setup", employer_id, employer_id))


@router.get("/v1/billing/payment-methods")
def list_methods(call: CallOf) -> MethodList:
    """The employer's payment methods."""
    methods = call.find(METHODS, "employer_id", _employer(call))
    return MethodList(data=[method_view(m) for m in sorted(methods, key=lambda m: m.added_at) if not m.removed])


@router.post("/v1/billing/payment-methods/{payment_method_id}/default", response_model=MethodList)
def set_default(payment_method_id: Identifier, call: CallOf) -> Response:
    """Charge this one when none is named."""
    command = SetDefaultPaymentMethod(
        actor=call.actor, employer_id=_employer(call), payment_method_id=payment_method_id
    )
    return call.run(command, 200)


@router.delete("/v1/billing/payment-methods/{payment_method_id}", response_model=MethodList)
def remove(payment_method_id: Identifier, call: CallOf) -> Response:
    """Forget a payment method."""
    command = RemovePaymentMethod(actor=call.actor, employer_id=_employer(call), payment_method_id=payment_method_id)
    return call.run(command, 200)


@router.get("/v1/ledger/balances")
def balances(call: CallOf, contract_id: Annotated[Identifier | None, Query()] = None) -> BalanceList:
    """The ledger's balances, of everything or of one contract, summed from its entries. For operators and services."""
    if call.caller.role not in ("operator", "service"):
        raise Problem(403, "forbidden", "the ledger is for operators")
    columns = ledger_entries.c
    query = select(columns.account, columns.currency, func.sum(columns.amount_minor)).group_by(
        columns.account, columns.currency
    )
    if contract_id is not None:
        query = query.where(columns.contract_id == contract_id)
    with call.gate.engine.connect() as connection:
        rows = connection.execute(query.order_by(columns.currency, columns.account)).all()
    return BalanceList(
        data=[
            Balance(account=account, meaning=ACCOUNTS[account], currency=currency, amount_minor=int(amount_minor))
            for account, currency, amount_minor in rows
        ]
    )


def _employer(call: CallOf) -> str:
    if call.caller.role != "employer":
        raise Problem(403, "forbidden", "payment methods are the employer's: call with an employer's token")
    return call.caller.party_id
