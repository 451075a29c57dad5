"""Whether Stripe is there at all: after so many tries in a row without an answer, only one at a time finds out.

A try that Stripe answers, be it with a no, ends it. Nothing is lost or marked as failed meanwhile: calls wait. Stripe's
own errors (5xx) count only so often of one and the same call: it may be that call alone which Stripe cannot do.
"""

import logging
from collections import Counter

from services.stripe_gateway import metrics
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.turnstile import Turnstile

logger = logging.getLogger(__name__)


class Breaker:
    """Shared by everything that speaks with Stripe; belongs to one event loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._failures = 0
        self._of_one: Counter[str] = Counter()
        self._turnstile = Turnstile(settings)
        metrics.CIRCUIT_OPEN.set(0)

    @property
    def is_down(self) -> bool:
        """Whether Stripe is taken to be down."""
        return not self._turnstile.is_open

    async def wait(self) -> None:
        """Through at once while Stripe answers; else until it does, or until it is this one's turn to find out."""
        await self._turnstile.wait()

    def answered(self) -> None:
        """Stripe is there."""
        self._failures = 0
        self._of_one.clear()
        if self.is_down:
            logger.warning("Stripe answers again")
            self._turnstile.open()
            metrics.CIRCUIT_OPEN.set(0)

    def failed(self, reason: str, one: str = "") -> None:
        """No answer, or a 5xx; `one`: the call that Stripe answered with a 5xx."""
        if one and not self.is_down:
            self._of_one[one] += 1
            if self._of_one[one] > self._settings.stripe_breaker_of_one:
                return
        self._failures += 1
        if self._failures < self._settings.stripe_breaker_failures:
            return
        if not self.is_down:
            logger.error("Stripe does not answer (%s): calls wait, one at a time finds out", reason)
            metrics.CIRCUIT_OPEN.set(1)
        self._turnstile.shut()
