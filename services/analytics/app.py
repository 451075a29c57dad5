"""The stream: facts in, parts of figures in a table with a changelog, figures out.

Faust reads the topics, keeps the table and brings it back from the changelog. When a source offset may be committed
is decided here (`Settler`): after Kafka has acknowledged what the fact led to. The other way round, a crash between
the two would lose the fact; as it is, a crash only repeats it, and the part's mark tells the repetition.
"""

import asyncio
import logging
from collections.abc import Iterable
from typing import Any

import faust
from faust.types import TP
from prometheus_client import Counter

from schemas.catalogue import PARTITIONS
from schemas.envelope import UnreadableRecordError
from services.analytics.book import Book
from services.analytics.figures import EMPTY, TOPICS, Contribution, Part, Place, newer, read
from services.analytics.progress import ALL, Partition, Progress
from services.analytics.settings import AnalyticsSettings
from services.analytics.settler import Settler
from services.runtime.clock import Clock

logger = logging.getLogger(__name__)

RECORDS = Counter("tranche_analytics_records", "Records by what became of them", ["topic", "outcome"])

_NAME = "analytics"
"""Of the consumer group; Faust's own topics begin with it."""


_SETTLE_S = 3.0
"""Longest wait for what is under way when the partitions go, or the process does."""


class PartsTable(faust.Table):  # type: ignore[misc] # faust is untyped here (see pyproject)
    """The parts by place. A changelog record never takes a part back: the one that holds more stays.

    Faust would let the last record win. That is the same as long as one process writes; but one that was suspended
    and woke up again, already replaced, may still write what it knew.
    """

    def apply_changelog_batch(self, batch: Iterable[Any]) -> None:
        for event in batch:
            part = Part.read(event.value)
            known = self.data.get(event.key)
            self.data[event.key] = newer(known, part) if known else part


class Analytics:
    """One replica of the stream. All of it runs in one event loop, so nothing here needs a lock."""

    def __init__(self, settings: AnalyticsSettings, clock: Clock) -> None:
        self.book = Book()
        self.progress = Progress()
        self._told: set[str] = set()
        settings.analytics_data.mkdir(parents=True, exist_ok=True)
        self.app = faust.App(
            _NAME,
            broker=[f"kafka://{broker}" for broker in settings.kafka_bootstrap.split(",")],
            datadir=settings.analytics_data,
            store="memory://",
            web_enabled=False,
            # A member that was killed keeps its partitions for this long.
            broker_session_timeout=settings.analytics_session_s,
            broker_heartbeat_interval=settings.analytics_session_s / 6,
            broker_rebalance_timeout=settings.analytics_session_s * 2,
            # Faust would also wait for what was passed over because it comes again. `_revoked` and `stop` wait instead.
            stream_wait_empty=False,
            # Only what a crash repeats, so no need to hurry.
            broker_commit_interval=1.0,
            consumer_metadata_max_age_ms=10_000,
            producer_acks=-1,
            producer_linger=0.0,
            topic_partitions=PARTITIONS,
            topic_replication_factor=settings.analytics_replication,
            topic_disable_leader=True,
        )
        self.table = PartsTable(self.app, name="parts", partitions=PARTITIONS, on_recover=self._recovered)
        self.app.tables.add(self.table)
        self.settler = Settler(self.app, self.table, self.book, self.progress, clock)
        # Raw: what is in a record is judged here, where one that cannot be read is passed over.
        facts = self.app.topic(*TOPICS, key_serializer="raw", value_serializer="raw")
        self.app.agent(facts, name="facts")(self._follow)
        self.app.on_partitions_assigned.connect(self._assigned, weak=False)
        self.app.on_partitions_revoked.connect(self._revoked, weak=False)
        self._bounds: asyncio.Task[tuple[dict[Partition, int], dict[Partition, int]]] | None = None
        self._failure: BaseException | None = None

    async def start(self) -> None:
        """Join the group; returns when the table is there. Raises what Faust could not get over."""
        self.settler.start()
        await self.app.start()

    async def stop(self) -> None:
        """Take nothing more, settle what was taken, commit, leave the group."""
        self.progress.end()
        await self.settler.idle(_SETTLE_S)
        await self.app.stop()
        await self.settler.stop()

    @property
    def failure(self) -> BaseException | None:
        """What ended the stream, if anything did: the process must end too, and begin again from the changelog."""
        if known := self._failure or self.settler.failure:
            return known
        if self.app.crashed:
            return self.app.crash_reason or RuntimeError("faust has crashed")
        return None

    def health(self) -> dict[str, bool]:
        """What must hold for the figures to be whole and up to date."""
        return {
            "partitions": self.progress.whole,
            "table": self.app.tables.actives_ready,
            "caught_up": self.progress.caught_up,
        }

    def lags(self) -> dict[Partition, int]:
        """How many records of each partition are not settled yet, as far as fetching has shown."""
        return {
            partition: max(0, (self.app.consumer.highwater(TP(*partition)) or 0) - offset)
            for partition, offset in self.progress.next_offsets().items()
        }

    async def _assigned(self, _: Any, assigned: set[Any], **__: Any) -> None:
        # Looked up now, beside the recovery, and not after it: by then a fetch that waits for new records holds the
        # same connection, for a second and a half.
        self._bounds = asyncio.create_task(self._look_up({tp for tp in assigned if tp.topic in TOPICS}))

    async def _look_up(self, sources: set[Any]) -> tuple[dict[Partition, int], dict[Partition, int]]:
        consumer = self.app.consumer
        committed, earliest, ends = await asyncio.gather(
            consumer.seek_to_committed(), consumer.earliest_offsets(*sources), consumer.highwaters(*sources)
        )
        return {tp: committed.get(tp) or earliest[tp] for tp in sources}, {tp: ends[tp] for tp in sources}

    async def _recovered(self) -> None:
        """Faust has read the changelog of this assignment, and begins with the facts when this returns."""
        bounds = self._bounds
        if bounds is None:
            return
        try:
            positions, ends = await bounds
        except Exception as error:  # noqa: BLE001 - Faust would drop it and wait for ever
            self._failure = error
            return
        if bounds is not self._bounds:
            return  # assigned anew meanwhile, and to be recovered anew
        self._fill_book({number for _, number in positions})
        self.progress.begin(positions, ends)
        if not self.progress.whole:
            logger.warning(
                "holds %d of %d partitions and so counts nothing: another replica runs, or a topic is missing",
                self.progress.assigned, len(ALL),
            )  # fmt: skip

    async def _revoked(self, *_: Any, **__: Any) -> None:
        self._bounds = None
        self.progress.end()
        await self.settler.idle(_SETTLE_S)

    def _fill_book(self, partitions: set[int]) -> None:
        self.book.clear()
        for key, part in list(self.table.data.items()):
            place = Place.read(key)
            if place.partition in partitions:
                self.book.add(place.window, part.sums)
            else:
                del self.table.data[key]

    async def _follow(self, stream: Any) -> None:
        try:
            async for event in stream.noack().events():
                await self.settler.room()
                # Neither what came before a rebalance nor what cannot be counted completely is taken; it was not
                # acknowledged, so it comes again.
                if self.progress.whole and event.message.generation_id == self.app.consumer_generation_id:
                    self._take(event)
        except Exception as error:
            # Faust would begin again with the next record. Better to end, and repeat this one.
            self._failure = error
            raise

    def _take(self, event: Any) -> None:
        message = event.message
        found: Contribution | None = None
        try:
            found = read(message.topic, message.headers, message.value)
        except UnreadableRecordError as error:
            self._say_once(message, error)
            outcome = "unreadable"
        else:
            outcome = self._count(message, found) if found else "not counted"
        RECORDS.labels(message.topic, outcome).inc()
        self.settler.follow(event, Place(message.topic, message.partition, found.window) if found else None)

    def _count(self, message: Any, found: Contribution) -> str:
        place = Place(message.topic, message.partition, found.window).write()
        part = found.added_to(self.table.data.get(place, EMPTY))
        if part is None:
            return "repeated"
        self.table.data[place] = part
        self.book.add(found.window, found.sums)
        return "counted"

    def _say_once(self, message: Any, error: UnreadableRecordError) -> None:
        if message.topic not in self._told:
            self._told.add(message.topic)
            logger.warning(
                "%s[%d] at %d is left out: %s (further ones on this topic are only counted, see /metrics)",
                message.topic, message.partition, message.offset, error,
            )  # fmt: skip
