"""Reading things at Stripe anew: what a webhook hints at, and what a call may have done without our knowing.

Raises what the library raises; `answers.judge` says what to do about it.
"""

from collections.abc import Mapping
from typing import Any

from stripe import StripeClient

from services.stripe_gateway import parameters, translate
from services.stripe_gateway.readings import (
    AccountReading,
    BankPayoutReading,
    IntentReading,
    TransferReading,
)

Json = Mapping[str, Any]


def plain(found: Any) -> dict[str, Any]:
    """An object of the library as a dictionary, all the way down."""
    result: dict[str, Any] = found.to_dict()
    return result


async def intent(client: StripeClient, payment_intent_id: str) -> tuple[IntentReading, dict[str, Any]]:
    """A payment intent, as a reading and as Stripe has it."""
    found = plain(
        await client.v1.payment_intents.retrieve_async(payment_intent_id, {"expand": parameters.INTENT_PARTS})
    )
    return translate.intent(found), found


async def transfer(client: StripeClient, transfer_id: str) -> tuple[TransferReading, Json]:
    """A transfer and its metadata."""
    found = plain(await client.v1.transfers.retrieve_async(transfer_id))
    return translate.transfer(found), found.get("metadata") or {}


async def account(client: StripeClient, account_id: str) -> tuple[AccountReading, Json]:
    """A connected account and its metadata."""
    include: Any = {"include": parameters.ACCOUNT_PARTS}
    found = plain(await client.v2.core.accounts.retrieve_async(account_id, include))
    return translate.account(found), found.get("metadata") or {}


async def saved_method(client: StripeClient, setup_intent_id: str) -> Json | None:
    """The card that a set-up saved; None while it is not done."""
    found = plain(await client.v1.setup_intents.retrieve_async(setup_intent_id, {"expand": ["payment_method"]}))
    method = found.get("payment_method")
    return method if found["status"] == "succeeded" and isinstance(method, Mapping) else None


async def method(client: StripeClient, payment_method_id: str) -> Json:
    """A saved card."""
    return plain(await client.v1.payment_methods.retrieve_async(payment_method_id))


async def setup_of(client: StripeClient, session_id: str) -> str:
    """The set-up intent of a Checkout session; empty where it has none."""
    found = plain(await client.v1.checkout.sessions.retrieve_async(session_id))
    setup = found.get("setup_intent")
    return str(setup["id"]) if isinstance(setup, Mapping) else setup or ""


async def bank_payout(client: StripeClient, stripe_payout_id: str, account_id: str) -> BankPayoutReading:
    """A payout of a connected account with the transfers that it carries, as far as Stripe can say."""
    on_behalf: Any = {"stripe_account": account_id}
    found = plain(await client.v1.payouts.retrieve_async(stripe_payout_id, None, on_behalf))
    carried: list[Json] = []
    # Stripe lists them for automatic payouts alone: one that a person made carries a sum, not transfers.
    if found.get("automatic"):
        wanted: Any = {"payout": stripe_payout_id, "limit": 100, "expand": ["data.source"]}
        listed = await client.v1.balance_transactions.list_async(wanted, on_behalf)
        carried = [plain(transaction) async for transaction in listed.auto_paging_iter()]
    return translate.bank_payout(found, account_id, translate.transfers_in(carried))
