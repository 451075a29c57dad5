"""`tranche tail`: what passes on the topics, one readable line a record."""

import json
from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

from confluent_kafka import Consumer, KafkaError, KafkaException, Message, TopicPartition
from confluent_kafka.admin import AdminClient
from rich.text import Text

from deploy.local.errors import LocalError
from schemas.catalogue import TOPICS
from schemas.envelope import Envelope, UnreadableRecordError, read_headers
from schemas.money import show
from services.runtime.kafka import Kafka

_POLL_S = 0.3
_BACKLOG_LIMIT = 100_000
"""Records that are held to be shown in order of time; beyond it they come as the broker gives them."""
_FIELDS_SHOWN = 8
_COLOURS = ("cyan", "green", "yellow", "magenta", "blue", "bright_cyan", "bright_green", "bright_yellow")


class Record(NamedTuple):
    """One record as it lies on a topic."""

    topic: str
    partition: int
    offset: int
    key: str
    timestamp_ms: int
    envelope: Envelope | None
    """None when the headers are not those of a message of ours; `trouble` says why."""
    body: dict[str, Any]
    trouble: str = ""


def known_topics(bootstrap: str, wanted: Sequence[str]) -> list[str]:
    """The topics to follow: those wanted, else all of the catalogue that exist.

    Raises LocalError when a wanted one does not exist or the broker does not answer.
    """
    try:
        existing = AdminClient({"bootstrap.servers": bootstrap, "log_level": 0}).list_topics(timeout=5).topics
    except KafkaException as error:
        raise LocalError(f"Kafka does not answer at {bootstrap}: run `tranche up --detach`") from error
    for name in wanted:
        if name not in existing:
            raise LocalError(f"there is no topic {name}: `tranche topics` lists them")
    return list(wanted) or [topic.name for topic in TOPICS if topic.name in existing]


def follow(bootstrap: str, topics: Sequence[str], *, from_start: bool, once: bool) -> Iterator[Record]:
    """Records of these topics: from now on, or all there are first, in order of their time, and then on.

    Joins no consumer group: it disturbs nobody. `once`: ends where the topics end now.
    """
    consumer = Consumer(
        {
            "bootstrap.servers": bootstrap,
            "group.id": "tranche-tail",  # asked for by the library; no group is joined by assigning
            "enable.auto.commit": False,
            "auto.offset.reset": "earliest",
            # The end of what is there is told by the broker: the last record of a partition may be one that is never
            # handed out, e.g. the mark of a producer's transaction.
            "enable.partition.eof": True,
            "log_level": 3,
        }
    )
    try:
        there = consumer.list_topics(timeout=10).topics
        partitions = [(topic, partition) for topic in topics for partition in there[topic].partitions]
        marks = Kafka(bootstrap).watermarks(partitions)
        consumer.assign([TopicPartition(*place, low if from_start else high) for place, (low, high) in marks.items()])
        if from_start:
            yield from _backlog(consumer, set(partitions))
        while not once:
            yield from (record_of(message) for message in consumer.consume(500, _POLL_S) if not message.error())
    finally:
        consumer.close()


def _backlog(consumer: Consumer, unread: set[tuple[str, int]]) -> Iterator[Record]:
    """What these partitions hold up to their ends, in order of its time."""
    held: list[Record] = []
    while unread:
        for message in consumer.consume(1000, _POLL_S):
            if (error := message.error()) is None:
                held.append(record_of(message))
            elif error.code() == KafkaError._PARTITION_EOF:
                unread.discard((message.topic() or "", message.partition() or 0))
        if len(held) > _BACKLOG_LIMIT:
            yield from held
            held.clear()
    yield from sorted(held, key=lambda record: (record.timestamp_ms, record.topic, record.offset))


def record_of(message: Message) -> Record:
    """What a consumed message holds; one that is not ours is shown with the reason, never refused."""
    envelope: Envelope | None = None
    body: dict[str, Any] = {}
    trouble = ""
    try:
        headers: Any = message.headers() or []  # pairs, though the library's types allow more
        envelope = read_headers([(name, value) for name, value in headers if isinstance(value, bytes)])
    except UnreadableRecordError as error:
        trouble = str(error)
    try:
        read = json.loads(message.value() or b"null")
        body = read if isinstance(read, dict) else {"body": read}
    except ValueError:
        trouble = trouble or "the body is no JSON"
    return Record(
        topic=message.topic() or "",
        partition=message.partition() or 0,
        offset=message.offset() or 0,
        key=(message.key() or b"").decode(errors="replace"),
        timestamp_ms=message.timestamp()[1],
        envelope=envelope,
        body=body,
        trouble=trouble,
    )


def concerns(record: Record, contract_id: str) -> bool:
    """Whether the record is about this contract: by its key, or by what it says."""
    return record.key == contract_id or record.body.get("contract_id") == contract_id


def line(record: Record) -> Text:
    """One line: time, topic, partition/offset, type, key, the fields that matter."""
    colour = _COLOURS[sum(record.topic.partition(".")[0].encode()) % len(_COLOURS)]
    text = Text()
    when = record.envelope.time.strftime("%m-%d %H:%M:%S.%f")[:-3] if record.envelope else "-" * 18
    text.append(when, style="dim")
    text.append(f"  {record.topic:<18}", style=colour)
    text.append(f" {record.partition:>2}/{record.offset:<5}", style="dim")
    name = record.envelope.type.partition(".")[2].removesuffix(".v1") if record.envelope else "unreadable"
    refused = "rejected" in name or "failed" in name or record.topic.endswith(".dlq") or record.trouble
    text.append(f" {name:<26}", style="bold red" if refused else "bold")
    text.append(f" {record.key}")
    fields = record.trouble or ", ".join(main_fields(record.body, record.key))
    text.append(f"  {fields}", style="dim")
    return text


def main_fields(body: dict[str, Any], key: str) -> list[str]:
    """The fields of a body worth a glance, as `name=value`; amounts as people write them."""
    currency = body.get("currency")
    shown = []
    for name, value in body.items():
        if value in (None, "", [], {}) or value == key or name in ("currency", "actor"):
            continue
        shown_name, shown_value = name, value
        if isinstance(value, dict) and set(value) == {"amount_minor", "currency"}:
            shown_value = _money(value["amount_minor"], value["currency"])
        elif name.endswith("_minor") and isinstance(currency, str):
            shown_name, shown_value = name.removesuffix("_minor"), _money(value, currency)
        elif isinstance(value, dict | list):
            shown_value = json.dumps(value, separators=(",", ":"))
        text = str(shown_value)
        shown.append(f"{shown_name}={text if len(text) <= 60 else text[:57] + '...'}")
    return shown[:_FIELDS_SHOWN]


def _money(amount_minor: object, currency: str) -> str:
    try:
        return show(int(str(amount_minor)), currency)
    except ValueError:
        return f"{amount_minor} {currency}"
