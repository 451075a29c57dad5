"""Batches that are longer than the pieces in which the log is written: it is under way while they are decided."""

import pytest

from services.runtime.processor import Batch
from tests.integration.runtime.world import World, eventually, told

_KEYS = 450
"""More than two pieces of the log."""


def test_a_message_that_breaks_a_long_batch_is_parked_alone(world: World) -> None:
    keys = [world.new_key() for _ in range(_KEYS)]
    broken = keys[430]  # two pieces of the log are under way when it is decided
    world.send(*(world.fact(key, "boom" if key == broken else "count") for key in keys))
    with world.running(world.worker(batch_size=_KEYS), world.relay()):
        eventually(lambda: len(world.parked(broken)) == 1, "parked")
        eventually(lambda: len(world.counts()) == _KEYS - 1, "all others counted")
        eventually(world.everything_is_published, "all published")
    expected = dict.fromkeys((key for key in keys if key != broken), 1)
    assert world.counts() == expected
    assert told(world.published()) == {key: [1] for key in expected}


def test_rows_that_are_asked_for_late_are_found_while_the_log_is_under_way(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    keys = [world.new_key() for _ in range(_KEYS)]
    world.processor.run(Batch([world.delivery(world.command(keys[-1]))]))
    monkeypatch.setattr("services.runtime.processor.Processor._load", lambda *_: None)  # each row when it is asked for
    world.processor.run(Batch([world.delivery(world.command(key)) for key in keys]))
    assert world.counts() == {**dict.fromkeys(keys, 1), keys[-1]: 2}
    with world.running(world.relay()):
        eventually(world.everything_is_published, "all published")
    assert told(world.published()) == {**{key: [1] for key in keys}, keys[-1]: [1, 2]}
