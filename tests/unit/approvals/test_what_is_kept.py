"""The rows that reviews and disputes leave behind, whole, and what their events and refusals carry."""

from dataclasses import replace
from datetime import timedelta
from typing import Any

import pytest

from schemas.approvals import (
    ApprovalDue,
    DisputeResolved,
    MilestoneApproved,
    MilestoneDisputed,
    ReleaseRequested,
    ReleaseRequestWithdrawn,
)
from services.approvals import disputes, domain, due, held
from services.approvals.domain import Decided, History
from services.runtime.decisions import Refused
from tests.unit.approvals.builders import (
    HELD,
    NOW,
    OPERATOR,
    PERIOD,
    a_dispute,
    a_fact,
    a_protest,
    a_release,
    a_request,
    a_review,
    a_round,
    a_settlement,
    a_wish_for_changes,
    a_withdrawal,
    an_approval,
    held_fact,
    history,
)

LATER = NOW + timedelta(hours=3)
LINK = "https://example.com/1"
PARTIES = {"contract_id": "ctr_1", "milestone_id": "mls_1", "employer_id": "emp_1", "trainer_id": "trn_1"}


def made(decision: object) -> Decided:
    assert isinstance(decision, Decided), decision
    return decision


def detail(decision: object) -> str:
    assert isinstance(decision, Refused), decision
    return decision.detail


# -- requests ----------------------------------------------------------------------------------------------


def test_a_request_is_kept_and_told_with_its_note_and_links() -> None:
    found = made(domain.request_release(history(), a_request(note="Done", links=(LINK,)), LATER, PERIOD))
    due_at = LATER + PERIOD
    assert found.round == a_round(note="Done", links=[LINK], requested_at=LATER, review_due_at=due_at)
    assert found.review == a_review("requested")
    assert found.said == (ReleaseRequested(**PARTIES, round=1, note="Done", links=(LINK,), review_due_at=due_at),)


def test_a_round_ends_with_its_time() -> None:
    of = history("requested")
    assert made(domain.withdraw_request(of, a_withdrawal(), LATER)).round == a_round("withdrawn", ended_at=LATER)
    approved = made(domain.approve(of, an_approval(), "rel_2", LATER))
    assert approved.round == a_round("approved", ended_at=LATER)


def test_the_round_that_counts_is_the_last() -> None:
    rounds = [a_round(round=2), a_round("withdrawn")]
    of = replace(history("requested", round=2), rounds=rounds)
    found = made(domain.request_changes(of, a_wish_for_changes(reason="Redo 17"), NOW))
    assert found.round == a_round("changes_requested", round=2, reason="Redo 17")


@pytest.mark.parametrize(("state", "why"), [("approved", "was approved already"), ("funded", "no open request")])
def test_why_nothing_can_be_withdrawn_is_told(state: str, why: str) -> None:
    assert why in detail(domain.withdraw_request(history(state), a_withdrawal(), NOW))


def test_a_milestone_that_is_not_found_is_named() -> None:
    assert "milestone mls_1" in detail(domain.approve(History(None, [], []), an_approval(), "rel_2", NOW))


# -- approvals ---------------------------------------------------------------------------------------------


def test_an_approval_is_kept_and_told_whole() -> None:
    found = made(domain.approve(history("requested", round=3), an_approval(40_000), "rel_2", LATER))
    assert found.release == a_release(40_000, release_id="rel_2", round=3, approved_at=LATER)
    assert found.said == (
        MilestoneApproved(
            **PARTIES, release_id="rel_2", amount_minor=40_000, still_held_minor=60_000, currency="usd",
            approved_by="emp_1",
        ),
    )  # fmt: skip


def test_who_approved_on_behalf_is_kept() -> None:
    found = made(domain.approve(history(), an_approval(actor=OPERATOR), "rel_2", NOW))
    assert found.release == a_release(release_id="rel_2", approved_by="opr_1")


def test_of_several_approvals_the_last_is_the_one_that_is_repeated() -> None:
    first = a_release(40_000, release_id="rel_2", approved_at=NOW)
    last = a_release(60_000, release_id="rel_1", approved_at=LATER)
    for releases in ((first, last), (last, first)):
        of = history("approved", *releases)
        assert not isinstance(domain.approve(of, an_approval(60_000), "rel_3", LATER), Refused)
        assert isinstance(domain.approve(of, an_approval(40_000), "rel_3", LATER), Refused)


def test_a_milestone_that_is_added_is_kept_whole() -> None:
    assert domain.milestone_added(None, a_fact("contracts.milestone_added")) == a_review("not_funded")


# -- disputes ----------------------------------------------------------------------------------------------


def test_a_dispute_is_kept_and_told_whole() -> None:
    found = made(disputes.dispute(history("requested"), a_protest(reason="Not done"), "dsp_7", LATER))
    assert found.dispute == a_dispute(dispute_id="dsp_7", reason="Not done", opened_at=LATER)
    assert found.round == a_round("disputed", reason="Not done", ended_at=LATER)
    assert found.said == (MilestoneDisputed(**PARTIES, dispute_id="dsp_7", opened_by="trn_1", reason="Not done"),)


def test_a_settlement_is_kept_and_told_whole() -> None:
    command = a_settlement(60_000, 40_000, reason="Six of ten were done.")
    found = made(disputes.resolve(history("disputed"), command, "rel_2", LATER))
    assert found.dispute == a_dispute(
        "resolved",
        to_trainer_minor=60_000,
        to_employer_minor=40_000,
        refunding_minor=40_000,
        release_id="rel_2",
        settled_by="opr_1",
        settlement="Six of ten were done.",
        settled_at=LATER,
    )
    assert found.release == a_release(60_000, release_id="rel_2", approved_by="opr_1", approved_at=LATER)
    assert found.said == (
        DisputeResolved(
            **PARTIES, dispute_id="dsp_1", release_id="rel_2", to_trainer_minor=60_000, to_employer_minor=40_000,
            currency="usd", resolved_by="opr_1", reason="Six of ten were done.",
        ),
    )  # fmt: skip


def test_a_settlement_without_a_part_for_the_trainer_releases_nothing() -> None:
    found = made(disputes.resolve(history("disputed"), a_settlement(0, HELD), "rel_2", NOW))
    assert found.release is None
    assert found.dispute is not None
    assert (found.dispute.release_id, found.dispute.refunding_minor) == (None, HELD)


def test_parts_that_do_not_sum_are_told_with_both_sums() -> None:
    decision = disputes.resolve(history("disputed"), a_settlement(60_000, 50_000), "rel_2", NOW)
    assert isinstance(decision, Refused)
    assert decision.extra == {
        "held": {"amount_minor": 100_000, "currency": "usd"},
        "given": {"amount_minor": 110_000, "currency": "usd"},
    }
    assert "sum to 1,100.00 USD, held is 1,000.00 USD" in decision.detail


def test_how_a_closed_dispute_ended_is_told() -> None:
    closed = replace(history("funded"), disputes=[a_dispute("stopped", settlement="the bank decided")])
    assert "(stopped): the bank decided" in detail(disputes.resolve(closed, a_settlement(), "rel_2", NOW))


def test_a_dispute_that_is_not_there_is_named() -> None:
    assert "dispute dsp_9" in detail(disputes.resolve(history("disputed"), a_settlement(dispute_id="dsp_9"), "r", NOW))


def test_the_employers_part_is_taken_off_as_the_ledger_takes_it_up() -> None:
    settled = a_dispute("resolved", to_trainer_minor=60_000, to_employer_minor=40_000, refunding_minor=40_000)
    of = replace(history("funded"), disputes=[a_dispute("stopped", dispute_id="dsp_0"), settled])
    fact = held_fact("refund_requested", 60_000, amount_minor=30_000, cause="dispute_decided")
    found = held.changed(of, fact, NOW)
    assert found.dispute == settled._replace(refunding_minor=10_000)
    more = held_fact("refund_requested", 60_000, amount_minor=50_000, cause="dispute_decided")
    assert held.changed(of, more, NOW).dispute == settled._replace(refunding_minor=0)


@pytest.mark.parametrize(
    ("fact", "outcome", "because"),
    [
        ("milestone_refunded", "refunded", "the money went back to the employer"),
        ("milestone_charged_back", "charged_back", "the employer's bank took the money back"),
    ],
)
def test_a_request_that_lost_its_money_ends_saying_why(fact: str, outcome: Any, because: str) -> None:
    found = held.changed(history("requested"), held_fact(fact, 0, final=True), LATER)
    assert found.round == a_round(outcome, ended_at=LATER)
    assert found.said == (ReleaseRequestWithdrawn(contract_id="ctr_1", milestone_id="mls_1", round=1, because=because),)


@pytest.mark.parametrize("fact", ["milestone_refunded", "milestone_charged_back"])
def test_a_dispute_that_lost_its_money_stops_saying_why(fact: str) -> None:
    found = held.changed(history("disputed"), held_fact(fact, 0, final=True, charged_back_minor=HELD), LATER)
    assert found.dispute is not None
    assert (found.dispute.outcome, found.dispute.settled_at) == ("stopped", LATER)
    (event,) = found.said
    assert event.model_dump(include={"dispute_id", "reason"}) == {
        "dispute_id": "dsp_1",
        "reason": found.dispute.settlement,
    }
    why = "1,000.00 USD back" if fact == "milestone_charged_back" else "nothing left to decide"
    assert why in (found.dispute.settlement or "")


def test_a_freeze_of_what_is_not_heard_of_yet_is_kept_until_its_parties_are_known() -> None:
    fact = a_fact("funding.funds_frozen", cause="operator", about="opr_1")
    assert held.freeze(History(None, [], []), fact) == a_review(
        "not_funded", employer_id="", trainer_id="", freezes=["operator opr_1"]
    )


# -- releases that are not paid out ------------------------------------------------------------------------


@pytest.mark.scenario(48)
def test_a_release_that_was_given_up_is_kept_with_its_reason_and_can_be_approved_anew() -> None:
    paid, gone = a_release(outcome="released", release_id="rel_0"), a_release(outcome="released")
    fact = held_fact("release_given_up", HELD, amount_minor=HELD, release_id="rel_1", reason="The account was closed.")
    of = history("approved", paid, gone, held_minor=0)
    found = held.changed(of, fact, LATER)
    assert found.release == a_release(outcome="given_up", reason="The account was closed.")
    assert (found.review, found.said, found.round) == (a_review("funded"), (), None)
    again = made(domain.approve(replace(of, review=found.review), an_approval(), "rel_2", LATER))
    assert again.release == a_release(release_id="rel_2", approved_at=LATER)


def test_a_release_that_nobody_approved_here_is_given_up_without_a_row() -> None:
    fact = held_fact("release_given_up", HELD, amount_minor=HELD, release_id="rel_again")
    found = held.changed(history("approved", a_release(outcome="released"), held_minor=0), fact, LATER)
    assert (found.release, found.review.state) == (None, "funded")


# -- reminders ---------------------------------------------------------------------------------------------


def test_a_reminder_is_told_whole() -> None:
    of = history("requested")
    check = a_fact("approvals.check_review", round=1)
    at = NOW + PERIOD - timedelta(days=3)
    found = made(due.check(of, check, "rel_2", at, approves_itself=False))
    assert found.review == of.review
    assert found.said == (
        ApprovalDue(**PARTIES, round=1, review_due_at=NOW + PERIOD, days_left=3, approves_itself=False),
    )
