"""Rows and messages to test with: each has a plain default, a test says only what matters to it."""

from datetime import UTC, datetime, timedelta
from typing import Any

from schemas.approvals import (
    ApproveMilestone,
    DisputeMilestone,
    RequestChanges,
    RequestRelease,
    ResolveDispute,
    WithdrawRequest,
)
from schemas.base import Actor, Message
from schemas.fixtures import example
from services.approvals.domain import History
from services.approvals.records import Dispute, Release, Review, Round

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
PERIOD = timedelta(days=14)
HELD = 100_000
EMPLOYER = Actor(role="employer", party_id="emp_1")
TRAINER = Actor(role="trainer", party_id="trn_1")
STRANGER = Actor(role="employer", party_id="emp_2")
SERVICE = Actor(role="service", party_id="svc_1")
OPERATOR = Actor(role="operator", party_id="opr_1")


def a_review(state: str = "funded", **changed: Any) -> Review:
    """The review of a milestone for which 1,000.00 USD is held."""
    fields: dict[str, Any] = {
        "milestone_id": "mls_1",
        "contract_id": "ctr_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "currency": "usd",
        "state": state,
        "held_minor": 0 if state == "not_funded" else HELD,
        "round": 1 if state == "requested" else 0,
        "freezes": [],
    }
    return Review(**{**fields, **changed})


def a_round(outcome: str = "open", **changed: Any) -> Round:
    """The first round."""
    fields: dict[str, Any] = {
        "milestone_id": "mls_1",
        "round": 1,
        "note": None,
        "links": [],
        "requested_at": NOW,
        "review_due_at": NOW + PERIOD,
        "outcome": outcome,
        "reason": None,
        "ended_at": None if outcome == "open" else NOW,
    }
    return Round(**{**fields, **changed})


def a_release(amount_minor: int = HELD, outcome: str = "approved", **changed: Any) -> Release:
    """An approval that the ledger has not answered."""
    fields: dict[str, Any] = {
        "release_id": "rel_1",
        "milestone_id": "mls_1",
        "round": 0,
        "amount_minor": amount_minor,
        "approved_by": "emp_1",
        "approved_at": NOW,
        "outcome": outcome,
        "reason": None,
    }
    return Release(**{**fields, **changed})


def history(state: str = "funded", *releases: Release, **changed: Any) -> History:
    """A review in a state, with the rows that belong to it."""
    rounds = [a_round()] if state == "requested" else []
    if state == "approved" and not releases:
        releases = (a_release(),)
    disputes = [a_dispute()] if state == "disputed" else []
    held = {"held_minor": 0, **changed} if state == "closed" else changed
    return History(a_review(state, **held), rounds, releases, disputes)


def a_request(**changed: Any) -> RequestRelease:
    return RequestRelease(**{"actor": TRAINER, "contract_id": "ctr_1", "milestone_id": "mls_1", **changed})


def a_withdrawal(**changed: Any) -> WithdrawRequest:
    return WithdrawRequest(**{"actor": TRAINER, "contract_id": "ctr_1", "milestone_id": "mls_1", **changed})


def a_wish_for_changes(**changed: Any) -> RequestChanges:
    given = {"actor": EMPLOYER, "contract_id": "ctr_1", "milestone_id": "mls_1", "reason": "Image 17 has no label."}
    return RequestChanges(**{**given, **changed})


def an_approval(amount_minor: int | None = None, **changed: Any) -> ApproveMilestone:
    given = {"actor": EMPLOYER, "contract_id": "ctr_1", "milestone_id": "mls_1", "amount_minor": amount_minor}
    return ApproveMilestone(**{**given, **changed})


def a_fact(type_name: str, **changed: Any) -> Any:
    """A fact about `mls_1` of `ctr_1`, its other fields from the catalogue's example."""
    message: Message = example(f"{type_name}.v1").message
    given = {"contract_id": "ctr_1", "milestone_id": "mls_1", "employer_id": "emp_1", "trainer_id": "trn_1",
             "currency": "usd", **changed}  # fmt: skip
    fields = type(message).model_fields
    return message.model_copy(update={name: value for name, value in given.items() if name in fields})


def released(amount_minor: int, still_held_minor: int, release_id: str = "rel_1") -> Any:
    """The ledger released."""
    return a_fact(
        "funding.funds_released", amount_minor=amount_minor, still_held_minor=still_held_minor, release_id=release_id
    )


def refused(amount_minor: int, held_minor: int, release_id: str = "rel_1") -> Any:
    """The ledger refused."""
    return a_fact("funding.release_refused", amount_minor=amount_minor, held_minor=held_minor, release_id=release_id)


def a_dispute(outcome: str = "open", **changed: Any) -> Dispute:
    """The trainer disputed."""
    fields: dict[str, Any] = {
        "dispute_id": "dsp_1",
        "milestone_id": "mls_1",
        "contract_id": "ctr_1",
        "opened_by": "trn_1",
        "reason": "The images were exchanged.",
        "opened_at": NOW,
        "outcome": outcome,
        "to_trainer_minor": 0,
        "to_employer_minor": 0,
        "refunding_minor": 0,
        "release_id": None,
        "settled_by": None,
        "settlement": None,
        "settled_at": None,
    }
    return Dispute(**{**fields, **changed})


def a_protest(**changed: Any) -> DisputeMilestone:
    given = {"actor": TRAINER, "contract_id": "ctr_1", "milestone_id": "mls_1", "reason": "The images were exchanged."}
    return DisputeMilestone(**{**given, **changed})


def a_settlement(to_trainer_minor: int = 60_000, to_employer_minor: int = 40_000, **changed: Any) -> ResolveDispute:
    given = {
        "actor": OPERATOR,
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "dispute_id": "dsp_1",
        "to_trainer_minor": to_trainer_minor,
        "to_employer_minor": to_employer_minor,
        "currency": "usd",
        "reason": "Six of ten were done.",
    }
    return ResolveDispute(**{**given, **changed})


def held_fact(name: str, held_minor: int, **changed: Any) -> Any:
    """A fact of the ledger after which so much is held."""
    return a_fact(f"funding.{name}", held_minor=held_minor, still_held_minor=held_minor, **changed)
