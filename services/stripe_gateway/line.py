"""The line to Stripe: how each single try is made. Paced, bounded, measured, shut for all while the key is refused."""

import asyncio
import itertools
import logging
import random
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

from stripe import StripeError

from services.stripe_gateway import metrics
from services.stripe_gateway.answers import Judged, Verdict, judge
from services.stripe_gateway.breaker import Breaker
from services.stripe_gateway.pace import Pace
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.turnstile import Turnstile, most_pause_s

logger = logging.getLogger(__name__)

T = TypeVar("T")


class TroubleError(Exception):
    """Stripe did not do it, or nobody knows. `judged` says what to do."""

    def __init__(self, judged: Judged) -> None:
        super().__init__(judged.reason)
        self.judged = judged


class Line:
    """Shared by everything that speaks with Stripe; belongs to one event loop."""

    def __init__(self, settings: GatewaySettings, share: Callable[[], float] = lambda: 1.0) -> None:
        """`share`: of the work, and so of the rates, that this process has at the moment."""
        self._settings = settings
        self._slots = asyncio.Semaphore(settings.stripe_parallel_calls)
        self._breaker = Breaker(settings)
        self._pace = Pace(settings, share=share)
        self._readings = itertools.count()
        self._accepted = Turnstile(settings)
        metrics.HALTED.set(0)

    async def ask(
        self, operation: str, request: Callable[[], Awaitable[T]], *, on_behalf: bool = False, one: str = ""
    ) -> T:
        """One try. Raises TroubleError; a key that is not accepted is waited out, nothing is marked as failed by it.

        `one`: the name of what is tried, the same for each try.
        """
        while True:
            await self._breaker.wait()
            await self._accepted.wait()
            try:
                result = await self._try(operation, request, on_behalf=on_behalf, one=one)
            except TroubleError as trouble:
                if trouble.judged.verdict is Verdict.STOP:
                    self._shut(trouble.judged)
                    continue
                if trouble.judged.http_status:
                    self._open()
                raise
            self._open()
            return result

    @property
    def is_down(self) -> bool:
        """Whether Stripe does not answer at all."""
        return self._breaker.is_down

    @property
    def note(self) -> str:
        """How it is with Stripe, for whoever looks. Threads may ask."""
        if not self._accepted.is_open:
            return "does not accept our key: nothing is called"
        return "does not answer: calls wait, one at a time finds out" if self.is_down else "answers"

    async def patiently(self, operation: str, request: Callable[[], Awaitable[T]], *, on_behalf: bool = False) -> T:
        """Try until there is an answer: for reading, which changes nothing. Raises TroubleError for a refusal."""
        tries, one = 0, f"{operation} {next(self._readings)}"
        while True:
            try:
                return await self.ask(operation, request, on_behalf=on_behalf, one=one)
            except TroubleError as trouble:
                if trouble.judged.verdict not in (Verdict.RETRY, Verdict.SERVER_ERROR, Verdict.LOOK):
                    raise
                await self.pause(tries)
                tries += 1

    async def pause(self, tries: int) -> None:
        """Full jitter: anything between nothing and the bound (STRIPE.md 2.5)."""
        await asyncio.sleep(random.uniform(0, most_pause_s(self._settings, tries)))  # noqa: S311 - jitter, not a secret

    async def _try(self, operation: str, request: Callable[[], Awaitable[T]], *, on_behalf: bool, one: str) -> T:
        await self._pace.wait(operation)
        async with self._slots:
            began = time.perf_counter()
            try:
                result = await request()
            except StripeError as error:
                judged = judge(error, operation, on_behalf=on_behalf)
                if judged.http_status in range(100, 500):
                    self._breaker.answered()
                else:
                    self._breaker.failed(judged.reason, one if judged.http_status else "")
                metrics.CALLS.labels(operation, judged.verdict.value).inc()
                logger.info(
                    "%s: %s (%s, request %s)", operation, judged.verdict.value, judged.reason, judged.request_id
                )
                if judged.http_status == 429 and judged.code != "lock_timeout":
                    self._pace.too_fast(operation, (error.headers or {}).get("stripe-rate-limited-reason", ""))
                raise TroubleError(judged) from None
            finally:
                metrics.CALL_TIME.labels(operation).observe(time.perf_counter() - began)
        metrics.CALLS.labels(operation, "answered").inc()
        self._breaker.answered()
        self._pace.well(operation)
        return result

    def _shut(self, judged: Judged) -> None:
        if self._accepted.is_open:
            logger.error("Stripe does not accept our key (%s): nothing is called until it does", judged.reason)
        self._accepted.shut()
        metrics.HALTED.set(1)

    def _open(self) -> None:
        if not self._accepted.is_open:
            logger.warning("Stripe accepts our key again")
        self._accepted.open()
        metrics.HALTED.set(0)
