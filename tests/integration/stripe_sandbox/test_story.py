"""One milestone from card to bank by the official library, asynchronous as the gateway uses it."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor


async def onboarded(client: stripe.StripeClient, visitor: Visitor) -> str:
    account = await client.v2.core.accounts.create_async(
        {
            "identity": {"country": "US", "entity_type": "individual"},
            "dashboard": "express",
            "contact_email": "trainer@example.com",
            "configuration": {
                "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
            },
            "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        },
        {"idempotency_key": "acct:trainer-1"},
    )
    link = await client.v2.core.account_links.create_async(
        {
            "account": account.id,
            "use_case": {
                "type": "account_onboarding",
                "account_onboarding": {
                    "refresh_url": "https://platform.test/refresh",
                    "return_url": "https://platform.test/return",
                },
            },
        }
    )
    page = await asyncio.to_thread(visitor.onboard, link.url)
    assert page.url == "https://platform.test/return"
    return account.id


async def with_card(client: stripe.StripeClient, visitor: Visitor, number: str) -> tuple[str, str]:
    customer = await client.v1.customers.create_async({"email": "employer@example.com"})
    session = await client.v1.checkout.sessions.create_async(
        {
            "mode": "setup",
            "customer": customer.id,
            "currency": "usd",
            "success_url": "https://platform.test/saved?session={CHECKOUT_SESSION_ID}",
        }
    )
    page = await asyncio.to_thread(visitor.save_card, session.url or "", number)
    assert page.url == f"https://platform.test/saved?session={session.id}"
    done = await client.v1.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent"]})
    intent: Any = done.setup_intent
    return customer.id, str(intent.payment_method)


async def told(sandbox: SandboxServer, story: Callable[[stripe.StripeClient], Awaitable[None]]) -> None:
    async with sandbox.async_client() as client:
        await story(client)


def test_one_milestone_from_card_to_bank(sandbox: SandboxServer, visitor: Visitor) -> None:
    async def story(client: stripe.StripeClient) -> None:
        account = await onboarded(client, visitor)
        customer, card = await with_card(client, visitor, "4242424242424242")
        intent = await client.v1.payment_intents.create_async(
            {
                "amount": 120_000,
                "currency": "usd",
                "customer": customer,
                "transfer_group": "milestone_1",
                "metadata": {"milestone_id": "1"},
            },
            {"idempotency_key": "fund:1:pi"},
        )
        intent = await client.v1.payment_intents.confirm_async(
            intent.id,
            {"payment_method": card, "off_session": True, "expand": ["latest_charge.balance_transaction"]},
            {"idempotency_key": "fund:1:confirm:1"},
        )
        charge: Any = intent.latest_charge
        assert (intent.status, charge.metadata["milestone_id"]) == ("succeeded", "1")
        assert (charge.balance_transaction.fee, charge.balance_transaction.net) == (3_510, 116_490)
        transfer = await client.v1.transfers.create_async(
            {"amount": 120_000, "currency": "usd", "destination": account, "source_transaction": charge.id},
            {"idempotency_key": "release:1"},
        )
        assert transfer.transfer_group == "milestone_1"

        await asyncio.to_thread(sandbox.advance, days=6)

        payouts = await client.v1.payouts.list_async({}, {"stripe_account": account})
        assert [(payout.status, payout.amount) for payout in payouts.data] == [("paid", 120_000)]
        parts = await client.v1.balance_transactions.list_async(
            {"payout": payouts.data[0].id, "type": "payment", "expand": ["data.source"]}, {"stripe_account": account}
        )
        sources: list[Any] = [part.source for part in parts.data]
        assert [source.source_transfer for source in sources] == [transfer.id]
        balance = await client.v1.balance.retrieve_async()
        assert balance.available[0].amount == -3_510

    asyncio.run(told(sandbox, story))
    ledger = sandbox.control("GET", "ledger")
    assert ledger["agrees_with_entries"]
    assert sum(ledger["balances"].values()) == 0


def test_a_declined_card_then_authentication_then_funded(sandbox: SandboxServer, visitor: Visitor) -> None:
    async def story(client: stripe.StripeClient) -> None:
        customer, empty = await with_card(client, visitor, "4000008260003178")
        intent = await client.v1.payment_intents.create_async(
            {"amount": 50_000, "currency": "usd", "customer": customer}
        )
        with pytest.raises(stripe.CardError) as declined:
            await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": empty, "off_session": True})
        error: Any = declined.value.error
        assert (declined.value.code, error.decline_code) == ("card_declined", "insufficient_funds")
        assert error.payment_intent["status"] == "requires_payment_method"

        session = await client.v1.checkout.sessions.create_async(
            {"mode": "setup", "customer": customer, "currency": "usd", "success_url": "https://platform.test/saved"}
        )
        await asyncio.to_thread(visitor.save_card, session.url or "", "4000002760003184")
        cards = await client.v1.payment_methods.list_async({"customer": customer, "type": "card"})
        strict = next(card.id for card in cards.data if card.card and card.card.last4 == "3184")
        with pytest.raises(stripe.CardError) as refused:
            await client.v1.payment_intents.confirm_async(intent.id, {"payment_method": strict, "off_session": True})
        assert refused.value.code == "authentication_required"

        asked = await client.v1.payment_intents.confirm_async(
            intent.id, {"payment_method": strict, "return_url": "https://platform.test/back?milestone=2"}
        )
        action: Any = asked.next_action
        assert asked.status == "requires_action"
        page = await asyncio.to_thread(visitor.authenticate, action.redirect_to_url.url)
        assert page.url.startswith(f"https://platform.test/back?milestone=2&payment_intent={intent.id}")
        assert page.url.endswith("redirect_status=succeeded")
        funded = await client.v1.payment_intents.retrieve_async(intent.id)
        assert (funded.status, funded.amount_received) == ("succeeded", 50_000)

    asyncio.run(told(sandbox, story))
