"""The broker in memory and Kafka: one behaviour."""

import time
from typing import Any

import pytest

from schemas.catalogue import TOPICS
from services.runtime.kafka import Kafka
from tests.platform.backing import Backing
from tests.simulation.behaviour.broker import PATIENCE_S, BrokerBehaviour, Brokers
from tests.simulation.memory.broker import MemoryBroker
from tests.simulation.still import StillHub


class InMemory(Brokers):
    def __init__(self) -> None:
        self.broker = MemoryBroker(StillHub())

    def topic(self, partitions: int) -> str:
        return next(topic.name for topic in TOPICS if topic.partitions >= partitions)

    def poll(self, consumer: Any) -> Any:
        return consumer.poll(1.0)


class InKafka(Brokers):
    def __init__(self, platform: Backing) -> None:
        self.platform = platform
        self.broker = Kafka(platform.kafka_bootstrap)

    def topic(self, partitions: int) -> str:
        return self.platform.new_topic("behaviour", partitions)

    def poll(self, consumer: Any) -> Any:
        until = time.monotonic() + PATIENCE_S
        while time.monotonic() < until:
            record = consumer.poll(0.2)
            if record is not None:
                return record
        return None


class TestInMemory(BrokerBehaviour):
    @pytest.fixture
    def brokers(self) -> InMemory:
        return InMemory()


class TestInKafka(BrokerBehaviour):
    @pytest.fixture
    def brokers(self, platform: Backing) -> InKafka:
        return InKafka(platform)

    def test_a_client_that_was_just_made_is_answered_at_its_first_asking(self, brokers: InKafka) -> None:
        topic = brokers.topic(12)
        places = [(topic, number) for number in range(12)]
        impatient = Kafka(
            brokers.platform.kafka_bootstrap, timeout_s=2
        )  # a question that was lost is asked again in 3 s
        for _ in range(40):
            assert set(impatient.watermarks(places)) == set(places)
