"""How far Stripe's events have been read through: a row for the platform's account and one for each connected account.

Several replicas share them: whose turn it is, is claimed, and a turn that was overtaken writes nothing.
"""

from collections.abc import Collection
from datetime import datetime, timedelta
from typing import NamedTuple

from sqlalchemy import Engine

from services.runtime.bulk import text_array
from services.runtime.database import borrowed
from services.stripe_gateway.platform_account import PLATFORM


class Poll(NamedTuple):
    """A turn at one account's events."""

    account: str
    turn: int
    since: datetime
    """All events that Stripe made before are here."""
    until: datetime | None
    """Where the pass under way ends; None: none is under way."""
    after_id: str | None
    """The last event of the pass under way that was read; it goes from the newest to the oldest."""
    is_first: bool
    """Nothing was read through yet."""


class Polls:
    """In the gateway's database. Threads may share it. Raises psycopg's errors."""

    def __init__(self, engine: Engine) -> None:
        self._engine = engine

    def claim(self, now: datetime, since: datetime, every: timedelta, each: timedelta, most: int) -> list[Poll]:
        """The accounts whose turn it is, each given to one claimant; the platform's first.

        `since`: from when on an account is read that is new here. `every`, `each`: until the next turn of the
        platform's own account, and of a connected one.
        """
        with borrowed(self._engine) as connection:
            connection.execute(
                "INSERT INTO polls (account, turn, since, is_first, next_at) "
                "SELECT account, 0, %s, true, %s FROM (SELECT %s AS account "
                "UNION ALL SELECT account_id FROM accounts WHERE account_id IS NOT NULL) AS known "
                "WHERE NOT EXISTS (SELECT 1 FROM polls WHERE polls.account = known.account) ON CONFLICT DO NOTHING",
                (since, now, PLATFORM),
            )
            rows = connection.execute(
                "UPDATE polls SET turn = turn + 1, next_at = %s::timestamptz + CASE account WHEN %s THEN %s::interval "
                "ELSE %s::interval END WHERE account IN (SELECT account FROM polls WHERE next_at <= %s "
                "ORDER BY account <> %s, next_at LIMIT %s FOR UPDATE SKIP LOCKED) "
                "RETURNING account, turn, since, until, after_id, is_first",
                (now, PLATFORM, every, each, now, PLATFORM, most),
            ).fetchall()
            connection.commit()
        return sorted((Poll(*row) for row in rows), key=lambda poll: poll.account != PLATFORM)

    def known(self, event_ids: Collection[str]) -> set[str]:
        """Those of the events that are here."""
        with borrowed(self._engine) as connection:
            rows = connection.execute(
                "SELECT event_id FROM webhooks WHERE event_id = ANY(%s::text[])", (text_array(event_ids),)
            ).fetchall()
            connection.rollback()
        return {event_id for (event_id,) in rows}

    def reached(self, poll: Poll, until: datetime, after_id: str | None, next_at: datetime | None = None) -> None:
        """The pass under way has come so far. `next_at`: when it goes on, where this turn is over."""
        with borrowed(self._engine) as connection:
            connection.execute(
                "UPDATE polls SET until = %s, after_id = %s, next_at = coalesce(%s, next_at) "
                "WHERE account = %s AND turn = %s",
                (until, after_id, next_at, poll.account, poll.turn),
            )
            connection.commit()

    def read_through(self, poll: Poll, until: datetime) -> None:
        """All events that Stripe made before `until` are here."""
        with borrowed(self._engine) as connection:
            connection.execute(
                "UPDATE polls SET since = greatest(since, %s), until = NULL, after_id = NULL, is_first = false "
                "WHERE account = %s AND turn = %s",
                (until, poll.account, poll.turn),
            )
            connection.commit()
