"""From the event log to Kafka: in order, without a gap, and without a duplicate after a crash.

One relay per service works at a time (a PostgreSQL advisory lock says which replica). It is woken by NOTIFY.
A cursor row follows behind what Kafka acknowledged; after a crash up to one chunk beyond the cursor may have been
written already, so on start the tails of those partitions tell what to skip.
"""

import logging
import threading
import time
from collections import Counter
from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager, closing
from datetime import datetime

import psycopg
from confluent_kafka import KafkaError, KafkaException
from confluent_kafka import Message as KafkaRecord

from schemas.catalogue import TOPICS
from schemas.envelope import CONTENT_TYPE, SPEC_VERSION, rfc3339
from services.runtime import event_log, metrics
from services.runtime.clock import Clock
from services.runtime.event_log import Logged
from services.runtime.kafka import Broker, Partition
from services.runtime.lanes import lane_of
from services.runtime.storage import Log

logger = logging.getLogger(__name__)

CHUNK = 2_000
"""Most lines in doubt after a crash; large enough that the producer's own batches fill."""
_WAKE_S = 1.0
"""How long to sleep without a NOTIFY: only a guard, a lost notification must not cost more than this."""
_ASIDE_S = 0.5
_AGAIN_S = 1.0
_TAIL_STEP = 200
_FLUSH_S = 30.0
_ARRIVE_S = 5.0


class LogAheadError(RuntimeError):
    """Kafka holds numbers that this database never gave, or gave to others: it was restored from an older backup."""


class Relay(threading.Thread):
    """Publishes one service's event log until stopped. `failure` holds what ended it, if anything did."""

    def __init__(
        self, service: str, open_log: Callable[[], AbstractContextManager[Log]], broker: Broker, clock: Clock
    ) -> None:
        super().__init__(name=f"{service}-relay", daemon=True)
        self.failure: BaseException | None = None
        self._service = service
        self._open_log = open_log
        self._broker = broker
        self._clock = clock
        self._stopping = threading.Event()

    def stop(self) -> None:
        """Publish what is committed, then end."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                with self._open_log() as log:
                    self._lead(log)
            except LogAheadError as error:
                logger.exception("the relay stopped")
                self.failure = error
                return
            except (psycopg.OperationalError, KafkaException) as error:
                # Each beginning has a producer of its own, so one that died for good is left behind here, too.
                logger.warning("the relay begins again: %s", error)
                self._stopping.wait(_AGAIN_S)
            except Exception as error:
                # Whatever it is, a service that decides and does not publish must not look healthy.
                logger.exception("the relay stopped")
                self.failure = error
                return
            finally:
                metrics.RELAY_LEADER.set(0)

    def compare(self) -> None:
        """Whether the log has all that Kafka holds of it; waits for a broker or a database that is away.

        Raises LogAheadError, and TopicMissingError when one of its topics does not exist.
        """
        while not self._stopping.is_set():
            try:
                self._broker.topic_ids({topic for topic, _ in self._own_places()})
                with self._open_log() as log:
                    self._written(log, log.cursor(self._service))
            except (psycopg.OperationalError, KafkaException) as error:
                logger.warning("the log is compared with the topics again: %s", error)
                self._stopping.wait(_AGAIN_S)
            else:
                return

    def _lead(self, log: Log) -> None:
        while not log.lead():
            if self._stopping.wait(_ASIDE_S):
                return
        metrics.RELAY_LEADER.set(1)
        cursor = log.cursor(self._service)
        written = self._written(log, cursor)
        producer = _Acknowledged(self._broker)
        try:
            self._follow(log, producer, cursor, written)
        finally:
            producer.discard()

    def _follow(self, log: Log, producer: "_Acknowledged", cursor: int, written: dict[Partition, int]) -> None:
        while True:
            lines = event_log.read(log, cursor, CHUNK)
            if lines:
                self._publish(producer, lines, written)
                cursor = lines[-1].sequence
                log.move_cursor(self._service, cursor)
            elif self._stopping.is_set():
                return
            else:
                log.wait(_WAKE_S)

    def _publish(self, producer: "_Acknowledged", lines: Sequence[Logged], written: dict[Partition, int]) -> None:
        counted: Counter[str] = Counter()
        for line in lines:
            partition = lane_of(line.key)
            if line.sequence <= written.get((line.topic, partition), 0):
                continue
            producer.send(self._service, line, partition)
            counted[line.topic] += 1
        producer.wait()
        for topic, count in counted.items():
            metrics.RELAYED.labels(topic).inc(count)
        metrics.RELAY_DELAY.observe(max(0.0, (self._clock.now() - lines[0].time).total_seconds()))

    def _written(self, log: Log, cursor: int) -> dict[Partition, int]:
        """For each partition that lines beyond the cursor go to: the last number Kafka holds of ours.

        All lines beyond it, not one chunk: the database may have lost several moves of the cursor in a crash.
        """
        partitions = {(topic, lane_of(key)) for topic, key in log.places_after(cursor)} | self._own_places()
        written = last_numbers(self._broker, self._service, partitions)
        self._compare(log, written)
        return {partition: number for partition, (number, _) in written.items()}

    def _own_places(self) -> set[Partition]:
        """The partitions of the topics that its events go to."""
        return {
            (topic.name, partition)
            for topic in TOPICS
            if self._service in topic.producers and topic.name.endswith(".events")
            for partition in range(topic.partitions)
        }

    def _compare(self, log: Log, written: dict[Partition, tuple[int, str]]) -> None:
        """Whether what Kafka holds is what the log holds. Raises LogAheadError."""
        ours = log.event_ids(number for number, _ in written.values())
        for (topic, partition), (number, event_id) in written.items():
            if ours.get(number) != event_id:
                raise LogAheadError(
                    f"{topic}[{partition}] holds number {number} of {self._service} as {event_id}, and its log holds "
                    f"{ours.get(number, 'nothing')} there: the database is older than the topics (a restored backup?). "
                    "Nothing is published until an operator has reconciled them."
                )


def last_numbers(broker: Broker, source: str, partitions: set[Partition]) -> dict[Partition, tuple[int, str]]:
    """The highest `ce_sequence` of a source in each partition, with its `ce_id`; none where it has none.

    Read backwards: on a topic with several producers the last record may be another's, so windows of growing size
    are read until one of the source's own is found or the partition's start is reached.
    """
    if not partitions:
        return {}
    found: dict[Partition, tuple[int, str]] = {}
    ends = broker.watermarks(sorted(partitions))
    windows = {p: (max(low, high - _TAIL_STEP), high) for p, (low, high) in ends.items() if high > low}
    while windows:
        found.update(_highest(broker, source, windows))
        windows = {
            p: (max(ends[p][0], begin - 10 * (end - begin)), begin)
            for p, (begin, end) in windows.items()
            if p not in found and begin > ends[p][0]
        }
    return found


def _highest(
    broker: Broker, source: str, windows: dict[Partition, tuple[int, int]]
) -> dict[Partition, tuple[int, str]]:
    highest: dict[Partition, tuple[int, str]] = {}
    open_windows = set(windows)
    until = time.monotonic() + _FLUSH_S
    begin = {partition: first for partition, (first, _) in windows.items()}
    with closing(broker.reader(f"tail-{source}", begin)) as reader:
        while open_windows:
            record = reader.poll(1.0)
            if time.monotonic() > until:
                raise KafkaException(KafkaError(KafkaError._TIMED_OUT, "reading the tails of the topics took too long"))
            if record is None:
                continue
            partition = (record.topic() or "", record.partition() or 0)
            if (error := record.error()) is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                open_windows.discard(partition)
                continue
            offset = record.offset() or 0
            if offset + 1 >= windows[partition][1]:
                open_windows.discard(partition)
            headers = dict(record.headers() or ())
            if headers.get("ce_source") == source.encode() and "ce_sequence" in headers:
                number, event_id = int(headers["ce_sequence"] or 0), bytes(headers.get("ce_id") or b"").decode()  # type: ignore[arg-type]
                highest[partition] = max(highest.get(partition, (0, "")), (number, event_id))
    return highest


class _Acknowledged:
    """An idempotent producer whose records count only when all in-sync replicas have them."""

    def __init__(self, broker: Broker) -> None:
        self._error: KafkaError | None = None
        self._time: datetime | None = None
        self._time_text = ""
        self._producer = broker.producer(
            {
                "enable.idempotence": True,
                "acks": "all",
                # Every chunk ends in a flush, which sends at once what waits: until then records gather, so that a
                # chunk is one request for each topic and not as many as it takes milliseconds to hand it over.
                "linger.ms": 100,
                "batch.num.messages": 10_000,
                "queue.buffering.max.messages": 100_000,
                "delivery.report.only.error": True,
            }
        )

    def send(self, source: str, line: Logged, partition: int) -> None:
        """Hand a line over; `wait` says whether it arrived."""
        if line.time != self._time:  # the lines of a batch share their moment
            self._time, self._time_text = line.time, rfc3339(line.time)
        headers: list[tuple[str, str | bytes]] = [
            ("ce_specversion", SPEC_VERSION),
            ("ce_id", line.event_id),
            ("ce_type", line.type),
            ("ce_source", source),
            ("ce_subject", line.subject),
            ("ce_time", self._time_text),
            ("content-type", CONTENT_TYPE),
            ("ce_correlationid", line.correlation_id),
            ("ce_sequence", str(line.sequence)),
        ]
        if line.causation_id:
            headers.append(("ce_causationid", line.causation_id))
        if line.stream_version:
            headers.append(("ce_streamversion", str(line.stream_version)))
        if line.traceparent:
            headers.append(("traceparent", line.traceparent))
        while True:
            try:
                self._producer.produce(
                    line.topic,
                    value=line.body,
                    key=line.key,
                    partition=partition,
                    headers=headers,  # type: ignore[arg-type]
                    on_delivery=self._report,
                )
            except BufferError:
                self._producer.poll(0.1)
            else:
                return

    def wait(self) -> None:
        """Until everything is acknowledged. Raises KafkaException when something is not: begin at the cursor again."""
        left = self._producer.flush(_FLUSH_S)
        if self._error is not None:
            raise KafkaException(self._error)
        if left:
            raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} records were not acknowledged"))

    def discard(self) -> None:
        """Drop what is still queued: after trouble it is sent again, from the cursor, by the next producer.

        What is on its way is waited for: should it arrive after the next one has looked at the tails, it were there
        twice.
        """
        self._producer.purge(in_flight=False)
        self._producer.flush(_ARRIVE_S)
        self._producer.purge()

    def _report(self, error: KafkaError | None, _: KafkaRecord) -> None:
        if error is not None:
            self._error = error
