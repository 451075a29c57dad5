"""The relay when its producer dies for good; all else of it is tested with a real broker and a real database."""

from collections.abc import Callable, Collection, Iterable
from contextlib import nullcontext
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException

from services.runtime import relay as relay_module
from services.runtime.clock import SystemClock
from services.runtime.event_log import Logged
from services.runtime.relay import Relay

_NOW = datetime(2026, 3, 2, 9, 0, tzinfo=UTC)
_LINES = [
    Logged(number, "toys.events", "toy_1", "toys.counted.v1", "toy_1", number, f"evt_{number}", _NOW, "c", "", "", "{}")
    for number in (1, 2)
]


class FakeLog:
    """Two lines, and a cursor that tells when it is moved."""

    def __init__(self) -> None:
        self.at = 0
        self.when_moved: Callable[[], None] = lambda: None

    def lead(self) -> bool:
        return True

    def cursor(self, relay: str) -> int:
        return self.at

    def move_cursor(self, relay: str, sequence: int) -> None:
        self.at = sequence
        self.when_moved()

    def last_number(self) -> int:
        return len(_LINES)

    def lowest_floor(self) -> int | None:
        return None

    def lines(self, after: int, up_to: int, limit: int) -> list[Logged]:
        return [line for line in _LINES if line.sequence > after]

    def places_after(self, sequence: int) -> Collection[tuple[str, str]]:
        return ()

    def event_ids(self, numbers: Iterable[int]) -> dict[int, str]:
        return {}


class FakeProducer:
    """Takes records until it dies, as an idempotent producer does that lost its place."""

    def __init__(self, lives_for: int) -> None:
        self.took: list[str] = []
        self._lives_for = lives_for

    def produce(self, topic: str, **record: Any) -> None:
        if len(self.took) == self._lives_for:
            raise KafkaException(KafkaError(KafkaError._FATAL, "dead"))
        self.took.append(dict(record["headers"])["ce_id"])

    def flush(self, timeout_s: float) -> int:
        return 0

    def purge(self, in_flight: bool = True) -> None:
        pass


def test_after_a_producer_that_died_for_good_another_sends_all_that_was_not_acknowledged(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(relay_module, "_AGAIN_S", 0.001)
    log, made = FakeLog(), [FakeProducer(lives_for=1), FakeProducer(lives_for=2)]
    unused = iter(made)

    class FakeBroker:
        def producer(self, settings: dict[str, Any]) -> FakeProducer:
            return next(unused)

    relay = Relay("toys", cast(Any, lambda: nullcontext(log)), cast(Any, FakeBroker()), SystemClock())
    log.when_moved = relay.stop
    relay.run()

    assert relay.failure is None
    assert [producer.took for producer in made] == [["evt_1"], ["evt_1", "evt_2"]]
    assert log.at == 2
