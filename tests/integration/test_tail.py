"""`tranche tail` on a real topic: what is there is shown to its end, and it ends."""

from uuid import uuid4

import pytest
from confluent_kafka import Producer
from confluent_kafka.admin import AdminClient, NewTopic

from deploy.local.tail import follow
from tests.platform.backing import Backing


@pytest.fixture
def topic(platform: Backing) -> str:
    """A topic of two partitions; the second stays empty."""
    name = f"tail_{uuid4().hex}"
    admin = AdminClient({"bootstrap.servers": platform.kafka_bootstrap})
    admin.create_topics([NewTopic(name, 2)])[name].result()
    return name


def _produce(platform: Backing, topic: str, *values: str, abort: bool = False) -> None:
    producer = Producer({"bootstrap.servers": platform.kafka_bootstrap, "transactional.id": topic})
    producer.init_transactions()
    producer.begin_transaction()
    for value in values:
        producer.produce(topic, value, partition=0)
    producer.flush(10)
    producer.abort_transaction() if abort else producer.commit_transaction()


@pytest.mark.parametrize("abort", [False, True])
def test_the_end_is_found_behind_the_mark_of_a_transaction(platform: Backing, topic: str, abort: bool) -> None:
    _produce(platform, topic, '{"number": 1}', '{"number": 2}')
    if abort:
        _produce(platform, topic, '{"number": 3}', abort=True)
    seen = [record.body for record in follow(platform.kafka_bootstrap, [topic], from_start=True, once=True)]
    assert seen == [{"number": 1}, {"number": 2}]
