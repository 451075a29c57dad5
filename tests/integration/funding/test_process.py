"""Funding as it runs: its process between the real topics, its database and HTTP, killed on the way."""

import os
import signal
import subprocess
import sys
import time
from collections import Counter
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import pytest
from confluent_kafka import Consumer, KafkaException, Producer, TopicPartition

from deploy.local.kafka import create_topics
from deploy.local.ports import free_port
from deploy.local.postgres import create_databases
from schemas.base import Message
from schemas.catalogue import PARTITIONS, TOPICS
from schemas.envelope import Envelope, read_body, read_headers, write_headers
from services.funding.service import SERVICE
from services.runtime.database import migrate
from services.runtime.ids import IdSource
from services.runtime.kafka import Kafka
from services.runtime.lanes import lane_of
from services.runtime.positions import topic_ids
from services.runtime.tokens import issue
from tests.integration.funding.charges import Charge
from tests.platform.backing import Backing

T = TypeVar("T")
_SECRET = "a-secret-for-tests-of-at-least-32-bytes"
_PATIENCE_S = 30.0
_CHECKOUT = Path(__file__).resolve().parents[3]


class FundingProcess:
    """`python -m services.funding`, and what its surroundings say to it. `Charge` drives it as it drives a `Bench`."""

    def __init__(self, platform: Backing, logs: Path) -> None:
        self.bootstrap = platform.kafka_bootstrap
        self._server = platform.database_url
        self.url = f"{platform.database_url}/tranche_funding"
        self._log = logs / "funding.log"
        self._port = free_port()
        self._ids = IdSource()
        self._versions: Counter[tuple[str, str]] = Counter()
        create_topics(self.bootstrap, TOPICS)
        create_databases(platform.database_url, ["tranche_funding"])
        migrate(self.url, SERVICE.folder)
        self._begin_at_the_ends()
        self.start()

    def _begin_at_the_ends(self) -> None:
        """What other tests left on the topics is not its business."""
        ids = topic_ids(Kafka(self.bootstrap), SERVICE.topics)
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "ends"})
        rows = [
            (topic, lane, ids[topic], eventually(lambda at=(topic, lane): _beyond_the_end(consumer, *at), "ends") - 1)
            for topic in SERVICE.topics
            for lane in range(PARTITIONS)
        ]
        consumer.close()
        with psycopg.connect(self.url) as connection, connection.cursor() as cursor:
            cursor.executemany("INSERT INTO consumer_positions VALUES (%s, %s, %s, %s)", rows)

    def start(self) -> None:
        kept = {name: value for name, value in os.environ.items() if not name.startswith("TRANCHE_")}
        own = {
            "TRANCHE_KAFKA_BOOTSTRAP": self.bootstrap,
            "TRANCHE_DATABASE_URL": self._server,
            "TRANCHE_AUTH_SECRET": _SECRET,
            "TRANCHE_HTTP_PORT": str(self._port),
        }
        with self._log.open("ab") as log:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "services.funding"], env={**kept, **own}, cwd=_CHECKOUT, stdout=log, stderr=log
            )
        eventually(self._is_ready, "ready")

    def _is_ready(self) -> bool:
        assert self.process.poll() is None, self._log.read_text()
        try:
            return httpx.get(f"http://127.0.0.1:{self._port}/health/ready", timeout=2, trust_env=False).is_success
        except httpx.HTTPError:
            return False

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)

    def hear(self, *messages: Message) -> None:
        """Produce facts as their services do."""
        producer = Producer({"bootstrap.servers": self.bootstrap})
        for message in messages:
            source = message.topic.split(".")[0]
            self._versions[source, message.key] += 1
            identifier = self._ids.new("evt", datetime.now(UTC))
            envelope = Envelope(
                identifier, message.type_name, source, message.subject, datetime.now(UTC), identifier, "",
                stream_version=self._versions[source, message.key],
            )  # fmt: skip
            producer.produce(
                message.topic, key=message.key, value=message.model_dump_json(), partition=lane_of(message.key),
                headers=write_headers(envelope),  # type: ignore[arg-type]
            )  # fmt: skip
        assert producer.flush(10) == 0

    def said(self, key: str) -> list[Message]:
        with psycopg.connect(self.url) as connection:
            rows = connection.execute(
                "SELECT type, body FROM event_log WHERE key = %s ORDER BY sequence", (key,)
            ).fetchall()
        return [read_body(type_name, body.encode()) for type_name, body in rows]

    def told(self, key: str) -> list[str]:
        return [message.type_name.split(".")[1] for message in self.said(key)]

    def call(self, who: tuple[str, str], method: str, path: str, body: object = None, key: str | None = None) -> Any:
        role, party_id = who
        headers = {"Authorization": f"Bearer {issue(_SECRET, role, party_id, datetime.now(UTC))}"}  # type: ignore[arg-type]
        url = f"http://127.0.0.1:{self._port}/v1{path}"
        return httpx.request(method, url, json=body, headers=headers, timeout=10, trust_env=False)

    def on_topic(self, topic: str, key: str) -> list[tuple[str, int]]:
        """What it published about a key: type and stream version, in the topic's order."""
        place = TopicPartition(topic, lane_of(key), 0)
        consumer = Consumer({"bootstrap.servers": self.bootstrap, "group.id": "onlooker", "enable.partition.eof": True})
        found = []
        try:
            _, end = consumer.get_watermark_offsets(place, timeout=10)
            consumer.assign([place])
            until = time.monotonic() + _PATIENCE_S
            while (record := consumer.poll(0.2)) is None or (record.offset() or 0) < end:
                assert time.monotonic() < until
                if record is None:
                    continue
                if record.error() is not None:
                    break
                if record.key() == key.encode():
                    envelope = read_headers(record.headers())  # type: ignore[arg-type]
                    found.append((envelope.type.split(".")[1], envelope.stream_version))
        finally:
            consumer.close()
        return found


def _beyond_the_end(consumer: Consumer, topic: str, lane: int) -> int:
    """One more than the end of a partition, so that it is never 0; 0 while a new partition has no leader."""
    try:
        return consumer.get_watermark_offsets(TopicPartition(topic, lane), timeout=10)[1] + 1
    except KafkaException:
        return 0


def eventually(look: Callable[[], T], what: str) -> T:
    until = time.monotonic() + _PATIENCE_S
    while not (found := look()):
        assert time.monotonic() < until, f"never seen: {what}"
        time.sleep(0.05)
    return found


@pytest.fixture(scope="module")
def live(platform: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[FundingProcess]:
    """Funding's own process; ended in order, and that is the last thing tested."""
    funding = FundingProcess(platform, tmp_path_factory.mktemp("funding"))
    try:
        yield funding
        funding.process.send_signal(signal.SIGTERM)
        assert funding.process.wait(20) == 0
    finally:
        if funding.process.poll() is None:
            funding.kill()


def _tells(charge: Charge, *names: str) -> None:
    eventually(lambda: charge.told()[-len(names) :] == list(names), " and ".join(names))


def test_from_the_hire_to_the_transfer_though_it_is_killed(live: FundingProcess) -> None:
    charge = Charge(live, "process1").has_card()  # type: ignore[arg-type]
    eventually(lambda: live.told(charge.employer[1]) == ["payment_method_added"], "the card")
    charge.added(fund=True)
    _tells(charge, "funding_requested", "create_payment_intent")
    charge.answered("payment_intent_created")
    _tells(charge, "confirm_payment_intent")

    charge.answered("payment_intent_succeeded")
    live.kill()  # with the answer on its way in, or just taken
    live.start()
    _tells(charge, "milestone_funded")
    live.hear(charge.approval(120_000))
    _tells(charge, "funds_released")
    live.hear(charge.answer("transfer_created", amount_minor=120_000, payout_id="pay_process1", transfer_id="tr_1"))
    eventually(lambda: charge.balances().get("transferred"), "the transfer booked")

    assert charge.balances() == {
        "stripe_balance": 9_108, "marketplace_fees": -12_995, "stripe_fees": 3_887, "released": -120_000,
        "transferred": 120_000,
    }  # fmt: skip
    assert [kind for kind, _, _ in charge.postings()] == [
        "charge_requested", "charge_answered", "charge_succeeded", "funds_released", "transfer_made",
    ]  # fmt: skip
    facts = [("funding_requested", 1), ("milestone_funded", 2), ("funds_released", 3)]
    eventually(lambda: len(live.on_topic("funding.events", charge.contract_id)) >= 3, "published")
    assert live.on_topic("funding.events", charge.contract_id) == facts
    assert live.on_topic("stripe.commands", charge.contract_id) == [
        ("create_payment_intent", 0), ("confirm_payment_intent", 0),
    ]  # fmt: skip


def test_http_waits_for_a_milestone_that_is_on_its_way(live: FundingProcess) -> None:
    charge = Charge(live, "process2").has_card()  # type: ignore[arg-type]
    eventually(lambda: live.told(charge.employer[1]) == ["payment_method_added"], "the card")
    charge.added()
    answer = charge.fund()
    assert (answer.status_code, answer.json()["state"]) == (202, "processing")
