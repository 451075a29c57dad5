"""Which replica makes which calls: the lanes of its consumer."""

from itertools import count

import pytest

from services.runtime.clock import SystemClock
from services.runtime.database import migrate, open_engine
from services.runtime.ids import IdSource
from services.runtime.kafka import Kafka
from services.runtime.postgres import Postgres
from services.runtime.processor import Processor
from services.runtime.settings import Settings
from services.runtime.worker import Worker
from services.stripe_gateway.service import SERVICE
from tests.integration.stripe_gateway.bench import eventually
from tests.platform.backing import Backing

_GROUPS = count()
_ALL = frozenset(range(6))


@pytest.fixture
def workers(platform: Backing) -> list[Worker]:
    """Two replicas of one service, not started yet."""
    topic, url = platform.new_topic("lanes", partitions=len(_ALL)), platform.new_database("lanes")
    migrate(url, SERVICE.folder)
    group = f"lanes_{next(_GROUPS)}"
    settings = Settings(kafka_bootstrap=platform.kafka_bootstrap)
    database, broker = Postgres(open_engine(url)), Kafka(platform.kafka_bootstrap)
    return [
        Worker(settings, [topic], Processor(group, SERVICE.handlers, database, SystemClock(), IdSource()), broker)
        for _ in range(2)
    ]


def test_replicas_share_the_lanes_and_one_takes_over_when_another_ends(workers: list[Worker]) -> None:
    first, second = workers
    assert first.lanes == frozenset()
    first.start()
    eventually(lambda: True if first.lanes == _ALL else None, "the first has all lanes")

    second.start()
    eventually(lambda: second.lanes or None, "the second has lanes")
    eventually(lambda: True if first.lanes | second.lanes == _ALL else None, "every lane has an owner")
    assert not first.lanes & second.lanes

    second.stop()
    second.join(10)
    eventually(lambda: True if first.lanes == _ALL else None, "the first has all lanes again")
    assert second.lanes == frozenset()
    first.stop()
    first.join(10)
    assert (first.failure, second.failure) == (None, None)
