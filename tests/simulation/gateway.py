"""The gateway's desk in a simulation: the real caller, janitor, inbox, line and recorder, wired as in desk.py."""

import asyncio
from collections.abc import Callable
from typing import Any, cast

from services.runtime.ids import IdSource
from services.runtime.problems import Problem
from services.runtime.processor import Processor
from services.runtime.service import Runtime
from services.stripe_gateway import handlers, webhooks
from services.stripe_gateway.caller import Caller
from services.stripe_gateway.inbox import Inbox
from services.stripe_gateway.janitor import Janitor
from services.stripe_gateway.line import Line
from services.stripe_gateway.recorder import Recorder
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.webhooks import WEBHOOKS_CHANNEL
from tests.simulation.hub import Hub, Process
from tests.simulation.loop import SimulatedLoop
from tests.simulation.memory.database import Listener, MemoryDatabase
from tests.simulation.memory.worklist import MemoryWorkList
from tests.simulation.stripe import CONNECT_SECRET, PLATFORM_SECRET, SimulatedStripe, open_client

GATEWAY_SETTINGS = GatewaySettings(
    stripe_calls_per_s=10_000, stripe_calls_per_s_each=10_000, stripe_server_errors=3, stripe_breaker_failures=8
)


class SimulatedDesk:
    """One replica's."""

    def __init__(
        self,
        hub: Hub,
        process: Process,
        processor: Processor,
        work_list: MemoryWorkList,
        stripe: SimulatedStripe,
        lanes: Callable[[], frozenset[int]],
    ) -> None:
        self._process = process
        self._runtime = Runtime(GATEWAY_SETTINGS, cast(Any, None), processor.clock, processor, lanes)
        self._work_list = work_list
        self._stripe = stripe
        self._database = cast(MemoryDatabase, processor.database)
        self._hub = hub
        self.loop = SimulatedLoop(hub, process)

    def run(self) -> None:
        """Until the process is killed. Raises what ended it."""
        self.loop.run_until_killed(self._work())

    async def _work(self) -> None:
        client, line = open_client(self._stripe), Line(GATEWAY_SETTINGS)
        recorder = Recorder(self._runtime.processor)
        caller = Caller(self._runtime, self._work_list, GATEWAY_SETTINGS, client, line, recorder)
        janitor = Janitor(self._runtime, self._work_list, GATEWAY_SETTINGS, caller)
        inbox = Inbox(self._runtime, self._work_list, client, line, recorder)
        await asyncio.gather(
            caller.run(self._woken_by(handlers.ATTEMPTS_CHANNEL)),
            janitor.run(),
            inbox.run(self._woken_by(WEBHOOKS_CHANNEL)),
            recorder.run(),
        )

    def _woken_by(self, channel: str) -> asyncio.Event:
        event = asyncio.Event()
        listener = Listener(self._hub, lambda: self.loop.call_soon(event.set))
        self._database.listeners.setdefault(channel, []).append(listener)
        self._process.at_death.append(lambda: self._database.listeners[channel].remove(listener))
        return event

    def receive(self, raw: bytes, signature: str, endpoint: str, ids: IdSource) -> int:
        """A webhook comes in, as in routes.py; gives the HTTP status."""
        clock = self._runtime.clock
        secret = CONNECT_SECRET if endpoint == "connect" else PLATFORM_SECRET
        try:
            body = webhooks.verify(raw, signature, (secret,), clock.now())
            word = webhooks.sort_out(body, live=False)
        except Problem as problem:
            return problem.status
        webhooks.store(self._work_list, word, endpoint, ids.new("arr", clock.now()), clock.now())
        return 200
