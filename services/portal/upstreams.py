"""The services behind the front door: how to reach them, what they answer, how they are.

Each has its own pool of connections, so that one that hangs takes no connection from the others.
"""

import asyncio
import logging
import ssl
import time
from collections.abc import Iterator, Mapping, Sequence
from types import TracebackType
from typing import Any, NamedTuple, Self

import httpx

from services.portal.openapi import join
from services.portal.routing import Route, RoutingTable, routes_of

logger = logging.getLogger(__name__)

GATEWAY = "stripe_gateway"
ALWAYS = (
    Route(GATEWAY, "GET", "/v1/hosted/{token}"),
    Route(GATEWAY, "POST", "/webhooks/stripe"),
    Route(GATEWAY, "POST", "/webhooks/stripe/connect"),
)
"""What is known before the gateway has said so, and is in no document for callers: links in mails, and Stripe."""

_TIMEOUT = httpx.Timeout(30.0, connect=2.0, pool=5.0)
"""A call waits up to 2 s for a projection and then for a lane; 30 s is far beyond both."""
_LIMITS = httpx.Limits(max_connections=100, max_keepalive_connections=50, keepalive_expiry=2.0)
"""Idle connections end before uvicorn's own limit of 5 s does, so that no call meets one that is just closing."""
_LOOK = httpx.Timeout(2.0)
_UNKNOWN_EVERY_S = 0.5
_KNOWN_EVERY_S = 15.0
"""A service that was deployed anew may have new routes."""
_STATES_LIFE_S = 1.0


class Upstream(NamedTuple):
    """One service."""

    name: str
    url: str
    required: bool = True
    """Whether the front door is of no use until it was seen once."""


class Upstreams:
    """All services, as an asynchronous context: enter it to open the connections, leave it to close them."""

    def __init__(self, upstreams: Sequence[Upstream]) -> None:
        self.all = tuple(upstreams)
        trusted = ssl.create_default_context()
        self._clients = {
            upstream.name: httpx.AsyncClient(
                base_url=upstream.url, timeout=_TIMEOUT, limits=_LIMITS, verify=trusted, trust_env=False
            )
            for upstream in self.all
        }
        self._documents: dict[str, Mapping[str, Any]] = {}
        self._states: dict[str, bool] = {}
        self._states_at = float("-inf")
        self._keeper: asyncio.Task[None] | None = None
        self.table = RoutingTable(self._always())
        self.document = join({})
        """The joined OpenAPI document of the services seen so far."""

    async def __aenter__(self) -> Self:
        await self.refresh()
        self._keeper = asyncio.create_task(self._keep())
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        await asyncio.gather(*(client.aclose() for client in self._clients.values()))

    def client(self, name: str) -> httpx.AsyncClient:
        """The connections to a service."""
        return self._clients[name]

    @property
    def unknown(self) -> tuple[str, ...]:
        """Required services whose routes are not known yet: they were not up since this process began."""
        return tuple(service.name for service in self.all if service.required and service.name not in self._documents)

    async def refresh(self, names: Sequence[str] | None = None) -> None:
        """Read the services' documents again (`names`: of these), and build routes and joined document from them."""
        wanted = [service.name for service in self.all] if names is None else names
        found = await asyncio.gather(*(self._read(name) for name in wanted))
        new = {name: document for name, document in zip(wanted, found, strict=True) if document is not None}
        if any(self._documents.get(name) != document for name, document in new.items()):
            self._take({**self._documents, **new})

    async def states(self) -> dict[str, bool]:
        """Whether each service is ready now; looked at most once a second."""
        if time.monotonic() - self._states_at > _STATES_LIFE_S:
            ready = await asyncio.gather(*(self._is_ready(service.name) for service in self.all))
            self._states = {service.name: state for service, state in zip(self.all, ready, strict=True)}
            self._states_at = time.monotonic()
        return dict(self._states)

    def _take(self, documents: Mapping[str, Mapping[str, Any]]) -> None:
        in_order = {service.name: documents[service.name] for service in self.all if service.name in documents}
        routes = [route for name, document in in_order.items() for route in routes_of(name, document)]
        try:
            table = RoutingTable([*self._always(), *routes])
        except ValueError:
            # What is known stays in force: a mistake in one deployment must not close the door for all.
            logger.exception("the routes of the services contradict each other; the ones before stay in force")
            return
        self._documents = in_order
        self.table, self.document = table, join(in_order)
        logger.info("%d calls of %s", len(table.routes), ", ".join(in_order))

    def _always(self) -> Iterator[Route]:
        return (route for route in ALWAYS if any(service.name == route.service for service in self.all))

    async def _read(self, name: str) -> Mapping[str, Any] | None:
        try:
            answer = await self._clients[name].get("/openapi.json", timeout=_LOOK)
            document = answer.raise_for_status().json()
        except (httpx.HTTPError, ValueError) as error:
            logger.debug("%s does not say what it answers: %s", name, error)
            return None
        return document if isinstance(document, dict) else None

    async def _is_ready(self, name: str) -> bool:
        try:
            answer = await self._clients[name].get("/health/ready", timeout=_LOOK)
        except httpx.HTTPError:
            return False
        return answer.status_code == 200

    async def _keep(self) -> None:
        all_read_at = time.monotonic()
        while True:
            await asyncio.sleep(_UNKNOWN_EVERY_S)
            if time.monotonic() - all_read_at >= _KNOWN_EVERY_S:
                await self.refresh()
                all_read_at = time.monotonic()
            else:
                await self.refresh([service.name for service in self.all if service.name not in self._documents])
