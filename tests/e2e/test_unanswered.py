"""Nobody answers, nobody authenticates: the clock is moved, and every service does what is due."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest

from deploy.local.parties import eventually
from deploy.local.story import AUTHENTICATED_CARD, CURRENCY, FIRST_MINOR, Story


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
