"""The worker's judgement, without Kafka and PostgreSQL."""

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any, cast

import pytest
from confluent_kafka import KafkaError, KafkaException
from psycopg import errors

from schemas.envelope import Envelope, UnreadableRecordError, write_headers
from schemas.fixtures import example
from services.runtime import worker as worker_module
from services.runtime.processor import Batch
from services.runtime.records import Record, Unreadable
from services.runtime.settings import Settings
from services.runtime.worker import Worker, read_record


class FakeProcessor:
    """Decides as the test says, and remembers what was committed: offsets decided and offsets parked."""

    service = "funding"

    def __init__(self, judge: Callable[[Batch], None]) -> None:
        self._judge = judge
        self.done: list[int] = []
        self.parked: list[int] = []

    def run(self, batch: Batch) -> list[None]:
        self._judge(batch)
        self.done += [d.record.offset for d in batch.deliveries if d.record]
        self.done += [u.record.offset for u in batch.unreadable]
        return [None] * len(batch.deliveries)

    def park(self, delivery: Any, reason: str, positions: object, topic_ids: object) -> None:
        self.parked.append(delivery.record.offset)


def _record(offset: int, key: str = "ctr_1") -> Record:
    message = example("contracts.milestone_cancelled.v1").message.model_copy(update={"contract_id": key})
    envelope = Envelope(
        f"evt_{offset}", message.type_name, "contracts", message.subject, datetime(2026, 1, 5, tzinfo=UTC), "cor", "",
        stream_version=offset + 1,
    )  # fmt: skip
    return Record(message.topic, 0, offset, key.encode(), write_headers(envelope), message.model_dump_json().encode())


def _batch(*offsets: int, unreadable: tuple[int, ...] = ()) -> Batch:
    deliveries = [read_record(_record(offset)) for offset in offsets]
    end = max((*offsets, *unreadable)) + 1
    return Batch(deliveries, [Unreadable(_record(o), "no message") for o in unreadable], {("contracts.events", 0): end})


def _worker(processor: FakeProcessor) -> Worker:
    return Worker(Settings(), ["contracts.events"], cast(Any, processor), cast(Any, None))


@pytest.fixture(autouse=True)
def _quickly(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(worker_module, "BACKOFF_FIRST_S", 0.001)


def test_the_one_that_breaks_a_batch_is_parked_and_the_others_are_decided_in_order() -> None:
    def breaks(batch: Batch) -> None:
        if any(d.record and d.record.offset == 2 for d in batch.deliveries):
            raise ValueError("this one")

    processor = FakeProcessor(breaks)
    _worker(processor)._decide(_batch(0, 1, 2, 4, unreadable=(3,)))
    assert processor.done == [0, 1, 3, 4]
    assert processor.parked == [2]


def test_passing_trouble_is_tried_again_and_parks_nothing() -> None:
    troubles = [errors.AdminShutdown("restarting"), errors.DeadlockDetected("again"), errors.TooManyConnections("full")]

    def trouble(_: Batch) -> None:
        if troubles:
            raise troubles.pop()

    processor = FakeProcessor(trouble)
    _worker(processor)._decide(_batch(0, 1))
    assert processor.done == [0, 1]
    assert processor.parked == []


def test_a_limit_that_a_message_breaks_is_not_passing_trouble() -> None:
    def limit(_: Batch) -> None:
        raise errors.ProgramLimitExceeded("index row size exceeds the maximum")

    processor = FakeProcessor(limit)
    _worker(processor)._decide(_batch(0))
    assert processor.parked == [0]


def test_stopped_in_trouble_nothing_after_it_is_decided() -> None:
    """The records of a batch that broke are decided one by one: none may be committed over one that was not."""

    def trouble(batch: Batch) -> None:
        if len(batch.deliveries) > 1:
            raise ValueError("one by one")
        if batch.deliveries[0].record and batch.deliveries[0].record.offset == 1:
            worker.stop()
            raise errors.AdminShutdown("restarting")

    processor = FakeProcessor(trouble)
    worker = _worker(processor)
    with pytest.raises(worker_module._LetGoError):
        worker._decide(_batch(0, 1, 2, 3))
    assert processor.done == [0]
    assert processor.parked == []


def test_a_letter_that_cannot_be_written_is_not_lost() -> None:
    def refuses(_: Batch) -> None:
        raise errors.DataError("no text")

    with pytest.raises(errors.DataError):
        _worker(FakeProcessor(refuses))._decide(_batch(unreadable=(0,)))


def test_a_message_of_another_topic_or_key_is_none() -> None:
    record = _record(0)
    with pytest.raises(UnreadableRecordError, match=r"belongs on contracts\.events"):
        read_record(record._replace(topic="funding.events"))
    with pytest.raises(UnreadableRecordError, match="the key must be"):
        read_record(record._replace(key=b"ctr_2"))
    with pytest.raises(UnreadableRecordError, match="the key must be"):
        read_record(record._replace(key=None))


def test_a_client_that_is_dead_ends_the_worker() -> None:
    """As after a broker that lost its groups: polled on, it would look healthy and hear nothing for ever."""
    dead = KafkaError(KafkaError._FATAL, "Fatal error: Broker: The group id does not exist")
    assert not dead.fatal()

    with pytest.raises(KafkaException):
        _worker(FakeProcessor(lambda batch: None))._judge(dead)


def test_its_failure_is_known_before_its_client_is_closed() -> None:
    """A dead client may take long over closing, and the service must end meanwhile."""
    known_at_close: list[BaseException | None] = []

    class DeadConsumer:
        def subscribe(self, topics: list[str], **callbacks: object) -> None:
            pass

        def poll(self, timeout_s: float) -> None:
            raise KafkaException(KafkaError(KafkaError._FATAL, "dead"))

        def close(self) -> None:
            known_at_close.append(worker.failure)

    class FakeBroker:
        def topic_ids(self, topics: object) -> dict[str, str]:
            return {}

        def consumer(self, settings: object) -> DeadConsumer:
            return DeadConsumer()

    processor = FakeProcessor(lambda batch: None)
    worker = Worker(Settings(), ["contracts.events"], cast(Any, processor), cast(Any, FakeBroker()))
    worker.run()

    assert isinstance(worker.failure, KafkaException)
    assert known_at_close == [worker.failure]


def test_what_a_dead_client_cannot_do_is_not_tried_again() -> None:
    answers = iter([KafkaException(KafkaError(KafkaError._FATAL, "dead")), None])

    def act() -> None:
        if (error := next(answers)) is not None:
            raise error

    with pytest.raises(KafkaException):
        _worker(FakeProcessor(lambda batch: None))._retrying(act)


def test_trouble_that_the_client_gets_over_by_itself_does_not_end_it() -> None:
    _worker(FakeProcessor(lambda batch: None))._judge(KafkaError(KafkaError._ALL_BROKERS_DOWN, "away"))
