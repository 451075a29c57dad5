"""The table of reviews, question by question."""

import itertools
from typing import Any

import pytest

from services.approvals import disputes, domain, held, states
from services.approvals.domain import Decided
from services.runtime.decisions import Refused, Unchanged
from tests.unit.approvals.builders import (
    HELD,
    NOW,
    PERIOD,
    a_fact,
    a_protest,
    a_request,
    a_review,
    a_settlement,
    a_wish_for_changes,
    a_withdrawal,
    an_approval,
    held_fact,
    history,
    refused,
    released,
)

COMMANDS = [
    ("", a_request(), lambda of, c: domain.request_release(of, c, NOW, PERIOD)),
    ("", a_withdrawal(), lambda of, c: domain.withdraw_request(of, c, NOW)),
    ("", a_wish_for_changes(), lambda of, c: domain.request_changes(of, c, NOW)),
    ("part", an_approval(40_000), lambda of, c: domain.approve(of, c, "rel_2", NOW)),
    ("rest", an_approval(), lambda of, c: domain.approve(of, c, "rel_2", NOW)),
    ("", a_protest(), lambda of, c: disputes.dispute(of, c, "dsp_2", NOW)),
    ("part", a_settlement(60_000, 40_000), lambda of, c: disputes.resolve(of, c, "rel_2", NOW)),
    ("rest", a_settlement(0, HELD), lambda of, c: disputes.resolve(of, c, "rel_2", NOW)),
]
ANSWERS = [
    ("part", released(40_000, 60_000)),
    ("rest", released(HELD, 0)),
    ("part", refused(HELD, HELD)),
    ("rest", refused(HELD, 0)),
]
CHANGES = [
    "refund_requested",
    "milestone_refunded",
    "refund_failed",
    "milestone_charged_back",
    "chargeback_reversed",
    "funds_returned",
    "release_given_up",
]
FACTS = {
    "funding.milestone_funded.v1",
    "funding.funds_released.v1",
    "funding.release_refused.v1",
    *(f"funding.{name}.v1" for name in CHANGES),
}


def test_every_trigger_of_the_table_is_a_message_that_approvals_takes() -> None:
    assert {edge.trigger for edge in states.REVIEW.edges} == {*(c.type_name for _, c, _ in COMMANDS), *FACTS}


@pytest.mark.parametrize(("state", "asked"), list(itertools.product(states.REVIEW.states, COMMANDS)))
def test_a_command_moves_along_an_edge_or_is_answered(state: str, asked: Any) -> None:
    when, command, decide = asked
    decision = decide(history(state), command)
    edge = states.REVIEW.edge(state, command.type_name, when)
    if edge is None:
        assert isinstance(decision, Refused | Unchanged)
    else:
        assert isinstance(decision, Decided)
        assert decision.review.state == edge.target
        assert [event.type_name for event in decision.said] == [edge.emits]


@pytest.mark.parametrize(
    ("state", "answer"), list(itertools.product(["funded", "requested", "approved", "disputed", "closed"], ANSWERS))
)
def test_an_answer_of_the_ledger_moves_along_an_edge_or_is_ignored(state: str, answer: Any) -> None:
    when, fact = answer
    edge = states.REVIEW.edge(state, fact.type_name, when)
    assert domain.ledger_answered(history(state), fact).review.state == (edge.target if edge else state)


@pytest.mark.parametrize("when", ["part", "rest"])
@pytest.mark.parametrize(
    ("state", "name"), list(itertools.product([s for s in states.REVIEW.states if s != "not_funded"], CHANGES))
)
def test_what_the_ledger_holds_moves_along_an_edge_or_not(state: str, name: str, when: str) -> None:
    fact = held_fact(name, HELD + 1 if when == "part" else 0, final=True)
    edge = states.REVIEW.edge(state, fact.type_name, when)
    made = held.changed(history(state), fact, NOW)
    assert made.review.state == (edge.target if edge else state)
    assert [event.type_name for event in made.said] == ([edge.emits] if edge and edge.emits else [])


@pytest.mark.parametrize("state", states.REVIEW.states)
def test_a_charge_opens_only_what_was_not_funded(state: str) -> None:
    fact = a_fact("funding.milestone_funded", held_minor=HELD)
    edge = states.REVIEW.edge(state, fact.type_name)
    assert domain.milestone_funded(a_review(state), fact).state == (edge.target if edge else state)
