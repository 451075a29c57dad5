"""One milestone from hire to bank: what `make demo` tells, asserted; and each service built anew from the topics."""

import json
from collections import Counter
from collections.abc import Iterator

import psycopg
import pytest

from deploy.local.replaying import subject_of
from deploy.local.services import AUDITOR, SANDBOX, SERVICES
from deploy.local.story import CURRENCY, FIRST_MINOR, SECOND_MINOR, Place, Story
from deploy.local.tail import follow
from schemas.catalogue import TOPICS
from services.auditor.audit import audit, database_urls
from services.auditor.replay.replay import Replayed, replay
from services.auditor.replay.telling import tell
from tests.platform.running import RunningPlatform

FIRST_CHARGE_MINOR = FIRST_MINOR + FIRST_MINOR // 10 + 995
SECOND_CHARGE_MINOR = SECOND_MINOR + SECOND_MINOR // 10


def test_the_story_from_hire_to_bank(story: Story, running_platform: RunningPlatform) -> None:
    for step in story.steps():
        step.act()

    first = story.employer.get(f"/milestones/{story.first}")
    second = story.employer.get(f"/milestones/{story.second}")
    assert (first["status"], first["label"], first["payout_state"]) == ("PAID", "Paid", "paid")
    assert (second["status"], second["label"]) == ("ACTIVE_FUNDED", "Active & Funded")
    assert second["funding_state"] == "funded"

    books = story.books()
    assert books == {
        "charged": FIRST_MINOR + SECOND_MINOR,
        "held": SECOND_MINOR,
        "released": FIRST_MINOR,
        "refunded": 0,
        "charged_back": 0,
    }
    ledger = story.ledger(story.contract_id)
    assert sum(ledger.values()) == 0
    assert -ledger["marketplace_fees"] == FIRST_CHARGE_MINOR + SECOND_CHARGE_MINOR - FIRST_MINOR - SECOND_MINOR
    assert ledger["transferred"] == FIRST_MINOR
    assert ledger.get("charges_in_flight", 0) == 0

    payouts = story.trainer.get("/payouts")["data"]
    sum_paid = {"amount_minor": FIRST_MINOR, "currency": CURRENCY}
    assert [(payout["amount"], payout["state"]) for payout in payouts] == [(sum_paid, "paid")]

    facts = _facts(running_platform, story)
    assert facts["funding.milestone_funded.v1"] == 2
    assert facts["funding.funding_failed.v1"] == 1
    assert facts["funding.funding_action_required.v1"] == 1
    assert facts["approvals.release_requested.v1"] == 2
    assert facts["approvals.changes_requested.v1"] == 1
    assert facts["funding.funds_released.v1"] == 1
    assert facts["stripe.transfer_created.v1"] == 1
    assert facts["payouts.payout_paid.v1"] == 1


def test_every_fact_is_on_the_topics_once_and_in_order(story: Story, running_platform: RunningPlatform) -> None:
    for step in story.steps():
        step.act()
    seen: dict[tuple[str, str], int] = {}
    topics = [topic.name for topic in TOPICS if topic.name.endswith(".events")]
    for record in follow(running_platform.kafka_bootstrap, topics, from_start=True, once=True):
        if record.key in story.keys:
            assert record.envelope is not None, record.trouble
            stream = (record.envelope.source, record.key)
            assert record.envelope.stream_version == seen.get(stream, 0) + 1
            seen[stream] = record.envelope.stream_version
    assert len(seen) >= 5


_SECRET = ("_secret_", "client_secret", "sk_test", "whsec_", "4000002760003184", "/c/pay/")
"""Each stands in what opens something, or is a card's number."""


@pytest.mark.scenario(81)
def test_nothing_secret_passes_on_the_topics_or_stands_in_a_log(
    story: Story, running_platform: RunningPlatform
) -> None:
    for step in story.steps():
        step.act()
        if step.name == "authenticate":
            break
    topics = [topic.name for topic in TOPICS]
    said = [
        json.dumps(record.body)
        for record in follow(running_platform.kafka_bootstrap, topics, from_start=True, once=True)
    ]
    # The sandbox is not ours: what Stripe writes down is its own affair.
    logs = {path.name: path.read_text(errors="replace") for path in running_platform.logs.glob("*.log")}
    logs.pop(f"{SANDBOX}.log")
    assert said
    assert logs["stripe_gateway.log"]
    for forbidden in _SECRET:
        assert not [body for body in said if forbidden in body], forbidden
        assert not [name for name, text in logs.items() if forbidden in text], forbidden


def _facts(running_platform: RunningPlatform, story: Story) -> Counter[str]:
    topics = [topic.name for topic in TOPICS if topic.name.endswith(".events")]
    return Counter(
        record.envelope.type
        for record in follow(running_platform.kafka_bootstrap, topics, from_start=True, once=True)
        if record.key in story.keys and record.envelope is not None
    )


def test_after_the_story_everything_holds_that_must(story: Story, running_platform: RunningPlatform) -> None:
    for step in story.steps():
        step.act()

    report = audit(database_urls(running_platform.database_url), running_platform.clock.now())

    assert report.violations == []
    assert report.compared > 5


# -- a service built anew from the topics is the same as the live one; what was changed past its code is named

REBUILT = ("contracts", "approvals", "funding", "payouts")


@pytest.fixture(scope="module")
def told(place: Place) -> Iterator[Story]:
    """A story that was told to its end."""
    story = Story(place)
    for step in story.steps():
        step.act()
    yield story
    story.close()


def _replay(running_platform: RunningPlatform, service: str) -> Replayed:
    return replay(subject_of(service), running_platform.database_url, running_platform.kafka_bootstrap)


@pytest.mark.parametrize("service", REBUILT)
@pytest.mark.usefixtures("told")
def test_a_service_rebuilt_from_the_topics_is_the_same(service: str, running_platform: RunningPlatform) -> None:
    report = _replay(running_platform, service)

    assert report.same, "\n".join(tell(report))
    assert report.left_out == {}
    assert report.inputs > 5
    assert report.rows > 0
    assert report.facts > 0


def test_a_row_that_was_changed_past_the_code_is_named(told: Story, running_platform: RunningPlatform) -> None:
    url = f"{running_platform.database_url}/tranche_contracts"
    with psycopg.connect(url, autocommit=True) as connection:
        change = "UPDATE milestones SET held_minor = held_minor + %s WHERE milestone_id = %s"
        connection.execute(change, (5, told.second))
        report = _replay(running_platform, "contracts")
        connection.execute(change, (-5, told.second))

    (found,) = report.mismatches
    assert (found.what, found.id) == ("row of milestones", told.second)
    assert (found.live, found.rebuilt) == ("held_minor 80005", "held_minor 80000")
    assert not report.same


@pytest.mark.usefixtures("told")
def test_nothing_is_left_of_the_rebuild(running_platform: RunningPlatform) -> None:
    _replay(running_platform, "approvals")

    with psycopg.connect(f"{running_platform.database_url}/postgres", autocommit=True) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'replay%'").fetchall()
    assert left == []


def test_all_of_it_ends_when_it_is_told_to(running_platform: RunningPlatform) -> None:
    """The last of this file: nothing runs afterwards."""
    services = {service.name for service in SERVICES if service.name != AUDITOR}
    assert set(running_platform.down()) >= services
    assert running_platform.down() == []
