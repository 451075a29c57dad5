"""Where each word of the ledger leads a review, said without asking the table."""

from typing import Any

import pytest

from services.approvals import disputes, domain, held
from services.approvals.domain import Decided
from tests.unit.approvals.builders import (
    HELD,
    NOW,
    a_protest,
    a_release,
    held_fact,
    history,
    refused,
    released,
)

LESS = ["refund_requested", "milestone_refunded", "milestone_charged_back"]
"""Words after which less is held."""
MORE = ["refund_failed", "chargeback_reversed", "funds_returned", "release_given_up"]


def after(state: str, name: str, held_minor: int) -> tuple[str, list[str]]:
    """The state then, and what was told."""
    made = held.changed(history(state), held_fact(name, held_minor, final=True), NOW)
    return made.review.state, [event.type_name for event in made.said]


@pytest.mark.parametrize("name", LESS)
@pytest.mark.parametrize(
    ("state", "told"),
    [
        ("funded", []),
        ("requested", ["approvals.release_request_withdrawn.v1"]),
        ("disputed", ["approvals.dispute_stopped.v1"]),
    ],
)
def test_once_all_of_it_went_back_the_review_is_over(state: str, told: list[str], name: str) -> None:
    assert after(state, name, 0) == ("closed", told)


@pytest.mark.parametrize("name", LESS[:2])
@pytest.mark.parametrize("state", ["funded", "requested", "disputed"])
def test_while_a_part_is_held_the_review_goes_on_where_it_was(state: str, name: str) -> None:
    assert after(state, name, 40_000) == (state, [])


@pytest.mark.parametrize("name", MORE)
def test_money_that_is_held_again_opens_a_review_that_was_over(name: str) -> None:
    assert after("closed", name, 40_000) == ("funded", [])


@pytest.mark.parametrize("name", MORE)
def test_money_beyond_what_was_approved_opens_a_review_that_was_approved_and_no_other_does(name: str) -> None:
    assert after("approved", name, HELD + 1) == ("funded", [])
    assert after("approved", name, HELD) == ("approved", [])


@pytest.mark.parametrize("name", MORE)
@pytest.mark.parametrize("state", ["requested", "disputed"])
def test_more_money_changes_nothing_of_a_review_under_way(state: str, name: str) -> None:
    assert after(state, name, HELD + 1) == (state, [])


@pytest.mark.parametrize(
    ("state", "fact", "becomes"),
    [
        # More is held than was approved: there is something to approve once more.
        ("approved", released(HELD, 5_000), "funded"),
        ("approved", released(HELD, 0), "approved"),
        ("approved", refused(HELD, 5_000), "funded"),
        ("approved", refused(HELD, 0), "closed"),
        # The settlement that closed it was not carried out.
        ("closed", refused(HELD, 5_000), "funded"),
        ("closed", refused(HELD, 0), "closed"),
    ],
)
def test_the_ledgers_answer_to_an_approval_says_whether_there_is_more_to_approve(
    state: str, fact: Any, becomes: str
) -> None:
    assert domain.ledger_answered(history(state, a_release()), fact).review.state == becomes


@pytest.mark.parametrize("state", ["funded", "requested"])
def test_a_review_under_way_may_be_disputed(state: str) -> None:
    made = disputes.dispute(history(state), a_protest(), "dsp_2", NOW)
    assert isinstance(made, Decided)
    assert made.review.state == "disputed"
