"""The smallest service that can show what the engine does: it counts what it hears of each key, and says each count.

It borrows messages of the catalogue: `MilestoneAdded` is a fact to count, `SetDefaultPaymentMethod` a command to count,
and `DefaultPaymentMethodChanged` tells the count (`count_7`).
"""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import NamedTuple

from fastapi import APIRouter
from fastapi.responses import Response
from pydantic import BaseModel
from sqlalchemy import BigInteger, Column, MetaData, Table, Text

from schemas.base import MESSAGES
from schemas.contracts import MilestoneAdded
from schemas.dead_letters import DEAD_LETTERS, FundingDeadLetter
from schemas.funding import CommandRejected, CommandUnchanged, DefaultPaymentMethodChanged, SetDefaultPaymentMethod
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context, Handlers
from services.runtime.http import CallOf
from services.runtime.service import Service
from services.runtime.workspace import Load

TOPICS = ("contracts.events", "funding.commands")
PAUSE_S = float(os.environ.get("TOY_PAUSE_S", "0"))
"""How long each count takes: so that a kill falls into the middle of a batch."""


class Counter(NamedTuple):
    """What was counted of a key."""

    key: str
    count: int  # type: ignore[assignment]  # a tuple has a method of that name


COUNTERS = Entity(
    Table("counters", MetaData(), Column("key", Text, primary_key=True), Column("count", BigInteger, nullable=False)),
    Counter,
)
HANDLERS = Handlers()
router = APIRouter()


def _count(context: Context, key: str) -> int:
    time.sleep(PAUSE_S)
    known = context.get(COUNTERS, key)
    count = known.count + 1 if known else 1
    context.put(COUNTERS, Counter(key, count))
    context.emit(DefaultPaymentMethodChanged(employer_id=key, payment_method_id=f"count_{count}"))
    return count


def _later(context: Context, command: SetDefaultPaymentMethod, after_s: int) -> Outcome:
    """Say that it was heard, and count once more after these seconds."""
    context.emit(DefaultPaymentMethodChanged(employer_id=command.employer_id, payment_method_id="later"))
    context.at(
        context.now + timedelta(seconds=after_s), command.model_copy(update={"payment_method_id": "count"}), "later"
    )
    return Accepted()


@HANDLERS.on(MilestoneAdded, Load(COUNTERS, "key", lambda message, _: message.contract_id))
def heard(context: Context, message: MilestoneAdded) -> Outcome:
    """Count a fact; the description `boom` cannot be handled."""
    if message.description == "boom":
        raise ValueError("the toy was told to break")
    _count(context, message.contract_id)
    return None


@HANDLERS.on(SetDefaultPaymentMethod, Load(COUNTERS, "key", lambda message, _: message.employer_id))
def asked(context: Context, command: SetDefaultPaymentMethod) -> Outcome:
    """Count a command; the method says whether to refuse, to change nothing, or to break."""
    match command.payment_method_id:
        case "refuse":
            return Refused("conflict", "not_now", "the toy was told to refuse")
        case "same":
            return Unchanged()
        case "nothing" if context.get(COUNTERS, command.employer_id) is None:
            return None
        case "boom":
            raise ValueError("the toy was told to break")
        case method if method.startswith("later_"):
            return _later(context, command, int(method.removeprefix("later_")))
    count = _count(context, command.employer_id)
    return Accepted(lambda: {"count": count})


class Body(BaseModel):
    """What to do."""

    method: str = "count"


@router.post("/v1/counters/{key}", status_code=202)
def count(key: str, body: Body, call: CallOf) -> Response:
    """The command, over HTTP."""
    return call.run(SetDefaultPaymentMethod(actor=call.actor, employer_id=key, payment_method_id=body.method))


@router.get("/v1/counters/{key}")
def shown(key: str, call: CallOf) -> dict[str, int]:
    """What was counted; waits for a key that is on its way."""
    return {"count": call.wait_for(COUNTERS, key, "counter").count}


def service(name: str) -> Service:
    """The toy under a name of its own: its database, consumer group and source."""
    return Service(name=name, topics=TOPICS, handlers=HANDLERS, routes=[router], folder=Path(__file__).parent)


def borrow_messages(name: str) -> None:
    """Let the toy of this name bury and answer with funding's messages. Only for a process of its own."""
    DEAD_LETTERS[name] = FundingDeadLetter
    MESSAGES[f"{name}.command_rejected.v1"] = CommandRejected
    MESSAGES[f"{name}.command_unchanged.v1"] = CommandUnchanged
