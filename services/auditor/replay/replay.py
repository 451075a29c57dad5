"""Rebuilds a service from the topics beside the live one, and compares: its tables row by row, its facts one by one."""

import json
import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

import psycopg

from schemas.base import Message
from schemas.catalogue import TOPICS
from services.auditor.audit import AuditError, connect, database_urls
from services.auditor.replay import rows
from services.auditor.replay.order import Input, arrange, by_cause, defer
from services.auditor.replay.rebuild import Rebuilt, is_readable, run, scratch
from services.auditor.replay.restored import restore
from services.auditor.topics import Said, read_topics
from services.runtime.database import Connection
from services.runtime.handlers import Handlers

ANSWERS = ("command_rejected.v1", "command_unchanged.v1")
"""What a command that changed nothing is answered over Kafka: where it is gone, there is nothing to restore."""
TIMER_ID = "cmd_"
"""How the id of a timer's command begins; every other line of an event log is an `evt_`."""
ORDERS = 8
"""So many orders are tried before a decision that comes out otherwise is told."""
_LOOKS = 5
_PAUSE_S = 0.5


class Answers(Protocol):
    """What somebody outside answered a service: it is on no topic, and is made again from what was told of it."""

    def of(self, cause_id: str, lines: Sequence[Said], *, asked: bool) -> tuple[Message, ...]:
        """The commands that led to these lines, all under the id of their cause; none: the cause itself did.

        `asked`: the cause is a command that is decided again before. Raises LookupError where it cannot be told.
        """
        ...


@dataclass(frozen=True, slots=True)
class Subject:
    """The service that is rebuilt."""

    name: str
    topics: Sequence[str]
    handlers: Handlers
    folder: Path
    answers: Answers | None = None
    """Of a service that asks somebody outside; None: all that it says follows from what it took."""


@dataclass(frozen=True, slots=True)
class Mismatch:
    """Something that is not the same in both."""

    what: str
    """`row of <table>`, or `fact`."""
    id: str
    live: str
    rebuilt: str


@dataclass
class Replayed:
    """The report."""

    service: str
    mismatches: list[Mismatch] = field(default_factory=list)
    inputs: int = 0
    restored: int = 0
    """Of the inputs: commands that are on no topic (HTTP), made again from what they said."""
    rows: int = 0
    facts: int = 0
    on_its_way: int = 0
    """Keys with facts that were decided and not on the topics yet: not compared."""
    left_out: dict[str, int] = field(default_factory=dict)
    """What could not be restored, by what was said, and how often: those keys were not compared."""

    @property
    def same(self) -> bool:
        return not self.mismatches


def replay(subject: Subject, server: str, bootstrap: str, sleep: Callable[[float], None] = time.sleep) -> Replayed:
    """See the module. Raises AuditError and TopicsUnreadableError."""
    own_topics = [topic.name for topic in TOPICS if subject.name in topic.producers and not topic.name.endswith(".dlq")]
    topics = sorted({*subject.topics, *own_topics})
    with connect(subject.name, database_urls(server)[subject.name]) as live:
        live.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
        snapshot = _Snapshot.of(live)
        for _ in range(_LOOKS):
            found = list(read_topics(bootstrap, topics))
            late = snapshot.late(said.envelope.id for said in found)
            if not late:
                break
            sleep(_PAUSE_S)
        return _compare(subject, server, live, _Material(subject.name, subject.topics, snapshot, found, late))


@dataclass(frozen=True)
class _Snapshot:
    """How far the live service was."""

    positions: Mapping[tuple[str, int], int]
    aside: frozenset[tuple[str, int, int]]
    """Parked, or given up: never decided."""
    keys: Mapping[str, str]
    """The key of each line of its event log, by the line's id."""

    @classmethod
    def of(cls, live: Connection) -> "_Snapshot":
        positions = live.execute("SELECT topic, partition, next_offset FROM consumer_positions").fetchall()
        aside = live.execute(
            'SELECT topic, partition, "offset" FROM parked_messages '
            'UNION SELECT topic, partition, "offset" FROM discarded_messages'
        ).fetchall()
        lines = live.execute("SELECT event_id, key FROM event_log WHERE topic NOT LIKE '%.dlq'").fetchall()
        return cls(
            {(topic, partition): offset for topic, partition, offset in positions},
            frozenset((topic, partition, offset) for topic, partition, offset in aside),
            dict(lines),
        )

    def late(self, published: Iterable[str]) -> set[str]:
        """Keys with lines that are not on the topics yet."""
        missing = self.keys.keys() - set(published)
        return {self.keys[line] for line in missing}


class _Material:
    """What is decided again, and what came of it the first time."""

    def __init__(
        self, service: str, topics: Collection[str], snapshot: _Snapshot, found: Sequence[Said], late: set[str]
    ) -> None:
        self.taken = [
            said
            for said in found
            if said.topic in topics
            and said.offset < snapshot.positions.get((said.topic, said.partition), 0)
            and said.place not in snapshot.aside
            and is_readable(said)
        ]
        # A timer's command is a line as well, written when it was due and not when its cause was decided.
        own = [
            said
            for said in found
            if said.envelope.source == service
            and said.envelope.id in snapshot.keys
            and not said.envelope.id.startswith(TIMER_ID)
        ]
        self.answers = by_cause(own)
        here = {said.envelope.id for said in self.taken}
        self.restored: dict[str, Message] = {}
        self.left_out: dict[str, int] = {}
        self.late = set(late)
        self.late_keys = len(late)
        for cause, lines in self.answers.items():
            if cause in here or all(line.envelope.type.endswith(ANSWERS) for line in lines):
                continue
            command = restore(lines)
            if command is not None:
                self.restored[cause] = command
            else:
                types = ", ".join(sorted({line.envelope.type for line in lines}))
                self.left_out[types] = self.left_out.get(types, 0) + 1
                self.late |= {line.key for line in lines}
        names = {said.key for said in found if said.key in self.late}
        for said in found:
            if said.key in self.late:
                names |= {value for value in said.body.values() if isinstance(value, str)}
        self.late_names = names | self.late


def _compare(subject: Subject, server: str, live: Connection, material: _Material) -> Replayed:
    """Rebuild; where a decision comes out otherwise and a silent message may have been taken after it, once more so.

    A difference is only told when none of these orders, each of which may have been the true one, comes to the same.
    """
    deferred: dict[str, str] = {}
    best: Replayed | None = None
    for _ in range(ORDERS):
        inputs = arrange(material.taken, material.answers, material.restored, deferred)
        report = _rebuild_and_compare(subject, server, live, material, inputs)
        if best is None or len(report.mismatches) < len(best.mismatches):
            best = report
        more = defer(inputs, {mismatch.id for mismatch in report.mismatches}, deferred)
        if report.same or not more:
            break
        deferred |= more
    return best or report


def _rebuild_and_compare(
    subject: Subject, server: str, live: Connection, material: _Material, inputs: Sequence[Input]
) -> Replayed:
    with scratch(server, subject.name, subject.folder) as url:
        rebuilt = run(subject.name, subject.handlers, url, inputs)
        with psycopg.connect(url, autocommit=True) as beside:
            try:
                differences, compared = rows.compare(live, beside)
                facts = _facts(material, beside, rebuilt, {item.cause_id: item.message.key for item in inputs})
            except psycopg.Error as error:
                raise AuditError(f"a database cannot be read: {str(error).splitlines()[0]}") from error
    mismatches = [
        Mismatch(f"row of {one.table}", one.row, one.live, one.rebuilt)
        for one in differences
        if not one.cells & material.late_names
    ]
    return Replayed(
        subject.name,
        [*facts, *mismatches],
        inputs=len(inputs),
        restored=len(material.restored),
        rows=compared,
        facts=sum(map(len, material.answers.values())),
        on_its_way=material.late_keys,
        left_out=material.left_out,
    )


def _facts(material: _Material, beside: Connection, rebuilt: Rebuilt, keys: Mapping[str, str]) -> list[Mismatch]:
    """What was said the first time, against what is said now, cause by cause. `keys`: of each message decided again."""
    again: dict[str, list[tuple[str, str, dict[str, Any]]]] = {}
    for cause, kind, key, body in beside.execute(
        "SELECT causation_id, type, key, body FROM event_log WHERE topic NOT LIKE '%.dlq' ORDER BY sequence"
    ):
        again.setdefault(cause, []).append((kind, key, json.loads(body)))
    found = []
    for cause in sorted({*material.answers, *again} & keys.keys()):
        first = [(line.envelope.type, line.key, dict(line.body)) for line in material.answers.get(cause, ())]
        second = again.get(cause, [])
        if first == second or {key for _, key, _ in (*first, *second)} & material.late:
            continue
        why = f" ({rebuilt.failed[cause]})" if cause in rebuilt.failed else ""
        found.append(Mismatch("what was said to", cause, _shown(first, second), _shown(second, first) + why))
    told = {mismatch.id for mismatch in found}
    found.extend(
        Mismatch("message that is refused now", cause, "decided", why)
        for cause, why in sorted(rebuilt.failed.items())
        if cause not in told and keys[cause] not in material.late
    )
    return found


def _shown(lines: Sequence[tuple[str, str, dict[str, Any]]], others: Sequence[tuple[str, str, dict[str, Any]]]) -> str:
    """Each line by its type, with the fields in which it is other than its counterpart."""
    shown = []
    for number, (kind, _, body) in enumerate(lines):
        other = others[number][2] if number < len(others) and others[number][0] == kind else None
        fields = [] if other is None else [
            f"{name}={value}" for name, value in body.items() if other.get(name) != value
        ]  # fmt: skip
        shown.append(f"{kind}{' ' + ' '.join(fields) if fields else ''}")
    return ", ".join(shown) or "nothing"
