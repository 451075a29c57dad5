"""Replicas share the lanes, and one without lanes is ready, too."""

from schemas.catalogue import PARTITIONS
from tests.integration.runtime.world import World, eventually


def test_replicas_share_the_lanes_and_one_too_many_is_ready_without(world: World) -> None:
    workers = [world.worker() for _ in range(PARTITIONS + 1)]
    with world.running(*workers):
        eventually(lambda: all(worker.assigned.is_set() for worker in workers), "all ready")
        eventually(lambda: sorted(lane for w in workers for lane in w.lanes) == list(range(PARTITIONS)), "all lanes")
        assert sorted(len(worker.lanes) for worker in workers) == [0, *[1] * PARTITIONS]
