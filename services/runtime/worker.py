"""The consumer's loop: poll what is there, decide it in one transaction, go on.

Never waits to fill a batch. Transient trouble holds the partitions and tries again with backoff and jitter; a
message that cannot be handled is parked with its key while all others go on.
"""

import logging
import random
import threading
import time
from collections.abc import Callable, Sequence
from typing import TypeVar

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition
from confluent_kafka import Message as KafkaRecord
from psycopg import OperationalError as PsycopgOperationalError
from sqlalchemy.exc import OperationalError as SqlalchemyOperationalError

from schemas.base import IDENTIFIER
from schemas.envelope import Envelope, UnreadableRecordError, read_body, read_headers
from services.runtime import metrics
from services.runtime.kafka import Broker, is_dead
from services.runtime.positions import PositionLostError, beginnings, topic_ids
from services.runtime.processor import NOT_TRANSIENT, TRANSIENT, Batch, Processor
from services.runtime.records import Delivery, Record, Unreadable
from services.runtime.settings import Settings

logger = logging.getLogger(__name__)

BACKOFF_FIRST_S = 0.1
BACKOFF_MOST_S = 10.0
"""A database that restarts is back within seconds; longer pauses would only add delay after it is."""
_LAG_EVERY_S = 1.0
_STANDS_BY_S = 5.0
"""A consumer that was given nothing by then is one more than there are lanes, which nobody tells it: it stands by."""
_TRANSIENT = (*TRANSIENT, PsycopgOperationalError, SqlalchemyOperationalError, KafkaException)
"""Of Kafka: a partition that was just made, or whose broker restarts, has no leader for a moment."""

T = TypeVar("T")


class _LetGoError(Exception):
    """The worker is to stop while database or broker is in trouble: what is in hand is left to the next owner."""


class Worker(threading.Thread):
    """Consumes a service's topics until stopped. `failure` holds what ended it, if anything did."""

    def __init__(self, settings: Settings, topics: Sequence[str], processor: Processor, broker: Broker) -> None:
        super().__init__(name=f"{processor.service}-worker", daemon=True)
        self.failure: BaseException | None = None
        self.assigned = threading.Event()
        """Set once partitions were assigned, or none will be, as there are more consumers: the service is ready."""
        self._lanes: frozenset[int] = frozenset()
        self._settings = settings
        self._topics = list(topics)
        self._processor = processor
        self._broker = broker
        self._stopping = threading.Event()
        self._ids: dict[str, str] = {}
        self._lag_at = 0.0
        self._stands_by_at = 0.0

    @property
    def lanes(self) -> frozenset[int]:
        """The lanes assigned to this replica: what its own parts work on beside the consumer."""
        return self._lanes

    def stop(self) -> None:
        """Finish the batch in hand, then leave the group."""
        self._stopping.set()

    def run(self) -> None:
        try:
            self._ids = self._retrying(lambda: topic_ids(self._broker, self._topics))
            consumer = self._consumer()
            try:
                self._consume(consumer)
            finally:
                consumer.close()  # leaves the group at once, so that others take over without waiting
        except _LetGoError:
            logger.warning("stopped while the database or the broker was away")
        except Exception as error:
            logger.exception("the worker stopped")
            self.failure = error

    def _consume(self, consumer: Consumer) -> None:
        try:
            self._stands_by_at = time.monotonic() + _STANDS_BY_S
            consumer.subscribe(self._topics, on_assign=self._on_assign, on_revoke=self._on_revoke)
            while not self._stopping.is_set():
                self._step(consumer)
        except _LetGoError:
            raise
        except Exception as error:
            self.failure = error  # known before the client closes: one that is dead may take long over that
            raise

    def _consumer(self) -> Consumer:
        return self._broker.consumer(
            {
                "group.id": self._processor.service,
                "group.protocol": "consumer",  # KIP-848: the broker assigns, nobody stops for a rebalance
                "group.remote.assignor": "range",  # one lane, one owner
                "enable.auto.commit": False,
                "auto.offset.reset": "error",  # never skip
                "isolation.level": "read_committed",
                # A record is handed out when it comes, whatever the longest wait; a short one only asks an idle broker
                # again and again (with 100 ms that was a third to a half of what it used).
                "fetch.wait.max.ms": 500,
                "fetch.min.bytes": 1,
                "queued.min.messages": 10_000,
            }
        )

    def _on_assign(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        try:
            # Asked anew: a topic that is made again while we run is assigned anew, under another id.
            self._ids |= self._retrying(lambda: topic_ids(self._broker, {p.topic for p in partitions}))
            database = self._processor.database
            begin = self._retrying(lambda: beginnings(database, self._broker, partitions, self._ids))
            consumer.incremental_assign(begin)
        except PositionLostError as error:
            # An exception in a callback surfaces in poll(); keep the first one, which says what to do.
            self.failure = self.failure or error
            raise
        logger.info("assigned %s", _shown(partitions) or "nothing")
        self._lanes |= {p.partition for p in partitions}
        self.assigned.set()

    def _on_revoke(self, consumer: Consumer, partitions: list[TopicPartition]) -> None:
        consumer.incremental_unassign(partitions)
        # Every topic has all lanes and the range assignor keeps a lane together, so one topic's word is enough.
        self._lanes -= {p.partition for p in partitions}

    def _step(self, consumer: Consumer) -> None:
        first = consumer.poll(self._settings.poll_timeout_s)
        metrics.LAST_POLL.set(time.time())
        if first is None:
            self._observe_lag(consumer)
            if not self.assigned.is_set() and time.monotonic() >= self._stands_by_at:
                logger.info("was assigned nothing: stands by")
                self.assigned.set()
            return
        records = [first]
        if self._settings.batch_size > 1:
            records += consumer.consume(self._settings.batch_size - 1, timeout=0)
        batch = self._read(records)
        if not batch.positions:
            return
        try:
            with metrics.BATCH_TIME.time():
                self._decide(batch)
        except _LetGoError:
            return
        metrics.COMMITS.inc()
        metrics.BATCH_SIZE.observe(len(records))
        self._tell_onlookers(consumer, batch)
        self._observe_lag(consumer)

    # -- reading -------------------------------------------------------------------------------------------

    def _read(self, records: Sequence[KafkaRecord]) -> Batch:
        deliveries: list[Delivery] = []
        unreadable: list[Unreadable] = []
        positions: dict[tuple[str, int], int] = {}
        for raw in records:
            if (error := raw.error()) is not None:
                self._judge(error)
                continue
            topic, partition, offset = raw.topic() or "", raw.partition() or 0, raw.offset() or 0
            record = Record(topic, partition, offset, raw.key(), raw.headers() or [], raw.value())  # type: ignore[arg-type]
            positions[topic, partition] = offset + 1
            try:
                deliveries.append(read_record(record))
            except UnreadableRecordError as reason:
                envelope = reason.envelope if isinstance(reason, UnreadableBodyError) else None
                unreadable.append(Unreadable(record, str(reason), envelope))
        return Batch(deliveries, unreadable, positions, self._ids)

    def _judge(self, error: KafkaError) -> None:
        if error.code() in (KafkaError._AUTO_OFFSET_RESET, KafkaError.OFFSET_OUT_OF_RANGE):
            raise PositionLostError(f"Kafka does not hold the next record any more: {error.str()}")
        if is_dead(error):
            raise KafkaException(error)
        logger.warning("kafka: %s", error.str())

    # -- deciding ------------------------------------------------------------------------------------------

    def _decide(self, batch: Batch) -> None:
        """Run a batch; when one of its messages breaks it, run them one by one and park that one."""
        try:
            self._retrying(lambda: self._run(batch))
        except _LetGoError:
            raise
        except Exception as error:
            if len(batch.deliveries) + len(batch.unreadable) > 1:
                for single in _one_by_one(batch):
                    self._decide(single)
                return
            if batch.unreadable:
                raise  # a dead letter that cannot be written: stop rather than lose it
            delivery = batch.deliveries[0]
            logger.exception("%s cannot be handled", delivery.envelope.type)
            reason = f"{type(error).__name__}: {error}"
            self._retrying(lambda: self._processor.park(delivery, reason, batch.positions, batch.topic_ids))

    def _run(self, batch: Batch) -> None:
        outcomes = self._processor.run(batch)
        metrics.outcomes([delivery.envelope.type for delivery in batch.deliveries], outcomes)

    def _retrying(self, act: Callable[[], T]) -> T:
        """Do it until no passing trouble of the database or the broker is in the way."""
        pause_s = BACKOFF_FIRST_S
        while True:
            try:
                return act()
            except NOT_TRANSIENT:
                raise
            except _TRANSIENT as error:
                if isinstance(error, KafkaException) and is_dead(error.args[0]):
                    raise
                if self._stopping.is_set():
                    # Nothing was committed and nothing after it may be: the next owner reads the same records.
                    raise _LetGoError from error
                metrics.RETRIES.labels(type(error).__name__).inc()
                logger.warning("trying again in %.1f s: %s", pause_s, error)
                self._stopping.wait(pause_s * random.uniform(0.5, 1))  # noqa: S311 - jitter, not a secret
                pause_s = min(2 * pause_s, BACKOFF_MOST_S)

    # -- telling -------------------------------------------------------------------------------------------

    def _tell_onlookers(self, consumer: Consumer, batch: Batch) -> None:
        """Commit offsets in Kafka too, for tools that show lag. Not waited for, never read back."""
        offsets = [TopicPartition(topic, partition, offset) for (topic, partition), offset in batch.positions.items()]
        try:
            consumer.commit(offsets=offsets, asynchronous=True)
        except KafkaException as error:
            logger.debug("offsets were not shown to onlookers: %s", error)

    def _observe_lag(self, consumer: Consumer) -> None:
        if time.monotonic() - self._lag_at < _LAG_EVERY_S:
            return
        self._lag_at = time.monotonic()
        for p in consumer.position(consumer.assignment()):
            _, high = consumer.get_watermark_offsets(p, cached=True)
            if p.offset >= 0 and high >= 0:
                metrics.LAG.labels(p.topic, p.partition).set(max(0, high - p.offset))


def _shown(partitions: Sequence[TopicPartition]) -> str:
    """Short, topic by topic: `contracts.commands[0 1 2], funding.events[0 1 2]`."""
    by_topic: dict[str, list[int]] = {}
    for p in partitions:
        by_topic.setdefault(p.topic, []).append(p.partition)
    return ", ".join(f"{topic}[{' '.join(map(str, sorted(numbers)))}]" for topic, numbers in sorted(by_topic.items()))


def read_envelope(record: Record) -> Envelope:
    """The envelope of a record. Raises UnreadableRecordError."""
    envelope = read_headers(record.headers)
    for name, value in (("ce_id", envelope.id), ("ce_source", envelope.source)):
        # They are looked up, indexed and said again as identifiers: with anything else in them even parking would fail.
        if IDENTIFIER.fullmatch(value) is None:
            raise UnreadableRecordError(f"the header {name} must be 1 to 64 letters, digits, - or _")
    return envelope


class UnreadableBodyError(UnreadableRecordError):
    """The headers are good, the body is not."""

    def __init__(self, reason: str, envelope: Envelope) -> None:
        super().__init__(reason)
        self.envelope = envelope


def read_record(record: Record) -> Delivery:
    """A record as a message. Raises UnreadableRecordError."""
    envelope = read_envelope(record)
    try:
        message = read_body(envelope.type, record.body)
    except UnreadableRecordError as error:
        raise UnreadableBodyError(str(error), envelope) from None
    key = message.key
    if message.topic != record.topic:
        raise UnreadableRecordError(f"{envelope.type} belongs on {message.topic}, not on {record.topic}")
    if record.key != key.encode():
        raise UnreadableRecordError(f"the key must be the body's {message.key_field} ({key}): one contract, one order")
    return Delivery(envelope, key, message, record)


def _one_by_one(batch: Batch) -> list[Batch]:
    """The same records in the same order, each in a batch of its own that moves its own position."""
    items: list[tuple[Record, Delivery | Unreadable]] = [(d.record, d) for d in batch.deliveries if d.record]
    items += [(u.record, u) for u in batch.unreadable]
    singles = []
    for record, item in sorted(items, key=lambda pair: pair[0][:3]):
        positions = {(record.topic, record.partition): record.offset + 1}
        delivery, unreadable = ([item], []) if isinstance(item, Delivery) else ([], [item])
        singles.append(Batch(delivery, unreadable, positions, batch.topic_ids))
    return singles
