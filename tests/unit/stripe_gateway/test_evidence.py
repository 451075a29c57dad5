"""Evidence against a dispute: the call, when it is made, and what its answer tells."""

import json
from typing import Any

import pytest
from stripe.params._dispute_update_params import DisputeUpdateParams

from schemas import stripe
from services.stripe_gateway import domain, evidence, facts, parameters, risks, states, translate
from services.stripe_gateway.opening import Decided
from services.stripe_gateway.parameters import Call
from services.stripe_gateway.readings import Answered, EvidenceReading, Refused
from services.stripe_gateway.records import Attempt, Dispute
from services.stripe_gateway.told import WrongObjectError
from services.stripe_sandbox.contracts import check_request
from tests.unit.stripe_gateway.builders import EVIDENCE, NOW, opening
from tests.unit.stripe_gateway.test_risks import PAYMENT, found, reading

DONE = EvidenceReading(dispute_id="du_1", submitted=True)


def dispute(status: str = "needs_response") -> Dispute:
    row = risks.read(risks.new(reading(status=status), PAYMENT), reading(status=status)).record
    assert isinstance(row, Dispute)
    return row


def submit(row: Dispute | None, *asked: Attempt, **changed: Any) -> Decided:
    return evidence.submit(row, EVIDENCE.model_copy(update=changed), asked, opening())


def refusal(decided: Decided) -> str:
    (fact,) = decided.said
    assert isinstance(fact, stripe.CallRefused)
    assert decided.records == ()
    return fact.code


def test_the_call_is_these_very_bytes_and_leaves_out_what_is_empty() -> None:
    call = parameters.submit_dispute_evidence(EVIDENCE)
    assert call == Call(
        "submit_dispute_evidence", "evidence:evd_1",
        '{"evidence":{"product_description":"Work","uncategorized_text":"All of it"},"submit":true}', "du_1",
    )  # fmt: skip
    whole = EVIDENCE.model_copy(update={"service_date": "2 March 2026", "refund_refusal_explanation": "Paid back"})
    texts = json.loads(parameters.submit_dispute_evidence(whole).parameters)
    assert texts["evidence"] == {
        "product_description": "Work", "refund_refusal_explanation": "Paid back", "service_date": "2 March 2026",
        "uncategorized_text": "All of it",
    }  # fmt: skip
    check_request(DisputeUpdateParams, texts, form=False)


@pytest.mark.parametrize("status", ["needs_response", "warning_needs_response"])
def test_while_the_bank_asks_the_call_is_opened(status: str) -> None:
    attempt, row = submit(dispute(status)).records
    assert isinstance(attempt, Attempt)
    assert (attempt.about, attempt.target, attempt.idempotency_key) == ("du_1", "du_1", "evidence:evd_1")
    assert row == dispute(status)


def test_the_same_evidence_is_submitted_once_and_other_words_under_its_name_never() -> None:
    (attempt, _) = submit(dispute()).records
    assert isinstance(attempt, Attempt)
    assert submit(dispute(), attempt) == Decided()
    assert refusal(submit(dispute(), attempt, uncategorized_text="Other")) == "asked_otherwise_before"


@pytest.mark.parametrize("status", ["under_review", "won", "lost", "warning_closed"])
def test_when_the_bank_does_not_ask_no_call_is_made(status: str) -> None:
    assert refusal(submit(dispute(status))) == "wrong_state"


def test_a_dispute_of_another_funding_is_not_answered() -> None:
    assert refusal(submit(None)) == refusal(submit(dispute(), funding_id="fnd_9")) == "unknown_dispute"


@pytest.mark.parametrize("status", ["needs_response", "under_review", "won"])
def test_the_answer_tells_that_the_bank_has_it_whatever_was_told_of_the_dispute_before(status: str) -> None:
    (attempt, _) = submit(dispute()).records
    assert isinstance(attempt, Attempt)
    decided = domain.answer(attempt, dispute(status), Answered(reading=DONE), NOW)
    assert decided is not None
    assert decided.said == (
        stripe.DisputeEvidenceSubmitted(
            contract_id=PAYMENT.contract_id, milestone_id=PAYMENT.milestone_id, funding_id=PAYMENT.funding_id,
            dispute_id="du_1",
        ),
    )  # fmt: skip
    (closed,) = decided.records
    assert isinstance(closed, Attempt)
    assert (closed.state, closed.object_id) == (states.SUCCEEDED, "du_1")


def test_what_stripe_refuses_is_told_as_refused() -> None:
    (attempt, _) = submit(dispute()).records
    assert isinstance(attempt, Attempt)
    decided = domain.answer(attempt, dispute(), Refused(code="refused", message="late", http_status=400), NOW)
    assert decided is not None
    (fact,) = decided.said
    assert isinstance(fact, stripe.CallRefused)
    assert (fact.about, fact.command_type) == ("du_1", "stripe.submit_dispute_evidence.v1")


def test_an_answer_about_another_dispute_is_never_taken() -> None:
    with pytest.raises(WrongObjectError):
        facts.read(dispute(), DONE.model_copy(update={"dispute_id": "du_2"}))


@pytest.mark.parametrize(
    ("status", "times", "submitted"),
    [
        ("under_review", 1, True),
        ("warning_under_review", 1, True),
        ("won", 1, True),
        ("lost", 0, False),
        ("needs_response", 0, False),
        ("needs_response", 1, False),
        ("warning_needs_response", 0, False),
    ],
)
def test_what_is_there_says_whether_the_bank_has_an_answer_to_what_it_asks(
    status: str, times: int, submitted: bool
) -> None:
    there = found(status=status, evidence_details={"submission_count": times})
    assert translate.evidence(there) == EvidenceReading(dispute_id="du_1", submitted=submitted)
