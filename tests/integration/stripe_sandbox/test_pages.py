"""The hosted pages by their real forms."""

from collections.abc import Callable

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor

MakeAccount = Callable[..., str]


@pytest.fixture
def session(client: stripe.StripeClient) -> stripe.checkout.Session:
    customer = client.v1.customers.create({"email": "employer@example.com"})
    return client.v1.checkout.sessions.create(
        {
            "mode": "setup",
            "customer": customer.id,
            "currency": "usd",
            "success_url": "https://platform.test/saved?session={CHECKOUT_SESSION_ID}",
            "cancel_url": "https://platform.test/cancelled",
        }
    )


def test_a_card_declined_at_set_up_is_said_on_the_page_and_the_session_stays_open(
    client: stripe.StripeClient, session: stripe.checkout.Session, visitor: Visitor
) -> None:
    page = visitor.save_card(session.url or "", "4000000000009995")
    assert page.error == "Your card has insufficient funds."
    assert client.v1.checkout.sessions.retrieve(session.id).status == "open"


def test_a_second_card_can_be_tried_after_a_decline(
    client: stripe.StripeClient, session: stripe.checkout.Session, visitor: Visitor
) -> None:
    visitor.save_card(session.url or "", "4000000000000002")
    assert visitor.save_card(session.url or "", "4242424242424242").left
    assert client.v1.checkout.sessions.retrieve(session.id).status == "complete"


@pytest.mark.parametrize(
    ("values", "said"),
    [
        ({"cardNumber": "4242424242424241"}, "Your card number is incorrect."),
        ({"cardNumber": "4539578763621486"}, "non test card"),
        ({"cardExpiry": "13/34"}, "expiration month is invalid"),
        ({"cardExpiry": "01/20"}, "expiration year is invalid"),
        ({"cardCvc": "1"}, "security code is invalid"),
    ],
)
def test_what_is_wrong_with_the_card_is_said(
    session: stripe.checkout.Session, visitor: Visitor, values: dict[str, str], said: str
) -> None:
    good = {"cardNumber": "4242424242424242", "cardExpiry": "12/34", "cardCvc": "123"}
    page = visitor.press(visitor.open(session.url or ""), "submit", **{**good, **values})
    assert said in page.error


def test_what_was_typed_is_escaped(session: stripe.checkout.Session, visitor: Visitor) -> None:
    nasty = '"><script>alert(1)</script>'
    page = visitor.press(
        visitor.open(session.url or ""),
        "submit",
        cardNumber=nasty,
        cardExpiry="12/34",
        cardCvc="123",
        billingName=nasty,
    )
    assert "<script>" not in page.text


def test_a_card_that_wants_authentication_goes_through_the_page(
    client: stripe.StripeClient, session: stripe.checkout.Session, visitor: Visitor
) -> None:
    page = visitor.save_card(session.url or "", "4000002500003155", authenticate="complete")
    assert page.url == f"https://platform.test/saved?session={session.id}"
    intent = client.v1.setup_intents.retrieve(str(session.setup_intent))
    assert intent.status == "succeeded"


def test_a_failed_authentication_comes_back_to_the_card_page(
    client: stripe.StripeClient, session: stripe.checkout.Session, visitor: Visitor
) -> None:
    page = visitor.save_card(session.url or "", "4000002500003155", authenticate="fail")
    assert "unable to authenticate" in page.error
    intent = client.v1.setup_intents.retrieve(str(session.setup_intent))
    assert intent.last_setup_error is not None
    assert intent.last_setup_error.code == "setup_intent_authentication_failure"


def test_a_complete_session_leads_on_and_an_expired_one_says_so(
    client: stripe.StripeClient, session: stripe.checkout.Session, visitor: Visitor
) -> None:
    client.v1.checkout.sessions.expire(session.id)
    assert visitor.open(session.url or "").status == 410


def test_a_session_expires_by_the_clock(
    sandbox: SandboxServer, client: stripe.StripeClient, session: stripe.checkout.Session
) -> None:
    sandbox.advance(days=1.01)
    assert client.v1.checkout.sessions.retrieve(session.id).status == "expired"
    assert client.v1.setup_intents.retrieve(str(session.setup_intent)).status == "canceled"


def test_a_failed_authentication_of_a_payment_asks_for_another_method(
    client: stripe.StripeClient, visitor: Visitor
) -> None:
    intent = client.v1.payment_intents.create(
        {
            "amount": 5_000,
            "currency": "usd",
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "https://platform.test/back",
        }
    )
    assert intent.next_action is not None
    assert intent.next_action.redirect_to_url is not None
    page = visitor.authenticate(intent.next_action.redirect_to_url.url or "", "fail")
    assert page.url.endswith("redirect_status=failed")
    after = client.v1.payment_intents.retrieve(intent.id)
    assert after.status == "requires_payment_method"
    assert after.last_payment_error is not None
    assert after.last_payment_error.code == "payment_intent_authentication_failure"


def test_the_authentication_page_needs_the_secret(sandbox: SandboxServer, visitor: Visitor) -> None:
    client = sandbox.client()
    intent = client.v1.payment_intents.create({"amount": 5_000, "currency": "usd"})
    assert visitor.open(f"{sandbox.url}/3ds/{intent.id}/wrong").status == 404


def test_an_onboarding_link_works_once(
    client: stripe.StripeClient, visitor: Visitor, make_account: MakeAccount
) -> None:
    account = make_account(onboard=False)
    link = client.v2.core.account_links.create(
        {
            "account": account,
            "use_case": {
                "type": "account_onboarding",
                "account_onboarding": {
                    "refresh_url": "https://platform.test/refresh",
                    "return_url": "https://platform.test/return",
                },
            },
        }
    )
    assert visitor.open(link.url).status == 200
    assert visitor.open(link.url).url == "https://platform.test/refresh"


def test_onboarding_saved_for_later_leaves_the_requirements(
    client: stripe.StripeClient, make_account: MakeAccount
) -> None:
    account = make_account(button="save")
    found = client.v2.core.accounts.retrieve(account, {"include": ["requirements"]})
    assert found.requirements is not None
    assert found.requirements.entries


@pytest.mark.parametrize(
    ("fields", "status"),
    [
        ({}, "active"),
        ({"dob_year": "1902"}, "active"),
        ({"dob_year": "1900"}, "rejected"),
        ({"id_number": "111111111"}, "restricted"),
    ],
)
def test_what_is_typed_into_onboarding_decides_the_capability(
    client: stripe.StripeClient, make_account: MakeAccount, fields: dict[str, str], status: str
) -> None:
    account = client.v2.core.accounts.retrieve(make_account(**fields), {"include": ["configuration.recipient"]})
    assert account.configuration is not None
    recipient = account.configuration.recipient
    assert recipient is not None
    assert recipient.capabilities is not None
    assert recipient.capabilities.stripe_balance is not None
    assert recipient.capabilities.stripe_balance.stripe_transfers is not None
    assert recipient.capabilities.stripe_balance.stripe_transfers.status == status


def test_an_unknown_bank_account_is_refused_on_the_page(
    client: stripe.StripeClient, visitor: Visitor, make_account: MakeAccount
) -> None:
    account = make_account(onboard=False)
    details = {"refresh_url": "https://platform.test/refresh"}
    link = client.v2.core.account_links.create(
        {"account": account, "use_case": {"type": "account_onboarding", "account_onboarding": details}}  # type: ignore[typeddict-item]
    )
    page = visitor.onboard(link.url, account_number="1")
    assert "test account number" in page.error
