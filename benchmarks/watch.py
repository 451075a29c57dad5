"""Sees the events that a contender publishes, and when each came."""

import time
from collections.abc import Callable
from dataclasses import dataclass, field

from confluent_kafka import Consumer, KafkaException, TopicPartition

from benchmarks.stage import BenchError
from schemas.catalogue import topic_named
from services.runtime.kafka import Kafka

EVENTS = "funding.events"
_STEPS = 20
"""In so many steps at least the events are taken, so that there is a first and a last moment."""


@dataclass
class Seen:
    """What came, in the order it came."""

    keys: list[str] = field(default_factory=list)
    moments: list[tuple[float, int]] = field(default_factory=list)
    """(monotonic seconds, how many came)."""


class Watch:
    """A consumer of the events' topic, from its start."""

    def __init__(self, bootstrap: str) -> None:
        self._broker = Kafka(bootstrap)
        self._consumer = Consumer(
            {
                "bootstrap.servers": bootstrap,
                "group.id": "bench-watch",
                "enable.auto.commit": False,
                "auto.offset.reset": "error",
                "fetch.wait.max.ms": 100,
                "log_level": 0,
            }
        )
        self._consumer.assign([TopicPartition(EVENTS, number, 0) for number in range(topic_named(EVENTS).partitions)])

    def close(self) -> None:
        """Leave."""
        self._consumer.close()

    def take(self, count: int, limit_s: float) -> Seen:
        """Wait for so many events. Raises BenchError when they do not come in time."""
        seen = Seen()
        at_once = max(1, count // _STEPS)
        give_up = time.monotonic() + limit_s
        while len(seen.keys) < count:
            records = self._consumer.consume(min(at_once, count - len(seen.keys)), timeout=0.02)
            moment = time.monotonic()
            for record in records:
                if (error := record.error()) is not None:
                    raise KafkaException(error)
                seen.keys.append((record.key() or b"").decode())
            if records:
                seen.moments.append((moment, len(records)))
            if moment > give_up:
                raise BenchError(f"only {len(seen.keys)} of {count} events came within {limit_s:.0f} s")
        return seen

    def each(self, count: int, limit_s: float, on_key: Callable[[str, float], None]) -> None:
        """Call `on_key` with the key and the moment of each event as it comes, until so many came."""
        give_up = time.monotonic() + limit_s
        left = count
        while left:
            record = self._consumer.poll(0.5)
            moment = time.monotonic()
            if record is not None:
                if (error := record.error()) is not None:
                    raise KafkaException(error)
                on_key((record.key() or b"").decode(), moment)
                left -= 1
            elif moment > give_up:
                raise BenchError(f"{left} of {count} events did not come within {limit_s:.0f} s")

    def on_topic(self, topic: str) -> int:
        """How many records a topic holds."""
        marks = self._broker.watermarks((topic, number) for number in range(topic_named(topic).partitions))
        return sum(high - low for low, high in marks.values())
