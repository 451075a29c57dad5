"""The figures of all minutes, ready to be asked for. Made from the table's parts and never stored itself."""

from bisect import bisect_left, insort
from collections.abc import Iterator
from heapq import merge
from itertools import islice

from services.analytics.figures import NOTHING, Sums, Window


class Book:
    """Sums by minute and currency, and by currency."""

    def __init__(self) -> None:
        self._figures: dict[Window, Sums] = {}
        self._totals: dict[str, Sums] = {}
        self._windows: dict[str, list[Window]] = {}
        """Of each currency, in order of time."""

    def __len__(self) -> int:
        return len(self._figures)

    def clear(self) -> None:
        """Forget everything."""
        self._figures.clear()
        self._totals.clear()
        self._windows.clear()

    def add(self, window: Window, sums: Sums) -> None:
        """Count something in."""
        if window not in self._figures:
            insort(self._windows.setdefault(window.currency, []), window)
        self._figures[window] = self._figures.get(window, NOTHING).plus(sums)
        self._totals[window.currency] = self._totals.get(window.currency, NOTHING).plus(sums)

    def of(self, window: Window) -> Sums:
        """A minute's sums; nothing where nothing happened."""
        return self._figures.get(window, NOTHING)

    def totals(self) -> list[tuple[str, Sums]]:
        """By currency, in order of its code."""
        return sorted(self._totals.items())

    def between(
        self, currency: str | None, start: Window | None, end: Window | None, limit: int
    ) -> list[tuple[Window, Sums]]:
        """At most `limit` figures from `start` to before `end`, the oldest first; minutes in which nothing happened
        are left out. No currency: all of them, by minute and then by code."""
        currencies = self._windows if currency is None else (currency,)
        runs = [self._run(self._windows.get(code, []), start, end) for code in currencies]
        return [(window, self._figures[window]) for window in islice(merge(*runs), limit)]

    @staticmethod
    def _run(windows: list[Window], start: Window | None, end: Window | None) -> Iterator[Window]:
        for index in range(bisect_left(windows, start) if start else 0, len(windows)):
            if end is not None and windows[index] >= end:
                return
            yield windows[index]
