"""Which service answers which call. Built from the services' own OpenAPI documents, so no route is written twice."""

import re
from collections.abc import Iterable, Mapping
from typing import Any, NamedTuple
from urllib.parse import unquote

METHODS = ("GET", "POST", "PUT", "PATCH", "DELETE", "HEAD", "OPTIONS")
PUBLIC = "/v1/"
"""Only what lies below is for the public; a service's health and metrics are not."""

_PARAMETER = re.compile(r"\{[^/{}]+\}")


class Route(NamedTuple):
    """One call that a service answers."""

    service: str
    method: str
    template: str
    """The path as OpenAPI writes it: `/v1/milestones/{milestone_id}/fund`."""


class Allowed(NamedTuple):
    """The path is known, the method is not."""

    methods: tuple[str, ...]


class RoutingTable:
    """Finds the service for a call; where two templates fit, the one with the earlier literal part wins."""

    def __init__(self, routes: Iterable[Route]) -> None:
        """Raises ValueError when two services claim the same call."""
        by_template: dict[str, dict[str, Route]] = {}
        for route in routes:
            methods = by_template.setdefault(route.template, {})
            other = methods.setdefault(route.method, route)
            if other.service != route.service:
                raise ValueError(f"{other.service} and {route.service} both answer {route.method} {route.template}")
        self._patterns = [
            (_pattern(template), by_template[template]) for template in sorted(by_template, key=_literal_first)
        ]

    def find(self, method: str, path: str) -> Route | Allowed | None:
        """The route of a call; `path` as it came, still percent-encoded. None: nobody knows this path."""
        if not _is_plain(path):
            return None
        allowed: set[str] = set()
        for pattern, methods in self._patterns:
            if pattern.fullmatch(path):
                if (route := methods.get(method)) is not None:
                    return route
                allowed.update(methods)
        return Allowed(tuple(sorted(allowed))) if allowed else None

    @property
    def routes(self) -> tuple[Route, ...]:
        """Every route, the literal ones first."""
        return tuple(route for _, methods in self._patterns for route in methods.values())


def routes_of(service: str, document: Mapping[str, Any]) -> tuple[Route, ...]:
    """The public routes in a service's OpenAPI document."""
    return tuple(
        Route(service, method.upper(), template)
        for template, item in document.get("paths", {}).items()
        if template.startswith(PUBLIC)
        for method in item
        if method.upper() in METHODS
    )


def _pattern(template: str) -> re.Pattern[str]:
    literals = _PARAMETER.split(template)
    return re.compile("[^/]+".join(re.escape(literal) for literal in literals))


def _literal_first(template: str) -> list[tuple[bool, str]]:
    return [("{" in segment, segment) for segment in template.split("/")]


def _is_plain(path: str) -> bool:
    """Whether a service reads the same path as we do: `.` and `..` would be resolved on the way to it."""
    return not any(unquote(segment) in {".", ".."} for segment in path.split("/"))
