"""Payouts over HTTP."""

from typing import Annotated

from fastapi import APIRouter, Query
from fastapi.responses import Response
from pydantic import BaseModel, ConfigDict
from sqlalchemy import select

from schemas.base import Identifier, Reason
from schemas.money import AmountMinor, CurrencyCode
from schemas.payouts import AllowReleases, CountryCode, GiveUpPayout, ReversePayout, StartPayoutAccount
from services.payouts import tables
from services.payouts.domain import PLATFORM
from services.payouts.handlers import ACCOUNTS, COUNTRIES, PAYOUTS, REVERSALS
from services.payouts.records import Payout, Suspension
from services.payouts.views import (
    CountryList,
    PayoutAccountView,
    PayoutList,
    PayoutView,
    SetupSession,
    SuspensionList,
    SuspensionView,
    account_view,
    country_list,
    payout_view,
    suspension_view,
)
from services.runtime.http import Call, CallOf, Snapshot
from services.runtime.problems import Problem

router = APIRouter(tags=["payouts"])


class SetupBody(BaseModel):
    """Where the trainer lives and banks: it cannot be changed later."""

    model_config = ConfigDict(extra="forbid")

    country: CountryCode


class PartBody(BaseModel):
    """A part of what was transferred. Stripe's least charge is no bound here."""

    model_config = ConfigDict(extra="forbid")

    amount_minor: AmountMinor
    currency: CurrencyCode


class ReverseBody(BaseModel):
    """How much to take back, and why; without an amount, all that is left."""

    model_config = ConfigDict(extra="forbid")

    amount: PartBody | None = None
    reason: Reason


class ReasonBody(BaseModel):
    """Why an operator decides so, for everybody who looks later."""

    model_config = ConfigDict(extra="forbid")

    reason: Reason


@router.post("/v1/payout-account/setup-sessions", status_code=201, response_model=SetupSession)
def setup_session(body: SetupBody, call: CallOf) -> Response:
    """The page that Stripe hosts to set up payouts; asking again renews its address."""
    trainer_id = _trainer(call)
    command = StartPayoutAccount(actor=call.actor, trainer_id=trainer_id, country=body.country)
    return call.run(command, 201, shown=lambda: SetupSession(url=call.link_to("onboarding", trainer_id, trainer_id)))


@router.get("/v1/payout-account")
def payout_account(call: CallOf) -> PayoutAccountView:
    """Whether the trainer can be paid, and what Stripe still wants."""
    found = call.find(ACCOUNTS, "trainer_id", _trainer(call))
    return account_view(found[0] if found else None, COUNTRIES)


@router.get("/v1/payouts")
def list_payouts(
    call: CallOf,
    limit: Annotated[int, Query(ge=1, le=100)] = 20,
    cursor: Annotated[Identifier | None, Query()] = None,
    milestone_id: Annotated[Identifier | None, Query()] = None,
) -> PayoutList:
    """The trainer's payouts, the newest first; all of them for operators and services."""
    _check_role(call)
    # Ids rise with time, so they are the order and the last one of a page is its cursor.
    columns = tables.payouts.c
    query = select(tables.payouts).order_by(columns.payout_id.desc()).limit(limit + 1)
    if call.caller.role == "trainer":
        query = query.where(columns.trainer_id == call.caller.party_id)
    if milestone_id is not None:
        query = query.where(columns.milestone_id == milestone_id)
    if cursor is not None:
        query = query.where(columns.payout_id < cursor)
    with call.gate.engine.connect() as connection:
        found = [Payout(*row) for row in connection.execute(query)]
    page, more = found[:limit], len(found) > limit
    return PayoutList(
        data=[payout_view(payout, call.now) for payout in page],
        next_cursor=page[-1].payout_id if more else None,
        has_more=more,
    )


@router.get("/v1/payouts/{payout_id}")
def get_payout(payout_id: Identifier, call: CallOf) -> PayoutView:
    """How far one release is on its way to the bank."""
    _check_role(call)
    with call.snapshot() as at:
        return payout_view(_payout(call, payout_id, at), call.now, at.find(REVERSALS, "payout_id", payout_id))


@router.post("/v1/payouts/{payout_id}/reverse", status_code=202, response_model=PayoutView)
def reverse_payout(payout_id: Identifier, body: ReverseBody, call: CallOf) -> Response:
    """Take a payout back from the trainer's account, as far as the money is there. For operators."""
    _check_role(call)
    return call.run(
        ReversePayout(
            actor=call.actor,
            contract_id=_payout(call, payout_id).contract_id,
            payout_id=payout_id,
            amount_minor=body.amount.amount_minor if body.amount else None,
            currency=body.amount.currency if body.amount else None,
            reason=body.reason,
        )
    )


@router.post("/v1/payouts/{payout_id}/give-up", status_code=202, response_model=PayoutView)
def give_up_payout(payout_id: Identifier, body: ReasonBody, call: CallOf) -> Response:
    """End a payout that waited too long and was never transferred: its money is held again. For operators."""
    _check_role(call)
    contract_id = _payout(call, payout_id).contract_id
    return call.run(GiveUpPayout(actor=call.actor, contract_id=contract_id, payout_id=payout_id, reason=body.reason))


@router.get("/v1/release-suspensions")
def release_suspensions(call: CallOf) -> SuspensionList:
    """The currencies in which released money was, or is, kept from leaving. For operators and services."""
    _check_operator(call)
    with call.gate.engine.connect() as connection:
        found = connection.execute(select(tables.suspensions).order_by(tables.suspensions.c.currency))
        return SuspensionList(data=[suspension_view(Suspension(*row)) for row in found])


@router.post("/v1/release-suspensions/{currency}/allow", status_code=202, response_model=SuspensionView)
def allow_releases(currency: CurrencyCode, body: ReasonBody, call: CallOf) -> Response:
    """Let what waits go although it is not covered, for a day: when the finding is wrong, or the platform bears it."""
    if call.caller.role != "operator":
        raise Problem(403, "forbidden", f"an operator lets releases go, not the {call.caller.role}")
    return call.run(AllowReleases(actor=call.actor, platform=PLATFORM, currency=currency, reason=body.reason))


@router.get("/v1/payout-countries", openapi_extra={"security": []})
def payout_countries() -> CountryList:
    """Where trainers can be paid. Anybody may ask."""
    return country_list(COUNTRIES)


def _payout(call: Call, payout_id: str, at: Snapshot | None = None) -> Payout:
    """One that the caller may see. Raises a 404 Problem."""
    # Payouts begin here: one that is not in the database is not on its way either.
    found = (at or call).find(PAYOUTS, "payout_id", payout_id)
    if not found or (call.caller.role == "trainer" and found[0].trainer_id != call.caller.party_id):
        raise Problem(404, "not_found", f"there is no payout {payout_id}")
    return found[0]


def _trainer(call: Call) -> str:
    if call.caller.role != "trainer":
        raise Problem(403, "forbidden", "a payout account is the trainer's: call with a trainer's token")
    return call.caller.party_id


def _check_role(call: Call) -> None:
    if call.caller.role == "employer":
        raise Problem(403, "forbidden", "payouts are the trainer's; the milestone's payout_state tells how far it is")


def _check_operator(call: Call) -> None:
    if call.caller.role not in ("operator", "service"):
        raise Problem(403, "forbidden", f"what the platform holds back is an operator's, not the {call.caller.role}'s")
