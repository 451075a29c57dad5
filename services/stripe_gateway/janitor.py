"""The janitor: a call whose outcome nobody knows is looked for again and again, until what is at Stripe tells it.

It only ever looks. A call that cannot be found stays an open item: whether to make it is an operator's decision.
"""

import asyncio
import logging
from datetime import datetime, timedelta

from services.runtime.service import Runtime
from services.stripe_gateway import metrics
from services.stripe_gateway.caller import Caller
from services.stripe_gateway.keyed import Keyed
from services.stripe_gateway.listener import DATABASE_TROUBLE
from services.stripe_gateway.looks import Look
from services.stripe_gateway.records import Attempt
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.translate import UnexpectedObjectError
from services.stripe_gateway.worklist import WorkList

logger = logging.getLogger(__name__)

_ROUND_S = 1.0
"""Between two questions to our own database about what is due."""
_MOST_AT_ONCE = 50


class Janitor:
    """Looks behind the unknown calls of this replica's lanes. Belongs to one event loop."""

    def __init__(self, runtime: Runtime, work_list: WorkList, settings: GatewaySettings, caller: Caller) -> None:
        self._runtime = runtime
        self._work_list = work_list
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
        return self._work_list.claim_unknown(lanes, now, now + self._every, _MOST_AT_ONCE)
