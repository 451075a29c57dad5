"""What a decision can say besides "done": refused, or nothing to change. Pure values; no HTTP, no Kafka.

One place maps a refusal to each way in: `http.py` to a problem document, `processor.py` to an event.
"""

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any, Literal

RefusalKind = Literal["not_found", "forbidden", "conflict", "invalid"]


@dataclass(frozen=True, slots=True)
class Refused:
    """An expected refusal. Nothing was changed."""

    kind: RefusalKind
    code: str
    """Stable, for programs."""
    detail: str
    """For people: what is wrong and what to do."""
    extra: dict[str, Any] = field(default_factory=dict)
    """More members of the problem document, e.g. `setup_url`."""


View = Callable[[], Any]
"""Makes what an HTTP caller is shown, within the transaction. A call, because a message from Kafka needs none."""


@dataclass(frozen=True, slots=True)
class Unchanged:
    """What was asked is so already or under way: the answer is the present state, not an error."""

    view: View | None = None
    detail: str = "this is already so or under way"


@dataclass(frozen=True, slots=True)
class Accepted:
    """Done."""

    view: View | None = None


Outcome = Refused | Unchanged | Accepted | None
"""None: done, with nothing to show (an event was applied)."""


def not_found(what: str, identifier: str) -> Refused:
    """The same answer for what does not exist and for what is another party's."""
    return Refused("not_found", "not_found", f"there is no {what} {identifier}")


def conflict(code: str, detail: str, **extra: Any) -> Refused:
    """The state does not allow it."""
    return Refused("conflict", code, detail, extra)


def forbidden(detail: str) -> Refused:
    """The role does not allow it."""
    return Refused("forbidden", "forbidden", detail)


def invalid(code: str, detail: str, **extra: Any) -> Refused:
    """The request contradicts what it is about (e.g. another currency than the contract's)."""
    return Refused("invalid", code, detail, extra)
