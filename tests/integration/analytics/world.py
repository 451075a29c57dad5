"""The service as its own process on a broker of its own, and facts as `funding` would publish them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
from confluent_kafka import Consumer, ConsumerGroupTopicPartitions, Message, Producer, TopicPartition
from confluent_kafka.admin import AdminClient, ConfigResource
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import free_port
from schemas.base import Event
from schemas.envelope import Envelope, Headers, write_headers
from services.analytics.figures import Place, read
from services.runtime.tokens import issue
from tests.platform.backing import Backing

T = TypeVar("T")
Record = tuple[str, int, bytes | None, Headers]
"""Topic, partition, body, headers."""
KeyValue = tuple[bytes | None, bytes | None]

PARTITIONS = 3
FACTS = ("contracts.events", "funding.events", "approvals.events", "payouts.events", "stripe.events")
FIGURES = "analytics.figures"
GROUP = "analytics"
CHANGELOG = "analytics-parts-changelog"
SECRET = "a-secret-for-tests-of-at-least-32-bytes"
_CHECKOUT = Path(__file__).resolve().parents[3]
_PATIENCE_S = 90.0


class Service:
    """One life of the process."""

    def __init__(self, bootstrap: str, data: Path, **settings: str) -> None:
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        kept = {name: os.environ[name] for name in ("PATH", "HOME", "LANG", "TMPDIR") if name in os.environ}
        self._log = (data / "analytics.log").open("ab")
        self.process = subprocess.Popen(
            [sys.executable, "-m", "services.analytics"],
            cwd=_CHECKOUT,
            stdout=self._log,
            stderr=self._log,
            env=kept
            | {
                "TRANCHE_KAFKA_BOOTSTRAP": bootstrap,
                "TRANCHE_HTTP_PORT": str(self.port),
                "TRANCHE_AUTH_SECRET": SECRET,
                "TRANCHE_PARTITIONS": str(PARTITIONS),
                "TRANCHE_ANALYTICS_DATA": str(data / "faust"),
                "TRANCHE_ANALYTICS_SESSION_S": "2",
            }
            | settings,
        )
        self._client = httpx.Client(
            base_url=self.url,
            headers={"Authorization": f"Bearer {issue(SECRET, 'operator', 'op_1', datetime.now(UTC))}"},
            timeout=10,
            trust_env=False,
        )

    def answer(self, path: str) -> httpx.Response | None:
        """What the service says; None while it does not listen."""
        try:
            return self._client.get(path)
        except httpx.TransportError:
            return None

    def is_ready(self) -> bool:
        """Whether it says that its figures are whole and up to date."""
        assert self.process.poll() is None, "the service has ended by itself"
        answer = self.answer("/health/ready")
        return answer is not None and answer.is_success

    def get(self, path: str) -> dict[str, Any]:
        """A successful answer."""
        answer = self._client.get(path)
        assert answer.is_success, answer.text
        found: dict[str, Any] = answer.json()
        return found

    def totals(self) -> dict[str, dict[str, int]]:
        """By currency; empty while the service cannot say."""
        answer = self.answer("/v1/analytics/totals")
        if answer is None or not answer.is_success:
            return {}
        return {line.pop("currency"): line for line in answer.json()["data"]}

    def figures(self, query: str = "") -> list[dict[str, Any]]:
        """All pages."""
        found: list[dict[str, Any]] = []
        cursor = ""
        while True:
            page = self.get(f"/v1/analytics/figures?{query}{cursor}")
            found += page["data"]
            if not page["has_more"]:
                return found
            cursor = f"&cursor={page['next_cursor']}"

    def records(self, outcome: str) -> int:
        """How many records became this, by /metrics."""
        answer = self.answer("/metrics")
        assert answer is not None
        return int(
            sum(
                sample.value
                for family in text_string_to_metric_families(answer.text)
                for sample in family.samples
                if sample.name == "tranche_analytics_records_total" and sample.labels["outcome"] == outcome
            )
        )

    def has_counted(self, number: int) -> Callable[[], bool]:
        """A look at whether it has counted so many more facts than now."""
        before = self.records("counted")
        return lambda: self.records("counted") >= before + number

    def kill(self) -> None:
        """As a crash would."""
        self.process.kill()
        self._collect()

    def stop(self) -> float:
        """Politely; how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(signal.SIGTERM)
        self._collect()
        return time.monotonic() - began

    def _collect(self) -> None:
        self.process.wait(timeout=_PATIENCE_S)
        self._client.close()
        self._log.close()


class World:
    """A broker with the platform's topics, and whoever publishes on them."""

    def __init__(self, backing: Backing, data: Path) -> None:
        self.bootstrap = backing.kafka_bootstrap
        self.data = data
        backing.create_topics(*FACTS, FIGURES, partitions=PARTITIONS)
        self._producer = Producer({"bootstrap.servers": self.bootstrap, "linger.ms": 1})
        self._admin = AdminClient({"bootstrap.servers": self.bootstrap})
        self._sequences = count(1)
        self._lives: list[Service] = []

    def running(self) -> Service:
        """The latest life that is still running, else another."""
        alive = (life for life in reversed(self._lives) if life.process.poll() is None)
        return next(alive, None) or self.start()

    def start(self, *, ready: bool = True, **settings: str) -> Service:
        """Another life of the service; `bootstrap` names another broker."""
        service = Service(settings.pop("bootstrap", self.bootstrap), self.data, **settings)
        self._lives.append(service)
        if ready:
            eventually(service.is_ready, "the service is ready")
        return service

    def close(self) -> None:
        """End what a failed test left running."""
        for service in self._lives:
            if service.process.poll() is None:
                service.kill()

    def log(self) -> str:
        """What all lives have printed."""
        return (self.data / "analytics.log").read_text()

    def fact(self, event: Event, time: datetime) -> Record:
        """An event as its service publishes it, with the next number of the log."""
        number = next(self._sequences)
        source = event.type_name.partition(".")[0]
        envelope = Envelope(f"evt_{number}", event.type_name, source, event.subject, time, "cor_1", "", number, 1)
        return event.topic, number % PARTITIONS, event.model_dump_json().encode(), write_headers(envelope)

    def publish(self, *records: Record) -> None:
        """Put records on their topics, in this order, and wait until they are there."""
        for topic, partition, body, headers in records:
            self._producer.produce(topic, body, key=b"ctr_1", partition=partition, headers=list(headers))
            self._producer.poll(0)
        assert self._producer.flush(_PATIENCE_S) == 0

    def published(self) -> dict[str, dict[str, Any]]:
        """The latest body by key on `analytics.figures`."""
        return {key.decode(): json.loads(value) for key, value in self._all(FIGURES) if key and value}

    def changelog(self) -> list[KeyValue]:
        """All records of Faust's changelog, each partition's in order."""
        return self._all(CHANGELOG)

    def write_changelog(self, records: Sequence[KeyValue]) -> None:
        """Put records at the changelog's end, each on the partition that its key names."""
        for key, value in records:
            assert key
            partition = int(key.split(b"|")[0].rpartition(b"/")[2])
            self._producer.produce(CHANGELOG, value, key=key, partition=partition)
        assert self._producer.flush(_PATIENCE_S) == 0

    def committed_and_not_kept(self) -> list[str]:
        """Facts that would be lost by now: committed, so never read again, and in no part of the changelog."""
        kept = {json.loads(key): json.loads(value)["sequence"] for key, value in self.changelog() if key and value}
        committed = self._admin.list_consumer_group_offsets([ConsumerGroupTopicPartitions(GROUP)])[GROUP]
        lost = []
        for place in committed.result(_PATIENCE_S).topic_partitions or ():
            for record in self._read(TopicPartition(place.topic, place.partition), end=place.offset):
                found = read(place.topic, record.headers(), record.value())  # type: ignore[arg-type] # as we wrote them
                if found and found.sequence > kept.get(Place(place.topic, place.partition, found.window).write(), 0):
                    lost.append(f"{place.topic}[{place.partition}] at {record.offset()}")
        return lost

    def forget_changelog(self) -> None:
        """Lose the changelog, as an operator would to begin anew. The service must not run."""
        self._admin.delete_topics([CHANGELOG], operation_timeout=_PATIENCE_S)[CHANGELOG].result(_PATIENCE_S)
        eventually(lambda: CHANGELOG not in self._admin.list_topics(timeout=10).topics, "the changelog is gone")

    def forget_commits(self) -> None:
        """Lose what the group has committed. The service must not run."""
        self._admin.delete_consumer_groups([GROUP])[GROUP].result(_PATIENCE_S)

    def partitions_and_policy(self, topic: str) -> tuple[int, str | None]:
        """Of a topic, as the broker has it."""
        resource = ConfigResource(ConfigResource.Type.TOPIC, topic)
        found = self._admin.describe_configs([resource])[resource].result(_PATIENCE_S)
        return len(self._admin.list_topics(topic, timeout=10).topics[topic].partitions), found["cleanup.policy"].value

    def _all(self, topic: str) -> list[KeyValue]:
        partitions = self._admin.list_topics(topic, timeout=10).topics[topic].partitions
        return [
            (_bytes(record.key()), _bytes(record.value()))
            for partition in partitions
            for record in self._read(TopicPartition(topic, partition))
        ]

    def _read(self, place: TopicPartition, end: int | None = None) -> Iterator[Message]:
        settings = {"bootstrap.servers": self.bootstrap, "group.id": "reader", "enable.auto.commit": False}
        consumer = Consumer(settings)
        try:
            low, high = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([TopicPartition(place.topic, place.partition, low)])
            last = (high if end is None else min(end, high)) - 1
            offset = low - 1
            while offset < last:
                for record in consumer.consume(1_000, timeout=0.2):
                    assert record.error() is None, record.error()
                    offset = record.offset() or 0
                    if offset <= last:
                        yield record
        finally:
            consumer.close()


def eventually(look: Callable[[], T], what: str) -> T:
    """Look until there is something."""
    until = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < until, f"not within {_PATIENCE_S} s: {what}"
        time.sleep(0.02)
    return found


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
