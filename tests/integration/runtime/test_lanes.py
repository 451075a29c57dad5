"""A lane is the partition that anybody's producer chooses for a key, without any setting."""

from confluent_kafka import Producer

from schemas.catalogue import PARTITIONS
from services.runtime.lanes import lane_of
from tests.platform.backing import Backing


def test_a_key_goes_to_its_lane_by_the_clients_default(platform: Backing) -> None:
    topic = platform.new_topic("lanes", partitions=PARTITIONS)
    keys = [f"ctr_{number}" for number in range(100)] + ["é漢😀", "x" * 64]
    found: dict[str, int] = {}
    producer = Producer({"bootstrap.servers": platform.kafka_bootstrap})
    for key in keys:
        producer.produce(
            topic, b"", key=key, on_delivery=lambda _, record, key=key: found.update({key: record.partition()})
        )
    assert producer.flush(10) == 0
    assert found == {key: lane_of(key) for key in keys}
    assert len(set(found.values())) == PARTITIONS
