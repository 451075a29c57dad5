"""The platform's time in a simulation: virtual seconds, and jumps like those of `tranche clock advance`."""

from datetime import UTC, datetime, timedelta

from tests.simulation.hub import Hub

BEGINS = datetime(2026, 1, 5, 9, tzinfo=UTC)


class SimulatedClock:
    """A Clock of the runtime, and the sandbox's own."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self._jumped = timedelta(0)
        self._last_s = -1.0
        self._last = BEGINS

    def now(self) -> datetime:
        if self._hub.time_s != self._last_s:
            self._last_s = self._hub.time_s
            self._last = BEGINS + self._jumped + timedelta(seconds=self._last_s)
        return self._last

    def advance(self, by: timedelta) -> datetime:
        """Jump forward."""
        self._jumped += by
        self._last_s = -1.0
        return self.now()
