"""Answering a dispute at the bank: who may, when, and what the bank is told of the payment."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import funding as said
from schemas import stripe
from schemas.approvals import BY_RULE
from services.funding import evidence, refunds, states
from services.funding.evidence import Answered, Payment
from services.funding.records import Approval, CardDispute, Evidence, Refund
from services.funding.standing import Money
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    EMPLOYER,
    NOW,
    OPERATOR,
    SERVICE,
    STRANGER,
    TRAINER,
    a_fact,
    a_funding,
    a_milestone,
    held,
)
from tests.unit.funding.test_card_disputes import CHARGE, Case

ABOUT = {"contract_id": "ctr_1", "milestone_id": "mls_1", "dispute_id": "du_1"}
DUE = NOW + timedelta(days=7)
APPROVED = Approval("rel_1", "mls_1", "ctr_1", 100_000, "usd", "emp_1", NOW + timedelta(days=3))


def a_dispute(status: str = "needs_response", **changed: Any) -> CardDispute:
    case = Case()
    case.hear(status, CHARGE)
    return case.disputes["du_1"]._replace(evidence_due_at=DUE, charge_id="ch_1", **changed)


def a_refund(amount_minor: int = 40_000, state: str = "made", **changed: Any) -> Refund:
    row = refunds.begun(
        a_funding("funded"), "rfd_1", amount_minor, amount_minor // 10, "operator", "opr_1", "", NOW + timedelta(days=5)
    )
    return row._replace(state=state, **{"stripe_refund_id": "re_1", **changed})


def a_payment(*given_back: Refund, approvals: tuple[Approval, ...] = (APPROVED,)) -> Payment:
    return Payment(a_milestone(), Money(a_funding("funded"), held(), given_back), NOW, approvals)


def an_answer(state: str = "given", **changed: Any) -> Evidence:
    fields = ("evd_1", "du_1", "mls_1", "ctr_1", "needs_response", state, "opr_1", None, NOW, NOW)
    return Evidence(*fields)._replace(**changed)


def to_answer(statement: str | None = "Look.", **changed: Any) -> said.SubmitDisputeEvidence:
    return said.SubmitDisputeEvidence(**{"actor": OPERATOR, **ABOUT, "statement": statement, **changed})


def answer(
    dispute: CardDispute | None = None,
    payment: Payment | None = None,
    *before: Evidence,
    statement: str | None = "Look.",
    **at: Any,
) -> Any:
    now = at.get("now", NOW + timedelta(days=6))
    command = to_answer(statement)
    return evidence.answer(dispute or a_dispute(), payment or a_payment(), before, command, "evd_1", now)


def texts(found: Any) -> stripe.SubmitDisputeEvidence:
    assert isinstance(found, Answered), found
    call = found.said[1]
    assert isinstance(call, stripe.SubmitDisputeEvidence)
    return call


def refusal(found: Any) -> tuple[str, str]:
    assert isinstance(found, Refused), found
    return found.kind, found.code


# -- who and when ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [TRAINER, EMPLOYER, SERVICE])
def test_only_an_operator_speaks_for_the_platform(actor: Any) -> None:
    found = evidence.may_answer(a_milestone(), a_dispute(), to_answer(actor=actor))
    assert refusal(found) == ("forbidden", "forbidden")
    assert found is not None
    assert f"not the {actor.role}" in found.detail


def test_what_is_not_there_is_named() -> None:
    cases = (
        (None, a_dispute(), OPERATOR, "milestone mls_1"),
        (a_milestone(contract_id="ctr_2"), a_dispute(), OPERATOR, "milestone mls_1"),
        (a_milestone(), a_dispute(), STRANGER, "milestone mls_1"),
        (a_milestone(), None, OPERATOR, "card dispute du_1"),
        (a_milestone(), a_dispute(milestone_id="mls_2"), OPERATOR, "card dispute du_1"),
    )
    for milestone, dispute, actor, what in cases:
        found = evidence.may_answer(milestone, dispute, to_answer(actor=actor))
        assert refusal(found)[1] == "not_found"
        assert found is not None
        assert what in found.detail
    assert evidence.may_answer(a_milestone(), a_dispute(), to_answer()) is None


@pytest.mark.parametrize("status", ["needs_response", "warning_needs_response"])
def test_while_the_bank_asks_it_is_answered(status: str) -> None:
    found = answer(a_dispute(status))
    assert isinstance(found, Answered)
    at = NOW + timedelta(days=6)
    assert found.evidence == an_answer(asked_in=status, given_at=at, changed_at=at)


@pytest.mark.parametrize("status", ["under_review", "won", "lost", "warning_under_review", "appeal_needs_response"])
def test_when_the_bank_does_not_ask_there_is_nothing_to_answer(status: str) -> None:
    found = answer(a_dispute()._replace(status=status))
    assert refusal(found) == ("conflict", "dispute_not_answerable")
    assert status in found.detail


def test_after_its_time_the_bank_takes_nothing() -> None:
    found = answer(now=DUE)
    assert refusal(found) == ("conflict", "evidence_too_late")
    assert "2026-03-09" in found.detail
    assert isinstance(answer(now=DUE - timedelta(seconds=1)), Answered)
    assert isinstance(answer(a_dispute(), None, now=NOW), Answered)
    assert isinstance(answer(a_dispute()._replace(evidence_due_at=None), None, now=DUE), Answered)


def test_a_charge_that_went_back_whole_is_not_defended() -> None:
    found = evidence.answer(a_dispute(), None, [], to_answer(), "evd_1", NOW)
    assert refusal(found) == ("conflict", "charge_does_not_stand")


@pytest.mark.parametrize("state", ["given", "submitted"])
def test_the_bank_takes_one_answer_each_time_it_asks(state: str) -> None:
    assert isinstance(answer(a_dispute(), None, an_answer(state)), Unchanged)
    assert isinstance(answer(a_dispute()._replace(status="under_review"), None, an_answer(state)), Refused)
    escalated = an_answer(state, asked_in="warning_needs_response")
    assert isinstance(answer(a_dispute(), None, escalated), Answered)


def test_what_stripe_refused_may_be_given_anew() -> None:
    assert isinstance(answer(a_dispute(), None, an_answer("refused")), Answered)


# -- in words --------------------------------------------------------------------------------------------------


@pytest.mark.scenario(69)
def test_the_bank_is_told_who_approved_what_and_what_was_refunded_of_this_charge() -> None:
    found = answer(a_dispute(), a_payment(a_refund()))
    call = texts(found)
    assert call.product_description == ("Work by a freelance trainer, milestone 1 of a contract: Label 1,000 images")
    assert call.service_date == "5 March 2026"
    assert call.refund_refusal_explanation == (
        "Of 1,109.95 USD, 440.00 USD was given back already and is not owed again. The rest, 669.95 USD, is for work "
        "that was approved."
    )
    charged = (
        "2 March 2026: the card was charged 1,109.95 USD (ch_1) by order of the customer emp_1: 1,000.00 USD for the "
        "work, 109.95 USD of fees."
    )
    assert call.uncategorized_text.splitlines() == [
        "Look.",
        "",
        charged,
        "5 March 2026: emp_1 approved the work and the release of 1,000.00 USD.",
        "7 March 2026: 440.00 USD of this charge was refunded to the same card (re_1).",
    ]
    assert (call.funding_id, call.dispute_id, call.evidence_id) == ("fnd_1", "du_1", "evd_1")
    told = found.said[0]
    assert isinstance(told, said.DisputeEvidenceGiven)
    assert told.model_dump() == {
        **call.model_dump(exclude={"funding_id"}), "given_by": "opr_1", "statement": "Look.", "due_at": DUE,
    }  # fmt: skip


def test_without_refunds_approvals_and_words_of_the_operator_only_the_charge_is_told() -> None:
    found = answer(a_dispute(), a_payment(approvals=()), statement=None)
    call, told = texts(found), found.said[0]
    assert isinstance(told, said.DisputeEvidenceGiven)
    assert told.statement == ""
    assert (call.service_date, call.refund_refusal_explanation) == ("", "")
    assert len(call.uncategorized_text.splitlines()) == 1


def test_what_is_left_of_a_charge_that_nobody_approved_is_told_as_that() -> None:
    call = texts(answer(a_dispute(), a_payment(a_refund(), approvals=())))
    assert call.refund_refusal_explanation.endswith("is not owed again. 669.95 USD is left of the charge.")


@pytest.mark.parametrize(
    ("state", "how"),
    [
        ("made", "was refunded to the same card (re_1)"),
        ("by_hand", "was paid back to the customer by another way (re_1)"),
        ("asked", "is being refunded to the customer (re_1)"),
        ("owed", "is being refunded to the customer (re_1)"),
    ],
)
def test_how_far_a_refund_is_is_told(state: str, how: str) -> None:
    assert texts(answer(a_dispute(), a_payment(a_refund(state=state)))).uncategorized_text.endswith(how + ".")


@pytest.mark.scenario(69)
def test_what_was_refunded_at_stripe_by_hand_is_told_whole_though_the_books_cover_less() -> None:
    by_hand = a_refund(20_000, cause="made_at_stripe", debited_minor=30_000)
    call = texts(answer(a_dispute(), a_payment(by_hand)))
    assert "300.00 USD of this charge was refunded to the same card (re_1)." in call.uncategorized_text
    assert "Of 1,109.95 USD, 300.00 USD was given back already" in call.refund_refusal_explanation


def test_what_came_back_of_a_refund_does_not_lessen_what_is_owed_to_the_customer() -> None:
    owed = a_refund(20_000, state="owed", debited_minor=22_000, returned_minor=22_000)
    assert (
        "220.00 USD of this charge is being refunded" in texts(answer(a_dispute(), a_payment(owed))).uncategorized_text
    )


def test_a_refund_that_stripe_never_made_or_of_another_charge_is_not_told() -> None:
    others = (a_refund(state="refused"), a_refund(refund_id="rfd_2", funding_id="fnd_void"))
    call = texts(answer(a_dispute(), a_payment(*others)))
    assert "refund" not in call.uncategorized_text
    assert call.refund_refusal_explanation == ""


def test_a_refund_that_stripe_has_not_named_yet_has_our_name_and_the_oldest_comes_first() -> None:
    late = a_refund(10_000, refund_id="rfd_0", stripe_refund_id=None, requested_at=NOW + timedelta(days=6))
    lines = texts(answer(a_dispute(), a_payment(late, a_refund()))).uncategorized_text.splitlines()
    assert (lines[-2].endswith("(re_1)."), lines[-1].endswith("(rfd_0).")) == (True, True)


def test_an_approval_by_the_rule_is_told_as_that_and_the_first_one_is_the_date_of_the_work() -> None:
    by_rule = APPROVED._replace(release_id="rel_2", approved_by=BY_RULE, approved_at=NOW + timedelta(days=1))
    call = texts(answer(a_dispute(), a_payment(approvals=(APPROVED, by_rule))))
    assert call.service_date == "3 March 2026"
    assert call.uncategorized_text.splitlines()[3] == (
        "3 March 2026: the period to review the work ended without an objection of the customer, and 1,000.00 USD was "
        "released as agreed."
    )


# -- what Stripe makes of it -----------------------------------------------------------------------------------

SUBMITTED = a_fact("stripe.dispute_evidence_submitted", dispute_id="du_1")
REFUSED = stripe.CallRefused(
    asked_of="ctr_1", command_id="cmd_1", command_type="stripe.submit_dispute_evidence.v1", about="du_1",
    http_status=400, code="", message="already under review",
)  # fmt: skip


def test_once_the_bank_has_it_it_is_submitted() -> None:
    later = NOW + timedelta(days=1)
    found = evidence.submitted([an_answer("refused", evidence_id="evd_0"), an_answer()], SUBMITTED, later)
    assert found == Answered(an_answer("submitted", changed_at=later), ())
    assert evidence.submitted([an_answer("submitted")], SUBMITTED, later) is None
    assert evidence.submitted([], SUBMITTED, later) is None


def test_one_that_stripe_refuses_is_told_with_the_time_that_is_left() -> None:
    later = NOW + timedelta(days=1)
    found = evidence.refused([an_answer()], DUE, REFUSED, later)
    assert found is not None
    assert found.evidence == an_answer("refused", code="call_refused", changed_at=later)
    assert found.said == (
        said.DisputeEvidenceRefused(
            **ABOUT, evidence_id="evd_1", code="call_refused", due_at=DUE,
            reason="Stripe did not take the evidence; give it anew while the bank still asks. Stripe says: already "
            "under review",
        ),
    )  # fmt: skip
    named = evidence.refused([an_answer()], None, REFUSED.model_copy(update={"code": "unknown_dispute"}), later)
    assert named is not None
    assert named.evidence.code == "unknown_dispute"
    assert evidence.refused([an_answer("submitted")], DUE, REFUSED, later) is None


def test_each_step_is_on_an_edge_with_what_it_tells() -> None:
    table = states.EVIDENCE
    asked, refused_ = table.edge("none", to_answer().type_name), table.edge("given", REFUSED.type_name)
    done = table.edge("given", SUBMITTED.type_name)
    assert asked is not None
    assert refused_ is not None
    assert done is not None
    assert (asked.target, asked.emits) == ("given", "funding.dispute_evidence_given.v1")
    assert (refused_.target, refused_.emits) == ("refused", "funding.dispute_evidence_refused.v1")
    assert (done.target, done.emits) == ("submitted", None)
