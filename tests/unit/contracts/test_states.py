"""The state tables of contracts, question by question."""

import itertools
from typing import get_args

import pytest

from schemas import contracts as said
from services.contracts import domain, progress, states
from services.contracts.domain import Decided
from services.runtime.decisions import Refused, Unchanged
from services.runtime.states import StateTable
from tests.unit.contracts.builders import a_cancellation, a_fact, a_milestone, an_edit

STATUSES = states.STATUS.states
FACTS = [fact.type_name for fact in get_args(progress.MilestoneFact)]
REVIEW_FACTS = [fact.type_name for fact in get_args(progress.ReviewFact)]
CHARGE_FACTS = [fact.type_name for fact in get_args(progress.ChargeFact)]
PAYOUT_FACTS = [fact.type_name for fact in get_args(progress.PayoutFact)]


def test_every_trigger_of_a_table_is_a_message_that_contracts_takes() -> None:
    commands = {"contracts.create_contract.v1", "contracts.amend_milestone.v1", "contracts.cancel_milestone.v1",
                "contracts.archive_contract.v1"}  # fmt: skip
    triggers = {edge.trigger for table in states.TABLES for edge in table.edges}
    assert triggers <= {*FACTS, *PAYOUT_FACTS, *commands}


def test_the_states_are_the_published_ones() -> None:
    assert set(STATUSES) | {states.IN_DISPUTE, *states.RESOLVED} <= set(get_args(said.MilestoneStatus))
    assert set(states.FUNDING.states) <= set(get_args(said.FundingState))
    assert {*states.PAYOUT.states} - states.NEVER_BEGAN | {states.NONE} <= set(get_args(said.PayoutState))
    assert set(states.CONTRACT.states) <= set(get_args(said.ContractState))


@pytest.mark.parametrize("status", get_args(said.MilestoneStatus))
@pytest.mark.parametrize("command", [an_edit(amount_minor=5_000), a_cancellation()], ids=lambda c: type(c).__name__)
def test_a_command_moves_along_an_edge_or_is_answered(status: str, command: object) -> None:
    milestone = a_milestone(status=status)
    if isinstance(command, said.AmendMilestone):
        decision = domain.amend(milestone, command)
    else:
        assert isinstance(command, said.CancelMilestone)
        decision = domain.cancel(milestone, command)
    edge = states.STATUS.edge(status, command.type_name)
    if edge is None:
        assert isinstance(decision, Refused | Unchanged)
    else:
        assert isinstance(decision, Decided)
        assert decision.milestone is not None
        assert decision.milestone.status == edge.target
        assert edge.emits in {event.type_name for event in decision.said}


@pytest.mark.parametrize(("state", "type_name"), list(itertools.product(states.REVIEW.states, REVIEW_FACTS)))
def test_a_word_of_approvals_moves_the_review_along_an_edge_or_is_ignored(state: str, type_name: str) -> None:
    edge = states.REVIEW.edge(state, type_name)
    after = progress.heard(a_milestone(review=state), a_fact(type_name.removesuffix(".v1")))
    assert after.milestone.review == (edge.target if edge else state)


@pytest.mark.parametrize(("state", "type_name"), list(itertools.product(states.FUNDING.states, CHARGE_FACTS)))
def test_a_charge_moves_the_funding_state_along_an_edge_or_is_ignored(state: str, type_name: str) -> None:
    edge = states.FUNDING.edge(state, type_name)
    after = progress.heard(a_milestone(funding_state=state), a_fact(type_name.removesuffix(".v1")))
    assert after.milestone.funding_state == (edge.target if edge else state)


@pytest.mark.parametrize("state", states.FUNDING.states)
@pytest.mark.parametrize("cause", ["duplicate_charge", "amount_mismatch"])
def test_a_charge_that_must_not_stand_ends_a_funding_that_is_under_way(state: str, cause: str) -> None:
    fact = a_fact("funding.refund_requested", cause=cause)
    edge = states.FUNDING.edge(state, fact.type_name, "void")
    after = progress.heard(a_milestone(funding_state=state), fact).milestone
    assert after.funding_state == (edge.target if edge else state)
    assert (after.refunded_minor, after.held_minor) == (0, 0)


@pytest.mark.parametrize(("state", "type_name"), list(itertools.product(states.PAYOUT.states, PAYOUT_FACTS)))
def test_a_payout_moves_along_an_edge_or_is_ignored(state: str, type_name: str) -> None:
    fact = a_fact(type_name.removesuffix(".v1"))
    known = progress.Payout(fact.payout_id, "mls_1", state)
    edge = states.PAYOUT.edge(state, type_name)
    fact = fact.model_copy(update={"whole": True}) if "reversed" in type_name else fact
    after = progress.payout_heard(a_milestone(), [known], fact)
    assert after.payout is not None
    assert after.payout.state == (edge.target if edge else state)


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_every_edge_names_an_event_of_contracts(table: StateTable) -> None:
    assert all(edge.emits is not None and edge.emits.startswith("contracts.") for edge in table.edges)


def test_a_milestone_is_ours_alone_only_before_money_is_in_it() -> None:
    assert states.STATUS.states == ("NOT_FUNDED", "CANCELLED")
