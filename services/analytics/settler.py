"""Makes lasting what the stream has counted, and only then lets go of the facts: changelog, published figure, ack.

While one batch is under way the next one gathers; nothing waits for a batch to fill. A part that changed a hundred
times in a batch is written once, with all hundred facts and the mark of the last.
"""

import asyncio
import logging
import uuid
from collections.abc import Collection
from typing import Any

from schemas.envelope import Envelope, write_headers
from services.analytics.book import Book
from services.analytics.figures import FIGURE_TYPE, FIGURES_TOPIC, Place, Window, figure_of
from services.analytics.progress import Progress
from services.runtime.clock import Clock
from services.runtime.lanes import lane_of

logger = logging.getLogger(__name__)

_MOST_WAITING = 5_000
"""Facts that are counted and not settled: what a crash repeats at most, and a bound on memory when Kafka is slow."""


class Settler:
    """One task that settles facts in the order in which they were counted. `failure` holds what ended it."""

    def __init__(self, app: Any, table: Any, book: Book, progress: Progress, clock: Clock) -> None:
        self.failure: BaseException | None = None
        self._table = table
        self._figures = app.topic(FIGURES_TOPIC, key_serializer="raw", value_serializer="raw")
        self._book = book
        self._progress = progress
        self._clock = clock
        self._events: list[Any] = []
        self._places: set[Place] = set()
        self._wake = asyncio.Event()
        self._room = asyncio.Event()
        self._room.set()
        self._idle = asyncio.Event()
        self._idle.set()
        self._task: asyncio.Task[None] | None = None

    def start(self) -> None:
        """Begin; facts may be handed over from now on."""
        self._task = asyncio.create_task(self._run(), name="settler")

    async def stop(self) -> None:
        """End at once. What is not settled comes again at the next start."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)

    async def idle(self, timeout_s: float) -> None:
        """Wait until all that was handed over is settled, but not for ever: what is not is repeated later."""
        try:
            await asyncio.wait_for(self._idle.wait(), timeout_s)
        except TimeoutError:
            logger.warning(
                "%d facts and more are not settled after %s s: they are repeated", len(self._events), timeout_s
            )

    async def room(self) -> None:
        """Wait until another fact may be handed over."""
        await self._room.wait()

    def follow(self, event: Any, place: Place | None) -> None:
        """Settle a fact after all those before it. `place`: which part it is counted in, now or earlier."""
        self._events.append(event)
        if place is not None:
            self._places.add(place)
        self._idle.clear()
        if len(self._events) >= _MOST_WAITING:
            self._room.clear()
        self._wake.set()

    async def _run(self) -> None:
        try:
            while True:
                await self._wake.wait()
                self._wake.clear()
                events, self._events = self._events, []
                places, self._places = self._places, set()
                self._room.set()
                await self._write(places)
                # In order, and none before all are written: Faust commits up to the highest acknowledged offset.
                for event in events:
                    event.ack()
                    self._progress.settled((event.message.topic, event.message.partition), event.message.offset + 1)
                if not self._events:
                    self._idle.set()
        except Exception as error:
            # Whatever it was, nothing of this batch is acknowledged; the process ends and its next life repeats it.
            logger.exception("facts could not be settled")
            self.failure = error

    async def _write(self, places: Collection[Place]) -> None:
        # A fact that came again has its place here too: its figure may not have been published before the crash.
        sent = [await self._write_part(place) for place in places]
        sent += [await self._publish(window) for window in {place.window for place in places}]
        await asyncio.gather(*sent)

    async def _write_part(self, place: Place) -> Any:
        key = place.write()
        return await self._table.changelog_topic.send(
            key=key, value=self._table.data[key].write(), partition=place.partition
        )

    async def _publish(self, window: Window) -> Any:
        """The whole figure, never a change: whoever reads only the latest record of a key is right."""
        identifier = uuid.uuid4().hex
        envelope = Envelope(identifier, FIGURE_TYPE, "analytics", window.key, self._clock.now(), identifier, "")
        return await self._figures.send(
            key=window.key.encode(),
            value=figure_of(window, self._book.of(window)).model_dump_json().encode(),
            partition=lane_of(window.key),
            headers=write_headers(envelope),
        )
