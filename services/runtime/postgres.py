"""A service's database on PostgreSQL: the SQL of the runtime's batch path and of its relay."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from datetime import datetime
from types import TracebackType
from typing import Any, LiteralString, NamedTuple, Self, TypeVar

import psycopg
from psycopg import Copy
from psycopg.types.json import Jsonb
from sqlalchemy import Engine

from services.runtime import tables
from services.runtime.bulk import Entity, bigint_array, text_array
from services.runtime.database import Connection, borrowed
from services.runtime.event_log import CHANNEL, Logged, Row
from services.runtime.records import Record, as_text
from services.runtime.storage import Answer, Known, Position, Wanted
from services.runtime.timers import Timer

R = TypeVar("R", bound=NamedTuple)
Cursor = psycopg.Cursor[tuple[Any, ...]]

_FEW = 50
"""Rows up to which statements that are not waited for are quicker than a COPY."""

_LEADER_LOCK = (7021, 2)
_ROWS = Entity(tables.event_log, Row, generated=("sequence",))
_VERSIONS = "SELECT key, version FROM streams WHERE key = ANY(%s::text[])"
_LINES = (
    "SELECT sequence, topic, key, type, subject, stream_version, event_id, time, correlation_id, causation_id, "
    "traceparent, body FROM event_log WHERE sequence > %s AND sequence <= %s ORDER BY sequence LIMIT %s"
)

_TIMER_COLUMNS = ", ".join(Timer._fields)
_TIMER_ARRAYS = ", ".join("%s::timestamptz[]" if name == "due_at" else "%s::text[]" for name in Timer._fields)
_SET_TIMERS = (
    f"INSERT INTO timers ({_TIMER_COLUMNS}) "  # noqa: S608 - names are the table's own
    f"SELECT * FROM unnest({_TIMER_ARRAYS}) "
    f"ON CONFLICT (key, name) DO UPDATE SET {', '.join(f'{name} = excluded.{name}' for name in Timer._fields[2:])}"
)
_TAKE_TIMERS = (
    "WITH due AS (SELECT key, name FROM timers WHERE due_at <= %s ORDER BY due_at, key, name LIMIT %s "  # noqa: S608
    f"FOR UPDATE SKIP LOCKED) DELETE FROM timers USING due WHERE (timers.key, timers.name) = (due.key, due.name) "
    f"RETURNING {', '.join(f'timers.{name}' for name in Timer._fields)}"
)


class PostgresTransaction:
    """A transaction on a connection whose owner begins and ends it. See storage.Transaction.

    Nothing that is written is waited for. A few rows go out as statements in a pipeline, so that a message alone is
    written and committed in one round trip, or in two where it changes rows. Many go by COPY, and the one of the log
    stays open from one `say` to the next: PostgreSQL takes its lines in while the next messages are decided. A question
    waits for all that was written before it (`connection`). As a context it leaves nothing under way, however the block
    ends.
    """

    def __init__(self, connection: Connection) -> None:
        self._connection = connection
        self._under_way = ExitStack()
        """The pipeline or the COPY that is open; never both."""
        self._pipelined = False
        self._log: Copy | None = None
        self._announced = False
        self._updates: list[tuple[Cursor, str, int]] = []
        """Updates whose answer is to come: the table, and how many rows it must have found."""

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self._settle()
        else:
            self._pipelined, self._log = False, None
            self._under_way.__exit__(kind, error, trace)

    @property
    def connection(self) -> Connection:
        """Ready for a question: what was written before is in."""
        self._settle()
        return self._connection

    def commit(self) -> None:
        """Commit, in the same round trip as what is still under way where nothing of it must be looked at first."""
        if self._updates:
            self._settle()
        self._write("COMMIT")
        self._settle()

    def _settle(self) -> None:
        self._pipelined, self._log = False, None
        self._under_way.close()
        updates, self._updates = self._updates, []
        for update, table, wanted in updates:
            if update.rowcount != wanted:
                raise RuntimeError(f"{table}: {update.rowcount} of {wanted} rows were there to update")

    def _write(self, statement: LiteralString | bytes, parameters: Sequence[Any] = ()) -> Cursor:
        """Send a statement without waiting: should it be refused, the next question or the commit says so."""
        if self._log is not None:
            self._settle()
        if not self._pipelined:
            self._under_way.enter_context(self._connection.pipeline())
            self._pipelined = True
        return self._connection.execute(statement, parameters)

    def take(self, wanted: Wanted) -> Known:
        connection = self.connection
        # One round trip. Each statement sees what was committed before it began, so what follows the lock on
        # the lanes sees everything that earlier holders of these lanes did.
        with connection.pipeline():
            connection.execute(
                "SELECT lane FROM lanes WHERE lane = ANY(%s::smallint[]) ORDER BY lane FOR UPDATE",
                (bigint_array(sorted(wanted.lanes)),),
            )
            positions = connection.execute(
                "SELECT topic, partition, next_offset FROM consumer_positions WHERE topic = ANY(%s::text[])",
                (text_array(sorted(wanted.topics)),),
            )
            done = connection.execute(
                "SELECT command_id FROM event_log WHERE command_id = ANY(%s::text[])", (text_array(wanted.commands),)
            )
            seen = connection.execute(
                "SELECT source, key, version FROM streams_seen JOIN unnest(%s::text[], %s::text[]) "
                "AS wanted(source, key) USING (source, key)",
                (
                    text_array(source for source, _ in wanted.streams),
                    text_array(key for _, key in wanted.streams),
                ),
            )
            parked = connection.execute("SELECT DISTINCT key FROM parked_messages")
            versions = connection.execute(_VERSIONS, (text_array(wanted.keys),))
        return Known(
            positions={(topic, partition): offset for topic, partition, offset in positions.fetchall()},
            done={command_id for (command_id,) in done.fetchall()},
            seen={(source, key): version for source, key, version in seen.fetchall()},
            parked={key for (key,) in parked.fetchall()},
            versions=dict(versions.fetchall()),
        )

    def see(self, moved: Mapping[tuple[str, str], int]) -> None:
        sources, keys = zip(*moved, strict=True)
        self._write(
            "INSERT INTO streams_seen (source, key, version) "
            "SELECT * FROM unnest(%s::text[], %s::text[], %s::bigint[]) "
            "ON CONFLICT (source, key) DO UPDATE SET version = excluded.version",
            (text_array(sources), text_array(keys), bigint_array(moved.values())),
        )

    def move(self, positions: Mapping[tuple[str, int], int], topic_ids: Mapping[str, str]) -> None:
        topics, partitions = zip(*positions, strict=True)
        self._write(
            "INSERT INTO consumer_positions AS p (topic, partition, topic_id, next_offset) "
            "SELECT * FROM unnest(%s::text[], %s::integer[], %s::text[], %s::bigint[]) "
            "ON CONFLICT (topic, partition) DO UPDATE SET "
            # An owner that was overtaken must not move the position back.
            "next_offset = greatest(p.next_offset, excluded.next_offset)",
            (
                text_array(topics),
                bigint_array(partitions),
                text_array([topic_ids.get(topic, "") for topic in topics]),
                bigint_array(positions.values()),
            ),
        )

    def select(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        return entity.select(self.connection, column, values)

    def insert(self, entity: Entity[R], records: Sequence[R]) -> None:
        if len(records) <= _FEW:
            self._write(entity.insert_sql, entity.arrays(records))
        else:
            entity.copy(self.connection, records)

    def update(self, entity: Entity[R], records: Sequence[R]) -> None:
        # Whoever updates a row holds its lane, so it cannot have gone.
        update = self._write(entity.update_sql, entity.arrays(records))
        self._updates.append((update, entity.table.name, len(records)))

    def versions(self, keys: Collection[str]) -> dict[str, int]:
        if not keys:
            return {}
        return dict(self.connection.execute(_VERSIONS, (text_array(keys),)).fetchall())

    def say(self, rows: Sequence[Row]) -> None:
        self._announce()
        if self._log is not None:
            self._log.write(_ROWS.copy_text(rows))
        elif len(rows) <= _FEW:
            self._write(_ROWS.insert_sql, _ROWS.arrays(rows))
        else:
            cursor = self.connection.cursor()
            self._log = self._under_way.enter_context(cursor.copy(_ROWS.copy_sql))
            self._log.write(_ROWS.copy_text(rows))

    def _announce(self) -> None:
        if self._announced:
            return
        self._announced = True
        # The floor, before the first number is taken.
        self._write(
            "SELECT pg_advisory_xact_lock_shared(CASE WHEN is_called THEN last_value ELSE 0 END) "
            "FROM event_log_sequence"
        )
        self._write(f"NOTIFY {CHANNEL}")

    def advance(self, new: Mapping[str, int], known: Mapping[str, int]) -> None:
        if new:
            self._write(
                "INSERT INTO streams (key, version) SELECT * FROM unnest(%s::text[], %s::bigint[])",
                (text_array(new), bigint_array(new.values())),
            )
        if known:
            self._write(
                "UPDATE streams SET version = v.version "
                "FROM unnest(%s::text[], %s::bigint[]) AS v(key, version) WHERE streams.key = v.key",
                (text_array(known), bigint_array(known.values())),
            )

    def queue_behind(self, record: Record, key: str, reason: str, at: datetime) -> None:
        self._write(
            "INSERT INTO parked_messages (key, topic, partition, \"offset\", headers, body, reason, parked_at) "
            "VALUES (%s, %s, %s, %s, %s, %s, %s, %s) ON CONFLICT DO NOTHING",
            (key, *record[:3], Jsonb({name: as_text(value) for name, value in record.headers}), record.body, reason,
             at),
        )  # fmt: skip

    def keep_answer(self, party: str, key: str, answer: Answer, at: datetime) -> None:
        self._write(
            "INSERT INTO http_requests (party, idempotency_key, request_hash, status, body, answered_at) "
            "VALUES (%s, %s, %s, %s, %s, %s)",
            (party, key, *answer, at),
        )

    def wake(self, channel: str) -> None:
        self._write("SELECT pg_notify(%s, '')", (channel,))

    def set_timers(self, timers: Sequence[Timer]) -> None:
        last = {(timer.key, timer.name): timer for timer in timers}
        columns = dict(zip(Timer._fields, zip(*last.values(), strict=True), strict=True))
        columns["due_at"] = tuple(moment.isoformat() for moment in columns["due_at"])
        self._write(_SET_TIMERS.encode(), [text_array(column) for column in columns.values()])

    def take_due_timers(self, now: datetime, most: int) -> list[Timer]:
        return [Timer(*row) for row in self.connection.execute(_TAKE_TIMERS.encode(), (now, most)).fetchall()]


class Postgres:
    """A service's database. Threads may share it: each use borrows its own connection. See storage.Database."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    @contextmanager
    def transaction(self) -> Iterator[PostgresTransaction]:
        with borrowed(self._engine) as connection:
            try:
                with PostgresTransaction(connection) as transaction:
                    yield transaction
                    transaction.commit()
            except BaseException:
                connection.rollback()
                raise

    def rows(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        with borrowed(self._engine) as connection:
            found = entity.select(connection, column, values)
            connection.rollback()
        return found

    def positions(self, topics: Collection[str]) -> dict[tuple[str, int], Position]:
        with borrowed(self._engine) as connection:
            rows = connection.execute(
                "SELECT topic, partition, topic_id, next_offset FROM consumer_positions WHERE topic = ANY(%s::text[])",
                (text_array(topics),),
            ).fetchall()
            connection.rollback()
        return {(topic, partition): Position(topic_id, offset) for topic, partition, topic_id, offset in rows}

    def answer(self, party: str, key: str) -> Answer | None:
        with borrowed(self._engine) as connection:
            row = connection.execute(
                "SELECT request_hash, status, body FROM http_requests WHERE party = %s AND idempotency_key = %s",
                (party, key),
            ).fetchone()
            connection.rollback()
        return Answer(*row) if row else None

    def timers(self) -> tuple[int, datetime | None]:
        with borrowed(self._engine) as connection:
            row = connection.execute("SELECT count(*), min(due_at) FROM timers").fetchone()
            connection.rollback()
        return (row[0], row[1]) if row else (0, None)


class PostgresLog:
    """The event log over a connection in autocommit mode. See storage.Log."""

    def __init__(self, connection: Connection) -> None:
        self._connection = connection

    def lead(self) -> bool:
        row = self._connection.execute("SELECT pg_try_advisory_lock(%s::integer, %s::integer)", _LEADER_LOCK).fetchone()
        leads = bool(row and row[0])
        if leads:
            self._connection.execute(f"LISTEN {CHANNEL}")
        return leads

    def wait(self, timeout_s: float) -> None:
        for _ in self._connection.notifies(timeout=timeout_s, stop_after=1):
            pass

    def cursor(self, relay: str) -> int:
        # The cursor may be lost in a crash of the database: the tails make up for it.
        self._connection.execute("SET synchronous_commit = off")
        self._connection.execute("INSERT INTO relay_cursor VALUES (%s, 0) ON CONFLICT (relay) DO NOTHING", (relay,))
        row = self._connection.execute("SELECT sequence FROM relay_cursor WHERE relay = %s", (relay,)).fetchone()
        return int(row[0]) if row else 0

    def move_cursor(self, relay: str, sequence: int) -> None:
        self._connection.execute("UPDATE relay_cursor SET sequence = %s WHERE relay = %s", (sequence, relay))

    def last_number(self) -> int:
        row = self._connection.execute(
            "SELECT CASE WHEN is_called THEN last_value ELSE 0 END FROM event_log_sequence"
        ).fetchone()
        return int(row[0]) if row else 0

    def lowest_floor(self) -> int | None:
        row = self._connection.execute(
            "SELECT min(classid::bigint << 32 | objid::bigint) FROM pg_locks WHERE locktype = 'advisory' "
            "AND objsubid = 1 AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
        ).fetchone()
        return row[0] if row else None

    def lines(self, after: int, up_to: int, limit: int) -> list[Logged]:
        return [Logged(*row) for row in self._connection.execute(_LINES, (after, up_to, limit)).fetchall()]

    def places_after(self, sequence: int) -> set[tuple[str, str]]:
        rows = self._connection.execute("SELECT DISTINCT topic, key FROM event_log WHERE sequence > %s", (sequence,))
        return {(topic, key) for topic, key in rows.fetchall()}

    def event_ids(self, numbers: Iterable[int]) -> dict[int, str]:
        rows = self._connection.execute(
            "SELECT sequence, event_id FROM event_log WHERE sequence = ANY(%s::bigint[])", (bigint_array(numbers),)
        )
        return dict(rows.fetchall())


@contextmanager
def open_log(url: str) -> Iterator[PostgresLog]:
    """A connection of its own, `url` as `postgresql://…`."""
    with psycopg.connect(url, autocommit=True) as connection:
        yield PostgresLog(connection)
