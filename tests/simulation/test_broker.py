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
