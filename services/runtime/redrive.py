"""What waits parked, seen and resolved by operators: put back in order, or given up with a record of it.

Both hold the lane of the key, as every decision about it does, so the running service and an operator's process never
decide about one key at once. The position in Kafka is not touched: a parked record lies behind it. Connections are in
autocommit mode, so that what is one transaction here is committed here.
"""

import logging
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

from psycopg.types.json import Jsonb
from pydantic import ValidationError

from schemas.base import MESSAGES
from schemas.dead_letters import DISCARDED
from schemas.envelope import UnreadableRecordError, body_faults
from services.runtime import event_log
from services.runtime.database import Connection
from services.runtime.event_log import Line
from services.runtime.lanes import lane_of
from services.runtime.postgres import PostgresTransaction
from services.runtime.processor import NOT_TRANSIENT, TRANSIENT, Processor
from services.runtime.records import Record, version_of
from services.runtime.worker import read_envelope, read_record

logger = logging.getLogger(__name__)

_REASON_KEPT = 2_000


class NothingParkedError(LookupError):
    """No parked message has this id or key; the text says so."""


class NotYetError(ValueError):
    """It cannot be given up before another is resolved; the text says which."""


class Parked(NamedTuple):
    """One message that waits."""

    id: int
    key: str
    topic: str
    partition: int
    offset: int
    headers: dict[str, str]
    body: bytes | None
    reason: str
    parked_at: datetime

    @property
    def record(self) -> Record:
        """As it came; header bytes that were no text are as they were shown."""
        headers = [(name, value.encode()) for name, value in self.headers.items()]
        return Record(self.topic, self.partition, self.offset, self.key.encode(), headers, self.body)


class Waiting(NamedTuple):
    """A key that is parked."""

    key: str
    messages: int
    first_id: int
    reason: str
    """Of the first: what holds up the others."""
    since: datetime


@dataclass(slots=True)
class Redriven:
    """What became of a key's parked messages."""

    key: str
    done: int = 0
    duplicates: int = 0
    left: int = 0
    reason: str = ""
    """Why the first that is left cannot be handled."""
    stopped_at: int | None = None
    """Its id."""


class Discarded(NamedTuple):
    """What was given up, and where that leaves its key."""

    parked: Parked
    skipped: int
    """Versions of its stream that never came and were given up with it."""
    missing: int
    """Versions of its stream that never came and are still waited for."""
    left: int
    """Messages of the key that still wait."""


_COLUMNS = 'id, key, topic, partition, "offset", headers, body, reason, parked_at'


def waiting(connection: Connection) -> list[Waiting]:
    """Every parked key, the one that waits longest first."""
    rows = connection.execute(
        "SELECT p.key, k.count, p.id, p.reason, k.since FROM parked_messages p JOIN "
        "(SELECT key, count(*), min(id) AS first, min(parked_at) AS since FROM parked_messages GROUP BY key) k "
        "ON p.id = k.first ORDER BY k.since, p.id"
    ).fetchall()
    return [Waiting(*row) for row in rows]


def find(connection: Connection, identifier: int) -> Parked:
    """The parked message with this id. Raises NothingParkedError."""
    found = _select(connection, "id = %s", identifier)
    if not found:
        raise NothingParkedError(f"no parked message has the id {identifier}")
    return found[0]


def faults(parked: Parked) -> list[str]:
    """What is wrong with the record by the catalogue, field by field; empty when it is a good message."""
    message_class = MESSAGES.get(parked.headers.get("ce_type", ""))
    if message_class is not None and parked.body is not None:
        try:
            message_class.model_validate_json(parked.body)
        except ValidationError as error:
            return body_faults(error)
    try:
        read_record(parked.record)
    except UnreadableRecordError as error:
        return [str(error)]
    return []


def redrive(connection: Connection, processor: Processor, key: str) -> Redriven:
    """Put back all parked messages of a key, in order and in one transaction.

    What was answered or seen is dropped as a duplicate. The first that fails again stays with its new reason, and
    all behind it; those before it are done. An event that a gap was waiting for is taken first, wherever it waits.
    Raises NothingParkedError, and psycopg errors of the database itself: then nothing was changed.
    """
    with connection.transaction():
        _hold(connection, key)
        queue = _select(connection, "key = %s", key)
        if not queue:
            raise NothingParkedError(f"nothing of {key} is parked")
        result = Redriven(key)
        while queue:
            parked = _next(connection, queue)
            try:
                with connection.transaction():  # a savepoint: one that fails leaves the earlier ones done
                    if _handle(connection, processor, parked):
                        result.done += 1
                    else:
                        result.duplicates += 1
                    connection.execute("DELETE FROM parked_messages WHERE id = %s", (parked.id,))
            except Exception as error:
                if isinstance(error, TRANSIENT) and not isinstance(error, NOT_TRANSIENT):
                    raise
                # Whatever a handler raises keeps its message parked, as when it first came.
                result.reason = _reason_of(error)
                result.stopped_at = parked.id
                connection.execute("UPDATE parked_messages SET reason = %s WHERE id = %s", (result.reason, parked.id))
                break
            queue.remove(parked)
        result.left = len(queue)
    logger.info("redriven: %s", result)
    return result


def discard(
    connection: Connection, processor: Processor, identifier: int, reason: str, by: str, *, skip_missing: bool = False
) -> Discarded:
    """Give up a parked message: it is kept in `discarded_messages`, said on the dead-letter topic, never handled.

    The stream of an event that was due moves past it, so that what comes after is no gap. Behind a gap it moves only
    with `skip_missing`, which gives up the versions that never came, too: without it a forged version could not make
    the true ones look seen. Raises NothingParkedError, and NotYetError for an event whose stream has an earlier one
    waiting: moving past that would lose it in silence.
    """
    with connection.transaction():
        _hold(connection, find(connection, identifier).key)
        parked = find(connection, identifier)  # anew: another may have resolved it before the lane was ours
        skipped, missing = _move_past(connection, parked, skip_missing=skip_missing)
        now = processor.clock.now()
        connection.execute("DELETE FROM parked_messages WHERE id = %s", (parked.id,))
        connection.execute(
            'INSERT INTO discarded_messages (id, key, topic, partition, "offset", headers, body, parked_reason, '
            "parked_at, reason, discarded_by, discarded_at) "
            "SELECT %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s",
            (*parked[:5], Jsonb(parked.headers), *parked[6:], reason, by, now),
        )
        fact = DISCARDED[processor.service](
            dead_key=parked.key, discard_id=processor.ids.new("dsc", now), topic_name=parked.topic,
            partition=parked.partition, offset=parked.offset, message_id=parked.headers.get("ce_id", ""),
            message_type=parked.headers.get("ce_type", ""), parked_reason=parked.reason, reason=reason,
            discarded_by=by, skipped_versions=skipped,
        )  # fmt: skip
        with PostgresTransaction(connection) as transaction:
            event_log.append(transaction, [Line(fact, fact.discard_id, now, fact.discard_id, "", None, "")])
        (left,) = connection.execute(
            "SELECT count(*) FROM parked_messages WHERE key = %s", (parked.key,)
        ).fetchone() or (0,)
    logger.info("discarded by %s: %s[%d]@%d of %s: %s", by, *parked[2:5], parked.key, reason)
    return Discarded(parked, skipped, missing, left)


def key_of(connection: Connection, key_or_id: str) -> str:
    """The parked key that is meant: itself, or that of the message with this id. Raises NothingParkedError."""
    if _select(connection, "key = %s", key_or_id):
        return key_or_id
    if key_or_id.isdecimal():
        return find(connection, int(key_or_id)).key
    raise NothingParkedError(f"nothing of {key_or_id} is parked")


# -- steps -------------------------------------------------------------------------------------------------


def _hold(connection: Connection, key: str) -> None:
    connection.execute("SELECT lane FROM lanes WHERE lane = %s FOR UPDATE", (lane_of(key),))


def _select(connection: Connection, condition: str, value: object) -> list[Parked]:
    rows = connection.execute(
        f"SELECT {_COLUMNS} FROM parked_messages WHERE {condition} ORDER BY id".encode(),  # noqa: S608 - ours
        (value,),
    ).fetchall()
    return [Parked(*row) for row in rows]


def _next(connection: Connection, queue: Sequence[Parked]) -> Parked:
    """The first; or the event that its stream misses before it, when that has come meanwhile and waits further back."""
    first = queue[0]
    source, version = _place(first)
    due = _seen(connection, source, first.key) + 1 if version else 0
    if version <= due:
        return first
    return next((later for later in queue[1:] if _place(later) == (source, due)), first)


def _handle(connection: Connection, processor: Processor, parked: Parked) -> bool:
    """Decide it, unless it was decided before (False). Raises why it cannot be."""
    envelope = read_envelope(parked.record)
    version = version_of(envelope)
    if version:
        seen = _seen(connection, envelope.source, parked.key)
        if version <= seen:
            return False
        if version > seen + 1:
            raise _GapError(
                f"a loss in the stream {envelope.source}/{parked.key}: version {version} came after version {seen}"
            )
    delivery = read_record(parked.record)
    if delivery.message.is_command and _is_answered(connection, envelope.id):
        return False
    with PostgresTransaction(connection) as transaction:
        processor.settle(transaction, delivery)
    if version:
        _see(connection, envelope.source, parked.key, version)
    return True


class _GapError(Exception):
    """The stream misses a version before this one."""


def _move_past(connection: Connection, parked: Parked, *, skip_missing: bool) -> tuple[int, int]:
    """Count an event that is given up as seen; how many versions before it were skipped, and how many are missing."""
    source, version = _place(parked)
    seen = _seen(connection, source, parked.key)
    if version <= seen:
        return 0, 0
    for other in _select(connection, "key = %s", parked.key):
        before = _place(other)
        if before[0] == source and seen < before[1] < version:
            raise NotYetError(
                f"message {other.id} is version {before[1]} of the same stream and comes before it: "
                "redrive or discard that first"
            )
    missing = version - seen - 1
    if missing and not skip_missing:
        return 0, missing
    _see(connection, source, parked.key, version)
    return missing, 0


def _place(parked: Parked) -> tuple[str, int]:
    """Source and version in its stream; version 0 when it is of none."""
    try:
        envelope = read_envelope(parked.record)
    except UnreadableRecordError:
        return "", 0
    return envelope.source, version_of(envelope)


def _seen(connection: Connection, source: str, key: str) -> int:
    row = connection.execute(
        "SELECT version FROM streams_seen WHERE source = %s AND key = %s", (source, key)
    ).fetchone()
    return row[0] if row else 0


def _see(connection: Connection, source: str, key: str, version: int) -> None:
    connection.execute(
        "INSERT INTO streams_seen (source, key, version) VALUES (%s, %s, %s) "
        "ON CONFLICT (source, key) DO UPDATE SET version = excluded.version",
        (source, key, version),
    )


def _is_answered(connection: Connection, command_id: str) -> bool:
    return connection.execute("SELECT 1 FROM event_log WHERE command_id = %s", (command_id,)).fetchone() is not None


def _reason_of(error: Exception) -> str:
    text = str(error) if isinstance(error, _GapError | UnreadableRecordError) else f"{type(error).__name__}: {error}"
    # An error may quote what caused it; PostgreSQL takes no NUL and no half of a surrogate pair.
    return text.encode(errors="backslashreplace").decode().replace("\0", "\\x00")[:_REASON_KEPT]
