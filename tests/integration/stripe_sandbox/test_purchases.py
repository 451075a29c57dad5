"""Checkout Sessions in payment mode: what is bought, paid on the hosted page, and who may touch the payment."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor

Begin = Callable[..., stripe.checkout.Session]
SUCCESS = "https://platform.test/paid?session={CHECKOUT_SESSION_ID}"


def item(unit_amount: int = 5_000, quantity: int = 1, currency: str = "usd", name: str = "Labels") -> dict[str, Any]:
    price = {"currency": currency, "unit_amount": unit_amount, "product_data": {"name": name}}
    return {"price_data": price, "quantity": quantity}


@pytest.fixture
def begin(client: stripe.StripeClient) -> Begin:
    """Begin a purchase of two things for 120.00 usd, or with other parameters."""

    def session(**params: Any) -> stripe.checkout.Session:
        given: Any = {
            "mode": "payment", "line_items": [item(5_000, 2), item(2_000, 1, name="Tax guide")],
            "success_url": SUCCESS, **params,
        }  # fmt: skip
        return client.v1.checkout.sessions.create(given)

    return session


def _again(client: stripe.StripeClient, session: stripe.checkout.Session, *expand: str) -> Any:
    return client.v1.checkout.sessions.retrieve(session.id, {"expand": list(expand)})


def test_a_purchase_is_charged_once_and_its_session_says_so(
    client: stripe.StripeClient, sandbox: SandboxServer, visitor: Visitor, begin: Begin
) -> None:
    session = begin(payment_intent_data={"metadata": {"order": "7"}, "transfer_group": "order_7"})
    assert (session.amount_total, session.currency, session.payment_status) == (12_000, "usd", "unpaid")
    assert session.payment_intent is None
    page = visitor.save_card(session.url or "", "4242424242424242")
    assert page.url == f"https://platform.test/paid?session={session.id}"
    done = _again(client, session, "payment_intent", "line_items")
    assert (done.status, done.payment_status, done.url) == ("complete", "paid", None)
    intent = done.payment_intent
    assert (intent.status, intent.amount_received, intent.transfer_group) == ("succeeded", 12_000, "order_7")
    assert intent.metadata.to_dict() == {"order": "7"}
    bought = [(of.description, of.quantity, of.amount_total) for of in done.line_items.data]
    assert bought == [("Labels", 2, 10_000), ("Tax guide", 1, 2_000)]
    visitor.open(f"{sandbox.url}/c/pay/{session.id}")
    assert [charge.amount for charge in client.v1.charges.list().data] == [12_000]
    (event,) = client.v1.events.list({"type": "checkout.session.completed"}).data
    assert (event.data.object["payment_status"], event.data.object["payment_intent"]) == ("paid", intent.id)


def test_after_a_decline_another_card_pays_with_the_same_intent(
    client: stripe.StripeClient, visitor: Visitor, begin: Begin
) -> None:
    session = begin()
    assert visitor.save_card(session.url or "", "4000000000009995").error == "Your card has insufficient funds."
    first = _again(client, session)
    assert (first.status, first.payment_status) == ("open", "unpaid")
    assert visitor.save_card(session.url or "", "4242424242424242").left
    assert _again(client, session).payment_intent == first.payment_intent
    assert [charge.paid for charge in client.v1.charges.list().data] == [True, False]


@pytest.mark.parametrize(("outcome", "paid"), [("complete", "paid"), ("fail", "unpaid")])
def test_the_bank_may_ask_on_the_way(
    client: stripe.StripeClient, visitor: Visitor, begin: Begin, outcome: str, paid: str
) -> None:
    session = begin()
    page = visitor.save_card(session.url or "", "4000002760003184", authenticate=outcome)
    assert page.left is (paid == "paid")
    assert ("unable to authenticate" in page.error) is (paid == "unpaid")
    assert _again(client, session).payment_status == paid


def test_the_payment_is_the_sessions_own_and_ends_with_it(
    client: stripe.StripeClient, sandbox: SandboxServer, visitor: Visitor, begin: Begin
) -> None:
    session = begin()
    visitor.save_card(session.url or "", "4000000000009995")
    intent_id = str(_again(client, session).payment_intent)
    for attempt in (
        lambda: client.v1.payment_intents.confirm(intent_id, {"payment_method": "pm_card_visa"}),
        lambda: client.v1.payment_intents.cancel(intent_id),
    ):
        with pytest.raises(stripe.InvalidRequestError, match="created by a Checkout Session"):
            attempt()
    sandbox.advance(days=1.01)
    assert (_again(client, session).status, _again(client, session).payment_status) == ("expired", "unpaid")
    assert client.v1.payment_intents.retrieve(intent_id).status == "canceled"
    assert visitor.open(f"{sandbox.url}/c/pay/{session.id}").status == 410


def test_the_card_is_kept_for_the_customer_where_that_was_asked_for(
    client: stripe.StripeClient, visitor: Visitor, begin: Begin
) -> None:
    customer = client.v1.customers.create({"email": "employer@example.com"})
    for data, kept in (({}, 0), ({"setup_future_usage": "off_session"}, 1)):
        session = begin(customer=customer.id, payment_intent_data=data)
        visitor.save_card(session.url or "", "4242424242424242")
        assert len(client.v1.payment_methods.list({"customer": customer.id}).data) == kept


@pytest.mark.parametrize(("creation", "made"), [("always", True), ("if_required", False)])
def test_a_customer_is_made_where_that_was_asked_for(
    client: stripe.StripeClient, visitor: Visitor, begin: Begin, creation: str, made: bool
) -> None:
    session = begin(customer_creation=creation, customer_email="guest@example.com")
    visitor.save_card(session.url or "", "4242424242424242")
    customers = client.v1.customers.list({"email": "guest@example.com"}).data
    assert [customer.id for customer in customers] == [_again(client, session).customer][: len(customers)]
    assert bool(customers) is made


def test_line_items_are_listed_page_by_page(client: stripe.StripeClient, begin: Begin) -> None:
    session = begin(line_items=[item(1_000, name=f"Part {number}") for number in range(12)])
    listed = client.v1.checkout.sessions.line_items.list(session.id, {"limit": 5})
    assert [of.description for of in listed.auto_paging_iter()] == [f"Part {number}" for number in range(12)]


@pytest.mark.parametrize(
    ("params", "param", "code"),
    [
        ({"line_items": []}, "line_items", "parameter_missing"),
        ({"line_items": [{"quantity": 1}]}, "line_items[0][price_data]", "parameter_missing"),
        ({"line_items": [{"price": "price_1"}]}, "line_items[0][price]", "sandbox_unsupported_parameter"),
        ({"line_items": [item(), item(currency="eur")]}, "line_items", None),
        ({"line_items": [item(quantity=0)]}, "line_items[0][quantity]", None),
        ({"line_items": [item(-1)]}, "line_items[0][price_data][unit_amount]", None),
        ({"line_items": [item(10)]}, "amount", "amount_too_small"),
        ({"currency": "eur"}, "currency", None),
        ({"setup_intent_data": {"description": "d"}}, "setup_intent_data", None),
        ({"payment_intent_data": {"on_behalf_of": "acct_1"}}, "payment_intent_data[on_behalf_of]",
         "sandbox_unsupported_parameter"),
        ({"mode": "subscription"}, "mode", None),
    ],
)  # fmt: skip
def test_what_cannot_be_bought_is_refused(begin: Begin, params: dict[str, Any], param: str, code: str | None) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        begin(**params)
    assert (refused.value.param, refused.value.code) == (param, code)
