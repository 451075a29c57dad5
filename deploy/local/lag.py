"""How far each consumer is behind: where it stands against the end of what it reads."""

from typing import NamedTuple

import psycopg
from confluent_kafka import ConsumerGroupTopicPartitions, KafkaException
from confluent_kafka.admin import AdminClient  # type: ignore[attr-defined]

from deploy.local.services import SERVICES
from schemas.catalogue import TOPICS
from services.runtime.kafka import Kafka, admin_client

_TIMEOUT_S = 10.0

Positions = dict[tuple[str, int], int]
"""Next offset to read, by topic and partition."""


class Lag(NamedTuple):
    """One consumer on one topic."""

    service: str
    topic: str
    behind: int
    """Records on the topic that the service has not handled yet."""


def consumer_lag(bootstrap: str, database_url: str) -> list[Lag]:
    """The lag of every service on every topic it listens to; a service that never consumed anything is left out.

    A service's position is in its own database (ARCHITECTURE.md "The way of a message"); one that keeps none there,
    as analytics, commits to Kafka. Raises KafkaException or psycopg.OperationalError when one does not answer.
    """
    admin = admin_client(bootstrap, _TIMEOUT_S)
    existing = admin.list_topics(timeout=_TIMEOUT_S).topics
    held = Kafka(bootstrap, _TIMEOUT_S).watermarks(
        (topic.name, number) for topic in TOPICS if topic.name in existing for number in existing[topic.name].partitions
    )
    lags = []
    for service in SERVICES:
        read = [t.name for t in TOPICS if service.name in t.consumers and t.name in existing]
        if not read:
            continue
        positions = _in_database(f"{database_url}/tranche_{service.name}")
        if positions is None:
            positions = _in_group(admin, service.name)
        if positions is None:
            continue
        for topic in read:
            behind = sum(
                max(0, end - positions.get(place, start)) for place, (start, end) in held.items() if place[0] == topic
            )
            lags.append(Lag(service.name, topic, behind))
    return lags


def _in_database(url: str) -> Positions | None:
    """Positions that a service keeps beside its effects; None when its database has none."""
    try:
        with psycopg.connect(url, connect_timeout=5) as connection:
            if connection.execute("SELECT to_regclass('consumer_positions')").fetchone() == (None,):
                return None
            rows = connection.execute("SELECT topic, partition, next_offset FROM consumer_positions").fetchall()
    except psycopg.OperationalError as error:
        if "does not exist" in str(error):
            return None
        raise
    return {(topic, partition): offset for topic, partition, offset in rows}


def _in_group(admin: AdminClient, service: str) -> Positions | None:
    """Positions committed to Kafka by the service's consumer group, whatever prefix its name has; None: no group."""
    positions: Positions | None = None
    for group in admin.list_consumer_groups().result(_TIMEOUT_S).valid:
        if group.group_id != service and not group.group_id.endswith((f"-{service}", f".{service}")):
            continue
        asked = admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(group.group_id)])
        try:
            committed = asked[group.group_id].result(_TIMEOUT_S).topic_partitions
        except KafkaException:
            continue
        positions = (positions or {}) | {(tp.topic, tp.partition): tp.offset for tp in committed if tp.offset >= 0}
    return positions
