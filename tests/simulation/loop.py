"""An asyncio event loop on the hub: the gateway's own tasks, in virtual time, their threads as fibers."""

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine
from contextvars import Context
from typing import Any

from tests.simulation.hub import Hub, Process, Signal


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs as one fiber of a process, until the process is killed."""

    def __init__(self, hub: Hub, process: Process) -> None:
        self._hub = hub
        self._process = process
        self._soon: deque[asyncio.Handle] = deque()
        self._later: list[tuple[float, int, asyncio.TimerHandle]] = []
        self._number = 0
        self._signal = Signal()
        self._tasks: list[asyncio.Task[Any]] = []
        self.failures: list[dict[str, Any]] = []
        process.at_death.append(self._forget)

    def run_until_killed(self, main: Coroutine[Any, Any, Any]) -> None:
        """The fiber's work. Raises what `main` raises."""
        task = self.create_task(main)
        while not task.done():
            self._run_what_is_due()
            if self._soon:
                self._hub.step("the event loop goes round")
            elif not task.done():
                wait_s = max(0.0, self._later[0][0] - self._hub.time_s) if self._later else None
                self._hub.wait(self._signal, wait_s)
        task.result()

    @property
    def has_work(self) -> bool:
        """Whether a callback waits to be run now."""
        return bool(self._soon)

    def _run_what_is_due(self) -> None:
        while self._later and self._later[0][0] <= self._hub.time_s:
            self._soon.append(heapq.heappop(self._later)[2])
        for _ in range(len(self._soon)):
            handle = self._soon.popleft()
            if not handle.cancelled():
                asyncio._set_running_loop(self)
                try:
                    handle._run()
                finally:
                    asyncio._set_running_loop(None)

    def _forget(self) -> None:
        """The process is dead: its coroutines end where they stand, in the order of their making."""
        self._soon.clear()
        self._later.clear()
        for task in self._tasks:
            task._log_destroy_pending = False  # type: ignore[attr-defined]
            if not task.done():
                coroutine: Any = task.get_coro()
                coroutine.close()

    # -- what asyncio asks of a loop

    def call_soon(self, callback: Callable[..., Any], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self._soon.append(handle)
        self._hub.wake(self._signal)
        return handle

    call_soon_threadsafe = call_soon

    def call_later(
        self, delay: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self.time() + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., Any], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._number += 1
        heapq.heappush(self._later, (when, self._number, handle))
        self._hub.wake(self._signal)
        return handle

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def time(self) -> float:
        return self._hub.time_s

    def create_future(self) -> "asyncio.Future[Any]":
        return asyncio.Future(loop=self)

    def create_task(self, coro: Any, *, name: str | None = None, context: Context | None = None) -> "asyncio.Task[Any]":
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        if len(self._tasks) > 200:
            self._tasks = [known for known in self._tasks if not known.done()]
        self._tasks.append(task)
        return task

    def run_in_executor(self, executor: Any, func: Callable[..., Any], *args: Any) -> "asyncio.Future[Any]":
        future = self.create_future()

        def work() -> None:
            try:
                result = func(*args)
            except Exception as error:
                self.call_soon(_settle, future, error, None)
            else:
                self.call_soon(_settle, future, None, result)

        self._hub.spawn(self._process, work)
        return future

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.failures.append(context)

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False


def _settle(future: "asyncio.Future[Any]", error: Exception | None, result: Any) -> None:
    if future.done():
        return
    if error is not None:
        future.set_exception(error)
    else:
        future.set_result(result)
