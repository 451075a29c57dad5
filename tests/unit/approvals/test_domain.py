"""Every decision about a review, and every refusal."""

from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.approvals import ChangesRequested, MilestoneApproved, ReleaseRequested, ReleaseRequestWithdrawn
from services.approvals import domain
from services.approvals.domain import Decided, Decision, History
from services.runtime.decisions import Refused, Unchanged
from tests.unit.approvals.builders import (
    EMPLOYER,
    HELD,
    NOW,
    OPERATOR,
    PERIOD,
    SERVICE,
    STRANGER,
    TRAINER,
    a_fact,
    a_release,
    a_request,
    a_review,
    a_round,
    a_wish_for_changes,
    a_withdrawal,
    an_approval,
    history,
    refused,
    released,
)


def decided(decision: Decision) -> Decided:
    assert isinstance(decision, Decided), decision
    return decision


def refusal(decision: Decision) -> tuple[str, str]:
    assert isinstance(decision, Refused), decision
    return decision.kind, decision.code


def request(of: History, **changed: Any) -> Decision:
    return domain.request_release(of, a_request(**changed), NOW, PERIOD)


def withdraw(of: History, **changed: Any) -> Decision:
    return domain.withdraw_request(of, a_withdrawal(**changed), NOW)


def change(of: History, **changed: Any) -> Decision:
    return domain.request_changes(of, a_wish_for_changes(**changed), NOW)


def approve(of: History, amount_minor: int | None = None, **changed: Any) -> Decision:
    return domain.approve(of, an_approval(amount_minor, **changed), "rel_2", NOW)


EVERY_CALL = pytest.mark.parametrize("call", [request, withdraw, change, approve])


# -- asking ------------------------------------------------------------------------------------------------


def test_a_request_begins_a_round_with_a_date_to_review_it_by() -> None:
    made = decided(request(history(round=3), note="Done", links=("https://example.com/1",)))
    assert (made.review.state, made.review.round) == ("requested", 4)
    assert made.round == a_round(round=4, note="Done", links=["https://example.com/1"])
    (event,) = made.said
    assert isinstance(event, ReleaseRequested)
    assert (event.round, event.review_due_at) == (4, NOW + PERIOD)


def test_asking_again_while_it_is_reviewed_changes_nothing() -> None:
    assert isinstance(request(history("requested")), Unchanged)


def test_a_withdrawn_request_ends_its_round() -> None:
    made = decided(withdraw(history("requested")))
    assert made.review.state == "funded"
    assert made.round == a_round("withdrawn")
    assert made.said == (ReleaseRequestWithdrawn(contract_id="ctr_1", milestone_id="mls_1", round=1),)


def test_withdrawing_again_changes_nothing() -> None:
    assert isinstance(withdraw(History(a_review(round=1), [a_round("withdrawn")], [])), Unchanged)


def test_changes_asked_for_end_the_round_with_the_reason() -> None:
    made = decided(change(history("requested"), reason="Redo 17"))
    assert made.review.state == "funded"
    assert made.round == a_round("changes_requested", reason="Redo 17")
    (event,) = made.said
    assert isinstance(event, ChangesRequested)
    assert event.reason == "Redo 17"


def test_the_same_changes_again_change_nothing() -> None:
    of = History(a_review(round=1), [a_round("changes_requested", reason="Redo 17")], [])
    assert isinstance(change(of, reason="Redo 17"), Unchanged)
    assert refusal(change(of, reason="Redo 18")) == ("conflict", "release_not_requested")


def test_withdrawing_what_the_employer_sent_back_is_refused() -> None:
    of = History(a_review(round=1), [a_round("changes_requested", reason="Redo 17")], [])
    assert refusal(withdraw(of)) == ("conflict", "release_not_requested")


@pytest.mark.parametrize("call", [withdraw, change])
@pytest.mark.parametrize("state", ["funded", "approved"])
def test_without_an_open_request_there_is_nothing_to_withdraw_or_send_back(call: Any, state: str) -> None:
    assert refusal(call(history(state))) == ("conflict", "release_not_requested")


def test_nothing_is_requested_once_everything_is_approved() -> None:
    assert refusal(request(history("approved"))) == ("conflict", "milestone_not_releasable")


@EVERY_CALL
def test_nothing_is_reviewed_before_it_is_funded(call: Any) -> None:
    assert refusal(call(history("not_funded"))) == ("conflict", "milestone_not_funded")


# -- who ---------------------------------------------------------------------------------------------------


@EVERY_CALL
def test_an_unknown_milestone_is_not_found(call: Any) -> None:
    assert refusal(call(History(None, [], []))) == ("not_found", "not_found")


@EVERY_CALL
def test_a_strangers_milestone_is_not_found(call: Any) -> None:
    assert refusal(call(history("requested"), actor=STRANGER)) == ("not_found", "not_found")


@EVERY_CALL
def test_a_milestone_of_another_contract_is_not_found(call: Any) -> None:
    assert refusal(call(history("requested"), contract_id="ctr_9")) == ("not_found", "not_found")


@pytest.mark.parametrize(
    ("call", "actor"), [(request, EMPLOYER), (withdraw, EMPLOYER), (change, TRAINER), (approve, TRAINER)]
)
def test_the_other_party_may_not(call: Any, actor: Any) -> None:
    assert refusal(call(history("requested"), actor=actor)) == ("forbidden", "forbidden")


@pytest.mark.parametrize("actor", [SERVICE, OPERATOR], ids=lambda actor: actor.role)
@pytest.mark.parametrize(("call", "state"), [(request, "funded"), (withdraw, "requested"), (change, "requested"),
                                             (approve, "funded")])  # fmt: skip
def test_services_and_operators_act_on_behalf(call: Any, state: str, actor: Any) -> None:
    assert decided(call(history(state), actor=actor))


# -- approving ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["funded", "requested"])
def test_without_an_amount_everything_held_is_approved(state: str) -> None:
    made = decided(approve(history(state)))
    assert made.review.state == "approved"
    (event,) = made.said
    assert isinstance(event, MilestoneApproved)
    assert (event.amount_minor, event.still_held_minor, event.release_id) == (HELD, 0, "rel_2")
    assert event.approved_by == "emp_1"


@pytest.mark.parametrize("state", ["funded", "requested"])
def test_a_part_leaves_the_rest_held_and_the_review_open(state: str) -> None:
    made = decided(approve(history(state), 40_000, currency="usd"))
    assert made.review.state == "funded"
    (event,) = made.said
    assert isinstance(event, MilestoneApproved)
    assert (event.amount_minor, event.still_held_minor) == (40_000, 60_000)


def test_an_approval_ends_the_round_that_it_answers() -> None:
    assert decided(approve(history("requested"))).round == a_round("approved")
    assert decided(approve(history("requested"), 1)).round == a_round("approved_in_part")


def test_an_approval_without_a_request_ends_no_round() -> None:
    made = decided(approve(History(a_review(round=1), [a_round("withdrawn")], [])))
    assert made.round is None
    assert made.release == a_release(release_id="rel_2", round=0)


def test_what_was_approved_counts_at_once_before_the_ledger_answers() -> None:
    of = history("funded", a_release(40_000))
    (event,) = decided(approve(of)).said
    assert isinstance(event, MilestoneApproved)
    assert (event.amount_minor, event.still_held_minor) == (60_000, 0)
    assert refusal(approve(of, 60_001)) == ("conflict", "not_covered")


def test_more_than_is_held_is_refused_saying_how_much_is() -> None:
    decision = approve(history(), HELD + 1)
    assert refusal(decision) == ("conflict", "not_covered")
    assert isinstance(decision, Refused)
    assert decision.extra == {"held": {"amount_minor": HELD, "currency": "usd"}}
    assert "1,000.00 USD" in decision.detail


def test_another_currency_is_refused() -> None:
    assert refusal(approve(history(), 40_000, currency="eur")) == ("invalid", "currency_mismatch")


def test_nothing_held_is_nothing_to_approve() -> None:
    assert refusal(approve(history(held_minor=0))) == ("conflict", "not_covered")


def test_neither_is_less_than_nothing_while_the_ledger_has_still_to_refuse_another_approval() -> None:
    assert refusal(approve(history("funded", a_release(40_000), held_minor=0))) == ("conflict", "not_covered")


@pytest.mark.parametrize("amount_minor", [None, HELD])
def test_approving_again_what_is_approved_changes_nothing(amount_minor: int | None) -> None:
    assert isinstance(approve(history("approved"), amount_minor), Unchanged)


def test_approving_more_once_everything_is_approved_is_refused() -> None:
    assert refusal(approve(history("approved"), 5_000)) == ("conflict", "milestone_not_releasable")


def test_an_approval_that_the_ledger_refused_is_not_answered_as_made_while_another_is_under_way() -> None:
    of = history("approved", a_release(60_000), a_release(40_000, "refused", release_id="rel_2"), held_minor=60_000)
    assert refusal(approve(of, 40_000)) == ("conflict", "not_covered")
    assert isinstance(approve(replace(of, releases=of.releases[:1]), 60_000), Unchanged)


def test_what_was_released_without_an_approval_of_ours_leaves_nothing_to_approve() -> None:
    of = History(a_review("approved", held_minor=0), [], [])
    assert refusal(approve(of)) == ("conflict", "not_covered")


def test_nothing_of_a_milestone_that_was_never_heard_of_is_open_to_approval() -> None:
    assert History(None, [], []).open_to_approval_minor == 0


# -- what other services say -------------------------------------------------------------------------------


def test_a_milestone_that_was_added_waits_for_its_funding() -> None:
    fact = a_fact("contracts.milestone_added")
    assert domain.milestone_added(None, fact) == a_review("not_funded")


def test_a_funded_milestone_is_open_to_review() -> None:
    fact = a_fact("funding.milestone_funded", held_minor=HELD)
    assert domain.milestone_funded(a_review("not_funded"), fact) == a_review("funded")


def test_a_charge_heard_before_its_milestone_makes_the_review_and_is_not_undone_by_it() -> None:
    review = domain.milestone_funded(None, a_fact("funding.milestone_funded", held_minor=HELD))
    assert review == a_review("funded")
    assert domain.milestone_added(review, a_fact("contracts.milestone_added")) is None


def test_the_ledger_confirms_a_full_release() -> None:
    made = domain.ledger_answered(history("approved"), released(HELD, 0))
    assert made.review == a_review("approved", held_minor=0)
    assert made.release == a_release(outcome="released")


def test_the_ledger_confirms_a_part() -> None:
    made = domain.ledger_answered(history("funded", a_release(40_000)), released(40_000, 60_000))
    assert made.review == a_review("funded", held_minor=60_000)


def test_a_confirmed_part_does_not_give_back_another_that_is_under_way() -> None:
    parts = (a_release(40_000), a_release(30_000, release_id="rel_2"))
    made = domain.ledger_answered(history("funded", *parts), released(40_000, 60_000))
    assert made.release is not None
    assert domain.open_minor(made.review, [made.release, parts[1]]) == 30_000


def test_a_refused_release_opens_the_review_again_with_what_the_ledger_holds() -> None:
    made = domain.ledger_answered(history("approved"), refused(HELD, 70_000))
    assert (made.review.state, made.review.held_minor) == ("funded", 70_000)
    assert made.release is not None
    assert made.release.outcome == "refused"
    assert made.release.reason


def test_an_open_request_stays_open_while_the_ledger_answers() -> None:
    of = replace(history("requested"), releases=[a_release(40_000)])
    assert domain.ledger_answered(of, released(40_000, 60_000)).review.state == "requested"


def test_a_release_that_was_not_approved_here_still_changes_what_is_held() -> None:
    made = domain.ledger_answered(history("funded"), released(40_000, 60_000, "rel_other"))
    assert (made.review.held_minor, made.release) == (60_000, None)


def test_an_answer_about_a_milestone_that_was_never_funded_is_not_dropped() -> None:
    with pytest.raises(LookupError, match="mls_1"):
        domain.ledger_answered(History(None, [], []), released(HELD, 0))


# -- any story ---------------------------------------------------------------------------------------------


@given(st.lists(st.tuples(st.sampled_from(["approve", "release", "refuse"]), st.integers(1, HELD)), max_size=30))
def test_never_is_more_approved_than_held(moves: list[tuple[str, int]]) -> None:
    """Approvals and answers in any order: approved and unanswered never exceeds held, and held + released is whole."""
    review, releases = a_review("funded"), dict[str, Any]()
    for number, (move, amount_minor) in enumerate(moves):
        of = History(review, [], list(releases.values()))
        waiting = [release for release in of.releases if release.outcome == "approved"]
        if move == "approve":
            decision = domain.approve(of, an_approval(amount_minor), f"rel_{number}", NOW)
            if not isinstance(decision, Decided):
                continue
        elif not waiting:
            continue
        else:
            first = waiting[0]
            left_minor = review.held_minor - (first.amount_minor if move == "release" else 0)
            fact = (released if move == "release" else refused)(first.amount_minor, left_minor, first.release_id)
            decision = domain.ledger_answered(of, fact)
        review = decision.review
        if decision.release is not None:
            releases[decision.release.release_id] = decision.release
        open_minor = domain.open_minor(review, list(releases.values()))
        gone = sum(release.amount_minor for release in releases.values() if release.outcome == "released")
        assert open_minor >= 0
        assert (review.state == "approved") == (open_minor == 0)
        assert review.held_minor + gone == HELD
