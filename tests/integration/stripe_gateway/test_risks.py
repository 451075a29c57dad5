"""Card disputes, fraud warnings and reviews: read anew, told once, of whichever event comes first or at all."""

from typing import Any

import pytest

from schemas import stripe
from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import Employer, Funding

FEE_MINOR = 1_500


@pytest.fixture
def funding(employer: Employer) -> Funding:
    funding = employer.funding()
    funding.pay()
    return funding


def dispute(bench: Bench, funding: Funding, **how: Any) -> str:
    """Opened by the bank; its id."""
    charge_id = funding.charges()[0]["id"]
    opened: str = bench.sandbox.control("POST", "disputes", {"charge": charge_id, **how})["id"]
    return opened


def decide(bench: Bench, dispute_id: str, outcome: str) -> None:
    bench.sandbox.control("POST", f"disputes/{dispute_id}/decide", {"outcome": outcome})


def said(bench: Bench, funding: Funding, kind: str) -> list[Any]:
    """All facts of a kind about it, once nothing is under way."""
    bench.quiet()
    return [fact for fact in bench.said(funding.contract) if fact.type_name == f"stripe.{kind}.v1"]


def disputes(bench: Bench, funding: Funding) -> list[Any]:
    return said(bench, funding, "charge_dispute_changed")


def sums(fact: Any) -> tuple[str, int, int, int]:
    return fact.status, fact.withdrawn_minor, fact.reinstated_minor, fact.fee_minor


def test_a_dispute_is_told_with_what_moved_and_each_change_once(bench: Bench, funding: Funding) -> None:
    opened = dispute(bench, funding, reason="product_not_received")
    bench.hears(funding.contract, "charge_dispute_changed")
    before = disputes(bench, funding)

    decide(bench, opened, "won")

    after = disputes(bench, funding)
    assert sums(before[-1]) == ("needs_response", 120_000, 0, FEE_MINOR)
    assert (before[-1].reason, before[-1].amount_minor, before[-1].dispute_id) == (
        "product_not_received",
        120_000,
        opened,
    )
    assert before[-1].charge_id == funding.charges()[0]["id"]
    assert before[-1].evidence_due_at is not None
    assert sums(after[-1]) == ("won", 120_000, 120_000, FEE_MINOR)
    assert len({fact.model_dump_json() for fact in after}) == len(after)


def test_an_inquiry_moves_nothing_until_it_escalates(bench: Bench, funding: Funding) -> None:
    opened = dispute(bench, funding, reason="inquiry")
    [asked] = disputes(bench, funding)

    decide(bench, opened, "escalated")
    eventually(lambda: True if disputes(bench, funding)[-1].withdrawn_minor else None, "the money is gone")
    decide(bench, opened, "lost")

    assert (*sums(asked), asked.is_charge_refundable) == ("warning_needs_response", 0, 0, 0, True)
    assert sums(disputes(bench, funding)[-1]) == ("lost", 120_000, 0, FEE_MINOR)


def test_a_closed_inquiry_is_told(bench: Bench, funding: Funding) -> None:
    decide(bench, dispute(bench, funding, reason="inquiry"), "warning_closed")

    assert sums(disputes(bench, funding)[-1]) == ("warning_closed", 0, 0, 0)


def test_a_dispute_over_a_part_withdraws_that_part(bench: Bench, funding: Funding) -> None:
    dispute(bench, funding, amount=30_000)

    last = disputes(bench, funding)[-1]

    assert (last.amount_minor, last.withdrawn_minor) == (30_000, 30_000)


@pytest.mark.scenario(70)
def test_a_dispute_that_is_closed_before_it_was_created_is_told_as_it_is(bench: Bench, funding: Funding) -> None:
    bench.quiet()
    bench.policy(drop=["charge.dispute.created", "charge.dispute.funds_withdrawn"])
    opened = dispute(bench, funding)
    decide(bench, opened, "lost")
    assert [sums(fact) for fact in disputes(bench, funding)] == [("lost", 120_000, 0, FEE_MINOR)]

    late = [e for e in bench.at_stripe("event") if e["data"]["object"].get("id") == opened]
    for missed in late:
        bench.sandbox.control("POST", "webhooks/resend", {"event": missed["id"]})

    assert len(late) >= 3
    assert [fact.status for fact in disputes(bench, funding)] == ["lost"]


def test_that_the_money_came_in_is_told_before_the_dispute_over_it(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.quiet()
    bench.policy(drop=["payment_intent.succeeded", "charge.succeeded", "charge.updated"])
    bench.sandbox.client().v1.payment_intents.confirm(funding.intent_id, {"payment_method": employer.card})

    dispute(bench, funding)

    bench.hears(funding.contract, "charge_dispute_changed")
    assert bench.told(funding.contract)[:3] == [
        "payment_intent_created",
        "payment_intent_succeeded",
        "charge_dispute_changed",
    ]


def test_a_dispute_over_what_is_not_ours_is_set_aside(bench: Bench) -> None:
    intent = bench.sandbox.client().v1.payment_intents.create(
        {"amount": 5_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True}
    )
    opened = bench.sandbox.control("POST", "disputes", {"charge": intent.latest_charge})

    def parked() -> list[dict[str, Any]] | None:
        return [row for row in bench.webhooks("parked") if row["object_id"] == opened["id"]] or None

    assert "no row of intents" in eventually(parked, "set aside")[0]["reason"]


def test_a_fraud_warning_is_told_and_again_when_it_is_settled(bench: Bench, funding: Funding) -> None:
    warned = bench.sandbox.control("POST", "early_fraud_warnings", {"charge": funding.charges()[0]["id"]})
    first = bench.hears(funding.contract, "early_fraud_warning_raised")

    bench.sandbox.client().v1.refunds.create({"payment_intent": funding.intent_id})

    second = bench.hears(funding.contract, "early_fraud_warning_raised", 2)
    assert (first.warning_id, first.actionable, second.actionable) == (warned["id"], True, False)
    assert first.charge_id == funding.charges()[0]["id"]
    assert len(said(bench, funding, "early_fraud_warning_raised")) == 2


def test_a_review_is_told_when_it_opens_and_how_it_closed(bench: Bench, funding: Funding) -> None:
    opened = bench.sandbox.control("POST", "reviews", {"charge": funding.charges()[0]["id"], "reason": "manual"})
    bench.hears(funding.contract, "review_changed")

    bench.sandbox.client().v1.reviews.approve(opened["id"])

    bench.hears(funding.contract, "review_changed", 2)
    facts = said(bench, funding, "review_changed")
    assert [(fact.review_id, fact.open, fact.reason) for fact in facts] == [
        (opened["id"], True, "manual"),
        (opened["id"], False, "approved"),
    ]


# -- cards -------------------------------------------------------------------------------------------------------


def test_a_card_that_the_network_renewed_is_told_once(bench: Bench, employer: Employer) -> None:
    for _ in range(2):
        bench.sandbox.control("POST", f"payment_methods/{employer.card}/renew", {"exp_month": 7, "exp_year": 2041})

    renewed = bench.hears(employer.id, "payment_method_updated")

    bench.quiet()
    assert (renewed.payment_method_id, renewed.exp_month, renewed.exp_year) == (employer.card, 7, 2041)
    assert bench.told(employer.id).count("payment_method_updated") == 1


@pytest.mark.scenario(41)
def test_a_card_that_was_removed_is_not_charged_and_that_is_told_at_once(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    employer.detach(employer.card)
    bench.hears(employer.id, "payment_method_detached")

    funding.confirm()
    funding.confirm()

    assert bench.hears(funding.contract, "payment_intent_failed").code == "payment_method_detached"
    assert bench.told(funding.contract).count("payment_intent_failed") == 1
    assert [row["operation"] for row in bench.attempts(funding.id)] == ["create_payment_intent"]


@pytest.mark.scenario(41)
def test_a_card_that_expired_is_not_charged_until_it_is_renewed(bench: Bench, employer: Employer) -> None:
    bench.sandbox.control("POST", f"payment_methods/{employer.card}/renew", {"exp_month": 1, "exp_year": 2026})
    bench.hears(employer.id, "payment_method_updated")
    funding = employer.funding().create()
    funding.confirm()
    assert bench.hears(funding.contract, "payment_intent_failed").code == "expired_card"
    assert funding.charges() == []

    bench.sandbox.control("POST", f"payment_methods/{employer.card}/renew", {"exp_month": 1, "exp_year": 2040})
    bench.hears(employer.id, "payment_method_updated", 2)
    funding.confirm(attempt=2)

    bench.hears(funding.contract, "payment_intent_succeeded")
    assert len(funding.charges()) == 1


# -- evidence ------------------------------------------------------------------------------------------------


def evidence(funding: Funding, dispute_id: str, evidence_id: str, text: str) -> stripe.SubmitDisputeEvidence:
    return stripe.SubmitDisputeEvidence(
        contract_id=funding.contract, milestone_id=funding.milestone, funding_id=funding.id, dispute_id=dispute_id,
        evidence_id=evidence_id, product_description="Work", uncategorized_text=text,
    )  # fmt: skip


def at_stripe(bench: Bench, dispute_id: str) -> Any:
    return bench.sandbox.client().v1.disputes.retrieve(dispute_id)


@pytest.mark.scenario(69)
def test_evidence_is_given_to_the_bank_once_and_the_dispute_goes_on(bench: Bench, funding: Funding) -> None:
    opened = dispute(bench, funding)
    disputes(bench, funding)
    command = evidence(funding, opened, f"evd_{funding.id}", "winning_evidence")

    bench.hear(command)
    bench.hears(funding.contract, "dispute_evidence_submitted")
    bench.hear(command)

    assert eventually(lambda: disputes(bench, funding)[-1].status == "under_review" or None, "the bank looks at it")
    found = at_stripe(bench, opened)
    assert (found.evidence.uncategorized_text, found.evidence_details.submission_count) == ("winning_evidence", 1)
    assert len(said(bench, funding, "dispute_evidence_submitted")) == 1


@pytest.mark.scenario(69)
def test_evidence_after_an_answer_made_at_stripe_by_hand_is_refused(bench: Bench, funding: Funding) -> None:
    opened = dispute(bench, funding)
    disputes(bench, funding)
    bench.sandbox.client().v1.disputes.update(opened, {"evidence": {"uncategorized_text": "by hand"}})

    bench.hear(evidence(funding, opened, f"evd_{funding.id}", "ours"))

    refused = bench.hears(funding.contract, "call_refused")
    assert (refused.about, refused.command_type) == (opened, "stripe.submit_dispute_evidence.v1")
    assert at_stripe(bench, opened).evidence.uncategorized_text == "by hand"


@pytest.mark.scenario(69)
def test_evidence_that_stripe_took_and_answered_with_an_error_is_found_and_not_given_again(
    bench: Bench, funding: Funding
) -> None:
    opened = dispute(bench, funding)
    disputes(bench, funding)
    bench.fault("error_500_after", path="/v1/disputes/*", method="POST", should_retry=False)

    bench.hear(evidence(funding, opened, f"evd_{funding.id}", "All of it"))

    bench.hears(funding.contract, "dispute_evidence_submitted")
    assert at_stripe(bench, opened).evidence_details.submission_count == 1
    assert len([r for r in bench.requests(f"/v1/disputes/{opened}") if r["method"] == "POST"]) == 1
