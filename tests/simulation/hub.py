"""One thread, virtual time, and a seeded choice of who runs next.

Everything that would be a thread of a service is a fiber (a greenlet) of a simulated process. It runs until it reaches
a step: a word with the database, the broker or Stripe. There anybody else may run first, and the process may be killed.
Nothing else ever switches, so a seed is a whole history.
"""

import heapq
from collections.abc import Callable
from random import Random
from typing import Any

import greenlet

Crashed = greenlet.GreenletExit
"""Raised in the fibers of a process that is killed; no `except Exception` sees it."""


class Process:
    """Something that is killed as a whole."""

    def __init__(self, name: str) -> None:
        self.name = name
        self.dead = False
        self.fibers: list[Fiber] = []
        self.at_death: list[Callable[[], None]] = []


class Fiber:
    """One thread of a process."""

    def __init__(self, process: Process, work: Callable[[], Any], hub: "Hub") -> None:
        self.process = process
        self.waits = 0
        """Counts the waits, so that a wake-up of an earlier one is not taken for this one's."""
        self.failure: BaseException | None = None

        def run() -> None:
            try:
                work()
            except Crashed:
                pass
            except BaseException as error:  # seen by `Hub.run`, which stops at it
                self.failure = error

        self.greenlet = greenlet.greenlet(run, parent=hub.greenlet)


class Signal:
    """Wakes the fibers that wait for it."""

    def __init__(self) -> None:
        self.waiting: list[tuple[Fiber, int]] = []


class Hub:
    """The scheduler. `random` is the one source of chance in a simulation."""

    def __init__(self, seed: int) -> None:
        self.random = Random(seed)
        self.time_s = 0.0
        """Monotonic time, virtual. The platform's clock is another one and can jump."""
        self.steps = 0
        self.on_step: Callable[[Process, str], None] = lambda process, what: None
        """Called at every step; may kill."""
        self.greenlet = greenlet.getcurrent()
        self.current: Fiber | None = None
        self.broken: BaseException | None = None
        """Set by whoever watches: the run ends with it, whatever the code that was running would make of it."""
        self._ready: list[Fiber] = []
        self._sleeping: list[tuple[float, int, Fiber, int]] = []
        self._number = 0

    def spawn(self, process: Process, work: Callable[[], Any]) -> Fiber:
        """A new thread of a process."""
        fiber = Fiber(process, work, self)
        process.fibers.append(fiber)
        self._ready.append(fiber)
        return fiber

    # -- for fibers

    def step(self, what: str) -> None:
        """Others may go first, and the process may die here."""
        fiber = self._running()
        if fiber.process.dead:
            raise Crashed
        self.steps += 1
        self.on_step(fiber.process, what)
        self._ready.append(fiber)
        self._switch()

    def sleep(self, seconds: float) -> None:
        """Let virtual time pass."""
        self.wait(Signal(), seconds)

    def wait(self, signal: Signal, timeout_s: float | None = None) -> None:
        """Until the signal, or until the time has passed."""
        fiber = self._running()
        if fiber.process.dead:
            raise Crashed
        fiber.waits += 1
        signal.waiting.append((fiber, fiber.waits))
        if timeout_s is not None:
            self._number += 1
            heapq.heappush(self._sleeping, (self.time_s + timeout_s, self._number, fiber, fiber.waits))
        self._switch()

    def wake(self, signal: Signal) -> None:
        """Everybody who waits for it goes on."""
        waiting, signal.waiting = signal.waiting, []
        for fiber, number in waiting:
            self._resume(fiber, number)

    def _resume(self, fiber: Fiber, number: int) -> None:
        if fiber.waits == number and not fiber.process.dead:
            fiber.waits += 1
            self._ready.append(fiber)

    def _running(self) -> Fiber:
        if self.current is None:
            raise RuntimeError("only a fiber may take a step")
        return self.current

    def _switch(self) -> None:
        fiber = self.current
        self.greenlet.switch()
        if fiber is not None and fiber.process.dead:
            raise Crashed

    # -- for the world

    def kill(self, process: Process) -> None:
        """kill -9. Of the fiber that asks for it, if it is one of them, nothing comes after."""
        if process.dead:
            return
        process.dead = True
        current = self.current
        self._ready = [fiber for fiber in self._ready if fiber.process is not process]
        for fiber in process.fibers:
            if fiber is not current and fiber.greenlet:  # it has begun: let its blocks unwind
                self.current = fiber
                fiber.greenlet.parent = greenlet.getcurrent()
                fiber.greenlet.throw(Crashed)
                self.current = current
        for forget in process.at_death:
            forget()
        if current is not None and current.process is process:
            raise Crashed

    def run(self, until: Callable[[], bool], most_steps: int) -> None:
        """Run until it is so, or nobody has anything to do any more; asked whenever time is about to pass.

        Raises what a fiber raised, and TooLongError.
        """
        first = self.steps
        while True:
            if self._ready:
                fiber = self._take()
                if self.steps - first > most_steps:
                    raise TooLongError(f"more than {most_steps} steps")
            elif until():
                return
            elif self._sleeping:
                at_s, _, fiber, number = heapq.heappop(self._sleeping)
                if fiber.waits != number or fiber.process.dead:
                    continue
                self.time_s = max(self.time_s, at_s)
                fiber.waits += 1
            else:
                return
            self.run_fiber(fiber)

    def run_fiber(self, fiber: Fiber) -> None:
        self.current = fiber
        fiber.greenlet.switch()
        self.current = None
        if fiber.greenlet.dead:
            fiber.process.fibers.remove(fiber)
        if self.broken is not None:
            raise self.broken
        if fiber.failure is not None:
            raise fiber.failure

    def _take(self) -> Fiber:
        ready = self._ready
        index = int(self.random.random() * len(ready))
        fiber = ready[index]
        ready[index] = ready[-1]
        ready.pop()
        return fiber


class TooLongError(AssertionError):
    """Something goes round and round."""
