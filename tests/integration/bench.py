"""One service on a database of its own, driven as its surroundings drive it: HTTP calls, commands, others' facts."""

import re
import sys
import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
import uvicorn
from confluent_kafka import Consumer, Producer, TopicPartition

from deploy.local.kafka import create_topics
from schemas.base import Message
from schemas.catalogue import TOPICS
from schemas.envelope import Envelope, read_body, read_headers, write_headers
from schemas.funding import FundsMoved
from services.runtime.database import migrate, open_engine
from services.runtime.decisions import Outcome
from services.runtime.http import Gate, build_app
from services.runtime.ids import IdSource
from services.runtime.kafka import Kafka
from services.runtime.lanes import lane_of
from services.runtime.postgres import Postgres, open_log
from services.runtime.processor import Batch, Processor
from services.runtime.records import Delivery, Record
from services.runtime.relay import Relay
from services.runtime.service import Service
from services.runtime.settings import Settings
from services.runtime.timers import Timers
from services.runtime.tokens import issue
from services.runtime.worker import Worker
from tests.platform.backing import Backing

T = TypeVar("T")
_SECRET = "a-secret-for-tests-of-at-least-32-bytes"
_PATIENCE_S = 20.0
WAIT_S = 0.4
"""How long a call waits for a projection here."""


class HandClock:
    """The machine's time, ahead by what a test moved it."""

    def __init__(self) -> None:
        self._ahead = timedelta(0)

    def now(self) -> datetime:
        return datetime.now(UTC) + self._ahead

    def advance(self, by: timedelta) -> None:
        self._ahead += by


class Bench:
    """A service at work."""

    def __init__(self, service: Service, platform: Backing) -> None:
        self.service = service
        self.url = platform.new_database(service.name)
        migrate(self.url, service.folder)
        self.settings = Settings(
            auth_secret=_SECRET,  # type: ignore[arg-type]  # pydantic makes a SecretStr of it
            kafka_bootstrap=platform.kafka_bootstrap,
            projection_wait_s=WAIT_S,
        )
        self.engine = open_engine(self.url)
        self.clock = HandClock()
        database = Postgres(self.engine)
        self.processor = Processor(service.name, service.handlers, database, self.clock, IdSource())
        self.timers = Timers(service.name, database, self.clock, self.settings.timer_poll_s, most=500)
        app = build_app(service.name, Gate(self.processor, self.engine, self.settings), dict)
        for router in service.routes:
            app.include_router(router)
        self._server = uvicorn.Server(uvicorn.Config(app, port=0, log_level="warning", lifespan="off"))
        self._serving = threading.Thread(target=self._server.run, daemon=True)
        self._serving.start()
        port = eventually(self._port, "the port it listens on")
        self.http = httpx.Client(base_url=f"http://127.0.0.1:{port}", trust_env=False, timeout=_PATIENCE_S)
        self._versions: Counter[tuple[str, str]] = Counter()
        self._offsets: Counter[tuple[str, int]] = Counter()

    def _port(self) -> int | None:
        if not self._server.started:
            return None
        port: int = self._server.servers[0].sockets[0].getsockname()[1]
        return port

    def close(self) -> None:
        self.http.close()
        self._server.should_exit = True
        self._serving.join(_PATIENCE_S)
        self.engine.dispose()

    def call(
        self, who: tuple[str, str], method: str, path: str, body: object = None, key: str | None = None
    ) -> httpx.Response:
        """One HTTP call. `who`: role and party; `key`: an Idempotency-Key."""
        role, party_id = who
        headers = {"Authorization": f"Bearer {issue(_SECRET, role, party_id, datetime.now(UTC))}"}  # type: ignore[arg-type]
        if key is not None:
            headers["Idempotency-Key"] = key
        return self.http.request(method, f"/v1{path}", json=body, headers=headers)

    def hear(self, *messages: Message) -> list[Outcome]:
        """Take messages as they come from Kafka, in one batch: facts with the next version of their stream."""
        return self.processor.run(Batch([self._delivery(message) for message in messages]))

    def later(self, **after: float) -> list[Message]:
        """Move the clock (`days=14`) and let the service take the commands of its timers that are due; returns them.

        What they set in turn is taken as well, when it is due by then.
        """
        self.clock.advance(timedelta(**after))
        taken: list[Message] = []
        while due := self.fired():
            taken += [message for _, message in due]
            self.processor.run(Batch([self.as_heard(envelope, message) for envelope, message in due]))
        return taken

    def fired(self) -> list[tuple[Envelope, Message]]:
        """Fire the timers that are due: their commands, as they are on the topic, not taken yet."""
        with psycopg.connect(self.url) as connection:
            last = connection.execute("SELECT coalesce(max(sequence), 0) FROM event_log").fetchone()
            while self.timers.fire():
                pass
            rows = connection.execute(
                "SELECT event_id, type, subject, time, correlation_id, causation_id, sequence, body FROM event_log "
                "WHERE sequence > %s ORDER BY sequence",
                last,
            ).fetchall()
        source = self.service.name
        return [
            (Envelope(identifier, type_name, source, subject, moment, correlation, causation, sequence),
             read_body(type_name, body.encode()))
            for identifier, type_name, subject, moment, correlation, causation, sequence, body in rows
        ]  # fmt: skip

    def said(self, key: str) -> list[Message]:
        """Everything the service said about a key, in order, but what analysts alone are told (`test_balances.py`)."""
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT type, body FROM event_log WHERE key = %s AND type <> %s ORDER BY sequence",
                (key, FundsMoved.type_name),
            ).fetchall()
        return [read_body(type_name, body.encode()) for type_name, body in rows]

    def told(self, key: str) -> list[str]:
        """The types of all it said, without service and version."""
        return [message.type_name.split(".")[1] for message in self.said(key)]

    def _delivery(self, message: Message) -> Delivery:
        return self.as_heard(self.envelope(message), message)

    def as_heard(self, envelope: Envelope, message: Message) -> Delivery:
        """A message with its envelope, as the worker hands it over."""
        place = (message.topic, lane_of(message.key))
        record = Record(*place, self._offsets[place], message.key.encode(), [], b"")
        self._offsets[place] += 1
        return Delivery(envelope, message.key, message, record)

    def envelope(self, message: Message, identifier: str | None = None) -> Envelope:
        """What would be around this message: its producer's next version, or a command's own id."""
        identifier = identifier or self.processor.ids.new("evt", self.clock.now())
        source = message.topic.split(".", maxsplit=1)[0]
        version = 0
        if message.versioned:
            self._versions[source, message.key] += 1
            version = self._versions[source, message.key]
        return Envelope(
            identifier, message.type_name, source, message.subject, self.clock.now(), identifier, "",
            stream_version=version,
        )  # fmt: skip

    # -- on the real topics --------------------------------------------------------------------------------

    @contextmanager
    def running(self) -> Iterator[None]:
        """The worker and the relay on the real Kafka. Once a session: a second log would be behind the topics."""
        create_topics(self.settings.kafka_bootstrap, TOPICS)
        broker, database = Kafka(self.settings.kafka_bootstrap), self.processor.database
        worker = Worker(self.settings, self.service.topics, self.processor, broker)
        relay = Relay(self.service.name, partial(open_log, self.url), broker, self.clock)
        timers = Timers(self.service.name, database, self.clock, self.settings.timer_poll_s, most=500)
        for part in (worker, timers, relay):
            part.start()
        try:
            yield
        finally:
            for part in (worker, timers, relay):
                part.stop()
                part.join(_PATIENCE_S)
                assert part.failure is None, part.failure

    def send(self, *messages: Message, identifier: str | None = None) -> None:
        """Produce messages as other services do."""
        producer = Producer({"bootstrap.servers": self.settings.kafka_bootstrap})
        for message in messages:
            producer.produce(
                message.topic,
                key=message.key,
                value=message.model_dump_json(),
                partition=lane_of(message.key),
                headers=write_headers(self.envelope(message, identifier)),  # type: ignore[arg-type]
            )
        assert producer.flush(10) == 0

    def heard_on(self, topic: str, key: str, count: int) -> list[tuple[Envelope, Message]]:
        """The first `count` records of a key on a topic, once they are there, with their envelopes."""
        consumer = Consumer({"bootstrap.servers": self.settings.kafka_bootstrap, "group.id": "onlooker"})
        consumer.assign([TopicPartition(topic, lane_of(key), 0)])
        found: list[tuple[Envelope, Message]] = []
        until = time.monotonic() + _PATIENCE_S
        try:
            while len(found) < count and time.monotonic() < until:
                record = consumer.poll(0.2)
                if record is not None and record.error() is None and record.key() == key.encode():
                    envelope = read_headers(record.headers())  # type: ignore[arg-type]
                    found.append((envelope, read_body(envelope.type, record.value())))  # type: ignore[arg-type]
        finally:
            consumer.close()
        assert len(found) == count, [envelope.type for envelope, _ in found]
        return found


def eventually(look: Callable[[], T | None], what: str) -> T:
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + _PATIENCE_S
    while (found := look()) is None:
        assert time.monotonic() < until, f"never seen: {what}"
        time.sleep(0.05)
    return found


def problem(response: httpx.Response) -> tuple[int, Any]:
    """The status and the code of a refusal."""
    assert response.headers["content-type"] == "application/problem+json", response.text
    document = response.json()
    assert document["status"] == response.status_code
    assert document["detail"]
    return response.status_code, document["code"]


@contextmanager
def nobody_waits(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """What happens inside must not wait for a projection: no call looks a second time, however slow the machine is."""
    waits: list[str] = []
    sleep = time.sleep

    def wait(seconds: float) -> None:
        if (caller := sys._getframe(1).f_globals["__name__"]).startswith("services."):
            waits.append(caller)
        sleep(seconds)

    with monkeypatch.context() as patched:
        patched.setattr(time, "sleep", wait)
        yield
    assert waits == []


@contextmanager
def between_reads(monkeypatch: pytest.MonkeyPatch, table: str, change: Callable[[], object]) -> Iterator[None]:
    """What happens inside sees `change` committed just before it first reads this table, whatever it read before."""
    execute = psycopg.Cursor.execute
    waiting = [change]

    def wait(cursor: "psycopg.Cursor[Any]", query: Any, *args: Any, **options: Any) -> Any:
        text = query.decode() if isinstance(query, bytes) else str(query)
        if waiting and re.search(rf"\bFROM {table}\b", text):
            waiting.pop()()
        return execute(cursor, query, *args, **options)

    with monkeypatch.context() as patched:
        patched.setattr(psycopg.Cursor, "execute", wait)
        yield
    assert waiting == [], f"{table} was not read"
