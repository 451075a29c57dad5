"""A broker in memory, behind the parts of confluent-kafka's clients that the runtime uses.

What it may do that a good day does not show: hand over any part of what is there, topic by topic in any order; keep
what a dead producer had sent; give a lane to another owner while the first is still at work.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, NamedTuple

from confluent_kafka import KafkaError, KafkaException, TopicPartition

from schemas.catalogue import TOPICS
from tests.simulation.hub import Hub, Process, Signal

Place = tuple[str, int]


class Stored(NamedTuple):
    """A record, as the clients hand it out: confluent_kafka.Message."""

    place: Place
    number: int
    key_: bytes | None
    value_: bytes | None
    headers_: list[tuple[str, bytes]]
    error_: KafkaError | None = None

    def topic(self) -> str:
        return self.place[0]

    def partition(self) -> int:
        return self.place[1]

    def offset(self) -> int:
        return self.number

    def key(self) -> bytes | None:
        return self.key_

    def value(self) -> bytes | None:
        return self.value_

    def headers(self) -> list[tuple[str, bytes]]:
        return self.headers_

    def error(self) -> KafkaError | None:
        return self.error_


@dataclass
class Group:
    """A consumer group: who should own which lane (every topic has the same, one lane stays together)."""

    members: list["MemoryConsumer"] = field(default_factory=list)
    wanted: dict[int, "MemoryConsumer"] = field(default_factory=dict)
    dealt: int = 0
    """How often."""


class MemoryBroker:
    """See services/runtime/kafka.py: Broker."""

    def __init__(self, hub: Hub) -> None:
        self.hub = hub
        self.partitions: dict[Place, list[Stored]] = {
            (topic.name, number): [] for topic in TOPICS for number in range(topic.partitions)
        }
        self.used: dict[Place, list[Stored]] = {}
        """The partitions that hold anything."""
        self.consumers: list[MemoryConsumer] = []
        self.groups: dict[str, Group] = {}
        self.on_append: Callable[[Stored], None] = lambda record: None

    def consumer(self, settings: dict[str, Any]) -> Any:
        return MemoryConsumer(self, settings)

    def reader(self, name: str, begin: Mapping[Place, int]) -> Any:
        consumer = MemoryConsumer(self, {"group.id": name, "enable.partition.eof": True})
        consumer.assign([TopicPartition(*place, offset) for place, offset in begin.items()])
        return consumer

    def producer(self, settings: dict[str, Any]) -> Any:
        del settings
        return MemoryProducer(self)

    def topic_ids(self, topics: Iterable[str]) -> dict[str, str]:
        return {topic: f"id-of-{topic}" for topic in topics}

    def watermarks(self, partitions: Iterable[Place]) -> dict[Place, tuple[int, int]]:
        return {place: (0, len(self.partitions[place])) for place in partitions}

    def append(self, place: Place, key: bytes | None, value: bytes | None, headers: list[tuple[str, bytes]]) -> None:
        """A record arrives."""
        records = self.partitions[place]
        record = Stored(place, len(records), key, value, headers)
        records.append(record)
        self.used[place] = records
        self.on_append(record)
        for consumer in self.consumers:
            if place in consumer._next:
                self.hub.wake(consumer.woken)

    # -- groups

    def rebalance(self, name: str) -> None:
        """Deal the lanes anew, in any way. Members learn of it at their next poll."""
        group = self.groups.setdefault(name, Group())
        if group.members:
            group.dealt += 1
            lanes = {number for _, number in self.partitions}
            group.wanted = {lane: self.hub.random.choice(group.members) for lane in sorted(lanes)}
            for member in group.members:
                self.hub.wake(member.woken)

    def join(self, name: str, consumer: "MemoryConsumer") -> None:
        self.groups.setdefault(name, Group()).members.append(consumer)
        self.consumers.append(consumer)
        self.rebalance(name)

    def leave(self, name: str, consumer: "MemoryConsumer") -> None:
        """A member is gone: closed, or silent for too long."""
        group = self.groups.setdefault(name, Group())
        if consumer in group.members:
            group.members.remove(consumer)
            self.consumers.remove(consumer)
            self.rebalance(name)


class MemoryConsumer:
    """See confluent_kafka.Consumer."""

    def __init__(self, broker: MemoryBroker, settings: dict[str, Any]) -> None:
        self._broker = broker
        self._hub = broker.hub
        self._group: str = settings["group.id"]
        self._tells_ends = settings.get("enable.partition.eof", False)
        self._process: Process | None = broker.hub.current.process if broker.hub.current else None
        self._topics: list[str] = []
        self._next: dict[Place, int] = {}
        self._ends_told: set[Place] = set()
        self.woken = Signal()
        self._learned = 0
        self._on_assign: Callable[[Any, list[TopicPartition]], None] = lambda consumer, partitions: None
        self._on_revoke: Callable[[Any, list[TopicPartition]], None] = lambda consumer, partitions: None

    def subscribe(self, topics: Sequence[str], on_assign: Any, on_revoke: Any) -> None:
        self._topics = list(topics)
        self._on_assign, self._on_revoke = on_assign, on_revoke
        self._broker.join(self._group, self)

    def close(self) -> None:
        if self._process is None or not self._process.dead:  # who is dead says no farewell; the world lets it time out
            self._broker.leave(self._group, self)
        self._next.clear()

    def assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._next = {(p.topic, p.partition): p.offset for p in partitions}
        self._ends_told.clear()

    def incremental_assign(self, partitions: Sequence[TopicPartition]) -> None:
        self._next |= {(p.topic, p.partition): p.offset for p in partitions}

    def incremental_unassign(self, partitions: Sequence[TopicPartition]) -> None:
        for p in partitions:
            self._next.pop((p.topic, p.partition), None)

    def assignment(self) -> list[TopicPartition]:
        return [TopicPartition(*place) for place in sorted(self._next)]

    def position(self, partitions: Sequence[TopicPartition]) -> list[TopicPartition]:
        return [TopicPartition(p.topic, p.partition, self._next.get((p.topic, p.partition), -1001)) for p in partitions]

    def get_watermark_offsets(
        self, partition: TopicPartition, timeout: float | None = None, cached: bool = False
    ) -> tuple[int, int]:
        del timeout, cached
        place = (partition.topic, partition.partition)
        return self._broker.watermarks([place])[place]

    def commit(self, **_: Any) -> None:
        pass

    def poll(self, timeout: float | None = None) -> Stored | None:
        self._hub.step("records are polled")
        self._learn()
        found = self._some(1)
        if not found and timeout:
            self._hub.wait(self.woken, timeout)
            self._learn()
            found = self._some(1)
        return found[0] if found else None

    def consume(self, most: int, timeout: float | None = None) -> list[Stored]:
        del timeout
        # Any part of what is there: batches of every size come about.
        return self._some(min(most, self._hub.random.choice((0, 1, 3, 50))))

    def _some(self, most: int) -> list[Stored]:
        found: list[Stored] = []
        broker = self._broker
        mine = self._next
        ready = [place for place, records in broker.used.items() if mine.get(place, len(records)) < len(records)]
        while ready and len(found) < most:
            index = int(self._hub.random.random() * len(ready))
            place = ready[index]
            number = self._next[place]
            found.append(broker.partitions[place][number])
            self._next[place] = number + 1
            if number + 1 >= len(broker.partitions[place]):
                ready.pop(index)
        if not found and self._tells_ends:
            found = self._an_end()
        return found

    def _an_end(self) -> list[Stored]:
        for place in sorted(self._next):
            if place not in self._ends_told:
                self._ends_told.add(place)
                return [Stored(place, self._next[place], None, None, [], KafkaError(KafkaError._PARTITION_EOF))]
        return []

    def _learn(self) -> None:
        """What a poll tells of the group."""
        if not self._topics:
            return
        group = self._broker.groups[self._group]
        while self._learned != group.dealt:  # it may be dealt anew while the callbacks are at work
            self._learned = group.dealt
            mine = {(topic, lane) for lane, owner in group.wanted.items() if owner is self for topic in self._topics}
            revoked, assigned = sorted(self._next.keys() - mine), sorted(mine - self._next.keys())
            if revoked:
                self._on_revoke(self, [TopicPartition(*place) for place in revoked])
            if assigned:
                self._on_assign(self, [TopicPartition(*place) for place in assigned])


class MemoryProducer:
    """See confluent_kafka.Producer: idempotent, acks=all."""

    def __init__(self, broker: MemoryBroker) -> None:
        self._broker = broker
        self._hub = broker.hub
        self._process: Process | None = broker.hub.current.process if broker.hub.current else None
        self._queued: list[tuple[Place, bytes | None, bytes | None, list[tuple[str, bytes]], Any]] = []
        self.trouble: Callable[[], bool] = lambda: False

    def produce(
        self,
        topic: str,
        *,
        value: str | bytes | None = None,
        key: str | bytes | None = None,
        partition: int = -1,
        headers: Sequence[tuple[str, str | bytes]] = (),
        on_delivery: Any = None,
    ) -> None:
        place = (topic, partition)
        if place not in self._broker.partitions:
            raise KafkaException(KafkaError(KafkaError._UNKNOWN_PARTITION))
        encoded = [(name, _bytes(value) or b"") for name, value in headers]
        self._queued.append((place, _bytes(key), _bytes(value), encoded, on_delivery))

    def poll(self, timeout: float | None = None) -> int:
        del timeout
        return 0

    def flush(self, timeout: float | None = None) -> int:
        """Until all is acknowledged. Partitions go their own ways, so a crash leaves any part of each behind."""
        del timeout
        queued = self._queued
        while queued:
            self._hub.step("records are produced")
            places = list(dict.fromkeys(place for place, *_ in queued))
            place = self._hub.random.choice(places)
            index = next(number for number, entry in enumerate(queued) if entry[0] == place)
            _, key, value, headers, _ = queued.pop(index)
            self._broker.append(place, key, value, headers)
        self._hub.step("records are acknowledged")
        return 0

    def purge(self, in_queue: bool = True, in_flight: bool = True) -> None:
        del in_queue, in_flight
        self._queued.clear()


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
