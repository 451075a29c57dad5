"""What the runtime relies on of a broker and its clients: services/runtime/kafka.py as tests."""

from abc import ABC, abstractmethod
from typing import Any

import pytest
from confluent_kafka import KafkaError, KafkaException, TopicPartition

from services.runtime.kafka import Broker

PATIENCE_S = 30.0


class Brokers(ABC):
    """A broker, and topics that only one test uses."""

    broker: Broker

    @abstractmethod
    def topic(self, partitions: int) -> str:
        """A topic of no record and at least so many partitions."""

    @abstractmethod
    def poll(self, consumer: Any) -> Any:
        """What `consumer.poll` gives, looked for with patience; None when nothing comes."""


def _until_the_ends(brokers: Brokers, consumer: Any, partitions: int = 1) -> list[Any]:
    found = []
    while partitions:
        record = brokers.poll(consumer)
        assert record is not None, "an end was not told"
        if record.error() is None:
            found.append(record)
        else:
            assert record.error().code() == KafkaError._PARTITION_EOF
            partitions -= 1
    return found


class BrokerBehaviour:
    """Inherited with a `brokers` fixture."""

    def _produce(self, brokers: Brokers, topic: str, *values: str, partition: int = 0) -> None:
        producer = brokers.broker.producer({"enable.idempotence": True, "acks": "all"})
        for value in values:
            producer.produce(topic, value=value, key="k", partition=partition, headers=[("ce_id", value)])
        assert producer.flush(PATIENCE_S) == 0

    def test_a_partition_is_read_in_the_order_of_producing(self, brokers: Brokers) -> None:
        topic = brokers.topic(1)
        self._produce(brokers, topic, "a", "b", "c")
        found = _until_the_ends(brokers, brokers.broker.reader("reader", {(topic, 0): 0}))
        assert [(r.offset(), r.value(), r.key(), r.headers()) for r in found] == [
            (0, b"a", b"k", [("ce_id", b"a")]), (1, b"b", b"k", [("ce_id", b"b")]), (2, b"c", b"k", [("ce_id", b"c")])
        ]  # fmt: skip
        assert {(r.topic(), r.partition()) for r in found} == {(topic, 0)}

    def test_reading_begins_where_it_is_told_to(self, brokers: Brokers) -> None:
        topic = brokers.topic(1)
        self._produce(brokers, topic, "a", "b", "c")
        assert [r.value() for r in _until_the_ends(brokers, brokers.broker.reader("reader", {(topic, 0): 1}))] == [
            b"b",
            b"c",
        ]

    def test_the_watermarks_are_the_first_offset_and_the_next(self, brokers: Brokers) -> None:
        topic = brokers.topic(2)
        self._produce(brokers, topic, "a", "b", partition=1)
        assert brokers.broker.watermarks([(topic, 0), (topic, 1)]) == {(topic, 0): (0, 0), (topic, 1): (0, 2)}
        assert brokers.broker.watermarks([]) == {}

    def test_every_partition_tells_its_end(self, brokers: Brokers) -> None:
        topic = brokers.topic(2)
        self._produce(brokers, topic, "a", partition=1)
        consumer = brokers.broker.reader("reader", {(topic, 0): 0, (topic, 1): 0})
        assert [r.value() for r in _until_the_ends(brokers, consumer, partitions=2)] == [b"a"]

    def test_what_was_purged_never_arrives(self, brokers: Brokers) -> None:
        topic = brokers.topic(1)
        producer = brokers.broker.producer({"enable.idempotence": True, "acks": "all", "linger.ms": 60_000})
        producer.produce(topic, value="gone", key="k", partition=0, headers=[])
        producer.purge()
        self._produce(brokers, topic, "a")
        assert [r.value() for r in _until_the_ends(brokers, brokers.broker.reader("reader", {(topic, 0): 0}))] == [b"a"]

    def test_a_partition_that_is_not_there_is_refused(self, brokers: Brokers) -> None:
        topic = brokers.topic(1)
        producer = brokers.broker.producer({"enable.idempotence": True, "acks": "all", "message.timeout.ms": 2_000})
        told: list[Any] = []

        def produce() -> None:
            producer.produce(topic, value="a", key="k", partition=99, on_delivery=lambda error, _: told.append(error))
            producer.flush(PATIENCE_S)
            raise KafkaException(told[0])

        with pytest.raises(KafkaException):
            produce()

    def test_a_topic_has_one_id(self, brokers: Brokers) -> None:
        topic = brokers.topic(1)
        ids = brokers.broker.topic_ids([topic])
        assert ids == brokers.broker.topic_ids([topic])
        assert set(ids) == {topic}

    def test_a_member_alone_has_all_lanes_and_a_poll_tells(self, brokers: Brokers) -> None:
        topic = brokers.topic(2)
        self._produce(brokers, topic, "a", partition=1)
        consumer, assigned = self._member(brokers, topic, "alone")
        try:
            record = brokers.poll(consumer)
            assert record is not None
            assert record.value() == b"a"
            assert {(topic, 0), (topic, 1)} <= assigned
        finally:
            consumer.close()

    def _member(self, brokers: Brokers, topic: str, group: str) -> tuple[Any, set[tuple[str, int]]]:
        assigned: set[tuple[str, int]] = set()
        consumer = brokers.broker.consumer(
            {"group.id": f"{group}-{topic}", "group.protocol": "consumer", "group.remote.assignor": "range",
             "enable.auto.commit": False, "auto.offset.reset": "error"}
        )  # fmt: skip

        def on_assign(member: Any, partitions: list[TopicPartition]) -> None:
            assigned.update((p.topic, p.partition) for p in partitions)
            member.incremental_assign([TopicPartition(p.topic, p.partition, 0) for p in partitions])

        def on_revoke(member: Any, partitions: list[TopicPartition]) -> None:
            assigned.difference_update((p.topic, p.partition) for p in partitions)
            member.incremental_unassign(partitions)

        consumer.subscribe([topic], on_assign=on_assign, on_revoke=on_revoke)
        return consumer, assigned
