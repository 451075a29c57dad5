"""The sandbox, the official library pointed at it and a visitor for its pages, as its users get them in their tests."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.pytest_plugin import (  # noqa: F401 - fixtures
    stripe_client,
    stripe_sandbox,
    stripe_sandbox_server,
    stripe_visitor,
)
from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor


@pytest.fixture
def sandbox(stripe_sandbox: SandboxServer) -> SandboxServer:  # noqa: F811 - a fixture asks for another by its name
    """The fixtures that others get, under short names."""
    return stripe_sandbox


@pytest.fixture
def client(stripe_client: stripe.StripeClient) -> stripe.StripeClient:  # noqa: F811 - a fixture asks for another by its name
    return stripe_client


@pytest.fixture
def visitor(stripe_visitor: Visitor) -> Visitor:  # noqa: F811 - a fixture asks for another by its name
    return stripe_visitor


@pytest.fixture
def make_account(client: stripe.StripeClient, visitor: Visitor) -> Callable[..., str]:
    """Create a trainer's account; onboarded unless told otherwise, with any of the form's fields."""

    def make(*, country: str = "US", onboard: bool = True, **fields: str) -> str:
        account = client.v2.core.accounts.create(account_params(country))
        if onboard:
            link = client.v2.core.account_links.create(link_params(account.id))
            visitor.onboard(link.url, **fields)
        return account.id

    return make


@pytest.fixture
def make_customer(client: stripe.StripeClient, visitor: Visitor) -> Callable[..., tuple[str, str]]:
    """Create a customer with a card saved on the hosted page; gives both ids."""

    def make(number: str = "4242424242424242") -> tuple[str, str]:
        customer = client.v1.customers.create({"email": "employer@example.com"})
        session = client.v1.checkout.sessions.create(session_params(customer.id))
        assert session.url is not None
        assert visitor.save_card(session.url, number).left
        cards = client.v1.payment_methods.list({"customer": customer.id})
        return customer.id, cards.data[0].id

    return make


@pytest.fixture
def make_charge(
    client: stripe.StripeClient, make_customer: Callable[..., tuple[str, str]]
) -> Callable[..., stripe.PaymentIntent]:
    """Charge a card off-session; gives the PaymentIntent."""

    def make(amount: int = 120_000, number: str = "4242424242424242", **params: Any) -> stripe.PaymentIntent:
        customer, card = make_customer(number)
        return client.v1.payment_intents.create(
            {
                "amount": amount,
                "currency": "usd",
                "customer": customer,
                "payment_method": card,
                "confirm": True,
                "off_session": True,
                **params,
            }
        )

    return make


def account_params(country: str = "US") -> Any:
    return {
        "identity": {"country": country, "entity_type": "individual"},
        "dashboard": "express",
        "contact_email": "trainer@example.com",
        "display_name": "Trainer",
        "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
        "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        "include": ["configuration.recipient", "requirements", "identity"],
    }


def link_params(account: str) -> Any:
    onboarding = {
        "refresh_url": "https://platform.test/refresh",
        "return_url": "https://platform.test/return",
        "collection_options": {"fields": "eventually_due"},
    }
    return {"account": account, "use_case": {"type": "account_onboarding", "account_onboarding": onboarding}}


def session_params(customer: str) -> Any:
    return {
        "mode": "setup",
        "customer": customer,
        "currency": "usd",
        "success_url": "https://platform.test/saved?session={CHECKOUT_SESSION_ID}",
        "cancel_url": "https://platform.test/cancelled",
        "setup_intent_data": {"metadata": {"employer_id": "emp_1"}},
    }
