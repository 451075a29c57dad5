"""A toy service in a world of its own: its database, its group, its source; the topics are the real ones."""

import itertools
import os
import signal
import subprocess
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import uvicorn
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from confluent_kafka import Message as KafkaRecord

from deploy.local.kafka import create_topics
from deploy.local.postgres import create_databases
from schemas.base import Actor, Message
from schemas.catalogue import PARTITIONS, TOPICS
from schemas.contracts import MilestoneAdded
from schemas.envelope import Envelope, read_body, read_headers, write_headers
from schemas.funding import SetDefaultPaymentMethod
from services.runtime.clock import MovableClock
from services.runtime.database import migrate, open_engine
from services.runtime.http import Gate, build_app
from services.runtime.ids import IdSource
from services.runtime.kafka import Kafka
from services.runtime.lanes import lane_of
from services.runtime.positions import topic_ids
from services.runtime.postgres import Postgres, open_log
from services.runtime.processor import Processor
from services.runtime.records import Delivery, Record
from services.runtime.relay import Relay
from services.runtime.settings import Settings
from services.runtime.timers import Timers
from services.runtime.tokens import issue
from services.runtime.worker import Worker
from tests.integration.runtime.toy import service as toy
from tests.platform.backing import Backing

T = TypeVar("T")
SECRET = "a-secret-for-tests-of-at-least-32-bytes"
PATIENCE_S = 20.0
_CHECKOUT = Path(__file__).resolve().parents[3]
_CHANGED = "funding.events"
_TEMPLATE = "toy_template"
_KEYS = itertools.count(1)
NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)


class World:
    """The toy service, and everything around it that a test may do to it."""

    def __init__(self, platform: Backing, name: str, logs: Path) -> None:
        self.name = name
        self.bootstrap = platform.kafka_bootstrap
        create_topics(self.bootstrap, TOPICS)
        self.settings = Settings(
            kafka_bootstrap=self.bootstrap,
            database_url=platform.database_url,
            auth_secret=SECRET,  # type: ignore[arg-type]  # pydantic makes a SecretStr of it
        )
        self.url = self.settings.database_of(name)
        self._create_database(platform.database_url)
        self.engine = open_engine(self.url)
        self._clock_file = logs / "clock"
        self.clock = MovableClock(self._clock_file)
        self.processor = self.make_processor()
        self._logs = logs
        self._versions: Counter[tuple[str, str]] = Counter()
        self._processes: list[subprocess.Popen[bytes]] = []
        self._begin_at_the_ends()

    def _create_database(self, server: str) -> None:
        """A copy of one that was migrated once a session: migrating takes longer than most tests."""
        if create_databases(server, [_TEMPLATE]):
            migrate(f"{server}/{_TEMPLATE}", Path(toy.__file__).parent)
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f"CREATE DATABASE tranche_{self.name} TEMPLATE {_TEMPLATE}")

    def _begin_at_the_ends(self) -> None:
        """Other tests' records are not this world's business."""
        ends = self.ends(toy.TOPICS)
        # The reads of what it says begin here, too.
        self._said_from = self.ends((_CHANGED, "funding.dlq"))
        ids = topic_ids(Kafka(self.bootstrap), toy.TOPICS)
        rows = [(topic, partition, ids[topic], end) for (topic, partition), end in ends.items()]
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO consumer_positions VALUES (%s, %s, %s, %s)", rows)

    def topic_id(self, topic: str) -> str:
        """Kafka's own id of a topic."""
        return topic_ids(Kafka(self.bootstrap), [topic])[topic]

    def ends(self, topics: Sequence[str], partitions: int = PARTITIONS) -> dict[tuple[str, int], int]:
        """The offset after the last record of each partition."""
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends"})
        try:
            return {
                (topic, partition): eventually(lambda place=(topic, partition): _end(consumer, *place), "its end") - 1
                for topic in topics
                for partition in range(partitions)
            }
        finally:
            consumer.close()

    def close(self) -> None:
        for process in self._processes:
            if process.poll() is None:
                process.kill()
            process.wait(10)
        self.engine.dispose()

    def make_processor(self, name: str | None = None) -> Processor:
        """A processor on this world's database; another `name` makes a worker of another consumer group."""
        return Processor(name or self.name, toy.HANDLERS, Postgres(self.engine), self.clock, IdSource())

    # -- running it ----------------------------------------------------------------------------------------

    def worker(self, processor: Processor | None = None, topics: Sequence[str] = toy.TOPICS, **settings: Any) -> Worker:
        """A worker, not started."""
        own = self.settings.model_copy(update=settings)
        return Worker(own, topics, processor or self.processor, Kafka(self.bootstrap))

    def relay(self) -> Relay:
        """A relay, not started."""
        return Relay(self.name, partial(open_log, self.url), Kafka(self.bootstrap), self.clock)

    def timers(self, most: int = 500) -> Timers:
        """One replica's timers, not started."""
        return Timers(self.name, Postgres(self.engine), self.clock, poll_s=0.02, most=most)

    @contextmanager
    def running(self, *parts: Worker | Relay | Timers) -> Iterator[None]:
        """Parts at work (a worker and a relay when none are given); their failure is the test's."""
        parts = parts or (self.worker(), self.relay())
        for part in parts:
            part.start()
        try:
            yield
        finally:
            for part in parts:
                part.stop()
            for part in parts:
                part.join(PATIENCE_S)
        for part in parts:
            assert part.failure is None, part.failure

    def process(self, **environment: str) -> "subprocess.Popen[bytes]":
        """The whole service in a process of its own."""
        own = {
            "TRANCHE_KAFKA_BOOTSTRAP": self.bootstrap,
            "TRANCHE_DATABASE_URL": self.settings.database_url,
            "TRANCHE_AUTH_SECRET": SECRET,
            "TRANCHE_CLOCK_FILE": str(self._clock_file),
            **environment,
        }
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANCHE_")}
        with self.log_file(len(self._processes)).open("wb") as log:
            process = subprocess.Popen(
                [sys.executable, "-m", "tests.integration.runtime.toy", self.name],
                env={**kept, **own}, cwd=_CHECKOUT, stdout=log, stderr=log,
            )  # fmt: skip
        self._processes.append(process)
        return process

    @contextmanager
    def serving(self) -> Iterator[httpx.Client]:
        """Its HTTP side, with a caller's token."""
        app = build_app(self.name, Gate(self.processor, self.engine, self.settings), dict)
        app.include_router(toy.router)
        server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        thread = threading.Thread(target=server.run, daemon=True)
        thread.start()
        eventually(lambda: server.started, "the server")
        port = server.servers[0].sockets[0].getsockname()[1]
        headers = {"Authorization": f"Bearer {issue(SECRET, 'service', 'svc_1', datetime.now(UTC))}"}
        with httpx.Client(
            base_url=f"http://127.0.0.1:{port}/v1", headers=headers, trust_env=False, timeout=15
        ) as client:
            yield client
        server.should_exit = True
        thread.join(10)

    def log_file(self, number: int) -> Path:
        """Where the process of this number writes."""
        return self._logs / f"{self.name}-{number}.log"

    def kill(self, process: "subprocess.Popen[bytes]") -> None:
        """kill -9, as a crash would."""
        process.send_signal(signal.SIGKILL)
        process.wait(10)

    # -- saying things to it -------------------------------------------------------------------------------

    def new_key(self, lane: int | None = None) -> str:
        """A key that nobody else uses; of this lane, if one is given."""
        return next(key for number in _KEYS if lane in (None, lane_of(key := f"{self.name}_k{number}")))

    def fact(self, key: str, description: str = "count", version: int | None = None) -> "tuple[Envelope, Message]":
        """A fact of `contracts` about a key; the next version of its stream unless one is given."""
        stream = ("contracts", key)
        self._versions[stream] = version if version is not None else self._versions[stream] + 1
        message = MilestoneAdded(
            contract_id=key, milestone_id=f"mls_{key}", employer_id="emp_1", trainer_id="trn_1", number=1,
            description=description, amount_minor=100, currency="usd",
        )  # fmt: skip
        return self._around(message, "contracts", stream_version=self._versions[stream]), message

    def command(self, key: str, method: str = "count", identifier: str = "") -> "tuple[Envelope, Message]":
        """A command about a key."""
        actor = Actor(role="service", party_id="svc_1")
        message = SetDefaultPaymentMethod(actor=actor, employer_id=key, payment_method_id=method)
        return self._around(message, "tests", identifier), message

    def _around(self, message: Message, source: str, identifier: str = "", stream_version: int = 0) -> Envelope:
        identifier = identifier or self.processor.ids.new("evt", datetime.now(UTC))
        return Envelope(
            identifier, message.type_name, source, message.subject, NOW, identifier, "", stream_version=stream_version
        )

    def delivery(self, said: "tuple[Envelope, Message]", offset: int | None = None) -> Delivery:
        """As the worker hands it to the processor; without an offset as an HTTP call does."""
        envelope, message = said
        record = None
        if offset is not None:
            headers, body = write_headers(envelope), message.model_dump_json().encode()
            record = Record(message.topic, lane_of(message.key), offset, message.key.encode(), headers, body)
        return Delivery(envelope, message.key, message, record)

    def send(self, *said: "tuple[Envelope, Message]") -> None:
        """Produce messages as other services do."""
        self.produce(
            *(
                (m.topic, lane_of(m.key), m.key.encode(), m.model_dump_json().encode(), write_headers(e))
                for e, m in said
            )
        )

    def produce(self, *records: "tuple[str, int, bytes | None, bytes | None, list[tuple[str, bytes]]]") -> None:
        """Produce any bytes: topic, partition, key, body, headers."""
        producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 2})
        for topic, partition, key, body, headers in records:
            producer.produce(topic, partition=partition, key=key, value=body, headers=headers)  # type: ignore[arg-type]
        assert producer.flush(10) == 0

    # -- what became of it ---------------------------------------------------------------------------------

    def rows(self, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def execute(self, sql: str, *values: object) -> None:
        with psycopg.connect(self.url, autocommit=True) as connection:
            connection.execute(sql.encode(), values)

    def counts(self) -> dict[str, int]:
        """What was counted, by key."""
        return dict(self.rows("SELECT key, count FROM counters"))  # type: ignore[arg-type]

    def logged(self, key: str) -> list[Message]:
        """What the event log holds about a key, in order."""
        rows = self.rows("SELECT type, body FROM event_log WHERE key = %s ORDER BY sequence", key)
        return [read_body(type_name, body.encode()) for type_name, body in rows]

    def letters(self, key: str) -> list[Any]:
        """The dead letters of a key, in order."""
        return [message for message in self.logged(key) if message.topic == "funding.dlq"]

    def parked(self, key: str) -> list[tuple[int, str]]:
        """What waits of a key, in order: offset and reason."""
        return self.rows('SELECT "offset", reason FROM parked_messages WHERE key = %s ORDER BY id', key)  # type: ignore[return-value]

    def published(self, topic: str = _CHANGED) -> list[tuple[Envelope, Message]]:
        """Everything this world said on a topic since it began."""
        read = [(read_headers(record.headers()), record.value()) for record in self._read(topic)]  # type: ignore[arg-type]
        return [(envelope, read_body(envelope.type, body)) for envelope, body in read if envelope.source == self.name]

    def headers_of(self, key: str, topic: str = _CHANGED) -> list[dict[str, bytes]]:
        """The headers of each record of a key, as they are."""
        return [dict(record.headers() or []) for record in self._read(topic) if record.key() == key.encode()]  # type: ignore[misc]

    def _read(self, topic: str) -> Iterator[KafkaRecord]:
        begin = {place: offset for place, offset in self._said_from.items() if place[0] == topic}
        left = {place: end for place, end in self.ends((topic,)).items() if end > begin[place]}
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "onlooker", "fetch.wait.max.ms": 10})
        consumer.assign([TopicPartition(*place, begin[place]) for place in left])
        until = time.monotonic() + PATIENCE_S
        try:
            while left:
                assert time.monotonic() < until, f"cannot be read to its end: {left}"
                record = consumer.poll(0.2)
                if record is None or record.error() is not None:
                    continue
                place = (record.topic() or "", record.partition() or 0)
                if (record.offset() or 0) + 1 >= left.get(place, 0):
                    left.pop(place, None)
                yield record
        finally:
            consumer.close()

    def everything_is_published(self) -> bool:
        """Whether the cursor stands at the log's end."""
        ((behind,),) = self.rows(
            "SELECT coalesce((SELECT max(sequence) FROM event_log), 0) "
            "- coalesce((SELECT max(sequence) FROM relay_cursor), 0)"
        )
        return bool(behind <= 0)


def _end(consumer: Consumer, topic: str, partition: int) -> int:
    """One more than the offset after the last record, so that it is never 0; 0 while the partition has no leader."""
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, partition), timeout=10)[1] + 1
    except KafkaException:
        return 0


def told(records: "list[tuple[Envelope, Message]]") -> dict[str, list[int]]:
    """By key: the stream versions on the topic, in the topic's order."""
    found: dict[str, list[int]] = {}
    for envelope, message in records:
        found.setdefault(message.key, []).append(envelope.stream_version)
    return found


def eventually(look: Callable[[], T], what: str, patience_s: float = PATIENCE_S) -> T:
    """What `look` finds, as soon as it is something."""
    until = time.monotonic() + patience_s
    while not (found := look()):
        assert time.monotonic() < until, f"never seen: {what}"
        time.sleep(0.03)
    return found
