"""The way to the sandbox in memory and over HTTP: one behaviour."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from typing import Any

import pytest
from stripe import StripeClient

from services.stripe_gateway.client import API_VERSION
from services.stripe_sandbox.testing import SandboxServer
from tests.simulation.behaviour.stripe import Way, WayBehaviour
from tests.simulation.clock import SimulatedClock
from tests.simulation.hub import Hub, Process
from tests.simulation.loop import SimulatedLoop
from tests.simulation.stripe import SimulatedStripe, open_client


class InMemory(Way):
    def __init__(self) -> None:
        self.hub = Hub(seed=1)
        self.stripe = SimulatedStripe(self.hub, SimulatedClock(self.hub), lambda who, what: None)

    def run(self, act: Callable[[StripeClient], Awaitable[Any]]) -> Any:
        process, outcome = Process("test"), list[Any]()
        loop = SimulatedLoop(self.hub, process)

        async def main() -> None:
            outcome.append(await act(open_client(self.stripe)))

        self.hub.spawn(process, lambda: loop.run_until_killed(main()))
        self.hub.run(lambda: bool(outcome), 100_000)
        return outcome[0]

    def fault(self, kind: str, path: str) -> None:
        self.stripe.fault(kind, path, 0, 1)


class OverHttp(Way):
    def __init__(self, server: SandboxServer) -> None:
        self.server = server

    def run(self, act: Callable[[StripeClient], Awaitable[Any]]) -> Any:
        async def main() -> Any:
            async with self.server.async_client(max_network_retries=0, stripe_version=API_VERSION) as client:
                return await act(client)

        return asyncio.run(main())

    def fault(self, kind: str, path: str) -> None:
        self.server.control("POST", "faults", {"kind": kind, "path": path})


class TestInMemory(WayBehaviour):
    @pytest.fixture
    def way(self) -> InMemory:
        return InMemory()


class TestOverHttp(WayBehaviour):
    @pytest.fixture
    def way(self) -> Iterator[OverHttp]:
        with SandboxServer() as server:
            yield OverHttp(server)
