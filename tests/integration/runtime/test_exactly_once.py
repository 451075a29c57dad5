"""Effects happen exactly once, whatever is killed and whoever else reads the same partitions."""

import time

import pytest

from services.runtime.processor import Batch
from services.runtime.records import Unreadable
from tests.integration.runtime.world import World, eventually, told

_KEYS = 30
_EACH = 40


def _send_load(world: World) -> dict[str, int]:
    keys = [world.new_key() for _ in range(_KEYS)]
    world.send(*(world.fact(key) for _ in range(_EACH) for key in keys))
    return dict.fromkeys(keys, _EACH)


def _assert_once(world: World, expected: dict[str, int]) -> None:
    assert world.counts() == expected
    assert told(world.published()) == {key: list(range(1, count + 1)) for key, count in expected.items()}


@pytest.mark.scenario(8)
def test_killed_in_the_middle_of_batches_everything_counts_once(world: World) -> None:
    expected = _send_load(world)
    process = world.process(TRANCHE_BATCH_SIZE="60", TOY_PAUSE_S="0.001")
    eventually(lambda: sum(world.counts().values()) > 200, "some batches")
    time.sleep(0.03)  # a batch takes 60 ms: this is the middle of one
    world.kill(process)
    assert sum(world.counts().values()) < _KEYS * _EACH, "it was killed too late to show anything"
    world.process()  # the group gives it the partitions once the dead member's session has run out
    eventually(lambda: world.counts() == expected, "all counted")
    eventually(world.everything_is_published, "all published")
    _assert_once(world, expected)


@pytest.mark.scenario(9)
def test_two_workers_on_the_same_partitions_do_no_harm(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("tests.integration.runtime.toy.service.PAUSE_S", 0.0003)
    zombie = world.make_processor(f"{world.name}zombie")  # another group: it is given every partition, too
    expected = _send_load(world)
    first, second = world.worker(batch_size=40), world.worker(zombie, batch_size=60)
    with world.running(first, second, world.relay()):
        eventually(lambda: first.assigned.is_set() and second.assigned.is_set(), "both at work")
        expected = {key: 2 * count for key, count in expected.items()}
        world.send(*(world.fact(key) for _ in range(_EACH) for key in expected))
        eventually(lambda: sum(world.counts().values()) >= sum(expected.values()), "all counted")
        time.sleep(0.3)  # the slower of the two comes to the end as well
        eventually(world.everything_is_published, "all published")
    _assert_once(world, expected)
    assert world.rows("SELECT count(*) FROM parked_messages") == [(0,)]


def test_the_position_alone_keeps_what_has_neither_version_nor_command_id_from_counting_twice(world: World) -> None:
    key = world.new_key()
    envelope, message = world.fact(key)
    delivery = world.delivery((envelope._replace(stream_version=0), message), offset=0)
    assert delivery.record is not None
    place = delivery.record[:2]
    world.execute("DELETE FROM consumer_positions")
    broken = Unreadable(delivery.record._replace(offset=1, key=b"broken"), "no message")
    for _ in range(2):
        world.processor.run(Batch([delivery], [broken], {place: 2}, {place[0]: "id"}))
    assert world.counts() == {key: 1}
    assert len(world.letters("broken")) == 1


def test_an_owner_that_was_overtaken_does_not_move_the_position_back(world: World) -> None:
    world.execute("DELETE FROM consumer_positions")
    for offset in (20, 10):
        world.processor.run(Batch([], [], {("contracts.events", 0): offset}, {"contracts.events": "id"}))
    assert world.rows("SELECT next_offset FROM consumer_positions") == [(20,)]
