"""The service as its own process on a broker of its own, and facts as `funding` would publish them."""

import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from itertools import count
from pathlib import Path
from typing import Any, TypeVar

import httpx
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition
from prometheus_client.parser import text_string_to_metric_families

from deploy.local.ports import free_port
from schemas.base import Event
from schemas.envelope import Envelope, Headers, write_headers
from services.runtime.tokens import issue
from tests.platform.backing import Backing

T = TypeVar("T")

PARTITIONS = 3
FACTS = ("contracts.events", "funding.events", "approvals.events", "payouts.events", "stripe.events")
FIGURES = "analytics.figures"
CHANGELOG = "analytics-parts-changelog"
SECRET = "a-secret-for-tests-of-at-least-32-bytes"
_CHECKOUT = Path(__file__).resolve().parents[3]
_PATIENCE_S = 30.0


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
        self._sequences = count(1)
        self._lives: list[Service] = []

    def start(self, *, ready: bool = True, **settings: str) -> Service:
        """Another life of the service."""
        service = Service(self.bootstrap, self.data, **settings)
        self._lives.append(service)
        if ready:
            eventually(service.is_ready, "the service is ready")
        return service

    def close(self) -> None:
        """End what a failed test left running."""
        for service in self._lives:
            if service.process.poll() is None:
                service.kill()

    def fact(self, event: Event, time: datetime) -> "Record":
        """An event as its service publishes it, with the next number of the log."""
        number = next(self._sequences)
        source = event.type_name.partition(".")[0]
        envelope = Envelope(f"evt_{number}", event.type_name, source, event.subject, time, "cor_1", "", number, 1)
        return event.topic, number % PARTITIONS, event.model_dump_json().encode(), write_headers(envelope)

    def publish(self, *records: "Record") -> None:
        """Put records on their topics, in this order, and wait until they are there."""
        for topic, partition, body, headers in records:
            self._producer.produce(topic, body, key=b"ctr_1", partition=partition, headers=list(headers))
            self._producer.poll(0)
        assert self._producer.flush(_PATIENCE_S) == 0

    def published(self) -> dict[str, Mapping[str, Any]]:
        """The latest body by key on `analytics.figures`."""
        return {
            key.decode(): json.loads(value) for key, value in _all(self.bootstrap, FIGURES) if key and value is not None
        }


Record = tuple[str, int, bytes | None, Headers]
"""Topic, partition, body, headers."""


def eventually(look: Callable[[], T], what: str) -> T:
    """Look until there is something."""
    until = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < until, f"not within {_PATIENCE_S} s: {what}"
        time.sleep(0.02)
    return found


def _all(bootstrap: str, topic: str) -> list[tuple[bytes | None, bytes | None]]:
    consumer = Consumer({"bootstrap.servers": bootstrap, "group.id": "reader", "enable.auto.commit": False})
    found: list[tuple[bytes | None, bytes | None]] = []
    try:
        partitions = consumer.list_topics(topic, timeout=10).topics[topic].partitions
        ends = {p: consumer.get_watermark_offsets(TopicPartition(topic, p), timeout=10) for p in partitions}
        left = {p for p, (low, high) in ends.items() if high > low}
        consumer.assign([TopicPartition(topic, p, ends[p][0]) for p in left])
        while left:
            record = consumer.poll(10)
            assert record is not None, f"{topic} cannot be read"
            if (error := record.error()) is not None:
                raise KafkaException(error)
            found.append((_bytes(record.key()), _bytes(record.value())))
            if (record.offset() or 0) + 1 >= ends[record.partition()][1]:
                left.discard(record.partition())
    finally:
        consumer.close()
    return found


def _bytes(value: str | bytes | None) -> bytes | None:
    return value.encode() if isinstance(value, str) else value
