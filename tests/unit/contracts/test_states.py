"""The state tables of contracts, question by question."""

import itertools
from typing import get_args

import pytest

from schemas import contracts as said
from services.contracts import domain, progress, states
from services.contracts.domain import Decided
from services.runtime.decisions import Refused, Unchanged
from services.runtime.states import StateTable
from tests.unit.contracts.builders import a_cancellation, a_fact, a_milestone, an_edit, approved, refused, released

STATUSES = states.STATUS.states
FACTS = [fact.type_name for fact in get_args(progress.MilestoneFact)]
PAYOUT_FACTS = [fact.type_name for fact in get_args(progress.PayoutFact)]


def test_every_trigger_of_a_table_is_a_message_that_contracts_takes() -> None:
    commands = {"contracts.create_contract.v1", "contracts.amend_milestone.v1", "contracts.cancel_milestone.v1",
                "contracts.archive_contract.v1"}  # fmt: skip
    triggers = {edge.trigger for table in states.TABLES for edge in table.edges}
    assert triggers <= {*FACTS, *PAYOUT_FACTS, *commands}


def test_the_states_are_the_published_ones() -> None:
    assert set(STATUSES) <= set(get_args(said.MilestoneStatus))
    assert set(states.FUNDING.states) <= set(get_args(said.FundingState))
    assert set(states.PAYOUT.states) <= set(get_args(said.PayoutState))
    assert set(states.CONTRACT.states) <= set(get_args(said.ContractState))


@pytest.mark.parametrize("status", STATUSES)
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


def _releases() -> list[tuple[str, object]]:
    return [
        ("part", approved(40_000, 60_000)),
        ("rest", approved(100_000, 0)),
        ("part", released(40_000, 60_000)),
        ("rest", released(100_000, 0)),
        ("part", refused(100_000, 100_000)),
        ("rest", refused(100_000, 0)),
    ]


@pytest.mark.parametrize("status", STATUSES)
@pytest.mark.parametrize(
    ("when", "fact"),
    [
        *_releases(),
        *(("", a_fact(name.removesuffix(".v1"))) for name in FACTS if "release" not in name and "approved" not in name),
    ],
    ids=lambda value: getattr(value, "type_name", value),
)
def test_a_fact_moves_along_an_edge_or_is_ignored(status: str, when: str, fact: progress.MilestoneFact) -> None:
    asked = getattr(fact, "amount_minor", 0) if fact.topic == "funding.events" and when else 0
    before = a_milestone(status=status, funding_state="funded", held_minor=100_000, unsettled_minor=asked)
    edge = states.STATUS.edge(status, fact.type_name, when)
    assert progress.heard(before, fact).milestone.status == (edge.target if edge else status)


@pytest.mark.parametrize(
    ("state", "type_name"), list(itertools.product(states.FUNDING.states, [n for n in FACTS if "funding." in n]))
)
def test_a_charge_moves_the_funding_state_along_an_edge_or_is_ignored(state: str, type_name: str) -> None:
    edge = states.FUNDING.edge(state, type_name)
    after = progress.heard(a_milestone(funding_state=state), a_fact(type_name.removesuffix(".v1")))
    assert after.milestone.funding_state == (edge.target if edge else state)


@pytest.mark.parametrize(("state", "type_name"), list(itertools.product(states.PAYOUT.states, PAYOUT_FACTS)))
def test_a_payout_moves_along_an_edge_or_is_ignored(state: str, type_name: str) -> None:
    fact = a_fact(type_name.removesuffix(".v1"))
    known = progress.Payout(fact.payout_id, "mls_1", state)
    edge = states.PAYOUT.edge(state, type_name)
    after = progress.payout_heard(a_milestone(), [known], fact)
    assert after.payout is not None
    assert after.payout.state == (edge.target if edge else state)


@pytest.mark.parametrize("table", states.TABLES, ids=lambda table: table.name)
def test_every_edge_names_an_event_of_contracts(table: StateTable) -> None:
    assert all(edge.emits is not None and edge.emits.startswith("contracts.") for edge in table.edges)


@pytest.mark.parametrize(
    ("status", "type_name", "when"),
    [
        ("PAID", "funding.milestone_funded.v1", ""),
        ("PAID", "approvals.changes_requested.v1", ""),
        ("ACTIVE_FUNDED", "contracts.cancel_milestone.v1", ""),
        ("NOT_FUNDED", "funding.funds_released.v1", "rest"),
        ("PAID", "funding.funds_released.v1", "early"),
    ],
)
def test_moves_that_must_not_exist(status: str, type_name: str, when: str) -> None:
    assert states.STATUS.edge(status, type_name, when) is None
