"""What a test gets that needs the real thing: one object, however Kafka and PostgreSQL were started."""

import itertools
import time
from dataclasses import dataclass, field

from confluent_kafka import KafkaException

from deploy.local.kafka import create_topics
from deploy.local.postgres import create_databases
from services.runtime.kafka import Kafka

_LED_WITHIN_S = 30.0


@dataclass(frozen=True)
class OwnTopic:
    """A topic of a test's own."""

    name: str
    partitions: int
    retention_ms: int = -1


@dataclass
class Backing:
    """A real Kafka and a real PostgreSQL, shared by all tests of a session.

    Tests keep apart by names: each makes its own topics and databases.
    """

    kafka_bootstrap: str
    """host:port"""
    database_url: str
    """The server, as TRANCHE_DATABASE_URL wants it: no database in it."""
    _numbers: "itertools.count[int]" = field(default_factory=itertools.count)

    def new_database(self, prefix: str = "test") -> str:
        """Create an empty database and return its URL."""
        name = f"{prefix}_{next(self._numbers)}"
        create_databases(self.database_url, [name])
        return f"{self.database_url}/{name}"

    def new_topic(self, prefix: str = "test", partitions: int = 3) -> str:
        """Create an empty topic of a name that nobody else uses, and return the name."""
        name = f"{prefix}.{next(self._numbers)}"
        self.create_topics(name, partitions=partitions)
        return name

    def create_topics(self, *names: str, partitions: int = 3) -> None:
        """Create topics of these very names unless they exist; each partition can be asked and written at once."""
        create_topics(self.kafka_bootstrap, [OwnTopic(name, partitions) for name in names])
        places = [(name, number) for name in names for number in range(partitions)]
        until = time.monotonic() + _LED_WITHIN_S
        while True:
            try:
                Kafka(self.kafka_bootstrap).watermarks(places)
            except KafkaException:  # one that was just made has no leader for a moment
                if time.monotonic() > until:
                    raise
                time.sleep(0.02)
            else:
                return
