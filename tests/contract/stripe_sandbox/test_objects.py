"""Every object that the sandbox answers with or puts into an event is as the stripe library describes it.

The sandbox checks itself while it runs; here a whole story runs with that check off and a recorder looks at each byte
that went over the wire, so the two do not share a mistake in where they look.
"""

import asyncio
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any, get_args

import httpx
import pytest
import stripe
from stripe._object_classes import get_object_class
from stripe.v2 import DeletedObject

import services.stripe_sandbox
from services.stripe_sandbox.contracts import check_object, check_request
from services.stripe_sandbox.resources import load_all
from services.stripe_sandbox.routing import OPERATIONS, find_operation
from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor

SOURCES = Path(services.stripe_sandbox.__file__).parent


@pytest.fixture(scope="module")
def recorded() -> Iterator[tuple[list[tuple[str, str, Any]], SandboxServer]]:
    """All successful answers of a story that goes through as many operations as there are, and the sandbox after it."""
    answers: list[tuple[str, str, Any]] = []

    async def keep(response: httpx.Response) -> None:
        await response.aread()
        if response.is_success:
            answers.append((response.request.method, response.request.url.path, response.json()))

    with SandboxServer(sandbox_strict=False, sandbox_onboarding_review_s=0) as server, Visitor() as visitor:

        async def story() -> None:
            http = stripe.HTTPXClient(timeout=10)
            await http.close_async()
            http._client_async = httpx.AsyncClient(event_hooks={"response": [keep]}, trust_env=False)
            async with server.async_client(http_client=http) as client:
                await _everything(client, server, visitor)

        asyncio.run(story())
        yield answers, server


async def _everything(client: stripe.StripeClient, server: SandboxServer, visitor: Visitor) -> None:
    v1, v2 = client.v1, client.v2.core
    account_params: Any = {
        "identity": {"country": "US", "entity_type": "individual"},
        "dashboard": "express",
        "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}},
        "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        "include": ["configuration.recipient", "defaults", "identity", "requirements", "future_requirements"],
    }
    account = await v2.accounts.create_async(account_params)
    everything: Any = {"include": account_params["include"]}
    details: Any = {"refresh_url": "https://p.test/r", "return_url": "https://p.test/b"}
    for number in ("000111111116", "000123456789"):
        link = await v2.account_links.create_async(
            {"account": account.id, "use_case": {"type": "account_onboarding", "account_onboarding": details}}
        )
        await asyncio.to_thread(visitor.onboard, link.url, account_number=number)
    await v2.accounts.retrieve_async(account.id, everything)
    await v2.accounts.update_async(account.id, {"display_name": "T", **everything})
    await v2.accounts.list_async({"limit": 1})
    thin = await v2.events.list_async({"limit": 1})
    await v2.events.retrieve_async(thin.data[0].id)
    for found in (account.id,):
        await v1.accounts.retrieve_async(found)
        await v1.accounts.update_async(found, {"email": "t@p.test", "metadata": {"a": "1"}})
        await v1.accounts.external_accounts.list_async(found)
        await v1.accounts.login_links.create_async(found)

    address: Any = {"line1": "1 Street", "city": "X", "country": "US", "postal_code": "94102"}
    customer = await v1.customers.create_async(
        {"email": "e@p.test", "name": "E", "address": address, "shipping": {"name": "E", "address": address}}
    )
    await v1.customers.update_async(customer.id, {"phone": "1", "preferred_locales": ["en"]})
    await v1.customers.list_async()
    session = await v1.checkout.sessions.create_async(
        {"mode": "setup", "customer": customer.id, "currency": "usd", "success_url": "https://p.test/ok"}
    )
    await asyncio.to_thread(visitor.save_card, session.url or "", "4000000000000002")
    await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent"]})
    await asyncio.to_thread(visitor.save_card, session.url or "", "4000002500003155")
    await v1.checkout.sessions.retrieve_async(session.id, {"expand": ["setup_intent.payment_method", "customer"]})
    other = await v1.checkout.sessions.create_async(
        {"mode": "setup", "success_url": "https://p.test/ok", "allowed_payment_method_types": ["card"]}
    )
    await v1.checkout.sessions.expire_async(other.id)
    item: Any = {"price_data": {"currency": "usd", "unit_amount": 4_000, "product_data": {"name": "W"}}, "quantity": 2}
    bought = await v1.checkout.sessions.create_async(
        {
            "mode": "payment",
            "customer": customer.id,
            "success_url": "https://p.test/ok",
            "line_items": [item],
            "payment_intent_data": {"description": "d", "metadata": {"a": "1"}},
            "expand": ["line_items"],
        }
    )
    await v1.checkout.sessions.line_items.list_async(bought.id)
    await asyncio.to_thread(visitor.save_card, bought.url or "", "4242424242424242")
    await v1.checkout.sessions.retrieve_async(bought.id, {"expand": ["payment_intent.latest_charge", "line_items"]})
    await v1.checkout.sessions.list_async()
    intent = await v1.setup_intents.create_async({"customer": customer.id, "payment_method": "pm_card_visa"})
    await v1.setup_intents.confirm_async(intent.id)
    waiting = await v1.setup_intents.create_async(
        {
            "customer": customer.id,
            "payment_method": "pm_card_authenticationRequired",
            "confirm": True,
            "return_url": "https://p.test/b",
        }
    )
    await v1.setup_intents.cancel_async(waiting.id)
    await v1.setup_intents.list_async()
    cards = await v1.payment_methods.list_async({"customer": customer.id})
    await v1.payment_methods.create_async({"type": "card", "card": {"token": "tok_visa"}})

    server.control("POST", "balance", {"currency": "usd", "amount": 1_000_000})
    paid = await v1.payment_intents.create_async(
        {"amount": 10_000, "currency": "usd", "customer": customer.id, "transfer_group": "g", "description": "d"}
    )
    await v1.payment_intents.update_async(paid.id, {"metadata": {"a": "1"}, "amount": 11_000})
    paid = await v1.payment_intents.confirm_async(
        paid.id,
        {"payment_method": cards.data[0].id, "off_session": True, "expand": ["latest_charge.balance_transaction"]},
    )
    charge: Any = paid.latest_charge
    for token in ("pm_card_authenticationRequired", "pm_card_chargeCustomerFail"):
        asked = await v1.payment_intents.create_async(
            {"amount": 5_000, "currency": "usd", "payment_method": token, "return_url": "https://p.test/b"}
            | {"confirm": token == "pm_card_authenticationRequired"}  # type: ignore[arg-type]
        )
        with pytest.raises(stripe.CardError):
            await v1.payment_intents.confirm_async(asked.id, {"off_session": True})
        await v1.payment_intents.retrieve_async(asked.id)
        await v1.payment_intents.cancel_async(asked.id)
    await v1.payment_intents.list_async({"expand": ["data.payment_method"]})
    await v1.charges.list_async()
    await v1.charges.retrieve_async(charge.id, {"expand": ["customer", "payment_intent"]})
    transfer = await v1.transfers.create_async(
        {"amount": 9_000, "currency": "usd", "destination": account.id, "source_transaction": charge.id}
    )
    await v1.transfers.update_async(transfer.id, {"metadata": {"a": "1"}})
    reversal = await v1.transfers.reversals.create_async(transfer.id, {"amount": 1_000})
    await v1.transfers.reversals.retrieve_async(transfer.id, reversal.id)
    await v1.transfers.reversals.list_async(transfer.id)
    await v1.transfers.retrieve_async(transfer.id, {"expand": ["destination", "destination_payment"]})
    await v1.transfers.list_async()
    refund = await v1.refunds.create_async({"payment_intent": paid.id, "amount": 500})
    await v1.refunds.retrieve_async(refund.id, {"expand": ["charge", "balance_transaction"]})
    await v1.refunds.list_async()
    await v1.charges.retrieve_async(charge.id, {"expand": ["refunds"]})
    topup = await v1.topups.create_async({"amount": 1_000, "currency": "usd"})
    await v1.payment_intents.create_async(
        {"amount": 2_000, "currency": "usd", "payment_method": "pm_card_createIssuerFraudRecord", "confirm": True}
    )
    for token in ("pm_card_createDispute", "pm_card_createDisputeInquiry"):
        await v1.payment_intents.create_async(
            {"amount": 2_000, "currency": "usd", "payment_method": token, "confirm": True}
        )
    await asyncio.to_thread(server.advance, days=1.1)
    await v1.topups.retrieve_async(topup.id)
    await v1.topups.list_async()
    warnings = await v1.radar.early_fraud_warnings.list_async()
    await v1.radar.early_fraud_warnings.retrieve_async(warnings.data[0].id)
    review = server.control("POST", "reviews", {"charge": warnings.data[0].charge})["id"]
    await v1.reviews.list_async()
    await v1.reviews.retrieve_async(review)
    await v1.reviews.approve_async(review)
    target: Any = {"url": "http://127.0.0.1:9/hook"}
    made = await client.v2.core.event_destinations.create_async(
        {
            "name": "d",
            "type": "webhook_endpoint",
            "event_payload": "snapshot",
            "enabled_events": ["review.closed"],
            "webhook_endpoint": target,
        }
    )
    destinations = client.v2.core.event_destinations
    await destinations.retrieve_async(made.id)
    await destinations.list_async()
    await destinations.update_async(made.id, {"name": "e"})
    await destinations.disable_async(made.id)
    await destinations.enable_async(made.id)
    await destinations.ping_async(made.id)
    await destinations.delete_async(made.id)
    disputes = await v1.disputes.list_async()
    for dispute in disputes.data:
        await v1.disputes.update_async(dispute.id, {"evidence": {"uncategorized_text": "t"}})
        await v1.disputes.retrieve_async(dispute.id, {"expand": ["charge"]})
    await v1.disputes.close_async(next(item.id for item in disputes.data if item.reason == "fraudulent"))
    await v1.country_specs.retrieve_async("DE")
    await v1.country_specs.list_async()
    await v1.balance_settings.update_async({"payments": {"payouts": {"minimum_balance_by_currency": {"usd": 10_000}}}})
    manual = await v1.payouts.create_async({"amount": 100, "currency": "usd"})
    await v1.payouts.cancel_async(manual.id)
    await asyncio.to_thread(server.advance, days=6)
    connected: Any = {"stripe_account": account.id}
    payouts = await v1.payouts.list_async({}, connected)
    await v1.payouts.retrieve_async(payouts.data[0].id, {"expand": ["balance_transaction", "destination"]}, connected)
    transactions = await v1.balance_transactions.list_async({"expand": ["data.source"]}, connected)
    await v1.balance_transactions.retrieve_async(transactions.data[0].id, {}, connected)
    await v1.balance.retrieve_async()
    await v1.balance.retrieve_async({}, connected)
    await v1.balance_settings.retrieve_async({}, connected)
    endpoint = await v1.webhook_endpoints.create_async({"url": "http://127.0.0.1:9/", "enabled_events": ["*"]})
    await v1.webhook_endpoints.update_async(endpoint.id, {"disabled": True})
    await v1.webhook_endpoints.list_async()
    events = await v1.events.list_async()
    await v1.events.retrieve_async(events.data[0].id)
    await v1.payment_methods.detach_async(cards.data[0].id)


def problems_of(body: Any, *, v2: bool) -> list[str]:
    if isinstance(body.get("data"), list):
        return [problem for item in body["data"] for problem in problems_of(item, v2=v2)]
    if body.get("object") in (None, "v2.core.event"):
        return []
    if v2 and set(body) == {"id", "object"}:
        return check_object(DeletedObject, body)
    return check_object(get_object_class("V2" if v2 else "V1", body["object"]), body)


def test_every_answer_is_as_the_library_describes_it(
    recorded: tuple[list[tuple[str, str, Any]], SandboxServer],
) -> None:
    answers, _ = recorded
    wrong = {
        f"{method} {path}": problems
        for method, path, body in answers
        if (problems := problems_of(body, v2=path.startswith("/v2")))
    }
    assert wrong == {}


NOT_IN_THE_STORY = {
    ("POST", "/v1/payment_methods/{payment_method}/attach"),
    ("POST", "/v1/refunds/{refund}/cancel"),
    ("DELETE", "/v1/webhook_endpoints/{endpoint}"),
    ("POST", "/v2/core/accounts/{account}/close"),
    ("GET", "/v1/account"),
    ("GET", "/v1/accounts"),
    ("GET", "/v1/accounts/{account}/external_accounts/{bank}"),
    ("GET", "/v1/customers/{customer}"),
    ("GET", "/v1/customers/{customer}/payment_methods"),
    ("GET", "/v1/payment_methods/{payment_method}"),
    ("GET", "/v1/setup_intents/{intent}"),
    ("GET", "/v1/webhook_endpoints/{endpoint}"),
}


def test_the_story_goes_through_nearly_every_operation(
    recorded: tuple[list[tuple[str, str, Any]], SandboxServer],
) -> None:
    answers, _ = recorded
    reached = {
        (found[0].method, found[0].path) for method, path, _ in answers if (found := find_operation(method, path))
    }
    assert {(operation.method, operation.path) for operation in OPERATIONS} - reached == NOT_IN_THE_STORY


def test_every_event_carries_its_object_as_the_library_describes_it(
    recorded: tuple[list[tuple[str, str, Any]], SandboxServer],
) -> None:
    _, server = recorded
    wrong: dict[str, list[str]] = {}
    for event in server.sandbox.store.newest_first("event"):
        shown = event["data"]["object"]
        problems = [*check_object(stripe.Event, event), *problems_of(shown, v2=False)]
        if problems:
            wrong[event["type"]] = problems
    assert wrong == {}


def test_every_thin_event_is_known_to_the_library(recorded: tuple[list[tuple[str, str, Any]], SandboxServer]) -> None:
    from stripe.events._event_classes import get_v2_event_class  # noqa: PLC0415

    _, server = recorded
    kinds = {event["type"] for event in server.sandbox.store.newest_first("v2.core.event")}
    assert len(kinds) >= 4
    assert {kind for kind in kinds if get_v2_event_class(kind) is stripe.v2.core.Event} == set()


def test_every_event_type_in_the_sources_is_in_the_librarys_list() -> None:
    known = set(get_args(stripe.Event.__annotations__["type"]))
    used: set[str] = set()
    for source in SOURCES.rglob("*.py"):
        used |= set(re.findall(r'emit\(\s*[\w.()]+,\s*"([a-z_.]+)"', source.read_text()))
    assert len(used) > 25
    assert used - known == set()


def test_every_operation_takes_the_parameters_that_it_models() -> None:
    load_all()
    always = {"expand", "metadata", "limit", "starting_after", "ending_before", "created", "include", "page"}
    for operation in OPERATIONS:
        unknown = operation.models - set(operation.params.__annotations__) - always
        assert unknown == set(), f"{operation.method} {operation.path} models {unknown}"


def test_every_operation_has_a_checker_that_compiles() -> None:
    load_all()
    for operation in OPERATIONS:
        required = [name for name in operation.params.__required_keys__ if name in operation.params.__annotations__]
        if not required:
            assert check_request(operation.params, {}) == {}
