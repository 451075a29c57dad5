"""The one source of time. Domain code never reads the machine's clock: it is given `now`.

In production the clock is the machine's. In development and test it is the machine's plus an offset that
lives in one small file (`TRANCHE_CLOCK_FILE`), so `tranche clock advance 14d` moves every process at once:
timers, hold limits, the sandbox's balances, payouts and webhook retries.
"""

import os
import tempfile
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Protocol

CLOCKS_APART = timedelta(minutes=1)
"""How far the clocks of two replicas may be apart. What one's timer gave because it was due may be decided by another
whose clock is behind: such a decision takes for due what is due within this time."""


class Clock(Protocol):
    """Gives the present moment as an aware datetime in UTC."""

    def now(self) -> datetime: ...


class SystemClock:
    """The machine's own time."""

    def now(self) -> datetime:
        return datetime.now(UTC)


class MovableClock:
    """The machine's time plus the offset in a file shared by all processes of a development platform.

    The file holds one decimal number: seconds to add. A missing file means 0. It is read at most every
    `refresh_s` seconds, so a move is seen everywhere within that time without costing a read per message.
    """

    def __init__(self, path: Path, refresh_s: float = 0.02) -> None:
        self._path = path
        self._refresh_s = refresh_s
        self._offset_s = 0.0
        self._read_at = float("-inf")

    def now(self) -> datetime:
        return datetime.fromtimestamp(time.time() + self.offset_s(), UTC)

    def offset_s(self) -> float:
        """Seconds that this clock is ahead of the machine's."""
        read_at = time.monotonic()
        if read_at - self._read_at >= self._refresh_s:
            try:
                self._offset_s = float(self._path.read_text() or 0)
            except FileNotFoundError:
                self._offset_s = 0.0
            self._read_at = read_at
        return self._offset_s

    def advance(self, by: timedelta) -> datetime:
        """Move every process that shares the file forward by `by`; time never goes back.

        Returns when all have seen it: whoever asks one of them next gets an answer of the new time.
        Raises ValueError when `by` is negative.
        """
        if by < timedelta(0):
            raise ValueError("the clock only moves forward: give a duration of zero or more")
        self._read_at = float("-inf")
        offset_s = self.offset_s() + by.total_seconds()
        self._path.parent.mkdir(parents=True, exist_ok=True)
        # Written aside and renamed, so that no reader ever sees half a number.
        handle, name = tempfile.mkstemp(dir=self._path.parent, prefix=".clock-")
        with os.fdopen(handle, "w") as file:
            file.write(f"{offset_s}\n")
        Path(name).chmod(0o644)
        Path(name).replace(self._path)
        self._read_at = float("-inf")
        time.sleep(self._refresh_s)
        return self.now()


def clock_from(path: Path | None) -> Clock:
    """The movable clock when a file is named (development, test), else the machine's."""
    return MovableClock(path) if path else SystemClock()
