"""A clock of the sandbox's own, for when it runs alone without the platform's clock file."""

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

from services.runtime.clock import MovableClock


class AdvanceableClock(Protocol):
    """A clock that can be moved forward."""

    def now(self) -> datetime: ...

    def advance(self, by: timedelta) -> datetime: ...


class OwnClock:
    """The machine's time plus an offset held in memory."""

    def __init__(self) -> None:
        self._offset = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._offset

    def advance(self, by: timedelta) -> datetime:
        """Move forward by `by`. Raises ValueError when it is negative."""
        if by < timedelta(0):
            raise ValueError("the clock only moves forward: give a duration of zero or more")
        self._offset += by
        return self.now()


def sandbox_clock(path: Path | None) -> AdvanceableClock:
    """The platform's shared clock when its file is named, else one of the sandbox's own."""
    return MovableClock(path) if path else OwnClock()
