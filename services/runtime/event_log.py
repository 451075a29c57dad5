"""The append-only event log: everything a service ever said, numbered, and read back without a gap.

Numbers are given while transactions run side by side, so a lower number can become visible after a higher one,
and whoever reads "greater than my cursor" would skip it. Waiting for older transaction ids (`xid8`) is not
enough either: a transaction that began early and then waited for a lane writes the later fact under the smaller
id, and the stream would be published out of order (ADR 0003 has the run).

So a writer announces, before it takes its first number, the last number given so far: a shared advisory lock
whose key is that floor, let go by the commit. A reader takes the last number given, then the lowest floor still
announced, and reads up to the lesser of the two: whatever is not visible up to there was announced, and lies
above. Writers never wait for each other. Along each stream the order is right because a key's lane is held from
before the number is taken until after the commit.
"""

from collections.abc import Sequence
from datetime import datetime
from typing import NamedTuple

from schemas.base import Message
from services.runtime.bulk import Entity, bigint_array, text_array
from services.runtime.database import Connection
from services.runtime.tables import event_log

CHANNEL = "event_log"
"""NOTIFY wakes the relay here."""


class Line(NamedTuple):
    """Something to say, with why it is said."""

    message: Message
    event_id: str
    time: datetime
    correlation_id: str
    causation_id: str
    command_id: str | None
    """On the first answer to a command: its id. Unique, so a command is never answered twice."""
    traceparent: str


class Row(NamedTuple):
    """A line as it is stored, without its number."""

    topic: str
    key: str
    type: str
    subject: str
    stream_version: int
    event_id: str
    time: datetime
    correlation_id: str
    causation_id: str
    command_id: str | None
    traceparent: str
    body: str


_ROWS = Entity(event_log, Row, generated=("sequence",))


def append(connection: Connection, lines: Sequence[Line]) -> None:
    """Write lines at the log's end, each event with the next version of its stream, and wake the relay.

    The caller holds the lanes of all keys, so versions cannot be given twice.
    """
    if not lines:
        return
    versions = _versions(connection, {line.message.key for line in lines if line.message.versioned})
    rows = []
    moved: dict[str, int] = {}
    for line in lines:
        message = line.message
        key = message.key
        version = 0
        if message.versioned:
            version = moved[key] = moved.get(key, versions.get(key, 0)) + 1
        rows.append(
            Row(message.topic, key, message.type_name, message.subject, version, line.event_id, line.time,
                line.correlation_id, line.causation_id, line.command_id, line.traceparent,
                message.model_dump_json())
        )  # fmt: skip
    new = {key: version for key, version in moved.items() if key not in versions}
    known = {key: version for key, version in moved.items() if key in versions}
    with connection.pipeline():
        if new:
            connection.execute(
                "INSERT INTO streams (key, version) SELECT * FROM unnest(%s::text[], %s::bigint[])",
                (text_array(new), bigint_array(new.values())),
            )
        if known:
            connection.execute(
                "UPDATE streams SET version = v.version "
                "FROM unnest(%s::text[], %s::bigint[]) AS v(key, version) WHERE streams.key = v.key",
                (text_array(known), bigint_array(known.values())),
            )
        # The floor, announced before the first number is taken.
        connection.execute(
            "SELECT pg_advisory_xact_lock_shared(CASE WHEN is_called THEN last_value ELSE 0 END) "
            "FROM event_log_sequence"
        )
        connection.execute(f"NOTIFY {CHANNEL}")
    _ROWS.copy(connection, rows)


def _versions(connection: Connection, keys: set[str]) -> dict[str, int]:
    if not keys:
        return {}
    rows = connection.execute(
        "SELECT key, version FROM streams WHERE key = ANY(%s::text[])", (text_array(keys),)
    ).fetchall()
    return dict(rows)


def horizon(connection: Connection) -> int:
    """The number up to which every line is visible. Two statements, in this order: see the module's docstring."""
    last = connection.execute(
        "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_log_sequence"
    ).fetchone()
    floor = connection.execute(
        "SELECT min(classid::bigint << 32 | objid::bigint) FROM pg_locks WHERE locktype = 'advisory' "
        "AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    ).fetchone()
    last_number: int = last[0] if last else 0
    lowest: int | None = floor[0] if floor else None
    return last_number if lowest is None else min(last_number, lowest)


_READ = (
    "SELECT sequence, topic, key, type, subject, stream_version, event_id, time, correlation_id, causation_id, "
    "traceparent, body FROM event_log WHERE sequence > %s AND sequence <= %s ORDER BY sequence LIMIT %s"
)


class Logged(NamedTuple):
    """A line as the relay reads it."""

    sequence: int
    topic: str
    key: str
    type: str
    subject: str
    stream_version: int
    event_id: str
    time: datetime
    correlation_id: str
    causation_id: str
    traceparent: str
    body: str


def read(connection: Connection, after: int, limit: int) -> list[Logged]:
    """The next lines after a number, without gaps, in the order of their numbers. The connection is autocommit."""
    up_to = horizon(connection)
    if up_to <= after:
        return []
    return [Logged(*row) for row in connection.execute(_READ, (after, up_to, limit)).fetchall()]
