"""What was said: topics read from their first record to where they end now. Joins no group, disturbs nobody."""

import json
from collections.abc import Collection, Iterator, Mapping
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, TopicPartition

from schemas.envelope import Envelope, UnreadableRecordError, read_headers
from services.runtime.kafka import Kafka, Partition

_TIMEOUT_S = 10.0
_QUIET_LIMIT = 60
"""Polls in a row without a record, of a half second each, after which the broker is taken to be gone."""


class TopicsUnreadableError(Exception):
    """Kafka does not answer, or does not have a topic. The text says which."""


class Said(NamedTuple):
    """One message as it lies on its topic."""

    topic: str
    partition: int
    offset: int
    key: str
    envelope: Envelope
    body: Mapping[str, Any]
    raw: bytes = b""
    """The body as it lies there."""

    @property
    def place(self) -> tuple[str, int, int]:
        return self.topic, self.partition, self.offset


def read_topics(bootstrap: str, topics: Collection[str]) -> Iterator[Said]:
    """Every message of these topics, in the order of each partition. What is no message of ours is left out.

    Raises TopicsUnreadableError.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tranche-auditor",  # asked for by the library; assigning joins no group
            "enable.auto.commit": False,
            "auto.offset.reset": "error",
            "isolation.level": "read_committed",
            "enable.partition.eof": True,
            "fetch.wait.max.ms": 10,
            "log_level": 3,
        }
    )
    try:
        yield from _read(consumer, Kafka(bootstrap), topics)
    except KafkaException as error:
        raise TopicsUnreadableError(f"Kafka at {bootstrap} cannot be read: {error.args[0]}") from error
    finally:
        consumer.close()


def _read(consumer: Consumer, broker: Kafka, topics: Collection[str]) -> Iterator[Said]:
    ends = _assign(consumer, broker, topics)
    quiet = 0
    while ends:
        records = consumer.consume(1000, 0.5)
        quiet = 0 if records else quiet + 1
        if quiet >= _QUIET_LIMIT:
            raise TopicsUnreadableError("Kafka stopped answering before the topics' ends")
        for record in records:
            place = (record.topic() or "", record.partition() or 0)
            if (error := record.error()) is not None:
                if error.code() != KafkaError._PARTITION_EOF:
                    raise KafkaException(error)
                ends.pop(place, None)  # also where the last records are markers of a transaction
                continue
            offset = record.offset() or 0
            said = _said(*place, offset, record) if offset < ends.get(place, 0) else None
            if offset + 1 >= ends.get(place, 0):
                ends.pop(place, None)
            if said is not None:
                yield said


def _assign(consumer: Consumer, broker: Kafka, topics: Collection[str]) -> dict[Partition, int]:
    """Have every partition that holds something read from its start; gives where each ends now."""
    known = consumer.list_topics(timeout=_TIMEOUT_S).topics
    if missing := sorted(set(topics) - set(known)):
        raise TopicsUnreadableError(f"there is no topic {', '.join(missing)}: `tranche up` creates topics")
    held = broker.watermarks((topic, partition) for topic in topics for partition in known[topic].partitions)
    filled = {place: (low, high) for place, (low, high) in held.items() if high > low}
    if filled:
        consumer.assign([TopicPartition(*place, low) for place, (low, _) in filled.items()])
    return {place: high for place, (_, high) in filled.items()}


def _said(topic: str, partition: int, offset: int, record: Any) -> Said | None:
    try:
        envelope = read_headers(record.headers())
        body = json.loads(record.value() or b"null")
    except (UnreadableRecordError, ValueError):
        return None  # the services bury it, and `tranche dlq` shows it
    if not isinstance(body, dict):
        return None
    key = (record.key() or b"").decode(errors="replace")
    return Said(topic, partition, offset, key, envelope, body, record.value())
