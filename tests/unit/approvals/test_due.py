"""Reminders, and the approval that comes by itself."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.approvals import BY_RULE, ApprovalDue, CheckReview, MilestoneApproved
from services.approvals import due
from services.approvals.domain import Decided, History
from services.approvals.settings import ApprovalsSettings
from services.runtime.clock import CLOCKS_APART
from services.runtime.decisions import Unchanged
from tests.unit.approvals.builders import HELD, NOW, PERIOD, a_release, a_review, a_round, history

END = NOW + PERIOD
DAY = timedelta(days=1)
REMINDERS = ApprovalsSettings().reminders


def _check(of: History, at: datetime, *, approves_itself: bool = False, **changed: Any) -> Any:
    command = CheckReview(**{"contract_id": "ctr_1", "milestone_id": "mls_1", "round": 1, **changed})
    return due.check(of, command, "rel_1", at, approves_itself=approves_itself)


def _moments(*, approves_itself: bool, late: timedelta = timedelta(0)) -> list[datetime]:
    """Every moment at which a request is looked at, when each look comes so much late."""
    found: list[datetime] = []
    at = due.first_check(a_round(), REMINDERS, approves_itself=approves_itself)
    while at is not None:
        found.append(at)
        if approves_itself and at == END:
            break
        at = due.next_check(a_round(), at + late, REMINDERS, approves_itself=approves_itself)
    return found


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=-30), timedelta(hours=5)])
def test_the_employer_is_reminded_three_days_and_one_day_before_the_end_and_one_day_after(late: timedelta) -> None:
    assert _moments(approves_itself=False, late=late) == [END - 3 * DAY, END - DAY, END + DAY]


def test_where_the_end_approves_it_is_the_last_moment() -> None:
    assert _moments(approves_itself=True) == [END - 3 * DAY, END - DAY, END]


def test_after_a_jump_of_the_clock_only_what_is_still_true_is_left() -> None:
    assert due.next_check(a_round(), END - timedelta(hours=1), REMINDERS, approves_itself=False) == END + DAY
    assert due.next_check(a_round(), END + 7 * DAY, REMINDERS, approves_itself=False) is None


def test_a_short_review_has_no_reminder_from_before_it_began() -> None:
    short = a_round(review_due_at=NOW + 2 * DAY)
    assert due.first_check(short, REMINDERS, approves_itself=True) == NOW + DAY


@pytest.mark.parametrize(
    ("at", "days_left"),
    [
        (END - 3 * DAY, 3),
        (END - 3 * DAY + timedelta(seconds=1), 3),
        (END - 2 * DAY - timedelta(hours=1), 3),
        (END - timedelta(hours=1), 1),
        (END + timedelta(hours=1), 0),
        (END + DAY + timedelta(seconds=1), -1),
    ],
)
def test_a_reminder_says_how_many_days_are_left(at: datetime, days_left: int) -> None:
    decided = _check(history("requested"), at)
    assert isinstance(decided, Decided)
    assert decided.review == history("requested").review
    assert (decided.release, decided.round) == (None, None)
    assert decided.said == (
        ApprovalDue(
            contract_id="ctr_1", milestone_id="mls_1", employer_id="emp_1", trainer_id="trn_1", round=1,
            review_due_at=END, days_left=days_left, approves_itself=False,
        ),
    )  # fmt: skip


@pytest.mark.parametrize("early", [timedelta(0), timedelta(seconds=30), CLOCKS_APART])
def test_the_end_approves_all_that_is_held_by_the_rule(early: timedelta) -> None:
    decided = _check(history("requested"), END - early, approves_itself=True)
    assert isinstance(decided, Decided)
    assert decided.review.state == "approved"
    assert decided.round is not None
    assert decided.round.outcome == "approved"
    assert decided.release == a_release(HELD, round=1, approved_by=BY_RULE, approved_at=END - early)
    [said] = decided.said
    assert isinstance(said, MilestoneApproved)
    assert (said.amount_minor, said.still_held_minor, said.approved_by) == (HELD, 0, BY_RULE)


def test_while_the_money_is_frozen_the_end_approves_nothing_and_is_looked_at_again_each_day() -> None:
    frozen = history("requested", freezes=["card_inquiry dp_1"])
    assert _check(frozen, END, approves_itself=True) == Decided(frozen.review)
    for look in (END - CLOCKS_APART, END):
        assert due.next_check(a_round(), look, REMINDERS, approves_itself=True) == look + DAY


def test_before_the_end_nothing_is_approved() -> None:
    decided = _check(history("requested"), END - timedelta(minutes=2), approves_itself=True)
    [reminder] = decided.said
    assert isinstance(reminder, ApprovalDue)
    assert reminder.approves_itself


def test_without_the_term_the_end_approves_nothing() -> None:
    assert [type(said) for said in _check(history("requested"), END + DAY).said] == [ApprovalDue]


@pytest.mark.parametrize("state", ["not_funded", "funded", "approved", "disputed", "closed"])
@pytest.mark.parametrize("approves_itself", [True, False])
def test_a_closed_request_is_left_alone(state: str, approves_itself: bool) -> None:
    assert isinstance(_check(history(state), END, approves_itself=approves_itself), Unchanged)


def test_a_check_of_an_earlier_round_is_left_alone() -> None:
    rounds = [a_round("withdrawn"), a_round(round=2)]
    second = History(a_review("requested", round=2), rounds, [])
    assert isinstance(_check(second, END, approves_itself=True), Unchanged)
    assert isinstance(_check(second, END, approves_itself=True, round=2), Decided)


def test_what_is_not_known_is_left_alone() -> None:
    assert isinstance(_check(History(None, [], []), END), Unchanged)
