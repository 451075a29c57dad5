"""The sandbox inside a test process: a real server on a free port, in a thread of its own."""

import json
import socket
import threading
import time
import urllib.request
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Any, Self

import stripe
import uvicorn

from services.stripe_sandbox.app import build_app
from services.stripe_sandbox.sandbox import Sandbox
from services.stripe_sandbox.settings import Settings

Json = dict[str, Any]
TEST_KEY = "sk_test_sandbox"
START_TIMEOUT_S = 10.0


def free_port() -> int:
    """A port that is free on the loopback interface now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


class SandboxServer:
    """`with SandboxServer() as sandbox: sandbox.client().v1.customers.create_async(…)`."""

    def __init__(self, **settings: Any) -> None:
        self.port = free_port()
        self.settings = Settings(http_host="127.0.0.1", http_port=self.port, **settings)
        self.url = self.settings.public_url
        self.app = build_app(self.settings)
        config = uvicorn.Config(
            self.app,
            host="127.0.0.1",
            port=self.port,
            log_level="error",
            access_log=False,
            timeout_graceful_shutdown=1,
        )
        self._server = uvicorn.Server(config)
        self._http_clients: list[stripe.HTTPXClient] = []
        self._thread = threading.Thread(target=self._server.run, name="stripe-sandbox", daemon=True)

    @property
    def sandbox(self) -> Sandbox:
        """The inside; read it, and change it through the API or `control`."""
        sandbox: Sandbox = self.app.state.sandbox
        return sandbox

    def __enter__(self) -> Self:
        self._thread.start()
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self._server.started:
            if time.monotonic() > deadline:
                raise TimeoutError("the sandbox did not start")
            time.sleep(0.005)
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        for http in self._http_clients:
            http.close()  # type: ignore[no-untyped-call]
        self._server.should_exit = True
        self._thread.join(START_TIMEOUT_S)

    @asynccontextmanager
    async def async_client(self, **options: Any) -> AsyncIterator[stripe.StripeClient]:
        """The official library for one event loop; its connections are closed at the end."""
        http = options.setdefault("http_client", stripe.HTTPXClient(timeout=10))
        try:
            yield self.client(**options)
        finally:
            await http.close_async()

    def client(self, **options: Any) -> stripe.StripeClient:
        """The official library, for calls that wait; its connections are closed with the server."""
        stripe.enable_telemetry = False
        if "http_client" not in options:
            http = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)
            self._http_clients.append(http)
            options["http_client"] = http
        addresses: Any = dict.fromkeys(("api", "files", "connect", "meter_events"), self.url)
        return stripe.StripeClient(TEST_KEY, base_addresses=addresses, **options)

    def control(self, method: str, path: str, body: Json | None = None) -> Any:
        """Call the control interface: `control("POST", "clock/advance", {"seconds": 86400})`."""
        request = urllib.request.Request(  # noqa: S310 - the address is our own
            f"{self.url}/_sim/{path}",
            data=None if body is None else json.dumps(body).encode(),
            method=method,
            headers={"Content-Type": "application/json"},
        )
        with urllib.request.urlopen(request, timeout=30) as answer:  # noqa: S310
            return json.loads(answer.read() or b"null")

    def advance(self, *, days: float = 0, seconds: float = 0) -> None:
        """Move the sandbox's clock forward and wait until what became due is done."""
        self.control("POST", "clock/advance", {"seconds": days * 86_400 + seconds})
