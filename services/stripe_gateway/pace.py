"""How fast Stripe is called: a bucket of tokens for everything and one for each kind of call (STRIPE.md 2.4).

Whoever is first in is first out. A 429 halves the rate of the bucket that it names; while calls go through, the rate
climbs back. The rates are of all replicas together: each takes as large a part of them as it has of the lanes.
"""

import asyncio
from collections.abc import Callable

from services.stripe_gateway import metrics
from services.stripe_gateway.settings import GatewaySettings

_GENTLEST_PART = 0.02
"""Of the full rate: never slower, so that a recovery is noticed."""
_STEP = 0.1
"""Of the full rate: what one step up gives back."""


class Bucket:
    """Tokens at a rate, at most one second's worth saved up. Times are seconds of one loop's clock."""

    def __init__(self, full_rate: float, recover_s: float) -> None:
        self.rate = self._full = full_rate
        self._recover_s = recover_s
        self._due = float("-inf")
        """When the bucket will be full again."""
        self._changed_at = float("-inf")

    def resize(self, full_rate: float) -> None:
        """Another full rate from now on; what was slowed down stays so, in proportion."""
        self.rate *= full_rate / self._full
        self._full = full_rate

    def take(self, now: float) -> float:
        """Take a token; how long to wait until it is there."""
        saved = max(1.0, self.rate) / self.rate
        self._due = max(self._due, now) + 1 / self.rate
        return max(0.0, self._due - saved - now)

    def slow(self, now: float) -> None:
        """Stripe said: too fast. Calls that were under way together count as one complaint."""
        if now - self._changed_at < 1.0 and self.rate < self._full:
            return
        self.rate = max(self._full * _GENTLEST_PART, self.rate / 2)
        self._changed_at = now

    def well(self, now: float) -> None:
        """A call went through."""
        if self.rate < self._full and now - self._changed_at >= self._recover_s:
            self.rate = min(self._full, self.rate + _STEP * self._full)
            self._changed_at = now


class Pace:
    """The buckets of one process. Belongs to one event loop."""

    def __init__(
        self,
        settings: GatewaySettings,
        clock: Callable[[], float] | None = None,
        share: Callable[[], float] = lambda: 1.0,
    ) -> None:
        """`share`: of the rates, that this process may take at the moment; above 0."""
        self._settings = settings
        self._clock = clock
        self._share_now = share
        self._share = share()
        self._all = Bucket(settings.stripe_calls_per_s * self._share, settings.stripe_rate_recover_s)
        self._each: dict[str, Bucket] = {}
        self._show()

    async def wait(self, operation: str) -> None:
        """Until the call may be made."""
        self._divide()
        now = self._now()
        # Both are taken at once, so nobody overtakes between the two.
        wait_s = max(self._all.take(now), self._of(operation).take(now))
        if wait_s > 0:
            await asyncio.sleep(wait_s)

    def too_fast(self, operation: str, reason: str) -> None:
        """A 429. `reason`: Stripe-Rate-Limited-Reason, which says whose limit it was; empty: nobody knows, so both."""
        now = self._now()
        if not reason.startswith(("endpoint", "resource")):
            self._all.slow(now)
        if not reason.startswith(("global", "resource")):
            self._of(operation).slow(now)
        self._show()

    def well(self, operation: str) -> None:
        """A call went through."""
        now = self._now()
        self._all.well(now)
        self._of(operation).well(now)
        self._show()

    def _divide(self) -> None:
        share = self._share_now()
        if share == self._share:
            return
        self._share = share
        self._all.resize(self._settings.stripe_calls_per_s * share)
        for bucket in self._each.values():
            bucket.resize(self._settings.stripe_calls_per_s_each * share)
        self._show()

    def _of(self, operation: str) -> Bucket:
        if operation not in self._each:
            rate = self._settings.stripe_calls_per_s_each * self._share
            self._each[operation] = Bucket(rate, self._settings.stripe_rate_recover_s)
        return self._each[operation]

    def _show(self) -> None:
        metrics.RATE.labels("all").set(self._all.rate)
        for operation, bucket in self._each.items():
            metrics.RATE.labels(operation).set(bucket.rate)

    def _now(self) -> float:
        return self._clock() if self._clock else asyncio.get_running_loop().time()
