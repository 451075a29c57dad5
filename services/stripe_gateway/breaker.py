"""Whether Stripe is there at all: after so many tries in a row without an answer, only one at a time finds out.

A try that Stripe answers, be it with a no, ends it. Nothing is lost or marked as failed meanwhile: calls wait.
"""

import asyncio
import logging

from services.stripe_gateway import metrics
from services.stripe_gateway.settings import GatewaySettings

logger = logging.getLogger(__name__)


class Breaker:
    """Shared by everything that speaks with Stripe; belongs to one event loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._failures = 0
        self._probes = 0
        self._probe_at = 0.0
        self._closed = asyncio.Event()
        self._closed.set()
        metrics.CIRCUIT_OPEN.set(0)

    @property
    def is_open(self) -> bool:
        """Whether Stripe is taken to be down."""
        return not self._closed.is_set()

    async def wait(self) -> None:
        """Through at once while Stripe answers; else until it does, or until it is this one's turn to find out."""
        loop = asyncio.get_running_loop()
        while self.is_open:
            wait_s = self._probe_at - loop.time()
            if wait_s <= 0:
                # The others wait for what this one finds; should it never tell, another has its turn after that time.
                self._probe_at = loop.time() + self._settings.stripe_timeout_s + 1.0
                return
            try:
                async with asyncio.timeout(wait_s):
                    await self._closed.wait()
            except TimeoutError:
                continue

    def answered(self) -> None:
        """Stripe is there."""
        self._failures = self._probes = 0
        if self.is_open:
            logger.warning("Stripe answers again")
            self._closed.set()
            metrics.CIRCUIT_OPEN.set(0)

    def failed(self, reason: str) -> None:
        """No answer, or a 5xx."""
        self._failures += 1
        if self._failures < self._settings.stripe_breaker_failures:
            return
        if not self.is_open:
            logger.error("Stripe does not answer (%s): calls wait, one at a time finds out", reason)
            self._closed.clear()
            metrics.CIRCUIT_OPEN.set(1)
        most_s = self._settings.stripe_backoff_most_s
        pause_s = min(most_s, self._settings.stripe_backoff_first_s * 2**self._probes)
        self._probes = min(self._probes + 1, 20)
        self._probe_at = asyncio.get_running_loop().time() + pause_s
