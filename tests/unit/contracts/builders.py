"""Rows and messages to test with: each has a plain default, a test says only what matters to it."""

from datetime import UTC, datetime
from typing import Any

from schemas.base import Actor, Message
from schemas.contracts import AddMilestone, AmendMilestone, ArchiveContract, CancelMilestone, CreateContract
from schemas.fixtures import example
from services.contracts.domain import Known
from services.contracts.records import Contract, Milestone

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EMPLOYER = Actor(role="employer", party_id="emp_1")
TRAINER = Actor(role="trainer", party_id="trn_1")
STRANGER = Actor(role="employer", party_id="emp_2")
SERVICE = Actor(role="service", party_id="svc_1")
OPERATOR = Actor(role="operator", party_id="opr_1")
READY = Known(
    has_payment_method=True,
    trainer_country="US",
    countries=frozenset({"US", "DE"}),
    currencies=frozenset({"usd", "jpy", "kwd"}),
)


def a_contract(**changed: Any) -> Contract:
    """An active contract in usd."""
    fields: dict[str, Any] = {
        "contract_id": "ctr_1",
        "job_id": "job_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "title": "Label images",
        "currency": "usd",
        "state": "active",
        "created_at": NOW,
        "auto_approve_after_days": None,
    }
    return Contract(**{**fields, **changed})


def a_milestone(**changed: Any) -> Milestone:
    """A milestone of 1,000.00 USD that was never funded."""
    fields: dict[str, Any] = {
        "milestone_id": "mls_1",
        "contract_id": "ctr_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "number": 1,
        "milestone_name": None,
        "description": "Label 1,000 images",
        "amount_minor": 100_000,
        "currency": "usd",
        "due_date": None,
        "status": "NOT_FUNDED",
        "funding_state": "none",
        "payout_state": "none",
        "held_minor": 0,
        "unsettled_minor": 0,
        "released_minor": 0,
        "refunded_minor": 0,
        "created_at": NOW,
        "charged_back_minor": 0,
        "returning_minor": 0,
        "review": "none",
        "freezes": [],
        "refunds": {},
        "chargebacks": {},
    }
    return Milestone(**{**fields, **changed})


def a_hire(**changed: Any) -> CreateContract:
    """A hire by its employer, not funded at once."""
    fields: dict[str, Any] = {
        "actor": EMPLOYER,
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "job_id": "job_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "title": "Label images",
        "currency": "usd",
        "description": "Label 1,000 images",
        "amount_minor": 100_000,
    }
    return CreateContract(**{**fields, **changed})


def an_addition(**changed: Any) -> AddMilestone:
    """A second milestone."""
    fields: dict[str, Any] = {
        "actor": EMPLOYER,
        "contract_id": "ctr_1",
        "milestone_id": "mls_2",
        "description": "Review the labels",
        "amount_minor": 50_000,
        "currency": "usd",
    }
    return AddMilestone(**{**fields, **changed})


def an_edit(**changed: Any) -> AmendMilestone:
    """A change of terms."""
    return AmendMilestone(**{"actor": EMPLOYER, "contract_id": "ctr_1", "milestone_id": "mls_1", **changed})


def a_cancellation(**changed: Any) -> CancelMilestone:
    """A cancellation."""
    return CancelMilestone(**{"actor": EMPLOYER, "contract_id": "ctr_1", "milestone_id": "mls_1", **changed})


def an_archiving(**changed: Any) -> ArchiveContract:
    """Putting a contract away."""
    return ArchiveContract(**{"actor": EMPLOYER, "contract_id": "ctr_1", **changed})


def a_fact(type_name: str, **changed: Any) -> Any:
    """A fact about `mls_1` of `ctr_1`, its other fields from the catalogue's example."""
    message: Message = example(f"{type_name}.v1").message
    given = {"contract_id": "ctr_1", "milestone_id": "mls_1", "currency": "usd", **changed}
    return message.model_copy(
        update={name: value for name, value in given.items() if name in type(message).model_fields}
    )


def funded(held_minor: int = 100_000) -> Any:
    """The charge succeeded."""
    return a_fact("funding.milestone_funded", held_minor=held_minor)


def approved(amount_minor: int, still_held_minor: int, release_id: str = "rel_1") -> Any:
    """The employer approved."""
    return a_fact(
        "approvals.milestone_approved",
        amount_minor=amount_minor,
        still_held_minor=still_held_minor,
        release_id=release_id,
    )


def released(amount_minor: int, still_held_minor: int, release_id: str = "rel_1") -> Any:
    """The ledger released."""
    return a_fact(
        "funding.funds_released", amount_minor=amount_minor, still_held_minor=still_held_minor, release_id=release_id
    )


def refused(amount_minor: int, held_minor: int, release_id: str = "rel_1") -> Any:
    """The ledger refused."""
    return a_fact("funding.release_refused", amount_minor=amount_minor, held_minor=held_minor, release_id=release_id)
