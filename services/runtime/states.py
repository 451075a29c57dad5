"""State tables: which message moves a thing from which state to which, and the event that says so.

A service's `states.py` is one or more tables of edges; its decisions ask the table, its README shows the
diagram drawn from it (`python -m services.runtime.diagrams`). A table that cannot be right is refused when it
is built, so a wrong one never gets past the import.
"""

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from types import MappingProxyType

from schemas.catalogue import MESSAGES

_INTERNAL_TRIGGER = re.compile(r"[a-z][a-z0-9_]*")
_MERMAID_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")


@dataclass(frozen=True, slots=True)
class Edge:
    """One move: in `source`, `trigger` leads to `target` and emits an event (None: nothing is said)."""

    source: str
    trigger: str
    """The type name of a command or an event (`contracts.cancel_milestone.v1`); or, for what is no message, a
    word without a dot (`answer_lost`)."""
    target: str
    emits: str | None = None
    """The type name of the event."""
    when: str = ""
    """Tells edges of the same source and trigger apart, for people and for the lookup: `part`, `rest`."""


@dataclass(frozen=True)
class StateTable:
    """All states of one kind of thing and the moves between them.

    Raises ValueError naming every fault: two edges for one question, a state that cannot be reached, a
    terminal state that is left, a state without a way out that is not terminal, a type name that is not in
    the catalogue, a reason to be silent where something is said.
    """

    name: str
    """What goes through these states: `milestone`."""
    initial: str
    terminal: tuple[str, ...]
    """States for good: an edge may lead back to the same state, never out of it."""
    edges: tuple[Edge, ...]
    silent: Mapping[str, str] = field(default_factory=dict, compare=False)
    """Why nothing is said, by the trigger of the edges that say nothing."""
    _by_question: Mapping[tuple[str, str, str], Edge] = field(init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        by_question = {(edge.source, edge.trigger, edge.when): edge for edge in self.edges}
        object.__setattr__(self, "_by_question", MappingProxyType(by_question))
        if faults := tuple(self._faults()):
            raise ValueError(f"the state table {self.name!r} is wrong: {'; '.join(faults)}")

    @property
    def states(self) -> tuple[str, ...]:
        """Every state, the initial one first, then in the order the edges name them."""
        ends = chain.from_iterable((edge.source, edge.target) for edge in self.edges)
        return tuple(dict.fromkeys((self.initial, *ends)))

    def edge(self, state: str, trigger: str, when: str = "") -> Edge | None:
        """The move that `trigger` makes in `state`; None: it makes none (refuse it, or it is stale)."""
        return self._by_question.get((state, trigger, when))

    def mermaid(self) -> str:
        """The table as a Mermaid state diagram, its edges labelled `trigger [when] / event`."""
        labels: dict[tuple[str, str], list[str]] = {}
        for edge in self.edges:
            labels.setdefault((edge.source, edge.target), []).append(_label(edge))
        lines = ["stateDiagram-v2", f"    [*] --> {self.initial}"]
        lines += [f"    {a} --> {b}: {'<br/>'.join(moves)}" for (a, b), moves in labels.items()]
        lines += [f"    {state} --> [*]" for state in self.terminal]
        return "\n".join(lines) + "\n"

    def _faults(self) -> Iterator[str]:
        states = self.states
        if len(self._by_question) != len(self.edges):
            seen: set[tuple[str, str, str]] = set()
            for edge in self.edges:
                question = (edge.source, edge.trigger, edge.when)
                if question in seen:
                    yield f"{edge.source} has two edges for {edge.trigger}; tell them apart by `when`"
                seen.add(question)
        for state in states:
            if not _MERMAID_NAME.fullmatch(state):
                yield f"the state {state!r} is no plain name (letters, digits, _)"
        reached = self._reached()
        yield from (f"{state} cannot be reached from {self.initial}" for state in states if state not in reached)
        yield from (f"the terminal state {state} is in no edge" for state in self.terminal if state not in states)
        left = {edge.source for edge in self.edges if edge.source != edge.target}
        yield from (f"{state} is terminal and is left" for state in self.terminal if state in left)
        for state in states:
            if state not in left and state not in self.terminal:
                yield f"{state} is never left and is not terminal"
        for edge in self.edges:
            yield from _faults_of_names(edge)
        quiet = {edge.trigger for edge in self.edges if edge.emits is None}
        yield from (f"no edge is silent about {trigger}" for trigger in self.silent if trigger not in quiet)

    def _reached(self) -> set[str]:
        reached = {self.initial}
        grown = True
        while grown:
            more = {edge.target for edge in self.edges if edge.source in reached} - reached
            reached |= more
            grown = bool(more)
        return reached


def _faults_of_names(edge: Edge) -> Iterator[str]:
    if edge.trigger not in MESSAGES and not _INTERNAL_TRIGGER.fullmatch(edge.trigger):
        yield f"the trigger {edge.trigger!r} is not in the catalogue"
    if edge.emits is None:
        return
    event = MESSAGES.get(edge.emits)
    if event is None:
        yield f"the event {edge.emits!r} is not in the catalogue"
    elif event.is_command and not edge.emits.startswith("stripe."):
        # A move may end in a call to Stripe; every other command is somebody else's wish, not our fact.
        yield f"{edge.emits!r} is a command: an edge emits an event"


def _label(edge: Edge) -> str:
    when = f" [{edge.when}]" if edge.when else ""
    emits = f" / {_short(edge.emits).split('.', maxsplit=1)[-1]}" if edge.emits else ""
    return f"{_short(edge.trigger)}{when}{emits}"


def _short(type_name: str) -> str:
    """Without the version where it is the first: labels must stay readable."""
    return type_name.removesuffix(".v1")
