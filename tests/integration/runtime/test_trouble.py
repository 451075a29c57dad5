"""A database that goes away for a while, and an orderly end."""

import signal
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
from confluent_kafka.admin import AdminClient

from tests.integration.runtime.world import World, eventually, told


def _end_backends(world: World) -> None:
    server = f"{world.settings.database_url}/postgres"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(
            "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s", (f"tranche_{world.name}",)
        )


@contextmanager
def _database_away(world: World) -> Iterator[None]:
    """As while it restarts: every connection ends and none is accepted."""
    server = f"{world.settings.database_url}/postgres"
    with psycopg.connect(server, autocommit=True) as connection:
        connection.execute(f"ALTER DATABASE tranche_{world.name} ALLOW_CONNECTIONS false")
        _end_backends(world)
        try:
            yield
        finally:
            connection.execute(f"ALTER DATABASE tranche_{world.name} ALLOW_CONNECTIONS true")


def test_connections_that_end_and_a_database_that_is_away_lose_nothing(world: World) -> None:
    keys = [world.new_key() for _ in range(20)]
    with world.running(world.worker(batch_size=20), world.relay()):
        for turn in range(6):
            world.send(*(world.fact(key) for _ in range(10) for key in keys))
            if turn == 3:
                with _database_away(world):
                    time.sleep(0.6)
            else:
                _end_backends(world)
        eventually(lambda: world.counts() == dict.fromkeys(keys, 60), "all counted")
        eventually(world.everything_is_published, "all published")
    assert told(world.published()) == {key: list(range(1, 61)) for key in keys}
    assert world.rows("SELECT count(*) FROM parked_messages") == [(0,)]


def test_stopped_while_the_database_is_away_it_skips_nothing(world: World) -> None:
    keys = [world.new_key() for _ in range(10)]
    worker = world.worker()
    with world.running(worker):
        eventually(worker.assigned.is_set, "assigned")
        with _database_away(world):
            world.send(*(world.fact(key) for key in keys))
            time.sleep(0.4)
            worker.stop()
            worker.join(15)
            assert not worker.is_alive()
    with world.running(world.worker()):
        eventually(lambda: world.counts() == dict.fromkeys(keys, 1), "all counted by the next owner")


def _members(world: World) -> int:
    admin = AdminClient({"bootstrap.servers": world.bootstrap})
    (group,) = admin.describe_consumer_groups([world.name]).values()
    return len(group.result(10).members)


def test_sigterm_drains_leaves_the_group_and_exits_with_0(world: World) -> None:
    keys = [world.new_key() for _ in range(20)]
    process = world.process(TRANCHE_BATCH_SIZE="40", TOY_PAUSE_S="0.001")
    world.send(*(world.fact(key) for _ in range(50) for key in keys))
    eventually(lambda: sum(world.counts().values()) > 100, "some batches")
    assert _members(world) == 1
    process.send_signal(signal.SIGTERM)
    assert process.wait(20) == 0, world.log_file(0).read_text()
    assert _members(world) == 0
    assert 100 < sum(world.counts().values()) < 1000, "it ended between batches"
    assert world.everything_is_published()
    assert {key: len(versions) for key, versions in told(world.published()).items()} == world.counts()
