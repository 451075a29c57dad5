"""Where consumption begins: the row in the database decides, Kafka's committed offsets are for onlookers only.

A position that Kafka can no longer serve is never skipped: the service stops and says what happened.
"""

from collections.abc import Iterable

from confluent_kafka import Consumer, TopicCollection, TopicPartition
from confluent_kafka.admin import AdminClient
from sqlalchemy import Engine

from services.runtime.bulk import text_array
from services.runtime.database import borrowed


class PositionLostError(RuntimeError):
    """Kafka does not hold what comes next. The text says which case it is and what to do."""


def topic_ids(bootstrap: str, topics: Iterable[str], timeout_s: float = 10) -> dict[str, str]:
    """Kafka's own id of each topic, which changes when a topic is deleted and made again.

    Raises PositionLostError when a topic does not exist.
    """
    admin = AdminClient({"bootstrap.servers": bootstrap})
    found = {}
    for name, future in admin.describe_topics(TopicCollection(list(topics)), request_timeout=timeout_s).items():
        try:
            found[name] = str(future.result().topic_id)
        except Exception as error:  # the client raises KafkaException with many codes; each means the same here
            raise PositionLostError(
                f"the topic {name} cannot be described ({error}): `tranche up` creates topics"
            ) from error
    return found


def beginnings(
    engine: Engine, consumer: Consumer, partitions: Iterable[TopicPartition], ids: dict[str, str]
) -> list[TopicPartition]:
    """The assigned partitions with the offset to begin at.

    A partition that was never read begins at its oldest record. Raises PositionLostError when the position lies
    outside what the partition holds, or the topic is another one than the position was taken in.
    """
    assigned = list(partitions)
    with borrowed(engine) as connection:
        rows = connection.execute(
            "SELECT topic, partition, topic_id, next_offset FROM consumer_positions WHERE topic = ANY(%s::text[])",
            (text_array({p.topic for p in assigned}),),
        ).fetchall()
        connection.rollback()
    positions = {(topic, partition): (topic_id, offset) for topic, partition, topic_id, offset in rows}
    begin = []
    for p in assigned:
        low, high = consumer.get_watermark_offsets(p, timeout=10)
        topic_id, offset = positions.get((p.topic, p.partition), (ids[p.topic], low))
        where = f"{p.topic}[{p.partition}]"
        if topic_id != ids[p.topic]:
            raise PositionLostError(
                f"{where}: the topic was deleted and made again since it was last read. Check what was lost, then "
                "delete its rows from consumer_positions to read the new topic from its start."
            )
        if offset < low:
            raise PositionLostError(
                f"{where}: records {offset} to {low - 1} are gone (retention) before they were handled. Rebuild from "
                "the producer's event log, then set next_offset in consumer_positions."
            )
        if offset > high:
            raise PositionLostError(
                f"{where}: the position {offset} lies beyond the end {high}: the broker lost records or was restored."
            )
        begin.append(TopicPartition(p.topic, p.partition, offset))
    return begin
