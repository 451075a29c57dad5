"""Commands of the auditor's, put on the topics of whom they are for."""

from collections.abc import Sequence
from datetime import datetime

from confluent_kafka import KafkaError, KafkaException, Message, Producer

from schemas.base import Command
from schemas.envelope import Envelope, write_headers
from services.runtime.ids import IdSource
from services.runtime.lanes import lane_of

_FLUSH_S = 15.0


def send(bootstrap: str, wanted: Sequence[Command], now: datetime) -> None:
    """Put them on their topics. Raises KafkaException when one was not acknowledged."""
    failed: list[KafkaError] = []

    def report(error: KafkaError | None, _: Message) -> None:
        if error is not None:
            failed.append(error)

    producer = Producer({"bootstrap.servers": bootstrap, "enable.idempotence": True, "acks": "all"})
    ids = IdSource()
    for command in wanted:
        identifier = ids.new("cmd", now)
        envelope = Envelope(identifier, command.type_name, "auditor", command.subject, now, identifier, "")
        producer.produce(
            command.topic,
            key=command.key,
            value=command.model_dump_json(),
            partition=lane_of(command.key),
            headers=write_headers(envelope),  # type: ignore[arg-type]
            on_delivery=report,
        )
    left = producer.flush(_FLUSH_S)
    if failed:
        raise KafkaException(failed[0])
    if left:
        raise KafkaException(KafkaError(KafkaError._TIMED_OUT, f"{left} commands were not acknowledged"))
