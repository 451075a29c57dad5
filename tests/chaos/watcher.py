"""Reads every events topic and the dead letters from their start, past all wires, and tells the book."""

import threading
import time

import orjson
from confluent_kafka import Consumer, KafkaException, Message, TopicPartition

from schemas.catalogue import TOPICS
from schemas.envelope import UnreadableRecordError, read_headers
from tests.chaos.book import Book

_READ = tuple(topic for topic in TOPICS if topic.name.endswith((".events", ".dlq")))
_ANEW_S = 12.0


class Watcher(threading.Thread):
    """Until stopped. A broker that is away is waited for."""

    def __init__(self, bootstrap: str, book: Book) -> None:
        super().__init__(name="watcher", daemon=True)
        self._brokers = bootstrap
        self._book = book
        self._stopping = threading.Event()
        self._next = {(t.name, number): 0 for t in _READ for number in range(t.partitions)}

    def stop(self) -> None:
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            consumer = self._consumer()
            try:
                self._read(consumer)
            finally:
                consumer.close()

    def _consumer(self) -> Consumer:
        consumer = Consumer(
            {
                "bootstrap.servers": self._brokers,
                "group.id": "chaos-watcher",
                "enable.auto.commit": False,
                "auto.offset.reset": "earliest",
                "reconnect.backoff.max.ms": 1_000,
                "topic.metadata.refresh.interval.ms": 5_000,
                "log_level": 0,
            }
        )
        consumer.assign([TopicPartition(*place, offset) for place, offset in self._next.items()])
        return consumer

    def _read(self, consumer: Consumer) -> None:
        """Until stopped, or for as long as anything comes: a client may never get over what its broker went through."""
        heard_at = time.monotonic()
        while not self._stopping.is_set() and time.monotonic() - heard_at < _ANEW_S:
            try:
                messages = consumer.consume(2_000, 0.2)
            except KafkaException:
                continue
            with self._book.lock:
                for message in messages:
                    if not message.error():
                        heard_at = time.monotonic()
                        self._hear(message)

    def _hear(self, message: Message) -> None:
        self._next[message.topic() or "", message.partition() or 0] = (message.offset() or 0) + 1
        try:
            envelope = read_headers([(n, v) for n, v in message.headers() or [] if isinstance(v, bytes)])
        except UnreadableRecordError:
            return
        self._book.hear(message.topic() or "", envelope, orjson.loads(message.value() or b"{}"))
