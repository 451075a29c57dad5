"""What must be so of every state table of every service, asked of the tables as they are.

`StateTable` refuses a wrong table at its import; here the same is asked another way, and more: what follows from
several edges together.
"""

import importlib
from collections import defaultdict
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.catalogue import MESSAGES
from services.runtime.states import Edge, StateTable

SERVICES = Path(__file__).parents[3] / "services"


def _tables() -> dict[str, StateTable]:
    found = {}
    for path in sorted(SERVICES.glob("*/states.py")):
        service = path.parent.name
        module = importlib.import_module(f"services.{service}.states")
        found |= {f"{service}: {table.name}": table for table in getattr(module, "TABLES", ())}
    return found


TABLES = _tables()
EVERY_TABLE = pytest.mark.parametrize("table", TABLES.values(), ids=list(TABLES))


def test_the_tables_of_all_services_with_money_are_here() -> None:
    services = {name.partition(":")[0] for name in TABLES}
    assert services >= {"approvals", "contracts", "funding", "payouts", "stripe_gateway"}


def _reached_from(state: str, edges: tuple[Edge, ...]) -> set[str]:
    ways = defaultdict(set)
    for edge in edges:
        ways[edge.source].add(edge.target)
    seen, ahead = {state}, [state]
    while ahead:
        new = ways[ahead.pop()] - seen
        seen |= new
        ahead += new
    return seen


@EVERY_TABLE
def test_every_state_is_reached(table: StateTable) -> None:
    assert _reached_from(table.initial, table.edges) == set(table.states)


@EVERY_TABLE
def test_a_terminal_state_is_never_left(table: StateTable) -> None:
    for state in table.terminal:
        assert _reached_from(state, table.edges) == {state}


@EVERY_TABLE
def test_nothing_is_stuck(table: StateTable) -> None:
    """From each state there is a way on, to the end for good where the table has one."""
    for state in table.states:
        if state in table.terminal:
            continue
        reached = _reached_from(state, table.edges)
        assert len(reached) > 1, f"{state} leads nowhere"
        # A decided card dispute may be appealed: only `prevented` is for good, and no state has to come to it. Money
        # that a charge brought may always move once more; only a charge that was voided is over for good.
        if table.terminal and table.name not in ("card dispute", "funding"):
            assert reached & set(table.terminal), f"no way from {state} to an end"


@EVERY_TABLE
def test_a_thing_never_becomes_what_it_was_before_anything_was_known(table: StateTable) -> None:
    """`none`, `not_funded` and the like are for what has not begun; who is there once does not go back."""
    begins = {edge.source for edge in table.edges if edge.source == table.initial}
    back = [edge for edge in table.edges if edge.target in begins and edge.source != edge.target]
    assert back == []


@EVERY_TABLE
def test_the_same_message_does_not_move_a_thing_on_when_it_comes_again(table: StateTable) -> None:
    """A copy finds no edge, or leads to where the thing is. (Copies of a message are dropped before that by their
    id: this is the second line.)"""
    for edge in table.edges:
        again = table.edge(edge.target, edge.trigger, edge.when)
        assert again is None or again.target == edge.target, f"{edge.trigger} [{edge.when}] twice in {edge.source}"


@EVERY_TABLE
def test_every_edge_says_an_event_or_the_table_says_why_not(table: StateTable) -> None:
    quiet = {edge.trigger for edge in table.edges if edge.emits is None}
    assert quiet - set(table.silent) == set(), "give the reason in the table's `silent`"
    assert all(reason for reason in table.silent.values())


@EVERY_TABLE
def test_what_an_edge_says_is_the_services_own_word(table: StateTable) -> None:
    """One voice each: no edge says an event of another service. A call to Stripe is a command to the gateway."""
    own = next(name for name, other in TABLES.items() if other is table).partition(":")[0]
    for edge in table.edges:
        if edge.emits is None:
            continue
        said = MESSAGES[edge.emits]
        topics = {own, "stripe"} if said.is_command or own == "stripe_gateway" else {own}
        assert edge.emits.partition(".")[0] in topics, edge


@EVERY_TABLE
def test_no_service_is_moved_by_its_own_events(table: StateTable) -> None:
    """An event says what was done: a service that waits for its own would do it twice, or wait for ever."""
    own = next(name for name, other in TABLES.items() if other is table).partition(":")[0]
    moved_by = {edge.trigger for edge in table.edges if edge.trigger in MESSAGES}
    own_events = {name for name in moved_by if name.startswith(f"{own}.") and not MESSAGES[name].is_command}
    assert own_events == set()


@given(table=st.sampled_from(list(TABLES.values())), data=st.data())
def test_any_story_stays_within_the_table_and_its_end_is_final(table: StateTable, data: st.DataObject) -> None:
    questions = sorted({(edge.trigger, edge.when) for edge in table.edges})
    state, ended = table.initial, False
    for trigger, when in data.draw(st.lists(st.sampled_from(questions), max_size=30)):
        edge = table.edge(state, trigger, when)
        if edge is not None:
            assert edge.source == state
            assert not ended or edge.target == state
            state = edge.target
        ended = ended or state in table.terminal
        assert state in table.states
