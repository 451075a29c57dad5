"""The table of reviews, question by question."""

import itertools
from typing import Any

import pytest

from services.approvals import domain, states
from services.approvals.domain import Decided
from services.runtime.decisions import Refused, Unchanged
from tests.unit.approvals.builders import (
    HELD,
    NOW,
    PERIOD,
    a_fact,
    a_request,
    a_review,
    a_wish_for_changes,
    a_withdrawal,
    an_approval,
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
]
ANSWERS = [
    ("part", released(40_000, 60_000)),
    ("rest", released(HELD, 0)),
    ("part", refused(HELD, HELD)),
    ("rest", refused(HELD, 0)),
]
FACTS = {"funding.milestone_funded.v1", "funding.funds_released.v1", "funding.release_refused.v1"}


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


@pytest.mark.parametrize(("state", "answer"), list(itertools.product(["funded", "requested", "approved"], ANSWERS)))
def test_an_answer_of_the_ledger_moves_along_an_edge_or_is_ignored(state: str, answer: Any) -> None:
    when, fact = answer
    edge = states.REVIEW.edge(state, fact.type_name, when)
    assert domain.ledger_answered(history(state), fact).review.state == (edge.target if edge else state)


@pytest.mark.parametrize("state", states.REVIEW.states)
def test_a_charge_opens_only_what_was_not_funded(state: str) -> None:
    fact = a_fact("funding.milestone_funded", held_minor=HELD)
    edge = states.REVIEW.edge(state, fact.type_name)
    assert domain.milestone_funded(a_review(state), fact).state == (edge.target if edge else state)
