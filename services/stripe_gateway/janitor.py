"""The janitor: a call whose outcome nobody knows is looked for again and again, until what is at Stripe tells it.

It only ever looks. A call that cannot be found stays an open item: whether to make it is an operator's decision.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from services.runtime.bulk import bigint_array
from services.runtime.database import borrowed
from services.runtime.service import Runtime
from services.stripe_gateway import handlers, metrics
from services.stripe_gateway.caller import Caller
from services.stripe_gateway.keyed import Keyed
from services.stripe_gateway.listener import DATABASE_TROUBLE
from services.stripe_gateway.looks import Look
from services.stripe_gateway.records import Attempt
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.translate import UnexpectedObjectError

logger = logging.getLogger(__name__)

_ROUND_S = 1.0
"""Between two questions to our own database about what is due."""
_MOST_AT_ONCE = 50
_COLUMNS = ", ".join(f"attempts.{name}" for name in handlers.ATTEMPTS.names)


class Janitor:
    """Looks behind the unknown calls of this replica's lanes. Belongs to one event loop."""

    def __init__(self, runtime: Runtime, settings: GatewaySettings, caller: Caller) -> None:
        self._runtime = runtime
        self._caller = caller
        self._every = timedelta(seconds=settings.stripe_unknown_look_s)
        self._keyed: Keyed[Attempt] = Keyed(self._work)

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            lanes, now = self._runtime.lanes(), self._runtime.clock.now()
            try:
                if lanes:
                    for attempt in await asyncio.to_thread(self.claim, lanes, now):
                        self._keyed.add(attempt.key, attempt.attempt_id, attempt)
            except DATABASE_TROUBLE as error:
                logger.warning("looking for unknown calls again: %s", error)
            await asyncio.sleep(_ROUND_S)

    async def close(self, patience_s: float) -> None:
        """Let the looks under way end."""
        await self._keyed.close(patience_s)

    async def _work(self, attempt: Attempt) -> None:
        try:
            found = await self._caller.look(attempt)
        except UnexpectedObjectError as error:
            logger.warning("what Stripe has for %s is unexpected: %s", attempt.idempotency_key, error)
            found = Look.UNCLEAR
        if isinstance(found, Look):
            metrics.LOOKS.labels(attempt.operation, found.value).inc()
            logger.warning("the outcome of %s is still unknown: %s", attempt.idempotency_key, found.value)
            return
        await self._caller.write_down(attempt, found)
        metrics.LOOKS.labels(attempt.operation, "found").inc()
        logger.warning("the outcome of %s was found by looking", attempt.idempotency_key)

    def claim(self, lanes: frozenset[int], now: datetime) -> list[Attempt]:
        """The calls that are to be looked behind now, each given to one claimant: none other gets it in this interval.

        A call that became unknown was looked behind a moment ago, so its first turn comes after one interval.
        """
        next_at, ours = now + self._every, bigint_array(sorted(lanes))
        with borrowed(self._runtime.engine) as connection:
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
                (next_at, now, ours, _MOST_AT_ONCE),
            ).fetchall()
            connection.commit()
        return [Attempt(*row) for row in rows]
