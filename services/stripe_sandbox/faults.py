"""Faults on demand: what networks and Stripe do on bad days, at the n-th matching request.

Each kind is one of two moments: before the operation executes (nothing happened) or after it (it happened and
the caller does not know). After-faults that Stripe itself would store under the idempotency key (a 500) are
stored; faults of the network are not, so a repeat with the same key gets the true answer.
"""

import fnmatch
from dataclasses import dataclass, field
from typing import Any, Literal

from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.limits import REASONS

Json = dict[str, Any]
Kind = Literal[
    "timeout_before", "timeout_after", "error_500_before", "error_500_after", "bad_gateway", "conflict",
    "rate_limit", "lock_timeout", "slow", "truncated", "unauthorized",
]  # fmt: skip
KINDS: tuple[str, ...] = (
    "timeout_before", "timeout_after", "error_500_before", "error_500_after", "bad_gateway", "conflict",
    "rate_limit", "lock_timeout", "slow", "truncated", "unauthorized",
)  # fmt: skip
DEFAULT_SECONDS = {"timeout_before": 60.0, "timeout_after": 60.0, "slow": 1.0}


@dataclass
class Fault:
    """One rule: which requests, from the how-manieth on and how often, and what happens to them."""

    kind: str
    method: str = "*"
    path: str = "*"
    idempotency_key: str = "*"
    contains: str = ""
    """Text that the body must contain, such as an object's id."""
    skip: int = 0
    times: int = 1
    seconds: float | None = None
    should_retry: bool | None = None
    reason: str = "endpoint-rate"
    """Which limiter a `rate_limit` names."""
    id: str = field(default_factory=lambda: new_id("fault"))
    seen: int = 0
    hits: int = 0

    def matches(self, method: str, path: str, key: str, body: str) -> bool:
        """Whether a request is meant; counts it."""
        if self.hits >= self.times or not (
            fnmatch.fnmatchcase(method, self.method)
            and fnmatch.fnmatchcase(path, self.path)
            and fnmatch.fnmatchcase(key, self.idempotency_key)
            and self.contains in body
        ):
            return False
        self.seen += 1
        if self.seen <= self.skip:
            return False
        self.hits += 1
        return True

    @property
    def delay_s(self) -> float:
        """Seconds that the answer is held back."""
        return DEFAULT_SECONDS.get(self.kind, 0.0) if self.seconds is None else self.seconds

    def retry_headers(self) -> dict[str, str]:
        """Stripe-Should-Retry, when the rule says so."""
        if self.should_retry is None:
            return {}
        return {"Stripe-Should-Retry": "true" if self.should_retry else "false"}


class Faults:
    """The rules in force, in the order in which they were made."""

    def __init__(self) -> None:
        self.rules: list[Fault] = []

    def add(self, rule: Fault) -> Fault:
        """Put a rule in force. Raises ValueError for an unknown kind or reason."""
        if rule.kind not in KINDS:
            raise ValueError(f"unknown kind of fault {rule.kind!r}: one of {', '.join(KINDS)}")
        if rule.reason not in REASONS:
            raise ValueError(f"unknown reason {rule.reason!r}: one of {', '.join(REASONS)}")
        self.rules.append(rule)
        return rule

    def clear(self) -> None:
        """Take all rules out of force."""
        self.rules.clear()

    def pick(self, method: str, path: str, key: str, body: str) -> Fault | None:
        """The first rule that a request meets."""
        return next((rule for rule in self.rules if rule.matches(method, path, key, body)), None)
