"""State tables: the lookup, what a wrong table is told, and the diagram."""

import pytest

from services.runtime.diagrams import BEGIN, END, MarkersMissingError, drawn
from services.runtime.states import Edge, StateTable

CANCEL = Edge("NOT_FUNDED", "contracts.cancel_milestone.v1", "CANCELLED", "contracts.milestone_cancelled.v1")
FUNDED = Edge("NOT_FUNDED", "funding.milestone_funded.v1", "ACTIVE_FUNDED")
PART = Edge("ACTIVE_FUNDED", "funding.funds_released.v1", "ACTIVE_FUNDED", when="part")
REST = Edge("ACTIVE_FUNDED", "funding.funds_released.v1", "PAID", when="rest")


def table(*edges: Edge, initial: str = "NOT_FUNDED", terminal: tuple[str, ...] = ("CANCELLED", "PAID")) -> StateTable:
    return StateTable(name="milestone", initial=initial, terminal=terminal, edges=edges)


MILESTONE = table(CANCEL, FUNDED, PART, REST)


def test_an_edge_is_found_by_state_and_trigger() -> None:
    assert MILESTONE.edge("NOT_FUNDED", "contracts.cancel_milestone.v1") is CANCEL


def test_edges_of_one_trigger_are_told_apart_by_when() -> None:
    assert MILESTONE.edge("ACTIVE_FUNDED", "funding.funds_released.v1", "part") is PART
    assert MILESTONE.edge("ACTIVE_FUNDED", "funding.funds_released.v1", "rest") is REST


def test_a_move_that_is_not_in_the_table_is_none() -> None:
    assert MILESTONE.edge("CANCELLED", "contracts.cancel_milestone.v1") is None


def test_the_states_begin_with_the_initial_one() -> None:
    assert MILESTONE.states == ("NOT_FUNDED", "CANCELLED", "ACTIVE_FUNDED", "PAID")


def test_a_trigger_that_is_no_message_is_a_plain_word() -> None:
    attempt = StateTable("attempt", "open", ("done",), (Edge("open", "answer_arrived", "done"),))

    assert attempt.edge("open", "answer_arrived") is not None


@pytest.mark.parametrize(
    ("edges", "terminal", "fault"),
    [
        ((CANCEL, CANCEL), ("CANCELLED",), "NOT_FUNDED has two edges for contracts.cancel_milestone.v1"),
        ((CANCEL, PART, REST), ("CANCELLED", "PAID"), "ACTIVE_FUNDED cannot be reached from NOT_FUNDED"),
        (
            (CANCEL, FUNDED, REST),
            ("CANCELLED", "PAID", "ACTIVE_FUNDED"),
            "ACTIVE_FUNDED is terminal and is left",
        ),
        ((CANCEL, FUNDED), ("CANCELLED",), "ACTIVE_FUNDED is never left and is not terminal"),
        ((CANCEL,), ("CANCELLED", "PAID"), "the terminal state PAID is in no edge"),
        (
            (Edge("NOT_FUNDED", "contracts.cancel_milestone", "CANCELLED"),),
            ("CANCELLED",),
            "the trigger 'contracts.cancel_milestone' is not in the catalogue",
        ),
        (
            (Edge("NOT_FUNDED", "given_up", "CANCELLED", "contracts.milestone_canceled.v1"),),
            ("CANCELLED",),
            "the event 'contracts.milestone_canceled.v1' is not in the catalogue",
        ),
        (
            (Edge("NOT_FUNDED", "given_up", "CANCELLED", "contracts.cancel_milestone.v1"),),
            ("CANCELLED",),
            "'contracts.cancel_milestone.v1' is a command",
        ),
        (
            (Edge("NOT_FUNDED", "given_up", "given up"),),
            ("given up",),
            "the state 'given up' is no plain name",
        ),
    ],
)
def test_a_wrong_table_is_refused_saying_why(edges: tuple[Edge, ...], terminal: tuple[str, ...], fault: str) -> None:
    with pytest.raises(ValueError) as refused:
        table(*edges, terminal=terminal)

    assert fault in str(refused.value)


def test_a_reason_to_be_silent_where_something_is_said_is_refused() -> None:
    with pytest.raises(ValueError, match=r"no edge is silent about contracts\.cancel_milestone\.v1"):
        StateTable("milestone", "NOT_FUNDED", ("CANCELLED",), (CANCEL,), {CANCEL.trigger: "because"})


def test_a_command_to_stripe_may_be_what_a_move_says() -> None:
    waiting = Edge("waiting", "funding.funds_released.v1", "asked", "stripe.create_transfer.v1")

    assert StateTable("payout", "waiting", ("asked",), (waiting,)).edges == (waiting,)


def test_the_diagram_shows_start_moves_and_ends() -> None:
    assert MILESTONE.mermaid() == (
        "stateDiagram-v2\n"
        "    [*] --> NOT_FUNDED\n"
        "    NOT_FUNDED --> CANCELLED: contracts.cancel_milestone / milestone_cancelled\n"
        "    NOT_FUNDED --> ACTIVE_FUNDED: funding.milestone_funded\n"
        "    ACTIVE_FUNDED --> ACTIVE_FUNDED: funding.funds_released [part]\n"
        "    ACTIVE_FUNDED --> PAID: funding.funds_released [rest]\n"
        "    CANCELLED --> [*]\n"
        "    PAID --> [*]\n"
    )


def test_moves_between_the_same_two_states_share_one_arrow() -> None:
    asked = StateTable("x", "a", ("b",), (Edge("a", "first", "b"), Edge("a", "second", "b")))

    assert "    a --> b: first<br/>second\n" in asked.mermaid()


def test_a_readme_keeps_everything_outside_the_markers() -> None:
    readme = f"# Contracts\n\n{BEGIN}\nold\n{END}\n\n## Settings\n"

    text = drawn(readme, (MILESTONE,))

    assert text.startswith(f"# Contracts\n\n{BEGIN}\n### States of a milestone\n\n```mermaid\nstateDiagram-v2\n")
    assert text.endswith(f"```\n{END}\n\n## Settings\n")
    assert "old" not in text


def test_drawing_twice_changes_nothing() -> None:
    once = drawn(f"{BEGIN}{END}", (MILESTONE, MILESTONE))

    assert drawn(once, (MILESTONE, MILESTONE)) == once


@pytest.mark.parametrize("readme", ["", BEGIN, END, f"{END}{BEGIN}", f"{BEGIN}{END}{BEGIN}{END}"])
def test_a_readme_without_its_markers_is_refused_by_name(readme: str) -> None:
    with pytest.raises(MarkersMissingError, match=r"services/x/README\.md needs one"):
        drawn(readme, (MILESTONE,), "services/x/README.md")
