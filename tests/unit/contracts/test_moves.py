"""Where each word of another service leads what contracts knows of a milestone, said without asking the tables."""

import pytest

from services.contracts import progress
from tests.unit.contracts.builders import a_fact, a_milestone

REVIEW = {
    "release_requested": {"none": "requested", "opened": "requested", "requested": "requested"},
    "release_request_withdrawn": {"requested": "opened"},
    "changes_requested": {"requested": "opened"},
    "milestone_approved": {"none": "opened", "opened": "opened", "requested": "opened"},
    "milestone_disputed": {"none": "disputed", "opened": "disputed", "requested": "disputed"},
    "dispute_resolved": {"disputed": "opened"},
    "dispute_stopped": {"disputed": "opened"},
}
"""What a review becomes by each word of approvals; in a state that is not named it stays as it is."""

CHARGE = {
    "funding_requested": {"none": "processing", "failed": "processing"},
    "funding_action_required": {"processing": "action_required"},
    "funding_failed": {"processing": "failed", "action_required": "failed"},
    "milestone_funded": {"processing": "funded", "action_required": "funded", "failed": "funded"},
}

TO_THE_BANK = {
    "payout_held": {"none": "held"},
    "payout_initiated": {"none": "initiated", "held": "initiated"},
    "payout_in_transit": {"initiated": "in_transit", "failed": "in_transit"},
    "payout_paid": {"initiated": "paid", "in_transit": "paid", "failed": "paid"},
    "payout_failed": {"initiated": "failed", "in_transit": "failed", "paid": "failed"},
    "payout_reversed": dict.fromkeys(("initiated", "in_transit", "paid", "failed"), "reversed"),
    "payout_given_up": {"held": "given_up"},
}


@pytest.mark.parametrize("state", ["none", "opened", "requested", "disputed"])
@pytest.mark.parametrize("word", REVIEW)
def test_what_a_review_becomes_by_each_word_of_approvals(word: str, state: str) -> None:
    after = progress.heard(a_milestone(review=state), a_fact(f"approvals.{word}"))
    assert after.milestone.review == REVIEW[word].get(state, state)


@pytest.mark.parametrize("state", ["none", "processing", "action_required", "failed"])
@pytest.mark.parametrize("word", CHARGE)
def test_what_a_charge_becomes_by_each_word_of_funding(word: str, state: str) -> None:
    after = progress.heard(a_milestone(funding_state=state), a_fact(f"funding.{word}"))
    assert after.milestone.funding_state == CHARGE[word].get(state, state)


@pytest.mark.parametrize("cause", ["duplicate_charge", "amount_mismatch"])
@pytest.mark.parametrize("state", ["processing", "action_required"])
def test_a_charge_that_must_not_stand_has_failed_and_may_be_tried_again(state: str, cause: str) -> None:
    after = progress.heard(a_milestone(funding_state=state), a_fact("funding.refund_requested", cause=cause))
    assert after.milestone.funding_state == "failed"


@pytest.mark.parametrize("state", ["none", "held", "initiated", "in_transit", "paid", "failed", "reversed", "given_up"])
@pytest.mark.parametrize("word", TO_THE_BANK)
def test_what_a_payout_becomes_by_each_word_of_payouts(word: str, state: str) -> None:
    changed = {"whole": True} if word == "payout_reversed" else {}
    fact = a_fact(f"payouts.{word}", payout_id="pay_1", **changed)
    after = progress.payout_heard(a_milestone(), [progress.Payout("pay_1", "mls_1", state)], fact)
    assert after.payout is not None
    assert after.payout.state == TO_THE_BANK[word].get(state, state)
