"""Disputes between the parties: who may, what freezes, and how it is settled to the cent."""

from dataclasses import replace
from typing import Any, get_args

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.approvals import DisputeResolved, MilestoneDisputed, ReleaseRequestWithdrawn
from schemas.funding import FreezeCause
from services.approvals import disputes, domain, held
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
    a_dispute,
    a_fact,
    a_protest,
    a_release,
    a_request,
    a_review,
    a_round,
    a_settlement,
    an_approval,
    held_fact,
    history,
    refused,
    released,
)
from tests.unit.approvals.test_domain import decided, refusal


def protest(of: History, **changed: Any) -> Decision:
    return disputes.dispute(of, a_protest(**changed), "dsp_1", NOW)


def settle(of: History, *parts: int, **changed: Any) -> Decision:
    return disputes.resolve(of, a_settlement(*parts, **changed), "rel_2", NOW)


def approve(of: History, amount_minor: int | None = None) -> Decision:
    return domain.approve(of, an_approval(amount_minor), "rel_9", NOW)


# -- disputing ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [EMPLOYER, TRAINER, SERVICE, OPERATOR], ids=lambda actor: actor.role)
def test_either_party_disputes_what_is_held(actor: Any) -> None:
    made = decided(protest(history(), actor=actor))
    assert made.review.state == "disputed"
    assert made.dispute == a_dispute(opened_by=actor.party_id)
    (event,) = made.said
    assert isinstance(event, MilestoneDisputed)
    assert (event.opened_by, event.reason, event.dispute_id) == (actor.party_id, "The images were exchanged.", "dsp_1")


def test_a_dispute_ends_the_open_round() -> None:
    assert decided(protest(history("requested"))).round == a_round("disputed", reason="The images were exchanged.")


def test_disputing_again_changes_nothing() -> None:
    assert isinstance(protest(history("disputed"), actor=EMPLOYER), Unchanged)


@pytest.mark.parametrize(
    ("state", "code"),
    [("not_funded", "milestone_not_funded"), ("approved", "milestone_not_releasable"), ("closed", "nothing_held")],
)
def test_what_is_not_held_is_not_disputed(state: str, code: str) -> None:
    assert refusal(protest(history(state))) == ("conflict", code)


def test_a_stranger_disputes_nothing() -> None:
    assert refusal(protest(history(), actor=STRANGER)) == ("not_found", "not_found")


@pytest.mark.parametrize("cause", ["card_dispute", "card_inquiry"])
def test_what_the_bank_asks_about_is_not_the_parties_to_dispute(cause: str) -> None:
    assert refusal(protest(history(freezes=[f"{cause} dp_1"]))) == ("conflict", "funds_frozen")


def test_what_an_operator_froze_may_be_disputed() -> None:
    assert decided(protest(history(freezes=["operator opr_1"]))).review.state == "disputed"


@pytest.mark.parametrize("state", ["disputed", "closed"])
def test_nothing_is_asked_for_or_released_while_it_is_disputed_or_gone(state: str) -> None:
    code = "milestone_disputed" if state == "disputed" else "nothing_held"
    assert refusal(approve(history(state))) == ("conflict", code)
    assert refusal(domain.request_release(history(state), a_request(), NOW, PERIOD)) == ("conflict", code)


# -- settling ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("parts", "state", "release_id"),
    [
        ((60_000, 40_000), "approved", "rel_2"),
        ((HELD, 0), "approved", "rel_2"),
        ((0, HELD), "closed", None),
    ],
)
def test_an_operator_divides_what_is_held(parts: tuple[int, int], state: str, release_id: str | None) -> None:
    made = decided(settle(history("disputed"), *parts))
    assert made.review.state == state
    (event,) = made.said
    assert isinstance(event, DisputeResolved)
    assert (event.to_trainer_minor, event.to_employer_minor, event.release_id) == (*parts, release_id)
    assert (event.resolved_by, event.reason) == ("opr_1", "Six of ten were done.")
    assert (made.release is not None) == (release_id is not None)
    assert made.dispute is not None
    assert (made.dispute.outcome, made.dispute.settled_by) == ("resolved", "opr_1")


@pytest.mark.parametrize("parts", [(60_000, 39_999), (60_000, 40_001), (0, 0), (HELD, HELD)])
def test_parts_that_do_not_sum_to_what_is_held_are_refused_with_the_figures(parts: tuple[int, int]) -> None:
    decision = settle(history("disputed"), *parts)
    assert refusal(decision) == ("conflict", "parts_do_not_sum")
    assert isinstance(decision, Refused)
    assert decision.extra["held"] == {"amount_minor": HELD, "currency": "usd"}
    assert decision.extra["given"] == {"amount_minor": sum(parts), "currency": "usd"}
    assert "1,000.00 USD" in decision.detail


def test_a_part_approved_before_the_dispute_is_not_divided_again() -> None:
    of = history("disputed", a_release(30_000))
    assert refusal(settle(of, 60_000, 40_000)) == ("conflict", "parts_do_not_sum")
    assert decided(settle(of, 60_000, 10_000)).review.state == "approved"


@pytest.mark.parametrize("actor", [EMPLOYER, TRAINER, SERVICE], ids=lambda actor: actor.role)
def test_only_an_operator_settles(actor: Any) -> None:
    assert refusal(settle(history("disputed"), actor=actor)) == ("forbidden", "forbidden")


def test_another_dispute_or_another_currency_is_refused() -> None:
    assert refusal(settle(history("disputed"), dispute_id="dsp_9")) == ("not_found", "not_found")
    assert refusal(settle(history("disputed"), currency="eur")) == ("invalid", "currency_mismatch")


def test_while_something_else_freezes_it_nothing_is_settled() -> None:
    assert refusal(settle(history("disputed", freezes=["review prv_1"]))) == ("conflict", "funds_frozen")


def settled(to_trainer_minor: int, to_employer_minor: int) -> History:
    made = decided(settle(history("disputed"), to_trainer_minor, to_employer_minor))
    assert made.dispute is not None
    return History(made.review, [], [made.release] if made.release else [], [made.dispute])


def test_settling_again_alike_changes_nothing_and_otherwise_is_refused() -> None:
    assert isinstance(settle(settled(60_000, 40_000), 60_000, 40_000), Unchanged)
    assert refusal(settle(settled(60_000, 40_000), 40_000, 60_000)) == ("conflict", "dispute_closed")


def test_after_a_settlement_nothing_is_left_to_approve_before_the_ledger_answers() -> None:
    of = settled(60_000, 40_000)
    assert of.open_to_approval_minor == 0
    released_part = domain.ledger_answered(of, released(60_000, 40_000, "rel_2"))
    assert released_part.review.state == "approved"
    after = History(released_part.review, [], [released_part.release] if released_part.release else [], of.disputes)
    assert after.open_to_approval_minor == 0
    fact = held_fact("refund_requested", 0, amount_minor=40_000, cause="dispute_decided")
    made = held.changed(after, fact, NOW)
    assert (made.review.state, made.dispute and made.dispute.refunding_minor) == ("approved", 0)


@pytest.mark.parametrize("parts", [(60_000, 40_000), (0, HELD)])
def test_a_settlement_that_the_ledger_did_not_carry_out_opens_the_review_again(parts: tuple[int, int]) -> None:
    of = settled(*parts)
    if parts[0]:
        made = domain.ledger_answered(of, refused(parts[0], HELD, "rel_2"))
        of = History(made.review, [], [made.release] if made.release else [], of.disputes)
    made = held.changed(of, held_fact("refund_failed", HELD, amount_minor=parts[1], cause="dispute_decided"), NOW)
    after = History(made.review, [], of.releases, [made.dispute] if made.dispute else [])
    assert (made.review.state, after.open_to_approval_minor) == ("funded", HELD)


def test_a_refund_by_settlement_that_stripe_never_made_after_all_opens_the_review_again() -> None:
    of, refund = settled(0, HELD), {"amount_minor": HELD, "cause": "dispute_decided"}
    taken_up = held.changed(of, held_fact("refund_requested", 0, **refund), NOW)
    of = replace(of, review=taken_up.review, disputes=[taken_up.dispute] if taken_up.dispute else [])
    failed = held.changed(of, held_fact("refund_failed", HELD, owed=False, **refund), NOW)
    assert (taken_up.review.state, failed.review.state, failed.dispute) == ("closed", "funded", None)
    assert replace(of, review=failed.review).open_to_approval_minor == HELD


@pytest.mark.parametrize(("parts", "state"), [((60_000, 40_000), "approved"), ((0, HELD), "closed")])
def test_what_is_the_employers_by_settlement_stays_so_whatever_becomes_of_another_refund(
    parts: tuple[int, int], state: str
) -> None:
    """One that did not reach the card: it is owed, and nothing is held again."""
    fact = held_fact("refund_failed", HELD, amount_minor=20_000, cause="given_back", owed=True)
    assert held.changed(settled(*parts), fact, NOW).review.state == state


def test_what_is_released_once_more_after_a_dispute_was_won_leaves_nothing_to_approve() -> None:
    won = held.changed(history("approved", a_release(outcome="released"), held_minor=0),
                       held_fact("chargeback_reversed", HELD, restored_minor=HELD), NOW)  # fmt: skip
    made = domain.ledger_answered(History(won.review, [], []), released(HELD, 0, "rel_again"))
    assert (won.review.state, made.review.state, made.review.held_minor) == ("funded", "approved", 0)


# -- stopped -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("held_minor", "state"), [(0, "closed"), (20_000, "funded")])
def test_the_banks_decision_stops_the_parties_dispute(held_minor: int, state: str) -> None:
    made = held.changed(history("disputed"), held_fact("milestone_charged_back", held_minor, final=True), NOW)
    assert made.review.state == state
    assert made.dispute is not None
    assert made.dispute.outcome == "stopped"
    assert "bank" in (made.dispute.settlement or "")
    assert [event.type_name for event in made.said] == ["approvals.dispute_stopped.v1"]


def test_a_part_refunded_by_an_operator_leaves_the_dispute_about_the_rest() -> None:
    made = held.changed(history("disputed"), held_fact("refund_requested", 30_000, cause="operator"), NOW)
    assert (made.review.state, made.review.held_minor, made.said) == ("disputed", 30_000, ())


def test_all_of_it_refunded_by_an_operator_stops_the_dispute() -> None:
    made = held.changed(history("disputed"), held_fact("refund_requested", 0, cause="operator"), NOW)
    assert (made.review.state, len(made.said)) == ("closed", 1)


# -- held money --------------------------------------------------------------------------------------------


def test_after_a_full_refund_nothing_can_be_approved() -> None:
    made = held.changed(history("requested"), held_fact("refund_requested", 0, cause="given_back"), NOW)
    assert (made.review.state, made.review.held_minor) == ("closed", 0)
    assert made.round == a_round("refunded")
    (event,) = made.said
    assert isinstance(event, ReleaseRequestWithdrawn)
    assert event.because == "the money went back to the employer"
    assert refusal(approve(History(made.review, [], []))) == ("conflict", "nothing_held")


def test_after_a_partial_refund_the_rest_and_no_more_can_be_approved() -> None:
    made = held.changed(history(), held_fact("refund_requested", 70_000, cause="given_back"), NOW)
    of = History(made.review, [], [])
    assert refusal(approve(of, 70_001)) == ("conflict", "not_covered")
    assert decided(approve(of)).review.state == "approved"


def test_a_refund_that_stripe_never_made_opens_the_review_again() -> None:
    made = held.changed(history("closed"), held_fact("refund_failed", HELD, owed=False), NOW)
    assert (made.review.state, made.review.held_minor) == ("funded", HELD)


def test_a_refund_that_is_owed_to_the_employer_does_not_open_the_review() -> None:
    made = held.changed(history("closed"), held_fact("refund_failed", 0, owed=True), NOW)
    assert (made.review.state, made.review.held_minor) == ("closed", 0)


def test_a_release_that_lost_against_a_refund_closes_the_review() -> None:
    assert domain.ledger_answered(history("approved"), refused(HELD, 0)).review.state == "closed"


def test_a_refused_release_leaves_one_that_is_under_way() -> None:
    of = history("approved", a_release(60_000), a_release(40_000, release_id="rel_2"))
    assert domain.ledger_answered(of, refused(60_000, 40_000)).review.state == "approved"


def test_nothing_is_said_about_a_milestone_that_was_never_funded() -> None:
    with pytest.raises(LookupError, match="mls_1"):
        held.changed(History(None, [], []), held_fact("milestone_charged_back", 0), NOW)


def test_the_refund_of_a_charge_that_never_counted_makes_the_review_of_a_milestone_not_funded() -> None:
    made = held.changed(History(None, [], []), held_fact("refund_requested", 0, cause="duplicate_charge"), NOW)
    assert made.review == a_review("not_funded")


def test_what_the_bank_took_before_it_has_decided_leaves_the_request_open() -> None:
    of = history("requested")
    taken = held.changed(of, held_fact("milestone_charged_back", 0, final=False), NOW)
    assert (taken.review.state, taken.review.held_minor, taken.round) == ("requested", 0, None)
    won = held.changed(replace(of, review=taken.review), held_fact("chargeback_reversed", HELD), NOW)
    assert won.review == of.review
    lost = held.changed(replace(of, review=taken.review), held_fact("milestone_charged_back", 0, final=True), NOW)
    assert (lost.review.state, lost.round and lost.round.outcome) == ("closed", "charged_back")


def test_before_the_bank_has_decided_the_dispute_of_the_parties_is_stopped_already() -> None:
    made = held.changed(history("disputed"), held_fact("milestone_charged_back", 0, final=False), NOW)
    assert (made.review.state, len(made.said)) == ("funded", 1)


# -- freezes -----------------------------------------------------------------------------------------------


def frozen_by(of: History, *facts: Any) -> History:
    for fact in facts:
        review = held.freeze(of, fact)
        of = replace(of, review=review or of.review)
    return of


def freeze(cause: str, about: str = "x_1") -> Any:
    return held_fact("funds_frozen", HELD, cause=cause, about=about)


def unfreeze(cause: str, about: str = "x_1", *, still_frozen: bool = False) -> Any:
    return held_fact("funds_unfrozen", HELD, cause=cause, about=about, still_frozen=still_frozen)


CAUSES = [cause for cause in get_args(FreezeCause) if cause != "party_dispute"]


@pytest.mark.parametrize("cause", CAUSES)
@pytest.mark.parametrize("state", ["funded", "requested"])
def test_frozen_money_is_not_released(state: str, cause: str) -> None:
    of = frozen_by(history(state), freeze(cause))
    decision = approve(of)
    assert refusal(decision) == ("conflict", "funds_frozen")
    assert isinstance(decision, Refused)
    assert decision.extra == {"causes": [cause]}
    assert isinstance(approve(frozen_by(of, unfreeze(cause))), Decided)


def why_not_released(*causes: str) -> str:
    decision = approve(history(freezes=[f"{cause} x_1" for cause in causes]))
    assert isinstance(decision, Refused)
    return decision.detail


def test_each_cause_of_a_freeze_is_told_in_its_own_words() -> None:
    assert len({why_not_released(cause) for cause in CAUSES}) == len(CAUSES)


def test_several_causes_of_a_freeze_are_told_one_after_the_other() -> None:
    first, second = why_not_released("review", "operator").split("; ")
    assert first == why_not_released("operator")
    assert why_not_released("review").endswith(f": {second}")


def test_a_release_of_frozen_money_is_not_asked_for() -> None:
    of = frozen_by(history(), freeze("review"))
    assert refusal(domain.request_release(of, a_request(), NOW, PERIOD)) == ("conflict", "funds_frozen")


def test_one_of_two_freezes_lifted_leaves_the_other() -> None:
    of = frozen_by(history(), freeze("review"), freeze("fraud_warning"), unfreeze("review", still_frozen=True))
    assert refusal(approve(of)) == ("conflict", "funds_frozen")
    assert isinstance(approve(frozen_by(of, unfreeze("fraud_warning"))), Decided)


def test_the_same_freeze_again_is_one() -> None:
    of = frozen_by(history(), freeze("review"), freeze("review"), unfreeze("review"))
    assert of.review is not None
    assert of.review.freezes == []


def test_the_freeze_of_a_party_dispute_is_the_state_and_nothing_else() -> None:
    assert held.freeze(history("disputed"), freeze("party_dispute")) is None


def test_a_freeze_may_be_heard_of_before_its_milestone_and_before_its_charge() -> None:
    early = held.freeze(History(None, [], []), held_fact("funds_frozen", 0, cause="operator", about="opr_1"))
    assert early is not None
    added = domain.milestone_added(early, a_fact("contracts.milestone_added"))
    assert added == a_review("not_funded", freezes=["operator opr_1"])
    funded = domain.milestone_funded(early, a_fact("funding.milestone_funded", held_minor=HELD))
    assert funded == a_review(freezes=["operator opr_1"])
    assert refusal(approve(History(funded, [], []))) == ("conflict", "funds_frozen")


# -- any story ---------------------------------------------------------------------------------------------

_MOVES = ["approve", "answer", "dispute", "settle", "refund", "charge_back"]


@given(st.lists(st.tuples(st.sampled_from(_MOVES), st.integers(1, HELD)), max_size=30))
def test_never_is_more_decided_about_than_is_held(moves: list[tuple[str, int]]) -> None:
    """Approvals, disputes, refunds and the ledger's answers in any order."""
    of = History(a_review(), [], [], [])
    for number, (move, amount_minor) in enumerate(moves):
        decision = _step(of, move, amount_minor, number)
        if not isinstance(decision, Decided):
            continue
        releases = {release.release_id: release for release in (*of.releases, *filter(None, [decision.release]))}
        every = {known.dispute_id: known for known in (*of.disputes, *filter(None, [decision.dispute]))}
        of = History(decision.review, [], list(releases.values()), list(every.values()))
        assert of.open_to_approval_minor >= 0
        assert (of.open_dispute is not None) == (decision.review.state == "disputed")
        if decision.review.state in ("approved", "closed"):
            assert of.open_to_approval_minor == 0


def _step(of: History, move: str, amount_minor: int, number: int) -> Decision | None:
    """One step. The ledger never takes what it was told is approved: then it would refuse the approval."""
    assert of.review is not None
    open_minor, held_minor = of.open_to_approval_minor, of.review.held_minor
    match move:
        case "approve":
            return domain.approve(of, an_approval(amount_minor), f"rel_{number}", NOW)
        case "answer":
            waiting = next((release for release in of.releases if release.outcome == "approved"), None)
            if waiting:
                left_minor = held_minor - waiting.amount_minor
                return domain.ledger_answered(of, released(waiting.amount_minor, left_minor, waiting.release_id))
            refunding = next((known for known in of.disputes if known.refunding_minor), None)
            if refunding is None:
                return None
            fact = held_fact("refund_requested", held_minor - refunding.refunding_minor, cause="dispute_decided",
                             amount_minor=refunding.refunding_minor)  # fmt: skip
            return held.changed(of, fact, NOW)
        case "dispute":
            return disputes.dispute(of, a_protest(), f"dsp_{number}", NOW)
        case "settle":
            to_trainer_minor = min(amount_minor, open_minor)
            about = of.open_dispute.dispute_id if of.open_dispute else "dsp_none"
            parts = (to_trainer_minor, open_minor - to_trainer_minor)
            return disputes.resolve(of, a_settlement(*parts, dispute_id=about), f"rel_{number}", NOW)
        case _:
            if not open_minor:
                return None
            name = "refund_requested" if move == "refund" else "milestone_charged_back"
            return held.changed(
                of, held_fact(name, held_minor - min(amount_minor, open_minor), cause="operator", final=True), NOW
            )
