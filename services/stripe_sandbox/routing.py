"""The table of operations: method and path, the library's type of its parameters, and the handler.

A handler is `handler(ctx, params, **path) -> object`. `models` names the parameters that the sandbox acts upon;
any other parameter that Stripe knows is refused by name instead of being swallowed, so nobody tests against a
silence.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar

Json = dict[str, Any]
Handler = Callable[..., Json]
H = TypeVar("H", bound=Handler)
ALWAYS_MODELLED = frozenset({"expand", "metadata", "limit", "starting_after", "ending_before", "created", "include"})


@dataclass(frozen=True)
class Operation:
    """One operation of the API."""

    method: str
    path: str
    pattern: re.Pattern[str]
    params: type[Any]
    handler: Handler
    models: frozenset[str]

    @property
    def is_v2(self) -> bool:
        return self.path.startswith("/v2/")


OPERATIONS: list[Operation] = []


def operation(method: str, path: str, params: type[Any], models: str = "") -> Callable[[H], H]:
    """Register a handler; `models` is a list of parameter names separated by spaces."""

    def register(handler: H) -> H:
        pattern = re.compile("^" + re.sub(r"\{(\w+)\}", r"(?P<\1>[^/]+)", path) + "$")
        modelled = ALWAYS_MODELLED | frozenset(models.split())
        OPERATIONS.append(Operation(method, path, pattern, params, handler, modelled))
        return handler

    return register


def find_operation(method: str, path: str) -> tuple[Operation, dict[str, str]] | None:
    """The operation that a request names, and the parts of its path."""
    for candidate in OPERATIONS:
        if candidate.method == method and (match := candidate.pattern.match(path)):
            return candidate, match.groupdict()
    return None
