"""The state tables of funding, question by question."""

import itertools

import pytest

from schemas import stripe
from services.funding import charge_answers, charging, releasing, setting_aside, states
from services.funding.records import Decided
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
    "stripe.charge_converted.v1",
    "stripe.payment_intent_failed.v1",
    "stripe.payment_intent_canceled.v1",
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
        return charge_answers.intent_created(funding, fact)
    if type_name == stripe.PaymentIntentSucceeded.type_name:
        return charge_answers.charged(funding, fact, a_posting("charge_answered"), a_posting("charge_succeeded"))
    if type_name == stripe.ChargeConverted.type_name:
        return setting_aside.set_aside(funding, fact, a_posting("charge_answered"), a_posting("charge_set_aside"))
    if type_name == stripe.PaymentIntentActionRequired.type_name:
        return charge_answers.action_required(funding, fact, NOW)
    return charge_answers.declined(funding, type_name, 1, INSUFFICIENT, a_posting("charge_answered"))


@pytest.mark.parametrize(("state", "type_name"), list(itertools.product(ALL, ANSWERS)))
def test_an_answer_moves_along_an_edge_or_is_stale(state: str, type_name: str) -> None:
    edge = states.FUNDING.edge(state, type_name)
    decision = answered(state, type_name)
    if edge is None:
        assert decision is None
    else:
        assert decision is not None
        assert decision.funding.state == edge.target
        assert [message.type_name for message in decision.said] == ([edge.emits] if edge.emits else [])


@pytest.mark.parametrize("state", ALL)
def test_asking_moves_along_an_edge_or_is_answered(state: str) -> None:
    trigger = "funding.fund_milestone.v1"
    edge = states.FUNDING.edge(states.NONE if state == states.VOIDED else state, trigger)
    decision = charging.begin(a_milestone(), a_funding(state), a_method(), FEES, trigger, "fnd_2", a_posting())
    if edge is None:
        assert isinstance(decision, Refused | Unchanged)
    else:
        assert isinstance(decision, Decided)
        assert (decision.funding.state, decision.said[0].type_name) == (edge.target, edge.emits)


@pytest.mark.parametrize("state", ALL)
def test_a_milestone_is_funded_anew_where_nothing_came_of_its_last_funding_and_nowhere_else(state: str) -> None:
    last = None if state == states.NONE else a_funding(state)
    trigger = "funding.fund_milestone.v1"
    decision = charging.begin(a_milestone(), last, a_method(), FEES, trigger, "fnd_2", a_posting())
    assert isinstance(decision, Decided) == (last is None or state in states.OVER)


@pytest.mark.parametrize("trigger", ASKING)
def test_both_ways_of_asking_begin_a_first_charge(trigger: str) -> None:
    decision = charging.begin(a_milestone(), None, a_method(), FEES, trigger, "fnd_1", a_posting())
    assert isinstance(decision, Decided)
    assert decision.funding.state == states.PROCESSING


@pytest.mark.parametrize(("amount_minor", "where"), [(40_000, "funded"), (100_000, "released")])
def test_an_approval_leads_to_where_the_money_is_then(amount_minor: int, where: str) -> None:
    decision = releasing.release(a_funding("funded"), held(), [], approved(amount_minor), a_posting("funds_released"))
    assert isinstance(decision, Decided)
    edge = states.FUNDING.edge("funded", "approvals.milestone_approved.v1", where)
    assert edge is not None
    assert (decision.funding.state, decision.said[0].type_name) == (where, edge.emits)


@pytest.mark.parametrize("state", [state for state in ALL if state not in states.WITH_MONEY])
def test_without_money_there_is_no_way_to_move_it(state: str) -> None:
    moving = {e.trigger for e in states.FUNDING.edges if e.source in states.WITH_MONEY}
    asking = {*ASKING, *ANSWERS}
    assert not [e for e in states.FUNDING.edges if e.source == state and e.trigger in moving - asking]


@pytest.mark.parametrize(
    ("state", "type_name", "when"),
    [
        ("funded", "funding.fund_milestone.v1", ""),
        ("released", "funding.fund_milestone.v1", ""),
        ("refunded", "funding.fund_milestone.v1", ""),
        ("refunded", "approvals.milestone_approved.v1", "released"),
        ("refunded", "stripe.payment_intent_succeeded.v1", ""),
        ("voided", "stripe.payment_intent_succeeded.v1", ""),
        ("funded", "stripe.payment_intent_failed.v1", ""),
        ("failed", "approvals.milestone_approved.v1", "released"),
        ("released", "approvals.milestone_approved.v1", "released"),
        ("processing", "funding.fund_milestone.v1", ""),
    ],
)
def test_moves_that_must_not_exist(state: str, type_name: str, when: str) -> None:
    assert states.FUNDING.edge(state, type_name, when) is None


def test_what_is_owed_is_never_held_again() -> None:
    into_refused = {edge.source for edge in states.REFUND.edges if edge.target == states.REFUSED}
    assert into_refused == {states.ASKED, states.PENDING}
