"""Where consumption begins: the row in the database decides, Kafka's committed offsets are for onlookers only.

A position that Kafka can no longer serve is never skipped: the service stops and says what happened.
"""

from collections.abc import Iterable

from confluent_kafka import TopicPartition

from services.runtime.kafka import Broker, TopicMissingError
from services.runtime.storage import Database, Position


class PositionLostError(RuntimeError):
    """Kafka does not hold what comes next. The text says which case it is and what to do."""


def topic_ids(broker: Broker, topics: Iterable[str]) -> dict[str, str]:
    """Kafka's own id of each topic.

    Raises PositionLostError when a topic does not exist, KafkaException when the broker does not answer.
    """
    try:
        return broker.topic_ids(topics)
    except TopicMissingError as error:
        raise PositionLostError(str(error)) from error


def beginnings(
    database: Database, broker: Broker, partitions: Iterable[TopicPartition], ids: dict[str, str]
) -> list[TopicPartition]:
    """The assigned partitions with the offset to begin at.

    A partition that was never read begins at its oldest record. Raises PositionLostError when the position lies
    outside what the partition holds, or the topic is another one than the position was taken in; KafkaException when
    the broker does not answer.
    """
    assigned = list(partitions)
    positions = database.positions({p.topic for p in assigned})
    held = broker.watermarks((p.topic, p.partition) for p in assigned)
    begin = []
    for p in assigned:
        low, high = held[p.topic, p.partition]
        topic_id, offset = positions.get((p.topic, p.partition), Position(ids[p.topic], low))
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
