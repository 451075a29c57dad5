"""Where everything with Stripe happens: one thread with one event loop, beside the consumer and HTTP."""

import asyncio
import logging
import threading
from collections.abc import Awaitable, Callable
from concurrent.futures import CancelledError
from concurrent.futures import TimeoutError as FutureTimeoutError
from typing import Any, TypeVar

from stripe import StripeClient

from schemas.catalogue import PARTITIONS
from services.runtime.service import Runtime
from services.stripe_gateway import handlers
from services.stripe_gateway.caller import Caller
from services.stripe_gateway.client import open_client
from services.stripe_gateway.inbox import Inbox
from services.stripe_gateway.janitor import Janitor
from services.stripe_gateway.line import Line
from services.stripe_gateway.listener import Listener
from services.stripe_gateway.poller import Poller
from services.stripe_gateway.recorder import Recorder
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.webhooks import WEBHOOKS_CHANNEL
from services.stripe_gateway.worklist import PostgresWorkList

logger = logging.getLogger(__name__)

T = TypeVar("T")

DRAIN_S = 8.0
"""How long the calls under way may take at the end; what is cut off is made again at the next start."""


class DeskClosedError(RuntimeError):
    """Nobody is there to ask Stripe (the service starts or ends), or the answer takes too long. Try again."""


class Desk(threading.Thread):
    """A part of the service: caller, janitor, inbox and poller at work, and routes may ask Stripe through it."""

    def __init__(self, runtime: Runtime, settings: GatewaySettings) -> None:
        super().__init__(name="stripe-desk", daemon=True)
        self.failure: BaseException | None = None
        self.opened = threading.Event()
        self._runtime = runtime
        self._settings = settings
        self._loop: asyncio.AbstractEventLoop | None = None
        self._stopping = asyncio.Event()
        self._client: StripeClient | None = None
        self._line: Line | None = None

    def stop(self) -> None:
        """Take up nothing more; let what is under way end."""
        if self._loop is not None and not self._loop.is_closed():
            self._loop.call_soon_threadsafe(self._stopping.set)

    def ask(self, operation: str, request: Callable[[StripeClient], Awaitable[T]], timeout_s: float) -> T:
        """From another thread: ask Stripe, again and again while it does not answer, but no longer than that.

        Raises TroubleError when Stripe refuses and DeskClosedError when there is no answer in time.
        """
        if self._loop is None or self._client is None or self._line is None:
            raise DeskClosedError("the connection to Stripe is not open")
        client, line = self._client, self._line

        async def patiently() -> T:
            async with asyncio.timeout(timeout_s):
                return await line.patiently(operation, lambda: request(client))

        try:
            return asyncio.run_coroutine_threadsafe(patiently(), self._loop).result(timeout_s + 1)
        except (TimeoutError, FutureTimeoutError, CancelledError, RuntimeError) as error:
            raise DeskClosedError("Stripe did not answer in time") from error

    def notes(self) -> dict[str, str]:
        """For /health/ready: how it is with Stripe. It makes nobody unready: webhooks come in, and calls wait."""
        return {"stripe": self._line.note if self._line else "not asked yet"}

    def _share(self) -> float:
        """Of the lanes, that are this replica's: of as much of the work."""
        return max(1, len(self._runtime.lanes())) / PARTITIONS

    def run(self) -> None:
        try:
            asyncio.run(self._work())
        except Exception as error:
            logger.exception("the desk stopped")
            self.failure = error

    async def _work(self) -> None:
        self._loop = asyncio.get_running_loop()
        self._client, http = open_client(self._settings)
        self._line = Line(self._settings, self._share)
        recorder = Recorder(self._runtime.processor)
        listener = Listener(_address(self._runtime))
        work_list = PostgresWorkList(self._runtime.engine)
        caller = Caller(self._runtime, work_list, self._settings, self._client, self._line, recorder)
        janitor = Janitor(self._runtime, work_list, self._settings, caller)
        inbox = Inbox(self._runtime, work_list, self._client, self._line, recorder)
        poller = Poller(self._runtime, work_list, self._settings, self._client, self._line, recorder)
        takers = [
            asyncio.create_task(caller.run(listener.on(handlers.ATTEMPTS_CHANNEL)), name="caller"),
            asyncio.create_task(janitor.run(), name="janitor"),
            asyncio.create_task(inbox.run(listener.on(WEBHOOKS_CHANNEL)), name="inbox"),
            asyncio.create_task(poller.run(), name="poller"),
        ]
        helpers = [
            asyncio.create_task(recorder.run(), name="recorder"),
            asyncio.create_task(listener.run(), name="listener"),
            asyncio.create_task(caller.observe(), name="observer"),
        ]
        stopping = asyncio.create_task(self._stopping.wait())
        self.opened.set()
        try:
            done, _ = await asyncio.wait([*takers, *helpers, stopping], return_when=asyncio.FIRST_COMPLETED)
            await _cancel(takers)
            await asyncio.gather(caller.close(DRAIN_S), janitor.close(DRAIN_S), inbox.close(DRAIN_S))
            for task in done - {stopping}:
                task.result()  # raises what ended it
        finally:
            await _cancel([*takers, *helpers, stopping])
            await http.close_async()  # type: ignore[no-untyped-call]


async def _cancel(tasks: list[asyncio.Task[None]] | list[asyncio.Task[Any]]) -> None:
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)


def _address(runtime: Runtime) -> str:
    """Of the database, for a connection of our own."""
    url = runtime.engine.url.set(drivername="postgresql")
    return url.render_as_string(hide_password=False)
