"""An operator answers a dispute at the bank, on a real database: once each time it asks, with what was refunded."""

from typing import Any

import pytest

from schemas.funding import DisputeEvidenceGiven, DisputeEvidenceRefused, RefundRequested
from schemas.stripe import SubmitDisputeEvidence
from tests.integration.bench import Bench, problem
from tests.integration.funding.test_freezes_and_disputes import OPERATOR, WHOLE, Trouble, kinds, trouble

__all__ = ["trouble"]

pytestmark = pytest.mark.scenario(69)


def _answer(trouble: Trouble, who: tuple[str, str] = OPERATOR, body: Any = None) -> Any:
    return trouble.bench.call(who, "POST", f"/card-disputes/du_{trouble.charge.name}/evidence", body)


def _calls(trouble: Trouble) -> list[SubmitDisputeEvidence]:
    said = trouble.bench.said(trouble.charge.contract_id)
    return [of for of in said if isinstance(of, SubmitDisputeEvidence)]


def _asked(trouble: Trouble, status: str = "needs_response", withdrawn: int = WHOLE) -> None:
    due = trouble.bench.clock.now().replace(microsecond=0, year=2099)
    trouble.hear(
        "stripe.charge_dispute_changed", dispute_id=f"du_{trouble.charge.name}", status=status,
        withdrawn_minor=withdrawn, reinstated_minor=0, fee_minor=1_500, evidence_due_at=due,
    )  # fmt: skip


def _refunded(trouble: Trouble, amount_minor: int) -> None:
    trouble.post("refund", body={"amount": {"amount_minor": amount_minor, "currency": "usd"}})
    said = trouble.bench.said(trouble.charge.contract_id)
    asked = [of for of in said if isinstance(of, RefundRequested)][-1]
    trouble.hear(
        "stripe.refund_changed", refund_id=asked.refund_id, stripe_refund_id=f"re_{trouble.charge.name}",
        status="succeeded", amount_minor=asked.refund_minor, debited_minor=asked.refund_minor, returned_minor=0,
    )  # fmt: skip


def test_the_bank_is_told_of_the_refund_and_of_the_approval_once(bench: Bench, trouble: Trouble) -> None:
    _refunded(trouble, 20_000)
    trouble.approve(100_000)
    _asked(trouble)
    answer = _answer(trouble, body={"statement": "They are mistaken."})
    shown = answer.json()
    assert (answer.status_code, [of["state"] for of in shown["evidence"]]) == (202, ["given"])
    assert shown["evidence_due_at"].startswith("2099")
    assert _answer(trouble).status_code == 202
    (call,) = _calls(trouble)
    assert (
        f"220.00 USD of this charge was refunded to the same card (re_{trouble.charge.name})" in call.uncategorized_text
    )
    assert "approved the work and the release of 1,000.00 USD" in call.uncategorized_text
    assert call.uncategorized_text.startswith("They are mistaken.")
    assert call.refund_refusal_explanation.startswith("Of 1,329.95 USD, 220.00 USD was given back already")
    (given,) = [of for of in bench.said(trouble.charge.contract_id) if isinstance(of, DisputeEvidenceGiven)]
    assert (given.given_by, given.evidence_id) == ("opr_1", call.evidence_id)


def test_once_the_bank_has_it_nothing_more_is_sent_until_it_asks_again(trouble: Trouble) -> None:
    _asked(trouble, "warning_needs_response", withdrawn=0)
    _answer(trouble)
    assert trouble.hear("stripe.dispute_evidence_submitted", dispute_id=f"du_{trouble.charge.name}") == []
    assert [of["state"] for of in trouble.charge.shown()["disputes"][0]["evidence"]] == ["submitted"]
    _asked(trouble, "warning_under_review", withdrawn=0)
    assert problem(_answer(trouble)) == (409, "dispute_not_answerable")
    _asked(trouble)
    assert _answer(trouble).status_code == 202
    assert len(_calls(trouble)) == 2


def test_what_stripe_refuses_is_told_and_may_be_given_anew(trouble: Trouble) -> None:
    _asked(trouble)
    _answer(trouble)
    (told,) = trouble.hear(
        "stripe.call_refused", asked_of=trouble.charge.contract_id, about=f"du_{trouble.charge.name}",
        command_type="stripe.submit_dispute_evidence.v1", code="wrong_state",
    )  # fmt: skip
    assert isinstance(told, DisputeEvidenceRefused)
    assert kinds([told]) == ["dispute_evidence_refused"]
    assert _answer(trouble).json()["evidence"][0]["code"] == "wrong_state"
    assert len(_calls(trouble)) == 2


def test_only_an_operator_answers_the_bank(trouble: Trouble) -> None:
    _asked(trouble)
    assert problem(_answer(trouble, trouble.charge.employer)) == (403, "forbidden")
    assert problem(_answer(trouble, trouble.charge.trainer)) == (403, "forbidden")
    assert problem(_answer(trouble, ("trainer", "trn_stranger"))) == (404, "not_found")
    assert _calls(trouble) == []
