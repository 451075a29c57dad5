"""The rows that decisions leave behind, whole, and what a refusal tells besides its code."""

from datetime import date, timedelta
from typing import Any

import pytest

from schemas.contracts import ContractCreated, MilestoneAdded
from services.contracts import domain
from services.contracts.domain import Decided
from services.runtime.decisions import Refused, Unchanged
from tests.unit.contracts.builders import (
    NOW,
    OPERATOR,
    READY,
    SERVICE,
    a_cancellation,
    a_contract,
    a_hire,
    a_milestone,
    an_addition,
    an_archiving,
    an_edit,
)

LATER = NOW + timedelta(hours=3)


def test_a_hire_keeps_every_term_it_was_given() -> None:
    made = domain.hire(None, None, a_hire(milestone_name="First batch", due_date=date(2026, 5, 1)), READY, LATER)
    assert isinstance(made, Decided)
    assert made.contract == a_contract(created_at=LATER)
    assert made.milestone == a_milestone(milestone_name="First batch", due_date=date(2026, 5, 1), created_at=LATER)


def test_an_added_milestone_keeps_every_term_it_was_given() -> None:
    command = an_addition(milestone_name="Second batch", description="Label more", due_date=date(2026, 6, 1))
    made = domain.add(a_contract(), [a_milestone()], None, command, LATER)
    assert isinstance(made, Decided)
    assert made.milestone == a_milestone(
        milestone_id="mls_2",
        number=2,
        milestone_name="Second batch",
        description="Label more",
        amount_minor=command.amount_minor,
        due_date=date(2026, 6, 1),
        created_at=LATER,
    )


def test_the_terms_of_a_hire_are_told_whole() -> None:
    terms = {"milestone_name": "First batch", "due_date": date(2026, 5, 1)}
    made = domain.hire(None, None, a_hire(**terms, fund=True, auto_approve_after_days=14), READY, LATER)
    assert isinstance(made, Decided)
    assert made.contract == a_contract(created_at=LATER, auto_approve_after_days=14)
    assert made.said == (
        ContractCreated(
            contract_id="ctr_1", job_id="job_1", employer_id="emp_1", trainer_id="trn_1", title="Label images",
            currency="usd", auto_approve_after_days=14,
        ),
        MilestoneAdded(
            contract_id="ctr_1", milestone_id="mls_1", employer_id="emp_1", trainer_id="trn_1", number=1,
            description="Label 1,000 images", amount_minor=100_000, currency="usd", fund=True, **terms,
        ),
    )  # fmt: skip


def test_the_first_milestone_of_a_contract_without_any_is_number_1() -> None:
    made = domain.add(a_contract(), [], None, an_addition(), NOW)
    assert isinstance(made, Decided)
    assert made.milestone is not None
    assert made.milestone.number == 1


def test_the_same_hire_repeated_hours_later_changes_nothing() -> None:
    assert isinstance(domain.hire(a_contract(), a_milestone(), a_hire(), READY, LATER), Unchanged)


def _on_behalf_of_the_employer(actor: Any) -> list[object]:
    return [
        domain.add(a_contract(), [a_milestone()], None, an_addition(actor=actor), NOW),
        domain.amend(a_milestone(), an_edit(actor=actor, amount_minor=5_000)),
        domain.cancel(a_milestone(), a_cancellation(actor=actor)),
        domain.archive(a_contract(), [a_milestone(status="CANCELLED")], an_archiving(actor=actor)),
    ]


@pytest.mark.parametrize("actor", [SERVICE, OPERATOR], ids=lambda actor: actor.role)
def test_services_and_operators_act_on_any_contract(actor: Any) -> None:
    assert [type(decision) for decision in _on_behalf_of_the_employer(actor)] == [Decided] * 4


@pytest.mark.parametrize(
    ("decide", "what"),
    [
        (lambda: domain.add(None, [], None, an_addition(), NOW), "contract ctr_1"),
        (lambda: domain.amend(None, an_edit(amount_minor=5_000)), "milestone mls_1"),
        (lambda: domain.cancel(None, a_cancellation()), "milestone mls_1"),
        (lambda: domain.archive(None, [], an_archiving()), "contract ctr_1"),
    ],
    ids=["add", "amend", "cancel", "archive"],
)
def test_what_is_not_found_is_named(decide: Any, what: str) -> None:
    decision = decide()
    assert isinstance(decision, Refused)
    assert what in decision.detail


def test_the_milestones_that_keep_a_contract_open_are_told_with_their_states() -> None:
    open_ones = [
        a_milestone(status="ACTIVE_FUNDED", funding_state="funded", held_minor=1),
        a_milestone(milestone_id="mls_2", number=2, funding_state="processing"),
    ]
    decision = domain.archive(a_contract(), open_ones, an_archiving())
    assert isinstance(decision, Refused)
    assert "1 (ACTIVE_FUNDED), 2 (NOT_FUNDED)" in decision.detail
    assert decision.extra["milestones"] == [
        {"milestone_id": "mls_1", "number": 1, "status": "ACTIVE_FUNDED", "funding_state": "funded"},
        {"milestone_id": "mls_2", "number": 2, "status": "NOT_FUNDED", "funding_state": "processing"},
    ]
