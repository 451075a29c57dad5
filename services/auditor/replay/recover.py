"""Brings a database that was restored from an older backup to where the topics are: `tranche recover` (scenario 79).

The topics still hold what the service said after the backup. In a copy of the database everything that it took since
is decided again, in the order of then, with the ids and times of then; the copy must come to the very lines that are on
the topics, number by number. Only then it takes the database's place; the old one is kept beside it. What cannot be
brought back (a decision of which the topics do not tell what was asked) refuses the whole, and nothing was changed.

A line that did not arrive while others of the same decision did is said again, behind all others, and published then.
A decision of which nothing arrived is lost: nobody else heard of it. Messages from topics
are taken again; a call over HTTP that was answered in that moment has to be made again.

A service that asks somebody outside (the gateway: Stripe) must not ask anew what it has asked already. What it was
answered is made again from what it told (`Subject.answers`), and every command that lies on its topics is decided
again, each at the time at which it was given, also those of which nothing was told: so what may have been asked is
known with its age when the service starts, and is looked for where the other side may have forgotten it.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from schemas.base import Message
from schemas.catalogue import TOPICS
from schemas.envelope import Envelope, read_body
from services.auditor.audit import AuditError, connect, database_urls
from services.auditor.replay.order import Input, arrange, by_cause, defer
from services.auditor.replay.rebuild import KnownIds, Now, is_readable, record_of
from services.auditor.replay.replay import ANSWERS, ORDERS, TIMER_ID, Answers, Subject
from services.auditor.replay.restored import restore
from services.auditor.topics import Said, read_topics
from services.runtime.database import Connection, open_engine
from services.runtime.kafka import Kafka
from services.runtime.lanes import lane_of
from services.runtime.positions import topic_ids
from services.runtime.postgres import Postgres
from services.runtime.processor import Batch, Processor
from services.runtime.records import Delivery
from services.runtime.settings import database_on

_INSTEAD = "Restore to the moment of the loss from the database server's own log (point-in-time recovery)."


class RecoverError(Exception):
    """The database cannot be brought to where the topics are. Nothing was changed; the text says why and what to do."""


class OtherwiseError(RecoverError):
    """A decision came out otherwise than it did."""

    def __init__(self, cause_id: str, text: str) -> None:
        super().__init__(text)
        self.cause_id = cause_id


@dataclass(frozen=True, slots=True)
class Recovered:
    """What was done."""

    service: str
    lines: int
    """Lines that the topics held and the database did not."""
    decided: int
    """Messages that were decided again; of them `restored` are on no topic."""
    restored: int
    kept_as: str
    """The database as it was; empty: there was nothing to do."""


@dataclass(frozen=True)
class Missing:
    """What the topics have beyond the database."""

    lines: Sequence[Said]
    """Of the service's log, by number, without dead letters."""
    last: int
    """The highest number in the database or on the topics."""
    taken: Sequence[Said]
    """What it may have taken since: from the database's positions on."""
    known: frozenset[int]
    """The numbers that the database has."""
    tails: Mapping[tuple[str, int], int]
    """By topic and partition: the service's highest number there."""

    def was_not_published(self, topic: str, key: str, cause: str) -> bool:
        """Whether a line that was said to `cause`, and is on no topic, may have been lost on its way there.

        The relay publishes in the order of the numbers, so there is nothing later of the service in that partition,
        while other lines that were said to the same message arrived elsewhere and prove that it was decided.
        """
        others = [line.envelope.sequence for line in self.lines if line.envelope.causation_id == cause]
        return bool(others) and self.tails.get((topic, lane_of(key)), 0) <= max(others)


def recover(subject: Subject, server: str, bootstrap: str, now: datetime) -> Recovered:
    """Bring the service's database to where the topics are. The service must not run.

    Raises RecoverError, AuditError and TopicsUnreadableError; then the database is as it was.
    """
    url = database_urls(server)[subject.name]
    with connect(subject.name, url) as live:
        _check_alone(live, subject.name)
        missing = _missing(subject, live, bootstrap)
    if not missing.lines and not (subject.answers and missing.taken):
        return Recovered(subject.name, 0, 0, 0, "")
    keep_as = f"tranche_{subject.name}_before_{now:%Y%m%d_%H%M%S}"
    deferred: dict[str, str] = {}
    for left in reversed(range(ORDERS)):
        inputs, restored = (
            _inputs_with_answers(missing, subject.answers) if subject.answers else _inputs(missing, deferred)
        )
        try:
            _bring_forward(subject, server, bootstrap, missing, inputs, keep_as)
            return Recovered(subject.name, len(missing.lines), len(inputs), restored, keep_as)
        except OtherwiseError as error:
            # A message that said nothing may have been taken after the decision that it was put before.
            more = defer(inputs, {error.cause_id}, deferred)
            if not (left and more):
                raise
            deferred |= more
    raise AssertionError("the last order returns or raises")


def _bring_forward(
    subject: Subject, server: str, bootstrap: str, missing: Missing, inputs: Sequence[Input], keep_as: str
) -> None:
    with _copy(server, subject.name) as copied:
        taken = _decide(subject, copied.url, inputs)
        with connect(subject.name, copied.url) as copy:
            _renumber(copy, subject, missing)
            _move(copy, taken, topic_ids_of(bootstrap, subject))
            _prove(copy, missing)
        copied.take_place(keep_as)


def _check_alone(live: Connection, service: str) -> None:
    others = live.execute(
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND pid <> pg_backend_pid() "
        "AND backend_type = 'client backend'"
    ).fetchone()
    if others and others[0]:
        raise RecoverError(f"somebody is connected to the database of {service}: stop the service first")


def _missing(subject: Subject, live: Connection, bootstrap: str) -> Missing:
    ours: dict[int, str] = dict(live.execute("SELECT sequence, event_id FROM event_log").fetchall())
    produced = [topic.name for topic in TOPICS if subject.name in topic.producers]
    found = list(read_topics(bootstrap, sorted({*subject.topics, *produced})))
    own = [said for said in found if said.envelope.source == subject.name and said.envelope.sequence]
    for said in own:
        if ours.get(said.envelope.sequence, said.envelope.id) != said.envelope.id:
            raise RecoverError(
                f"number {said.envelope.sequence} is {said.envelope.id} on {said.topic} and "
                f"{ours[said.envelope.sequence]} in the database: it is no older state of this service. Restore "
                "another backup."
            )
    # A line that was being written when the backup was made is missing among later ones.
    beyond = [said for said in own if said.envelope.sequence not in ours]
    if any(said.topic.endswith(".dlq") for said in beyond):
        raise RecoverError(
            "messages were parked or given up after the backup was made: what waited behind them cannot be told from "
            f"the topics. {_INSTEAD}"
        )
    positions = {
        (topic, partition): offset
        for topic, partition, offset in live.execute("SELECT topic, partition, next_offset FROM consumer_positions")
    }
    aside = set(live.execute('SELECT topic, partition, "offset" FROM parked_messages').fetchall())
    taken = [
        said
        for said in found
        if said.topic in subject.topics
        and said.offset >= positions.get((said.topic, said.partition), 0)
        and said.place not in aside
        and is_readable(said)
    ]
    lines = sorted(beyond, key=lambda said: said.envelope.sequence)
    last = max((*ours, *(said.envelope.sequence for said in own)), default=0)
    tails: dict[tuple[str, int], int] = {}
    for said in own:
        place = (said.topic, said.partition)
        tails[place] = max(tails.get(place, 0), said.envelope.sequence)
    return Missing(lines, last, taken, frozenset(ours), tails)


def _inputs(missing: Missing, deferred: Mapping[str, str]) -> tuple[list[Input], int]:
    """What is decided again: all up to the last message that said something. What came after the service takes."""
    answers = by_cause(line for line in missing.lines if not line.envelope.id.startswith(TIMER_ID))
    on_topics = {said.envelope.id for said in missing.taken}
    restored: dict[str, Message] = {}
    for cause, lines in answers.items():
        if cause in on_topics:
            continue
        command = restore(lines)
        if command is None:
            said = ", ".join(sorted({line.envelope.type for line in lines}))
            hint = " (a command that its topic forgot)" if said.endswith(ANSWERS) else ""
            raise RecoverError(
                f"what made {lines[0].envelope.source} say {said} to {lines[0].key}{hint} is on no topic, so it cannot "
                f"be decided again. {_INSTEAD}"
            )
        restored[cause] = command
    arranged = arrange(missing.taken, answers, restored, deferred)
    last = max((number for number, item in enumerate(arranged) if item.said), default=-1)
    return arranged[: last + 1], len(restored)


_ANSWER = "answer "
"""Before the id of a command, as the name of what it was answered later."""


def _inputs_with_answers(missing: Missing, answers: Answers) -> tuple[list[Input], int]:
    """What is decided again: every command there is, and what was answered, where it was told."""
    said = by_cause(missing.lines)
    asked = {taken.envelope.id for taken in missing.taken}
    told: dict[str, list[Said]] = {}
    made: dict[str, Message] = {}
    for cause, lines in said.items():
        try:
            found = answers.of(cause, lines, asked=cause in asked)
        except LookupError as error:
            raise RecoverError(f"{error}. {_INSTEAD}") from error
        for number, message in enumerate(found):
            name = f"{_ANSWER}{number} {cause}"
            told[name], made[name] = lines, message
    arranged = arrange(missing.taken, told, made)
    # What a command said at once, without asking anybody, it says again under the same names.
    return [
        item._replace(said=tuple(said.get(item.cause_id, ()))) if isinstance(item.message, Said) else item
        for item in arranged
    ], len(made)


def _decide(subject: Subject, url: str, inputs: Sequence[Input]) -> dict[tuple[str, int], int]:
    """Decide everything again in the copy; gives the positions after it."""
    clock, ids = Now(), KnownIds(events=True)
    positions: dict[tuple[str, int], int] = {}
    engine = open_engine(url, pool_size=1)
    try:
        processor = Processor(subject.name, subject.handlers, Postgres(engine), clock, ids)
        for item in inputs:
            delivery = _delivery(item, subject.name)
            clock.moment = item.at
            ids.know(delivery.message.model_dump(mode="json"))
            ids.expect(item.said)
            try:
                processor.run(Batch([delivery]))
            except Exception as error:
                raise OtherwiseError(
                    item.cause_id,
                    f"{delivery.envelope.type} {delivery.envelope.id} of {delivery.key} cannot be decided again: "
                    f"{error}",
                ) from error
            ids.know(*(line.body for line in item.said))
            if isinstance(item.message, Said):
                place = (item.message.topic, item.message.partition)
                positions[place] = max(positions.get(place, 0), item.message.offset + 1)
    finally:
        engine.dispose()
    return positions


def _delivery(item: Input, service: str) -> Delivery:
    message = item.message
    if isinstance(message, Said):
        body = read_body(message.envelope.type, message.raw)
        return Delivery(message.envelope, message.key, body, record_of(message))
    told = item.said[0].envelope
    envelope = Envelope(
        told.causation_id, message.type_name, service, message.subject, item.at, told.correlation_id, "",
        traceparent=told.traceparent,
    )  # fmt: skip
    return Delivery(envelope, message.key, message)


def _renumber(copy: Connection, subject: Subject, missing: Missing) -> None:
    """Give the new lines the numbers of then, add those that timers wrote, and take these timers away."""
    timers = [line for line in missing.lines if line.envelope.id.startswith(TIMER_ID)]
    with copy.transaction(), copy.cursor() as cursor:
        # Out of the way first, all that was decided again: a number of then may be another line's number of now, also
        # that of a line which the topics do not have.
        cursor.execute(
            "UPDATE event_log SET sequence = sequence + %s + (SELECT max(sequence) FROM event_log) "
            "WHERE sequence <> ALL(%s)",
            (missing.last, sorted(missing.known)),
        )
        cursor.executemany(
            "UPDATE event_log SET sequence = %s WHERE event_id = %s",
            [(line.envelope.sequence, line.envelope.id) for line in missing.lines],
        )
        cursor.executemany(
            "INSERT INTO event_log (sequence, topic, key, type, subject, stream_version, event_id, time, "
            "correlation_id, causation_id, traceparent, body) "
            "VALUES (%s, %s, %s, %s, %s, 0, %s, %s, %s, %s, %s, %s)",
            [
                (line.envelope.sequence, line.topic, line.key, line.envelope.type, line.envelope.subject,
                 line.envelope.id, line.envelope.time, line.envelope.correlation_id, line.envelope.causation_id,
                 line.envelope.traceparent, line.raw.decode())
                for line in timers
            ],
        )  # fmt: skip
        cursor.execute("DELETE FROM timers WHERE command_id = ANY(%s)", ([line.envelope.id for line in timers],))
        after = _number_the_unpublished(cursor, missing, every=subject.answers is not None)
        cursor.execute("SELECT setval('event_log_sequence', %s)", (after,))
        cursor.execute(
            "INSERT INTO relay_cursor VALUES (%s, %s) ON CONFLICT (relay) DO UPDATE SET sequence = excluded.sequence",
            (subject.name, missing.last),
        )


def _number_the_unpublished(cursor: psycopg.Cursor[Any], missing: Missing, *, every: bool) -> int:
    """Lines that the topics never got come after all others, beyond the relay's cursor: it publishes them now. Gives
    the last number; raises OtherwiseError about a line that nobody said then.

    `every`: commands were decided that had not been taken before; whatever they say is new.
    """
    number = missing.last
    cursor.execute(
        "SELECT event_id, type, topic, key, causation_id FROM event_log WHERE sequence > %s ORDER BY sequence",
        (missing.last,),
    )
    for event_id, kind, topic, key, cause in cursor.fetchall():
        if not (every or missing.was_not_published(topic, key, cause)):
            raise OtherwiseError(
                cause, f"decided again, {kind} {event_id} is said of {key}, and on the topics it is nowhere"
            )
        number += 1
        cursor.execute("UPDATE event_log SET sequence = %s WHERE event_id = %s", (number, event_id))
    return number


def _move(copy: Connection, positions: Mapping[tuple[str, int], int], ids: Mapping[str, str]) -> None:
    with copy.transaction(), copy.cursor() as cursor:
        cursor.executemany(
            "INSERT INTO consumer_positions AS p (topic, partition, topic_id, next_offset) VALUES (%s, %s, %s, %s) "
            "ON CONFLICT (topic, partition) DO UPDATE SET next_offset = greatest(p.next_offset, excluded.next_offset)",
            [(topic, partition, ids[topic], offset) for (topic, partition), offset in positions.items()],
        )


def topic_ids_of(bootstrap: str, subject: Subject) -> dict[str, str]:
    """Kafka's ids of the topics that a service takes."""
    return topic_ids(Kafka(bootstrap), subject.topics)


def _prove(copy: Connection, missing: Missing) -> None:
    """Every line beyond the backup is there as it is on the topics, and there is no other. Raises RecoverError."""
    wanted = {
        line.envelope.sequence: (
            line.topic, line.key, line.envelope.type, line.envelope.id, line.envelope.stream_version, dict(line.body)
        )
        for line in missing.lines
    }  # fmt: skip
    causes = {line.envelope.sequence: line.envelope.causation_id for line in missing.lines}
    for number, topic, key, kind, event_id, version, body, cause in copy.execute(
        "SELECT sequence, topic, key, type, event_id, stream_version, body, causation_id FROM event_log "
        "WHERE sequence BETWEEN %s AND %s ORDER BY sequence",
        (min(wanted, default=missing.last), missing.last),
    ):
        if number in missing.known:
            continue
        then = wanted.pop(number, None)
        now = (topic, key, kind, event_id, version, json.loads(body))
        if then != now:
            raise OtherwiseError(
                cause,
                f"decided again, number {number} is {kind} {event_id} of {key}, on the topics it is "
                f"{f'{then[2]} {then[3]} of {then[1]}' if then else 'nothing'}: "
                + (_difference(then[5], now[5]) if then and then[:5] == now[:5] else "another message"),
            )
    if wanted:
        number, line = min(wanted.items())
        raise OtherwiseError(
            causes[number], f"decided again, nobody says number {number}, {line[2]} {line[3]} of {line[1]}"
        )


def _difference(then: Mapping[str, object], now: Mapping[str, object]) -> str:
    return ", ".join(
        f"{name} is {now.get(name)} and was {then.get(name)}"
        for name in sorted({*then, *now})
        if then.get(name) != now.get(name)
    )


class _Copied:
    """A copy of a service's database under another name."""

    def __init__(self, admin: Connection, server: str, live: str) -> None:
        self._admin = admin
        self._live = live
        self.name = f"recover_{live}_{uuid4().hex[:8]}"
        self.url = database_on(server, self.name)
        self.placed = False

    def make(self) -> None:
        self._execute("CREATE DATABASE {} TEMPLATE {}", self.name, self._live)

    def take_place(self, keep_as: str) -> None:
        """The copy becomes the database; what it was is kept under another name."""
        self._execute("ALTER DATABASE {} RENAME TO {}", self._live, keep_as)
        try:
            self._execute("ALTER DATABASE {} RENAME TO {}", self.name, self._live)
        except psycopg.Error:
            self._execute("ALTER DATABASE {} RENAME TO {}", keep_as, self._live)
            raise
        self.placed = True

    def drop(self) -> None:
        if not self.placed:
            self._execute("DROP DATABASE IF EXISTS {} WITH (FORCE)", self.name)

    def _execute(self, statement: str, *names: str) -> None:
        self._admin.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


@contextmanager
def _copy(server: str, service: str) -> Iterator[_Copied]:
    try:
        with psycopg.connect(database_on(server, "postgres"), autocommit=True) as admin:
            copied = _Copied(admin, server, f"tranche_{service}")
            try:
                copied.make()
                yield copied
            finally:
                copied.drop()
    except psycopg.errors.ObjectInUse as error:
        raise RecoverError(f"somebody connected to the database of {service} meanwhile: stop the service") from error
    except psycopg.OperationalError as error:
        raise AuditError(f"the database server does not answer: {str(error).splitlines()[0]}") from error
