"""Where consumption begins; what Kafka can no longer serve is never skipped."""

from collections.abc import Iterable
from concurrent.futures import Future
from typing import Any

import pytest
from confluent_kafka import TopicPartition
from confluent_kafka.admin import AdminClient, ListOffsetsResultInfo, OffsetSpec

from services.runtime.kafka import Kafka
from services.runtime.positions import PositionLostError
from services.runtime.worker import Worker
from tests.integration.runtime.world import World, eventually
from tests.platform.backing import Backing


@pytest.fixture
def topic(platform: Backing) -> str:
    """A topic of one partition with ten records. What is on it is foreign: each becomes a dead letter."""
    return platform.new_topic("positions", partitions=1)


def _fill(world: World, topic: str, count: int = 10) -> None:
    world.produce(*((topic, 0, b"k", b"{}", []) for _ in range(count)))


def _taken(world: World, topic: str) -> list[int]:
    rows = world.rows(
        "SELECT (body::jsonb ->> 'offset')::bigint FROM event_log WHERE body::jsonb ->> 'topic_name' = %s "
        "ORDER BY sequence", topic
    )  # fmt: skip
    return [offset for (offset,) in rows]


def _position(world: World, topic: str) -> int:
    rows = world.rows("SELECT next_offset FROM consumer_positions WHERE topic = %s", topic)
    return int(rows[0][0]) if rows else 0


def _set_position(world: World, topic: str, offset: int) -> None:
    world.execute("UPDATE consumer_positions SET next_offset = %s WHERE topic = %s", offset, topic)


def _read_all(world: World, topic: str, count: int = 10) -> None:
    _fill(world, topic)
    with world.running(world.worker(topics=[topic])):
        eventually(lambda: _position(world, topic) == count, "all read")


def _stops(worker: Worker) -> str:
    worker.start()
    worker.join(15)
    assert not worker.is_alive()
    assert isinstance(worker.failure, PositionLostError), worker.failure
    return str(worker.failure)


def _delete_records(world: World, topic: str, before: int) -> None:
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    for future in admin.delete_records([TopicPartition(topic, 0, before)]).values():
        future.result(10)


def _make_again(world: World, platform: Backing, topic: str) -> None:
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    for future in admin.delete_topics([topic]).values():
        future.result(10)
    eventually(lambda: topic not in admin.list_topics(timeout=5).topics, "the topic gone")
    platform.create_topics(topic, partitions=1)


def test_a_partition_never_read_begins_at_its_oldest_record(world: World, topic: str) -> None:
    _fill(world, topic)
    _delete_records(world, topic, 4)
    with world.running(world.worker(topics=[topic])):
        eventually(lambda: _position(world, topic) == 10, "all read")
    assert _taken(world, topic) == [4, 5, 6, 7, 8, 9]


def test_what_is_told_to_kafka_is_never_read_back(world: World, topic: str) -> None:
    _read_all(world, topic)  # Kafka is told 10
    world.execute("DELETE FROM consumer_positions WHERE topic = %s", topic)
    world.execute("INSERT INTO consumer_positions VALUES (%s, 0, %s, 7)", topic, world.topic_id(topic))
    with world.running(world.worker(topics=[topic])):
        eventually(lambda: _position(world, topic) == 10, "read again from 7")
    assert _taken(world, topic) == [*range(10), 7, 8, 9]


def test_records_gone_before_they_were_read_stop_it(world: World, topic: str) -> None:
    _read_all(world, topic)
    _set_position(world, topic, 2)
    _delete_records(world, topic, 5)
    assert "records 2 to 4 are gone" in _stops(world.worker(topics=[topic]))
    assert _position(world, topic) == 2


def test_a_position_beyond_the_end_stops_it(world: World, topic: str) -> None:
    _read_all(world, topic)
    _set_position(world, topic, 11)
    assert "position 11 lies beyond the end 10" in _stops(world.worker(topics=[topic]))


def test_a_topic_made_again_stops_it(world: World, topic: str, platform: Backing) -> None:
    _read_all(world, topic)
    _make_again(world, platform, topic)
    _fill(world, topic, 20)  # more than before, so that the position alone looks right
    assert "deleted and made again" in _stops(world.worker(topics=[topic]))
    assert _taken(world, topic) == list(range(10))


def test_a_topic_made_again_under_a_worker_stops_it_and_can_be_read_whole(
    world: World, topic: str, platform: Backing
) -> None:
    """Until Kafka assigns the new topic, the client reads on in it from the old offset: the stop comes after that."""
    _fill(world, topic)
    worker = world.worker(topics=[topic])
    worker.start()
    eventually(lambda: _position(world, topic) == 10, "all read")
    _make_again(world, platform, topic)
    _fill(world, topic, 20)
    worker.join(20)
    assert isinstance(worker.failure, PositionLostError), worker.failure
    assert "deleted and made again" in str(worker.failure)
    world.execute("DELETE FROM consumer_positions WHERE topic = %s", topic)  # as it says
    before = len(_taken(world, topic))
    with world.running(world.worker(topics=[topic])):
        eventually(lambda: _position(world, topic) == 20, "all read")
    assert _taken(world, topic)[before:] == list(range(20))


def test_a_topic_that_does_not_exist_stops_it(world: World) -> None:
    assert "the topic nowhere does not exist" in _stops(world.worker(topics=["nowhere"]))


def test_a_broker_that_is_away_when_a_service_starts_is_waited_for(
    world: World, topic: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    world.produce((topic, 0, b"k", b"{}", []))
    broker, away = Kafka(world.bootstrap), Kafka("127.0.0.1:1", timeout_s=0.2)
    answers, asked = broker.topic_ids, []

    def topic_ids(topics: Iterable[str]) -> dict[str, str]:
        asked.append(topics)
        return away.topic_ids(topics) if len(asked) < 3 else answers(topics)

    monkeypatch.setattr(broker, "topic_ids", topic_ids)
    worker = Worker(world.settings, [topic], world.processor, broker)
    with world.running(worker):
        eventually(lambda: _position(world, topic) == 1, "it was read")
    assert worker.failure is None
    assert len(asked) >= 3


class _DiskJustFailed(AdminClient):
    """A broker in the moment after its disk failed: it knows the ends, and no beginning, and names no error."""

    left = 3

    def list_offsets(self, topic_partition_offsets: dict[TopicPartition, Any], **how: Any) -> dict[TopicPartition, Any]:
        answers = super().list_offsets(topic_partition_offsets, **how)
        if OffsetSpec.latest() in topic_partition_offsets.values() or type(self).left == 0:
            return answers
        type(self).left -= 1
        unknown: Future[ListOffsetsResultInfo] = Future()
        unknown.set_result(ListOffsetsResultInfo(-1, -1, -1))
        return dict.fromkeys(answers, unknown)


@pytest.mark.parametrize("position", [5, None], ids=["read before", "never read"])
def test_a_broker_that_does_not_know_its_first_offset_for_a_moment_is_asked_again(
    world: World, topic: str, monkeypatch: pytest.MonkeyPatch, position: int | None
) -> None:
    """Seen when the broker's disk was full: the client's own question then gives the end as the first offset."""
    _fill(world, topic)
    if position is not None:
        world.execute("INSERT INTO consumer_positions VALUES (%s, 0, %s, %s)", topic, world.topic_id(topic), position)
    monkeypatch.setattr(_DiskJustFailed, "left", 3)
    monkeypatch.setattr("services.runtime.kafka.AdminClient", _DiskJustFailed)
    worker = world.worker(topics=[topic])
    with world.running(worker):
        eventually(lambda: _position(world, topic) == 10, "read to its end")
    assert worker.failure is None
    assert _DiskJustFailed.left == 0
    assert _taken(world, topic) == [*range(position or 0, 10)]


def test_a_service_that_is_stopped_while_the_broker_is_away_has_not_failed(world: World, topic: str) -> None:
    worker = Worker(world.settings, [topic], world.processor, Kafka("127.0.0.1:1", timeout_s=0.2))
    worker.start()
    worker.stop()
    worker.join(10)
    assert not worker.is_alive()
    assert worker.failure is None
