"""What comes twice, what comes again after months, and what should never have come: nothing more moves at Stripe."""

import uuid
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import psycopg
import pytest
from confluent_kafka import Producer

from deploy.local.lag import consumer_lag
from deploy.local.parties import eventually
from deploy.local.story import CURRENCY, FIRST_MINOR, Place, Story
from deploy.local.tail import Record, follow
from schemas.base import Actor, Message
from schemas.contracts import AddMilestone
from schemas.dead_letters import DEAD_LETTERS
from schemas.envelope import Envelope, write_headers
from schemas.funding import FundMilestone
from tests.platform.running import RunningPlatform

_DECIDING = tuple(DEAD_LETTERS)
_CALM_LOOKS = 5
_LONG = timedelta(days=90)
"""Stripe has forgotten its idempotency keys long since."""


class Stage:
    """The platform behind its front door: topics, databases, and what Stripe was asked."""

    def __init__(self, running: RunningPlatform) -> None:
        self.running = running

    def send(self, message: Message, *, body: bytes | None = None, identifier: str = "", times: int = 1) -> str:
        """A command on its topic as another service would send it; returns its id."""
        identifier = identifier or f"cmd_{uuid.uuid4().hex}"
        envelope = Envelope(
            identifier, message.type_name, "marketplace", message.subject, datetime.now(UTC), identifier, ""
        )
        producer = Producer({"bootstrap.servers": self.running.kafka_bootstrap})
        for _ in range(times):
            producer.produce(
                message.topic, key=message.key, value=body or message.model_dump_json().encode(),
                headers=write_headers(envelope),  # type: ignore[arg-type]
            )  # fmt: skip
        assert producer.flush(10) == 0
        return identifier

    def on_topic(self, topic: str, key: str) -> list[Record]:
        """Every record of a key, from the start."""
        records = follow(self.running.kafka_bootstrap, [topic], from_start=True, once=True)
        return [record for record in records if record.key == key]

    def rows(self, service: str, sql: str, *values: object) -> list[tuple[Any, ...]]:
        with psycopg.connect(f"{self.running.database_url}/tranche_{service}", autocommit=True) as connection:
            return connection.execute(sql.encode(), values).fetchall()

    def positions(self, service: str) -> dict[tuple[str, int], int]:
        rows = self.rows(service, "SELECT topic, partition, next_offset FROM consumer_positions")
        return {(topic, partition): offset for topic, partition, offset in rows}

    def mutations(self) -> list[str]:
        """The ids of all requests that could change something at Stripe."""
        notes = httpx.get(f"{self.running.sandbox}/_sim/requests", trust_env=False, timeout=10).json()
        assert len(notes) < 2_000, "the sandbox has begun to forget what it was asked"
        return [note["id"] for note in notes if note["method"] != "GET"]

    def said_about(self, keys: tuple[str, ...]) -> dict[str, list[tuple[Any, ...]]]:
        """What each service ever said about these keys."""
        said = "SELECT type, causation_id FROM event_log WHERE key = ANY(%s) ORDER BY sequence"
        return {service: self.rows(service, said, list(keys)) for service in _DECIDING}

    def settle(self) -> None:
        """Wait until everything is read, published and told to Stripe, and stays so for a while."""
        seen: list[object] = []

        def calm() -> bool | None:
            idle = httpx.get(f"{self.running.sandbox}/_sim/webhooks/idle", trust_env=False, timeout=10).json()["idle"]
            behind = sum(lag.behind for lag in consumer_lag(self.running.kafka_bootstrap, self.running.database_url))
            calls = self.rows("stripe_gateway", "SELECT 1 FROM attempts WHERE state = 'open'")
            logged = [self.rows(service, "SELECT max(sequence) FROM event_log") for service in _DECIDING]
            if not idle or behind or calls:
                seen.clear()
                return None
            seen.append((logged, self.mutations()))
            return True if len(seen) >= _CALM_LOOKS and seen[-_CALM_LOOKS:].count(seen[-1]) == _CALM_LOOKS else None

        eventually(calm, "the platform is calm")


@pytest.fixture
def stage(running_platform: RunningPlatform) -> Stage:
    return Stage(running_platform)


def _employer(story: Story) -> Actor:
    return Actor(role="employer", party_id=story.employer.id)


@pytest.mark.scenario(1)
def test_a_command_to_fund_that_kafka_delivers_twice_is_one_charge_one_entry_and_one_fact(
    story: Story, tell: Callable[[str], None], stage: Stage
) -> None:
    tell("hire")
    added = story.employer.post(
        f"/contracts/{story.contract_id}/milestones",
        {"description": "More", "amount": {"amount_minor": FIRST_MINOR, "currency": CURRENCY}},
        201,
    )["milestone_id"]
    stage.send(FundMilestone(actor=_employer(story), contract_id=story.contract_id, milestone_id=added), times=2)
    story.await_milestone(added, status="ACTIVE_FUNDED")
    stage.settle()
    intents = story.at_stripe("/v1/payment_intents?limit=100")["data"]
    assert [i["status"] for i in intents if i["metadata"].get("milestone_id") == added] == ["succeeded"]
    assert story.ledger(story.contract_id)["held"] == -2 * FIRST_MINOR
    facts = [r for r in stage.on_topic("funding.events", story.contract_id) if r.body.get("milestone_id") == added]
    assert [r.envelope.type for r in facts if r.envelope].count("funding.milestone_funded.v1") == 1


@pytest.mark.scenario(10)
@pytest.mark.parametrize(
    ("amount", "field"),
    [("-1", "amount_minor"), ("0", "amount_minor"), ("12.5", "amount_minor"), ("100000000000", "amount_minor")],
    ids=["negative", "zero", "float", "huge"],
)
def test_a_command_with_a_bad_amount_is_a_dead_letter_and_the_partition_goes_on(
    story: Story, tell: Callable[[str], None], stage: Stage, amount: str, field: str
) -> None:
    tell("hire")
    before = stage.mutations()
    good = AddMilestone(
        actor=_employer(story), contract_id=story.contract_id, milestone_id=f"mls_{uuid.uuid4().hex}",
        description="More", amount_minor=FIRST_MINOR, currency=CURRENCY,
    )  # fmt: skip
    bad = good.model_dump_json().replace(f'"amount_minor":{FIRST_MINOR}', f'"amount_minor":{amount}').encode()
    stage.send(good, body=bad)
    stage.send(good)

    def added() -> bool | None:
        milestones = story.employer.get(f"/contracts/{story.contract_id}")["milestones"]
        return True if good.milestone_id in [m["milestone_id"] for m in milestones] else None

    eventually(added, "the good one is there")
    stage.settle()
    (letter,) = stage.on_topic("contracts.dlq", story.contract_id)
    assert field in letter.body["reason"]
    assert not letter.body["parked"]
    assert stage.mutations() == before


@pytest.mark.scenario(10)
@pytest.mark.parametrize("wrong", ["milestone", "employer"])
def test_a_command_about_what_is_not_there_or_anothers_is_refused_before_stripe(
    story: Story, tell: Callable[[str], None], stage: Stage, wrong: str
) -> None:
    tell("hire")
    stage.settle()
    before = stage.mutations()
    asks = _employer(story) if wrong == "milestone" else Actor(role="employer", party_id="emp_somebody_else")
    milestone = "mls_nobody" if wrong == "milestone" else story.first
    identifier = stage.send(FundMilestone(actor=asks, contract_id=story.contract_id, milestone_id=milestone))

    def refusal() -> Record | None:
        told = stage.on_topic("funding.events", story.contract_id)
        return next((r for r in told if r.body.get("command_id") == identifier), None)

    refused = eventually(refusal, "the refusal")
    assert refused.envelope is not None
    assert refused.envelope.type == "funding.command_rejected.v1"
    assert (refused.body["code"], milestone in refused.body["detail"]) == ("not_found", True)
    stage.settle()
    assert stage.mutations() == before


@pytest.mark.scenario(4)
def test_all_topics_read_again_from_their_start_after_three_months_change_nothing(
    story: Story, tell: Callable[[str], None], place: Place, stage: Stage
) -> None:
    tell("bank")
    stage.settle()
    place.clock.advance(_LONG)
    stage.settle()
    before = stage.mutations(), stage.said_about(story.keys), story.books(), story.ledger()
    read = {service: stage.positions(service) for service in _DECIDING}
    for service in _DECIDING:
        stage.running.kill(service)
        stage.rows(service, "UPDATE consumer_positions SET next_offset = 0 RETURNING topic")
    for service in _DECIDING:
        stage.running.start(service)

    def read_again() -> bool | None:
        now = {service: stage.positions(service) for service in _DECIDING}
        return True if all(now[s][place] >= at for s in read for place, at in read[s].items()) else None

    eventually(read_again, "all is read again")
    stage.settle()
    assert stage.mutations() == before[0]
    after = stage.said_about(story.keys)
    for service in _DECIDING:
        assert after[service] == before[1][service]
    assert (story.books(), story.ledger()) == before[2:]
    for service in _DECIDING:
        assert stage.rows(service, "SELECT key FROM parked_messages WHERE key = ANY(%s)", list(story.keys)) == []
