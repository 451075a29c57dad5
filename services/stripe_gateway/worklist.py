"""What the gateway's caller, janitor and inbox ask of its own database beside decisions: what is there to do?

`PostgresWorkList` is the one that runs; the seeded simulation puts one in memory in its place, and both pass the same
behaviour suite (tests/simulation/behaviour).
"""

from collections.abc import Collection
from datetime import datetime
from typing import NamedTuple, Protocol

from sqlalchemy import Engine

from services.runtime.bulk import bigint_array, text_array
from services.runtime.database import borrowed
from services.runtime.lanes import lane_of
from services.stripe_gateway import handlers
from services.stripe_gateway.records import Attempt
from services.stripe_gateway.webhooks import DONE, RECEIVED, WEBHOOKS_CHANNEL, Word

_COLUMNS = ", ".join(f"attempts.{name}" for name in handlers.ATTEMPTS.names)


class Webhook(NamedTuple):
    """A stored event that waits."""

    event_id: str
    type: str
    object_id: str
    body: str


class WorkList(Protocol):
    """Raises psycopg's errors of the database."""

    def open_calls(self, lanes: Collection[int], in_hand: Collection[str], most: int) -> list[Attempt]:
        """The open calls of these lanes, the oldest first, without those whose ids are in hand."""
        ...

    def is_open(self, attempt_id: str) -> bool:
        """Whether a call is still to be made."""
        ...

    def figures(self) -> tuple[datetime | None, int]:
        """When the oldest open call was opened, and how many have an outcome that nobody knows."""
        ...

    def claim_unknown(self, lanes: Collection[int], now: datetime, next_at: datetime, most: int) -> list[Attempt]:
        """Unknown calls that are due, each given to one claimant: none other gets it before `next_at`.

        One that is seen here for the first time is due at `next_at`.
        """
        ...

    def keep(self, word: Word, endpoint: str, arrival: str, now: datetime) -> bool:
        """Keep an event, and wake the inbox. False: it was here already."""
        ...

    def received(self, lanes: Collection[int], in_hand: Collection[str], most: int) -> list[Webhook]:
        """Kept events of these lanes that wait, in the order of their arrival, without those in hand."""
        ...

    def close(self, event_id: str, state: str, reason: str, now: datetime) -> None:
        """What became of a kept event."""
        ...

    def story_of(self, about: str) -> str | None:
        """The correlation id under which a thing was first asked for at Stripe."""
        ...


class PostgresWorkList:
    """The work list in the gateway's database. Threads may share it."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def open_calls(self, lanes: Collection[int], in_hand: Collection[str], most: int) -> list[Attempt]:
        with borrowed(self._engine) as connection:
            rows = connection.execute(
                f"SELECT {_COLUMNS} FROM attempts WHERE state = 'open' "  # noqa: S608 - names are the table's own
                "AND lane = ANY(%s::smallint[]) AND NOT attempt_id = ANY(%s::text[]) ORDER BY arrival LIMIT %s",
                (bigint_array(sorted(lanes)), text_array(in_hand), most),
            ).fetchall()
            connection.rollback()
        return [Attempt(*row) for row in rows]

    def is_open(self, attempt_id: str) -> bool:
        with borrowed(self._engine) as connection:
            row = connection.execute("SELECT state FROM attempts WHERE attempt_id = %s", (attempt_id,)).fetchone()
            connection.rollback()
        return row is not None and row[0] == "open"

    def figures(self) -> tuple[datetime | None, int]:
        with borrowed(self._engine) as connection:
            oldest = connection.execute("SELECT min(opened_at) FROM attempts WHERE state = 'open'").fetchone()
            unknown = connection.execute("SELECT count(*) FROM attempts WHERE state = 'unknown'").fetchone()
            connection.rollback()
        return (oldest[0] if oldest else None), (unknown[0] if unknown else 0)

    def claim_unknown(self, lanes: Collection[int], now: datetime, next_at: datetime, most: int) -> list[Attempt]:
        ours = bigint_array(sorted(lanes))
        with borrowed(self._engine) as connection:
            connection.execute(
                "INSERT INTO unknown_looks (attempt_id, looks, look_at) SELECT attempt_id, 0, %s FROM attempts "
                "WHERE state = 'unknown' AND lane = ANY(%s::smallint[]) ON CONFLICT (attempt_id) DO NOTHING",
                (next_at, ours),
            )
            rows = connection.execute(
                "UPDATE unknown_looks SET looks = looks + 1, look_at = %s FROM attempts "  # noqa: S608 - own names
                "WHERE unknown_looks.attempt_id IN (SELECT due.attempt_id FROM unknown_looks AS due "
                "JOIN attempts AS asked ON asked.attempt_id = due.attempt_id WHERE due.look_at <= %s "
                "AND asked.state = 'unknown' AND asked.lane = ANY(%s::smallint[]) ORDER BY due.look_at LIMIT %s "
                "FOR UPDATE OF due SKIP LOCKED) "
                f"AND attempts.attempt_id = unknown_looks.attempt_id RETURNING {_COLUMNS}",
                (next_at, now, ours, most),
            ).fetchall()
            connection.commit()
        return [Attempt(*row) for row in rows]

    def keep(self, word: Word, endpoint: str, arrival: str, now: datetime) -> bool:
        with borrowed(self._engine) as connection:
            stored = connection.execute(
                "INSERT INTO webhooks (event_id, arrival, endpoint, type, account, object_id, lane, body, state, "
                "reason, received_at, handled_at) VALUES (%s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s, %s) "
                "ON CONFLICT (event_id) DO NOTHING",
                (word.event_id, arrival, endpoint, word.type, word.account, word.object_id, lane_of(word.object_id),
                 word.body, word.state, word.reason, now, now if word.state == DONE else None),
            )  # fmt: skip
            new = stored.rowcount == 1
            if new and word.state == RECEIVED:
                connection.execute("SELECT pg_notify(%s, '')", (WEBHOOKS_CHANNEL,))
            connection.commit()
        return new

    def received(self, lanes: Collection[int], in_hand: Collection[str], most: int) -> list[Webhook]:
        with borrowed(self._engine) as connection:
            rows = connection.execute(
                "SELECT event_id, type, object_id, body FROM webhooks WHERE state = 'received' "
                "AND lane = ANY(%s::smallint[]) AND NOT event_id = ANY(%s::text[]) ORDER BY arrival LIMIT %s",
                (bigint_array(sorted(lanes)), text_array(in_hand), most),
            ).fetchall()
            connection.rollback()
        return [Webhook(*row) for row in rows]

    def close(self, event_id: str, state: str, reason: str, now: datetime) -> None:
        with borrowed(self._engine) as connection:
            connection.execute(
                "UPDATE webhooks SET state = %s, reason = %s, handled_at = %s WHERE event_id = %s",
                (state, reason, now, event_id),
            )
            connection.commit()

    def story_of(self, about: str) -> str | None:
        with borrowed(self._engine) as connection:
            row = connection.execute(
                "SELECT correlation_id FROM attempts WHERE about = %s ORDER BY arrival LIMIT 1", (about,)
            ).fetchone()
            connection.rollback()
        return row[0] if row else None
