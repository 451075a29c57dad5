"""Stripe's rate limits, off until they are switched on: so many requests a second over all and per operation, so many
at once, so many changes of one PaymentIntent an hour.

A refusal is 429 with `Stripe-Rate-Limited-Reason` and without `Retry-After`; it comes before idempotency, so nothing is
stored under the key. Time is the sandbox's clock. Source: https://docs.stripe.com/rate-limits (STRIPE.md 2.4).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass

from services.stripe_sandbox.errors import ApiError
from services.stripe_sandbox.routing import Operation

REASONS = ("global-rate", "endpoint-rate", "global-concurrency", "endpoint-concurrency", "resource-specific")
HOUR_S = 3_600
INTENT_CHANGES = "/v1/payment_intents/{"


def rate_limited(reason: str) -> ApiError:
    """429 of a limiter."""
    return ApiError(
        429,
        "invalid_request_error",
        "Request rate limit exceeded. Learn more about rate limits in our docs.",
        code="rate_limit",
        headers={"Stripe-Rate-Limited-Reason": reason},
    )


@dataclass
class Limits:
    """What is allowed; None is without limit. Rates are requests a second, by the sandbox's clock."""

    global_per_s: float | None = None
    operation_per_s: float | None = None
    global_concurrency: int | None = None
    operation_concurrency: int | None = None
    intent_changes_per_hour: float | None = None


def stripes_own() -> Limits:
    """What Stripe allows in a sandbox. How many requests at once it allows is not published."""
    return Limits(global_per_s=25, operation_per_s=25, intent_changes_per_hour=1_000)


class Limiter:
    """Counts the requests. A bucket holds what its limit allows in one second (or hour), and at least one."""

    def __init__(self, limits: Limits) -> None:
        self._from_start = limits
        self.limits = limits
        self._buckets: dict[tuple[str, str], tuple[float, float]] = {}
        self._running: dict[str, int] = {}

    def set(self, limits: Limits) -> None:
        """Put limits in force, with full buckets."""
        self.limits = limits
        self._buckets.clear()

    def reset(self) -> None:
        """Back to the limits of the start."""
        self.set(self._from_start)

    @contextmanager
    def admit(self, operation: Operation, parts: dict[str, str], now_s: float) -> Iterator[None]:
        """Hold a place while a request runs. Raises 429 when a limit is reached; a refusal uses nothing up."""
        name = f"{operation.method} {operation.path}"
        limits = self.limits
        if _full(sum(self._running.values()), limits.global_concurrency):
            raise rate_limited("global-concurrency")
        if _full(self._running.get(name, 0), limits.operation_concurrency):
            raise rate_limited("endpoint-concurrency")
        wanted = [("global-rate", "", limits.global_per_s, 1), ("endpoint-rate", name, limits.operation_per_s, 1)]
        if operation.method == "POST" and operation.path.startswith(INTENT_CHANGES):
            intent = next(iter(parts.values()))
            wanted.append(("resource-specific", intent, limits.intent_changes_per_hour, HOUR_S))
        self._take(wanted, now_s)
        self._running[name] = self._running.get(name, 0) + 1
        try:
            yield
        finally:
            self._running[name] -= 1

    def _take(self, wanted: list[tuple[str, str, float | None, int]], now_s: float) -> None:
        after: dict[tuple[str, str], tuple[float, float]] = {}
        for reason, name, allowed, period_s in wanted:
            if allowed is None:
                continue
            capacity = max(1.0, allowed)
            left, at_s = self._buckets.get((reason, name), (capacity, now_s))
            left = min(capacity, left + (now_s - at_s) * allowed / period_s)
            if left < 1:
                raise rate_limited(reason)
            after[reason, name] = (left - 1, now_s)
        self._buckets.update(after)


def _full(running: int, allowed: int | None) -> bool:
    return allowed is not None and running >= allowed
