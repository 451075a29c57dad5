"""Nobody answers: not Stripe, for 79 seconds, and not the parties, for days. Each service does what is due."""

from collections.abc import Callable, Iterator
from datetime import timedelta
from typing import Any

import httpx
import pytest
from confluent_kafka.admin import AdminClient

from deploy.local.parties import eventually
from deploy.local.story import AUTHENTICATED_CARD, CURRENCY, FIRST_MINOR, Place, Story
from services.stripe_gateway.settings import GatewaySettings
from tests.platform.running import RunningPlatform

_SLOW_S = 79.0
_KAFKAS_PATIENCE_S = 300.0
"""max.poll.interval.ms of a consumer that sets none."""


@pytest.fixture
def slow(running_platform: RunningPlatform) -> Iterator[None]:
    """The next confirmation of a charge is done, and answered only then."""
    rule = {"kind": "timeout_after", "path": "/v1/payment_intents/*/confirm", "seconds": _SLOW_S, "times": 1}
    httpx.post(f"{running_platform.sandbox}/_sim/faults", json=rule, trust_env=False).raise_for_status()
    yield
    httpx.delete(f"{running_platform.sandbox}/_sim/faults", trust_env=False).raise_for_status()


def _group(running_platform: RunningPlatform) -> list[tuple[str, list[tuple[str, int]]]]:
    """The gateway's consumers with their partitions, as the broker knows them."""
    admin = AdminClient({"bootstrap.servers": running_platform.kafka_bootstrap, "log_level": 0})
    found = admin.describe_consumer_groups(["stripe_gateway"])["stripe_gateway"].result(10)
    return sorted(
        (member.member_id, sorted((p.topic, p.partition) for p in member.assignment.topic_partitions))
        for member in found.members
    )


def _hits(running_platform: RunningPlatform) -> int:
    rules = httpx.get(f"{running_platform.sandbox}/_sim/faults", trust_env=False, timeout=10).json()
    return sum(rule["hits"] for rule in rules)


@pytest.mark.scenario(22)
def test_a_stripe_of_79_seconds_costs_no_rebalance_and_is_charged_once(
    story: Story, place: Place, running_platform: RunningPlatform, slow: None
) -> None:
    assert GatewaySettings.model_fields["stripe_timeout_s"].default < _SLOW_S < _KAFKAS_PATIENCE_S
    steps = {step.name: step for step in story.steps()}
    steps["payouts"].act()
    steps["card"].act()
    before = _group(running_platform)
    assert len(before) == 1
    contract = story.employer.post(
        "/contracts",
        {
            "job_id": "job_slow", "employer_id": story.employer.id, "trainer_id": story.trainer.id, "title": "Slow",
            "currency": CURRENCY, "fund": True,
            "milestone": {"description": "One", "amount": {"amount_minor": FIRST_MINOR, "currency": CURRENCY}},
        },
        201,
    )  # fmt: skip
    story.contract_id, story.first = contract["contract_id"], contract["milestones"][0]["milestone_id"]
    eventually(lambda: _hits(running_platform) or None, "the call hangs")

    # The consumer goes on: another party's command is taken and its own call made while the first one hangs.
    other = Story(place)
    try:
        next(step for step in other.steps() if step.name == "payouts").act()
    finally:
        other.close()
    # Given up after our own time-out, and made again under the same key.
    story.await_milestone(story.first, status="ACTIVE_FUNDED")
    assert _group(running_platform) == before
    charges = story.at_stripe("/v1/charges?limit=100")["data"]
    assert [c["status"] for c in charges if c["metadata"].get("contract_id") == story.contract_id] == ["succeeded"]


def _hire(story: Story, **terms: Any) -> str:
    contract = story.employer.post(
        "/contracts",
        {
            "job_id": "job_deadlines", "employer_id": story.employer.id, "trainer_id": story.trainer.id,
            "title": "Image annotation", "currency": CURRENCY, "fund": True,
            "milestone": {
                "description": "Label 1,000 images", "amount": {"amount_minor": FIRST_MINOR, "currency": CURRENCY},
            },
            **terms,
        },
        201,
    )  # fmt: skip
    return str(contract["milestones"][0]["milestone_id"])


@pytest.mark.scenario(53)
def test_a_request_that_nobody_answers_is_approved_and_transferred_once(
    story: Story, tell: Callable[[str], None]
) -> None:
    tell("card")
    milestone_id = _hire(story, auto_approve_after_days=3)
    story.await_milestone(milestone_id, status="ACTIVE_FUNDED")
    story.trainer.post(f"/milestones/{milestone_id}/request-release")
    story.await_milestone(milestone_id, status="PENDING_APPROVAL")
    story.place.clock.advance(timedelta(days=3))
    paid = story.await_milestone(milestone_id, status="PAID", payout_state="initiated")
    assert paid["released"] == {"amount_minor": FIRST_MINOR, "currency": CURRENCY}
    assert [line["text"] for line in paid["timeline"] if "automatically" in line["text"]] == [
        "The review period ended without an answer: the release of 1,200.00 USD was approved automatically"
    ]
    assert len(story.trainer.get("/payouts")["data"]) == 1


@pytest.mark.scenario(36)
def test_a_charge_that_nobody_authenticates_fails_and_its_intent_is_canceled_at_stripe(
    story: Story, tell: Callable[[str], None]
) -> None:
    tell("payouts")
    card = story.save_card(AUTHENTICATED_CARD)
    milestone_id = _hire(story)
    story.await_milestone(milestone_id, funding_state="action_required")
    story.place.clock.advance(timedelta(hours=23))
    story.await_milestone(milestone_id, status="NOT_FUNDED", funding_state="failed")
    funding = story.employer.get(f"/milestones/{milestone_id}/funding")
    assert funding["next_action"] is None
    assert (funding["attempts"][-1]["outcome"], funding["attempts"][-1]["code"]) == ("failed", "authentication_expired")
    intents = story.at_stripe("/v1/payment_intents?limit=100")["data"]
    [intent] = [found for found in intents if found["metadata"].get("funding_id") == funding["funding_id"]]
    assert (intent["status"], intent["cancellation_reason"]) == ("canceled", "abandoned")

    # The next try is an intent of its own, and who authenticates it is charged once.
    story.employer.post(f"/milestones/{milestone_id}/fund", {"payment_method_id": card["payment_method_id"]})
    story.await_milestone(milestone_id, funding_state="action_required")
    page = eventually(
        lambda: (story.employer.get(f"/milestones/{milestone_id}/funding")["next_action"] or {}).get("url"), "its page"
    )
    story.visitor.authenticate(story.employer.link(page))
    story.await_milestone(milestone_id, status="ACTIVE_FUNDED")
    assert story.ledger(_contract_of(story, milestone_id))["held"] == -FIRST_MINOR


def _contract_of(story: Story, milestone_id: str) -> str:
    return str(story.employer.get(f"/milestones/{milestone_id}")["contract_id"])
