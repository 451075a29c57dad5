"""The ground that the other integration tests stand on: the `platform` fixture itself."""

import psycopg
from confluent_kafka import Consumer, Producer

from tests.platform.backing import Backing


def test_kafka_keeps_what_was_produced(platform: Backing) -> None:
    topic = platform.new_topic(partitions=1)
    producer = Producer({"bootstrap.servers": platform.kafka_bootstrap, "acks": "all"})
    producer.produce(topic, key=b"con_1", value=b"{}")
    assert producer.flush(10) == 0
    consumer = Consumer(
        {
            "bootstrap.servers": platform.kafka_bootstrap,
            "group.id": "test",
            "group.protocol": "consumer",
            "auto.offset.reset": "earliest",
        }
    )
    try:
        consumer.subscribe([topic])
        record = consumer.poll(15)
    finally:
        consumer.close()
    assert record is not None
    assert (record.key(), record.value()) == (b"con_1", b"{}")


def test_a_database_of_its_own_is_empty_and_speaks_utf8(platform: Backing) -> None:
    with psycopg.connect(platform.new_database()) as connection:
        assert connection.execute("SELECT count(*) FROM pg_tables WHERE schemaname = 'public'").fetchone() == (0,)
        assert connection.execute("SHOW server_encoding").fetchone() == ("UTF8",)
