"""Rows, messages and postings to test with: each has a plain default, a test says only what matters to it."""

from datetime import UTC, datetime
from typing import Any

from schemas.base import Actor, Message
from schemas.fixtures import example
from schemas.funding import FundMilestone
from services.funding import ledger
from services.funding.declines import explain
from services.funding.fees import Fees
from services.funding.ledger import Entry, Kind, Posting
from services.funding.records import Attempt, Decided, Funding, Milestone, PaymentMethod
from services.funding.settings import FundingSettings

NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
EMPLOYER = Actor(role="employer", party_id="emp_1")
TRAINER = Actor(role="trainer", party_id="trn_1")
STRANGER = Actor(role="employer", party_id="emp_2")
SERVICE = Actor(role="service", party_id="svc_1")
OPERATOR = Actor(role="operator", party_id="opr_1")
FEES = Fees("fees_2026_01", 10_000, 995)
RULES = FundingSettings(auth_secret="a-secret-for-tests-of-at-least-32-bytes").fee_rules()
INSUFFICIENT = explain("card_declined", "insufficient_funds")


def a_milestone(**changed: Any) -> Milestone:
    """A milestone of 1,000.00 USD."""
    fields: dict[str, Any] = {
        "milestone_id": "mls_1",
        "contract_id": "ctr_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "number": 1,
        "description": "Label 1,000 images",
        "amount_minor": 100_000,
        "currency": "usd",
        "cancelled": False,
    }
    return Milestone(**{**fields, **changed})


def a_funding(state: str, **changed: Any) -> Funding:
    """The first attempt to charge that milestone; its payment intent exists."""
    fields: dict[str, Any] = {
        "funding_id": "fnd_1",
        "milestone_id": "mls_1",
        "contract_id": "ctr_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "state": state,
        "attempt": 1,
        "payment_method_id": "pm_1",
        "amount_minor": 100_000,
        "marketplace_fee_minor": 10_000,
        "initiation_fee_minor": 995,
        "currency": "usd",
        "fee_rule": "fees_2026_01",
        "payment_intent_id": "pi_1",
        "charge_id": "ch_1" if state in ("funded", "released") else None,
        "expires_at": None,
        "requested_at": NOW,
    }
    return Funding(**{**fields, **changed})


def a_method(**changed: Any) -> PaymentMethod:
    """The employer's default card."""
    fields: dict[str, Any] = {
        "payment_method_id": "pm_1",
        "employer_id": "emp_1",
        "brand": "visa",
        "last4": "4242",
        "exp_month": 1,
        "exp_year": 2030,
        "is_default": True,
        "removed": False,
        "added_at": NOW,
    }
    return PaymentMethod(**{**fields, **changed})


def an_attempt(**changed: Any) -> Attempt:
    """A declined attempt."""
    fields: dict[str, Any] = {
        "funding_id": "fnd_1",
        "attempt": 1,
        "milestone_id": "mls_1",
        "payment_method_id": "pm_1",
        "outcome": "failed",
        "code": "insufficient_funds",
        "reason": "no money",
        "advice": "try_again_later",
        "ended_at": NOW,
    }
    return Attempt(**{**fields, **changed})


def a_posting(kind: Kind = "charge_requested", **changed: Any) -> Posting:
    """The frame of a posting about `mls_1`."""
    fields: dict[str, Any] = {
        "id": f"pst_{kind}",
        "kind": kind,
        "milestone_id": "mls_1",
        "contract_id": "ctr_1",
        "currency": "usd",
        "cause_id": "evt_1",
        "posted_at": NOW,
    }
    return Posting(**{**fields, **changed})


def to_fund(**changed: Any) -> FundMilestone:
    """The employer asks for the charge."""
    return FundMilestone(**{"actor": EMPLOYER, "contract_id": "ctr_1", "milestone_id": "mls_1", **changed})


def a_fact(type_name: str, **changed: Any) -> Any:
    """A fact about the first attempt of `fnd_1`, its other fields from the catalogue's example."""
    message: Message = example(f"{type_name}.v1").message
    given = {
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "funding_id": "fnd_1",
        "employer_id": "emp_1",
        "trainer_id": "trn_1",
        "payment_intent_id": "pi_1",
        "charge_id": "ch_1",
        "attempt": 1,
        "currency": "usd",
        "charge_minor": 110_995,
        "stripe_fee_minor": 3_249,
        **changed,
    }
    return message.model_copy(
        update={name: value for name, value in given.items() if name in type(message).model_fields}
    )


def approved(amount_minor: int, **changed: Any) -> Any:
    """The employer approved an amount."""
    return a_fact("approvals.milestone_approved", amount_minor=amount_minor, release_id="rel_1", **changed)


def held(amount_minor: int = 100_000) -> list[Entry]:
    """The ledger after a charge."""
    return ledger.charge_succeeded(a_posting("charge_succeeded"), amount_minor, 10_995, 3_249)


def decided(found: object) -> Decided:
    """The decision, which must be one."""
    assert isinstance(found, Decided), found
    return found


def movements(entries: Any) -> list[tuple[str, int]]:
    """What moved, in order."""
    return [(entry.account, entry.amount_minor) for entry in entries]
