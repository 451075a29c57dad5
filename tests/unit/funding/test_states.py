"""The state table of funding, question by question."""

import itertools

import pytest

from schemas import stripe
from services.funding import domain, states
from services.funding.domain import Decided
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    FEES,
    INSUFFICIENT,
    NOW,
    a_fact,
    a_funding,
    a_method,
    a_milestone,
    a_posting,
    approved,
    held,
)

ASKING = ["funding.fund_milestone.v1", "contracts.milestone_added.v1"]
ANSWERS = [
    "stripe.payment_intent_created.v1",
    "stripe.payment_intent_succeeded.v1",
    "stripe.payment_intent_failed.v1",
    "stripe.call_refused.v1",
    "stripe.payment_intent_action_required.v1",
]
ALL = states.FUNDING.states


def answered(state: str, type_name: str) -> Decided | None:
    """What Stripe's answer does to a funding in this state."""
    created = type_name == stripe.PaymentIntentCreated.type_name
    funding = a_funding(state, payment_intent_id=None if created else "pi_1")
    fact = a_fact(type_name.removesuffix(".v1"))
    if created:
        return domain.intent_created(funding, fact)
    if type_name == stripe.PaymentIntentSucceeded.type_name:
        return domain.charged(funding, fact, a_posting("charge_answered"), a_posting("charge_succeeded"))
    if type_name == stripe.PaymentIntentActionRequired.type_name:
        return domain.action_required(funding, fact, NOW)
    return domain.declined(funding, type_name, 1, INSUFFICIENT, a_posting("charge_answered"))


@pytest.mark.parametrize(("state", "type_name"), list(itertools.product(ALL, ANSWERS)))
def test_an_answer_moves_along_an_edge_or_is_stale(state: str, type_name: str) -> None:
    edge = states.FUNDING.edge(state, type_name)
    decision = answered(state, type_name)
    if edge is None:
        assert decision is None
    else:
        assert decision is not None
        assert decision.funding.state == edge.target
        assert [message.type_name for message in decision.said] == [edge.emits]


@pytest.mark.parametrize("state", ALL)
def test_asking_moves_along_an_edge_or_is_answered(state: str) -> None:
    trigger = "funding.fund_milestone.v1"
    edge = states.FUNDING.edge(state, trigger)
    decision = domain.begin(a_milestone(), a_funding(state), a_method(), FEES, trigger, "fnd_2", a_posting())
    if edge is None:
        assert isinstance(decision, Refused | Unchanged)
    else:
        assert isinstance(decision, Decided)
        assert (decision.funding.state, decision.said[0].type_name) == (edge.target, edge.emits)


@pytest.mark.parametrize("trigger", ASKING)
def test_both_ways_of_asking_begin_a_first_charge(trigger: str) -> None:
    decision = domain.begin(a_milestone(), None, a_method(), FEES, trigger, "fnd_1", a_posting())
    assert isinstance(decision, Decided)
    assert decision.funding.state == states.PROCESSING


@pytest.mark.parametrize(("state", "when"), list(itertools.product(ALL, ["part", "rest"])))
def test_an_approval_releases_along_an_edge_or_is_refused(state: str, when: str) -> None:
    approval = approved(40_000 if when == "part" else 100_000)
    edge = states.FUNDING.edge(state, approval.type_name, when)
    decision = domain.release(a_funding(state, charge_id="ch_1"), held(), approval, a_posting("funds_released"))
    if edge is None:
        assert decision.__class__.__name__ == "ReleaseRefused"
    else:
        assert isinstance(decision, Decided)
        assert (decision.funding.state, decision.said[0].type_name) == (edge.target, edge.emits)


def test_every_trigger_is_tried_here() -> None:
    triggers = {edge.trigger for edge in states.FUNDING.edges}
    assert triggers == {*ASKING, *ANSWERS, "approvals.milestone_approved.v1"}


@pytest.mark.parametrize(
    ("state", "type_name", "when"),
    [
        ("funded", "funding.fund_milestone.v1", ""),
        ("released", "funding.fund_milestone.v1", ""),
        ("funded", "stripe.payment_intent_failed.v1", ""),
        ("failed", "approvals.milestone_approved.v1", "rest"),
        ("released", "approvals.milestone_approved.v1", "rest"),
        ("processing", "funding.fund_milestone.v1", ""),
    ],
)
def test_moves_that_must_not_exist(state: str, type_name: str, when: str) -> None:
    assert states.FUNDING.edge(state, type_name, when) is None
