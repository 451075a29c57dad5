"""Disputes, inquiries, early fraud warnings; top-ups and countries beside them."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.resources.disputes import LONG_TEXTS
from services.stripe_sandbox.testing import SandboxServer

MakeCharge = Callable[..., stripe.PaymentIntent]
Disputed = Callable[..., stripe.Dispute]


@pytest.fixture(autouse=True)
def _the_ledger_agrees_at_the_end(sandbox: SandboxServer) -> Iterator[None]:
    yield
    assert sandbox.control("GET", "ledger")["agrees_with_entries"]
    assert sandbox.control("GET", "objects/_failed_job") == []


@pytest.fixture
def disputed(sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge) -> Disputed:
    """A charge of 100.00 on a balance with 1,000.00 beside it, disputed a moment later."""

    def make(number: str = "4000000000000259") -> stripe.Dispute:
        sandbox.control("POST", "balance", {"currency": "usd", "amount": 100_000})
        make_charge(10_000, number)
        sandbox.advance(seconds=2)
        return client.v1.disputes.list().data[0]

    return make


def available(client: stripe.StripeClient) -> int:
    return client.v1.balance.retrieve().available[0].amount


def types(client: stripe.StripeClient) -> list[str]:
    found = client.v1.events.list({"type": "charge.dispute.*", "limit": 100}).data
    return [event.type.rpartition(".")[2] for event in reversed(found)]


def test_a_dispute_takes_amount_and_fee_at_once(client: stripe.StripeClient, disputed: Disputed) -> None:
    dispute = disputed()
    assert (dispute.status, dispute.reason, dispute.amount) == ("needs_response", "fraudulent", 10_000)
    assert available(client) == 100_000 - 10_000 - 1_500
    assert client.v1.charges.retrieve(str(dispute.charge)).disputed
    assert types(client) == ["created", "funds_withdrawn"]


def test_a_disputed_charge_cannot_be_refunded(client: stripe.StripeClient, disputed: Disputed) -> None:
    dispute = disputed()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"charge": str(dispute.charge)})
    assert refused.value.code == "charge_disputed"


@pytest.mark.parametrize(
    ("text", "status", "left"), [("winning_evidence", "won", 98_500), ("losing_evidence", "lost", 88_500)]
)
def test_the_evidence_decides(
    sandbox: SandboxServer, client: stripe.StripeClient, disputed: Disputed, text: str, status: str, left: int
) -> None:
    dispute = disputed("4000000000002685")
    reviewed = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": text}})
    assert reviewed.status == "under_review"
    sandbox.advance(seconds=3_601)
    assert client.v1.disputes.retrieve(dispute.id).status == status
    assert available(client) == left


@pytest.mark.parametrize(
    ("evidence", "param"),
    [
        ({"uncategorized_text": "x" * 20_001}, "evidence[uncategorized_text]"),
        ({"product_description": "x" * 20_001}, "evidence[product_description]"),
        (dict.fromkeys(LONG_TEXTS, "x" * 19000), "evidence"),
    ],
)
def test_evidence_that_is_longer_than_the_bank_takes_is_refused(
    client: stripe.StripeClient, disputed: Disputed, evidence: Any, param: str
) -> None:
    dispute = disputed()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.disputes.update(dispute.id, {"evidence": evidence})
    assert refused.value.param == param
    assert client.v1.disputes.retrieve(dispute.id).evidence_details.submission_count == 0


def test_what_is_only_kept_is_not_given_to_the_bank(client: stripe.StripeClient, disputed: Disputed) -> None:
    dispute = disputed()
    kept = client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "x" * 20_000}, "submit": False})
    assert (kept.status, kept.evidence_details.has_evidence) == ("needs_response", True)
    assert kept.evidence_details.submission_count == 0


def test_an_inquiry_takes_no_evidence_after_its_time(
    sandbox: SandboxServer, client: stripe.StripeClient, disputed: Disputed
) -> None:
    inquiry = disputed("4000000000001976")
    sandbox.advance(days=10)
    with pytest.raises(stripe.InvalidRequestError, match="time to answer"):
        client.v1.disputes.update(inquiry.id, {"evidence": {"uncategorized_text": "late"}})


def test_a_dispute_without_an_answer_is_lost(
    sandbox: SandboxServer, client: stripe.StripeClient, disputed: Disputed
) -> None:
    dispute = disputed()
    sandbox.advance(days=10)
    assert client.v1.disputes.retrieve(dispute.id).status == "lost"


def test_an_accepted_dispute_is_lost_and_stays_so(client: stripe.StripeClient, disputed: Disputed) -> None:
    dispute = disputed()
    assert client.v1.disputes.close(dispute.id).status == "lost"
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.disputes.update(dispute.id, {"evidence": {"uncategorized_text": "late"}})


def test_an_inquiry_moves_no_money_and_a_full_refund_ends_it(client: stripe.StripeClient, disputed: Disputed) -> None:
    inquiry = disputed("4000000000001976")
    assert (inquiry.status, available(client)) == ("warning_needs_response", 100_000)
    client.v1.refunds.create({"charge": str(inquiry.charge)})
    assert client.v1.disputes.retrieve(inquiry.id).status == "warning_closed"


def test_an_inquiry_can_escalate(sandbox: SandboxServer, client: stripe.StripeClient, disputed: Disputed) -> None:
    inquiry = disputed("4000000000001976")
    client.v1.disputes.update(inquiry.id, {"evidence": {"uncategorized_text": "escalate_inquiry_evidence"}})
    sandbox.advance(seconds=3_601)
    assert client.v1.disputes.retrieve(inquiry.id).status == "needs_response"
    assert available(client) == 88_500


def test_an_inquiry_closes_by_itself(sandbox: SandboxServer, client: stripe.StripeClient, disputed: Disputed) -> None:
    inquiry = disputed("4000000000001976")
    sandbox.advance(days=121)
    assert client.v1.disputes.retrieve(inquiry.id).status == "warning_closed"


def test_the_control_interface_opens_and_decides(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    sandbox.control("POST", "balance", {"currency": "usd", "amount": 100_000})
    charge = str(make_charge(10_000).latest_charge)
    opened = sandbox.control("POST", "disputes", {"charge": charge, "reason": "duplicate", "amount": 4_000})
    sandbox.control("POST", f"disputes/{opened['id']}/decide", {"outcome": "won"})
    assert client.v1.disputes.retrieve(opened["id"]).status == "won"
    assert types(client) == ["created", "funds_withdrawn", "closed", "funds_reinstated"]


def test_an_early_fraud_warning_is_settled_by_a_refund(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    sandbox.control("POST", "balance", {"currency": "usd", "amount": 100_000})
    charge = str(make_charge(10_000, "4000000000005423").latest_charge)
    sandbox.advance(seconds=2)
    warning = client.v1.radar.early_fraud_warnings.list({"charge": charge}).data[0]
    assert warning.actionable
    client.v1.refunds.create({"charge": charge})
    assert not client.v1.radar.early_fraud_warnings.retrieve(warning.id).actionable


def test_a_top_up_arrives_a_day_later(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    topup = client.v1.topups.create({"amount": 5_000, "currency": "usd"})
    assert topup.status == "pending"
    sandbox.advance(days=1.001)
    assert client.v1.topups.retrieve(topup.id).status == "succeeded"
    assert available(client) == 5_000


def test_countries_say_whom_they_may_pay(client: stripe.StripeClient) -> None:
    countries = client.v1.country_specs.retrieve("US").supported_transfer_countries
    assert {"US", "DE", "GB"} <= set(countries)
    assert "JP" not in countries
    assert client.v1.country_specs.retrieve("JP").supported_transfer_countries == ["JP"]
