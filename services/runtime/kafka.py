"""The broker as the runtime uses it: confluent-kafka's consumers and producers, and Kafka's own ids of topics.

The seeded simulation (tests/simulation) puts a broker in memory in its place; both pass the same behaviour suite.
"""

from collections.abc import Iterable, Mapping
from typing import Any, Protocol

from confluent_kafka import (
    OFFSET_END,
    Consumer,
    IsolationLevel,
    KafkaError,
    KafkaException,
    Producer,
    TopicCollection,
    TopicPartition,
)
from confluent_kafka.admin import AdminClient, OffsetSpec  # type: ignore[attr-defined]

Partition = tuple[str, int]
"""A topic's name and the number in it."""


class TopicMissingError(LookupError):
    """A topic does not exist. The text says which."""


def is_dead(error: KafkaError) -> bool:
    """Whether the client that said so is dead for good: only another one in its place goes on.

    What `poll()` hands out tells it by its code alone, once; the flag is not set there.
    """
    return error.fatal() or error.code() == KafkaError._FATAL


def admin_client(bootstrap: str, timeout_s: float) -> AdminClient:
    """An AdminClient that has met the cluster. Raises KafkaException when no broker answers in time.

    It greets before it asks for anything else. As soon as the client has learned the brokers it closes the connection
    on which it learned them, with what is asked there in the air: "who leads these partitions?" is asked again three
    seconds later (librdkafka 2.16: one call of seven took so long).
    """
    # What goes wrong is raised. Its log would say it again, and that a client thrown away leaves events behind.
    admin = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0})
    admin.describe_cluster(request_timeout=timeout_s).result()
    return admin


class Broker(Protocol):
    """Makes clients. Their settings are librdkafka's, without the address."""

    def consumer(self, settings: dict[str, Any]) -> Consumer: ...

    def reader(self, name: str, begin: Mapping[Partition, int]) -> Consumer:
        """A consumer of these partitions, each from an offset on. It joins no group and tells where they end.

        Raises KafkaException when the broker does not answer: that passes.
        """
        ...

    def producer(self, settings: dict[str, Any]) -> Producer: ...

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        """Kafka's own id of each topic, which changes when a topic is deleted and made again.

        Raises TopicMissingError, and KafkaException when the broker does not answer: that passes.
        """
        ...

    def watermarks(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        """What each partition holds for those who read what is committed: its first offset, and the one after its last.

        Raises KafkaException when the broker does not answer, or does not know it of one of them: that passes.
        """
        ...


class Kafka:
    """A real broker, at `bootstrap`."""

    def __init__(self, bootstrap: str, timeout_s: float = 10) -> None:
        self._bootstrap = bootstrap
        self._address = {"bootstrap.servers": bootstrap}
        self._timeout_s = timeout_s

    def consumer(self, settings: dict[str, Any]) -> Consumer:
        return Consumer({**self._address, **settings})

    def reader(self, name: str, begin: Mapping[Partition, int]) -> Consumer:
        consumer = self.consumer(
            {
                "group.id": name,  # asked for by the library; assigning joins no group
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "enable.partition.eof": True,
                "fetch.wait.max.ms": 10,
            }
        )
        try:
            # For its answer alone it waits until it knows who leads the partitions. A consumer that is assigned what
            # it does not know yet looks that up once a second: one of four began a second late.
            consumer.offsets_for_times([TopicPartition(*place, OFFSET_END) for place in begin], self._timeout_s)
            consumer.assign([TopicPartition(*place, offset) for place, offset in begin.items()])
        except KafkaException:
            consumer.close()
            raise
        return consumer

    def producer(self, settings: dict[str, Any]) -> Producer:
        return Producer({**self._address, **settings})

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        if not (names := list(topics)):
            return {}
        admin = admin_client(self._bootstrap, self._timeout_s)
        asked = admin.describe_topics(TopicCollection(names), request_timeout=self._timeout_s)
        found = {}
        for name, future in asked.items():
            try:
                found[name] = str(future.result().topic_id)
            except KafkaException as error:
                if error.args[0].code() != KafkaError.UNKNOWN_TOPIC_OR_PART:
                    raise
                raise TopicMissingError(f"the topic {name} does not exist: `tranche up` creates topics") from error
        return found

    def watermarks(self, partitions: Iterable[Partition]) -> dict[Partition, tuple[int, int]]:
        # Not Consumer.get_watermark_offsets: a broker whose disk just failed answers "no first offset" without an
        # error while it still knows the end, and the client then gives the end as the first offset. A full partition
        # looks empty, its records look lost.
        asked = [TopicPartition(*partition) for partition in partitions]
        if not asked:
            return {}
        admin = admin_client(self._bootstrap, self._timeout_s)
        first = self._offsets(admin, asked, OffsetSpec.earliest())  # type: ignore[no-untyped-call]
        after = self._offsets(admin, asked, OffsetSpec.latest())  # type: ignore[no-untyped-call]
        return {partition: (low, after[partition]) for partition, low in first.items()}

    def _offsets(self, admin: AdminClient, asked: list[TopicPartition], spec: OffsetSpec) -> dict[Partition, int]:
        answers = admin.list_offsets(
            dict.fromkeys(asked, spec), isolation_level=IsolationLevel.READ_COMMITTED, request_timeout=self._timeout_s
        )
        offsets = {(p.topic, p.partition): int(answer.result().offset) for p, answer in answers.items()}
        for (topic, number), offset in offsets.items():
            if offset < 0:
                unknown = f"{topic}[{number}]: the broker does not know its offsets now"
                raise KafkaException(KafkaError(KafkaError.OFFSET_NOT_AVAILABLE, unknown))
        return offsets
