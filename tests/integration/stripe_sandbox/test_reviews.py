"""Reviews: opened over a payment, named in it while open, closed by a person, a refund or a dispute."""

from collections.abc import Callable

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer

MakeCharge = Callable[..., stripe.PaymentIntent]
Opened = tuple[stripe.PaymentIntent, str]


@pytest.fixture
def opened(sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge) -> Opened:
    """A payment, and the id of the review that is open over it."""
    client.v1.topups.create({"amount": 500_000, "currency": "usd", "description": "t", "statement_descriptor": "t"})
    sandbox.advance(days=10)
    intent = make_charge(20_000)
    return intent, sandbox.control("POST", "reviews", {"charge": intent.latest_charge})["id"]


def types(client: stripe.StripeClient) -> list[str]:
    return [event.type for event in client.v1.events.list({"type": "review.*"}).data]


def test_an_approved_review_is_closed_and_the_payment_stays(client: stripe.StripeClient, opened: Opened) -> None:
    intent, review = opened
    assert [found.id for found in client.v1.reviews.list().data] == [review]
    assert client.v1.payment_intents.retrieve(intent.id).review == review
    approved = client.v1.reviews.approve(review)
    assert (approved.open, approved.closed_reason) == (False, "approved")
    assert client.v1.reviews.list().data == []
    assert client.v1.payment_intents.retrieve(intent.id).review is None
    assert types(client) == ["review.closed", "review.opened"]
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.reviews.approve(review)


def test_a_full_refund_closes_a_review_and_a_part_does_not(client: stripe.StripeClient, opened: Opened) -> None:
    intent, review = opened
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 1})
    assert client.v1.reviews.retrieve(review).open
    client.v1.refunds.create({"payment_intent": intent.id, "reason": "fraudulent"})
    assert client.v1.reviews.retrieve(review).closed_reason == "refunded_as_fraud"


def test_a_dispute_closes_a_review_and_an_inquiry_does_not(
    sandbox: SandboxServer, client: stripe.StripeClient, opened: Opened
) -> None:
    intent, review = opened
    inquiry = sandbox.control("POST", "disputes", {"charge": intent.latest_charge, "reason": "inquiry"})["id"]
    assert client.v1.reviews.retrieve(review).open
    sandbox.control("POST", f"disputes/{inquiry}/decide", {"outcome": "warning_closed"})
    sandbox.control("POST", "disputes", {"charge": intent.latest_charge})
    assert client.v1.reviews.retrieve(review).closed_reason == "disputed"


def test_a_part_of_a_charge_is_disputed_and_given_back_when_won(
    sandbox: SandboxServer, client: stripe.StripeClient, opened: Opened
) -> None:
    intent, _ = opened
    before = client.v1.balance.retrieve().available[0].amount
    opening = {"charge": intent.latest_charge, "amount": 5_000}
    dispute = sandbox.control("POST", "disputes", opening)["id"]
    assert client.v1.balance.retrieve().available[0].amount == before - 5_000 - 1_500
    sandbox.control("POST", f"disputes/{dispute}/decide", {"outcome": "won"})
    assert client.v1.disputes.retrieve(dispute).status == "won"
    assert client.v1.balance.retrieve().available[0].amount == before - 1_500
