"""Stripe in a simulation: the real sandbox in this process, on an event loop of its own that nothing kills.

The gateway reaches it through the official library, whose HTTP client is replaced by one that hands the request over in
memory. Requests and answers take their time, get lost, and overtake each other.
"""

import asyncio
import json
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from functools import partial
from random import Random
from typing import Any
from unittest import mock
from urllib.parse import urlencode, urlsplit

import httpx
import stripe
from starlette.requests import Request

from services.stripe_gateway.client import API_VERSION
from services.stripe_sandbox import ids as sandbox_ids
from services.stripe_sandbox import sandbox as sandbox_module
from services.stripe_sandbox.api import Api, Dropped
from services.stripe_sandbox.faults import Fault
from services.stripe_sandbox.resources import load_all
from services.stripe_sandbox.sandbox import Context, Sandbox
from services.stripe_sandbox.settings import Settings
from tests.simulation.clock import SimulatedClock
from tests.simulation.hub import Hub, Process, Signal
from tests.simulation.loop import SimulatedLoop

KEY = "sk_test_simulation"
PLATFORM_SECRET = "whsec_platform"
CONNECT_SECRET = "whsec_connect"
_PLATFORM_URL = "http://gateway/webhooks/stripe"
_CONNECT_URL = "http://gateway/webhooks/stripe/connect"
TIMEOUT_S = 20.0

Json = dict[str, Any]
Reply = Callable[[int, bytes, dict[str, str]], None]
Deliver = Callable[[bytes, str, str, Callable[[int], None]], None]
"""Takes a webhook: raw body, signature, endpoint; answers a status, or 0 for none at all."""

_settings: Settings | None = None


def _the_settings() -> Settings:
    global _settings  # noqa: PLW0603 - reading the environment is slow, and it is the same for all seeds
    if _settings is None:
        load_all()
        _settings = Settings(
            clock_file=None,
            stripe_webhook_secret=PLATFORM_SECRET,
            stripe_connect_webhook_secret=CONNECT_SECRET,
            sandbox_webhook_url=_PLATFORM_URL,
            sandbox_connect_webhook_url=_CONNECT_URL,
            sandbox_state=None,
            sandbox_strict=False,
            sandbox_limits=False,
        )
    return _settings


@contextmanager
def seeded_ids(seed: int) -> Iterator[None]:
    """The sandbox's identifiers follow from the seed."""
    with mock.patch.object(sandbox_ids, "secrets", Random(seed)):
        yield


class SimulatedStripe:
    """The sandbox, its event loop, and the network before it."""

    def __init__(self, hub: Hub, clock: SimulatedClock, note: Callable[[str, str], None]) -> None:
        self._hub = hub
        self._note = note
        settings = _the_settings()
        real = sandbox_module.sandbox_clock
        sandbox_module.sandbox_clock = lambda path: clock
        try:
            self.sandbox = Sandbox(settings)
        finally:
            sandbox_module.sandbox_clock = real
        self.sandbox.webhooks._random = Random(hub.random.random())
        self.sandbox.webhooks._client = _Courier(self)  # type: ignore[assignment]
        self.api = Api(self.sandbox)
        self.process = Process("stripe")
        self.loop = SimulatedLoop(hub, self.process)
        self.deliver: Deliver = lambda raw, signature, endpoint, answer: answer(0)
        self.lose: Callable[[str], bool] = lambda what: False
        """Whether the network loses this `request` or `answer`."""
        self._on_their_way = 0
        """Requests that left and did not arrive: none takes so long that a day may pass."""
        self._something = asyncio.Event()
        hub.spawn(self.process, lambda: self.loop.run_until_killed(self._live()))

    async def _live(self) -> None:
        """The sandbox's clock: what is due is done, deliveries start."""
        while True:
            await self.sandbox.settle()
            try:
                async with asyncio.timeout(self._pause_s()):
                    await self._something.wait()
            except TimeoutError:
                pass
            self._something.clear()

    def dues(self) -> list[float]:
        """Unix seconds at which something of Stripe's is due: webhooks, and the next of its jobs."""
        heap = self.sandbox.scheduler._heap
        return [due for due, _ in self.sandbox.webhooks._waiting.values()] + ([heap[0][0]] if heap else [])

    def _pause_s(self) -> float | None:
        now = self.sandbox.clock.now().timestamp()
        soon = [due - now for due in self.dues() if due - now < 600]
        return max(0.02, min(soon)) if soon else None

    def deliver_body(self, event: Json) -> None:
        """Seen by defects that are planted (test_planted.py); nobody else looks into what is delivered."""

    def at_rest(self) -> bool:
        """Whether nothing is due inside."""
        heap, now = self.sandbox.scheduler._heap, self.sandbox.clock.now().timestamp()
        return not (
            self._on_their_way or self._something.is_set() or self.loop.has_work or (heap and heap[0][0] <= now)
        )

    def stir(self) -> None:
        """The clock jumped, or something was changed by hand."""
        self.loop.call_soon(self._something.set)

    # -- requests

    def ask(self, method: str, url: str, headers: Mapping[str, str], body: str, reply: Reply) -> None:
        """A request goes on its way; `reply` is called when its answer arrives, with status 0 when it is cut off."""
        if self.lose("request"):
            self._note("network", f"lost a request: {method} {urlsplit(url).path}")
            return
        self._on_their_way += 1
        self.loop.call_later(self.latency_s(), self._arrive_late, method, url, dict(headers), body, reply)

    def latency_s(self) -> float:
        """Of one way: mostly short, sometimes long."""
        return min(5.0, self._hub.random.expovariate(20.0))

    def _arrive_late(self, method: str, url: str, headers: dict[str, str], body: str, reply: Reply) -> None:
        self._on_their_way -= 1
        self._arrive(method, url, headers, body, reply)

    def _arrive(
        self, method: str, url: str, headers: dict[str, str], body: str, reply: Reply, *, surely: bool = False
    ) -> None:
        self.loop.create_task(self._serve(method, url, headers, body, reply, surely=surely))

    async def _serve(
        self, method: str, url: str, headers: dict[str, str], body: str, reply: Reply, *, surely: bool
    ) -> None:
        parts = urlsplit(url)
        response = await self.api.handle(_request(method, parts.path, parts.query, headers, body))
        self._something.set()
        dropped = isinstance(response, Dropped)
        self._note("stripe", f"{method} {parts.path} -> {'cut off' if dropped else response.status_code}")
        if not surely and self.lose("answer"):
            self._note("network", f"lost the answer to {method} {parts.path}")
            return
        shown = {name.decode().lower(): value.decode() for name, value in response.raw_headers}
        self.loop.call_later(
            self.latency_s(), reply, 0 if dropped else response.status_code, bytes(response.body), shown
        )

    # -- for people and the director, who speak with Stripe directly

    def call(self, method: str, path: str, params: Json | None = None, account: str = "") -> Json:
        """From a fiber: one request that nothing disturbs. Raises AssertionError when it is refused."""
        done, answered = Signal(), []

        def reply(status: int, body: bytes, headers: dict[str, str]) -> None:
            del headers
            answered.append((status, json.loads(body)))
            self._hub.wake(done)

        headers = {"Authorization": f"Bearer {KEY}", "Stripe-Version": API_VERSION}
        if account:
            headers["Stripe-Account"] = account
        body = urlencode(_flat(params or {}))
        self.loop.call_soon(partial(self._arrive, method, path, headers, body, reply, surely=True))
        while not answered:
            self._hub.wait(done)
        status, found = answered[0]
        assert status == 200, found
        return found

    def within(self, change: Callable[[Context], Any]) -> None:
        """Change something inside the sandbox, as its pages do."""

        def act() -> None:
            with self.sandbox.context() as ctx:
                change(ctx)
            self._something.set()

        self.loop.call_soon(act)

    def fault(self, kind: str, path: str, skip: int, times: int) -> None:
        """A rule of the sandbox's own faults."""
        seconds = 60.0 if kind.startswith("timeout") else 1.0
        self.sandbox.faults.add(Fault(kind=kind, path=path, skip=skip, times=times, seconds=seconds))


class Line(stripe.HTTPClient):
    """The library's HTTP client for one gateway process."""

    name = "simulation"

    def __init__(self, at: SimulatedStripe) -> None:
        super().__init__()
        self._at = at

    async def request_async(
        self, method: str, url: str, headers: Mapping[str, str], post_data: Any = None
    ) -> tuple[bytes, int, Mapping[str, str]]:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[tuple[int, bytes, dict[str, str]]] = loop.create_future()

        def reply(*answer: Any) -> None:
            loop.call_soon(_give, answered, answer)

        self._at.ask(method.upper(), url, headers, post_data or "", reply)
        try:
            async with asyncio.timeout(TIMEOUT_S):
                status, body, shown = await answered
        except TimeoutError:
            raise stripe.APIConnectionError("no answer in time") from None
        if status == 0:
            raise stripe.APIConnectionError("the connection was cut")
        return body, status, shown

    async def close_async(self) -> None:
        pass


def open_client(at: SimulatedStripe) -> stripe.StripeClient:
    """The official library, over the simulated network."""
    stripe.enable_telemetry = False
    addresses: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), "http://stripe")
    return stripe.StripeClient(
        KEY, http_client=Line(at), max_network_retries=0, stripe_version=API_VERSION, base_addresses=addresses
    )


class _Courier:
    """Takes the place of the sandbox's httpx client: brings webhooks to the gateway."""

    def __init__(self, at: SimulatedStripe) -> None:
        self._at = at

    async def post(self, url: str, content: bytes, headers: dict[str, str]) -> httpx.Response:
        loop = asyncio.get_running_loop()
        answered: asyncio.Future[int] = loop.create_future()
        endpoint = "connect" if url == _CONNECT_URL else "platform"
        await asyncio.sleep(self._at.latency_s())
        self._at.deliver_body(json.loads(content))
        self._at.deliver(
            content, headers["Stripe-Signature"], endpoint, lambda status: loop.call_soon(_give, answered, status)
        )
        try:
            async with asyncio.timeout(10.0):
                status = await answered
        except TimeoutError:
            status = 0
        if status == 0:
            raise httpx.ReadTimeout("no answer")
        return httpx.Response(status)


def _give(future: "asyncio.Future[Any]", result: Any) -> None:
    if not future.done():
        future.set_result(result)


def _request(method: str, path: str, query: str, headers: Mapping[str, str], body: str) -> Request:
    scope = {
        "type": "http", "method": method, "path": path, "query_string": query.encode(), "scheme": "http",
        "server": ("stripe", 80), "headers": [(name.lower().encode(), str(v).encode()) for name, v in headers.items()],
    }  # fmt: skip

    async def receive() -> Json:
        return {"type": "http.request", "body": body.encode(), "more_body": False}

    return Request(scope, receive)


def _flat(params: Json, prefix: str = "") -> dict[str, str]:
    flat: dict[str, str] = {}
    for name, value in params.items():
        full = f"{prefix}[{name}]" if prefix else name
        if isinstance(value, dict):
            flat |= _flat(value, full)
        elif isinstance(value, bool):
            flat[full] = str(value).lower()
        else:
            flat[full] = str(value)
    return flat
