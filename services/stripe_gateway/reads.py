"""Reading things at Stripe anew: what a webhook hints at, and what a call may have done without our knowing.

Raises what the library raises; `answers.judge` says what to do about it.
"""

from collections.abc import Mapping
from typing import Any

from stripe import StripeClient

from services.stripe_gateway import parameters, translate
from services.stripe_gateway.readings import (
    AccountReading,
    BalanceReading,
    BankPayoutReading,
    IntentReading,
    RefundReading,
    ReversalReading,
    TransferReading,
)

Json = Mapping[str, Any]

MOST_LISTED = 1_000
"""Of one list: a charge or a transfer has a handful; more than this is no list to work through."""


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


async def refund(client: StripeClient, stripe_refund_id: str) -> RefundReading:
    """A refund with its balance transactions."""
    wanted: Any = {"expand": parameters.REFUND_PARTS}
    return await whole_refund(client, plain(await client.v1.refunds.retrieve_async(stripe_refund_id, wanted)))


async def whole_refund(client: StripeClient, found: Json) -> RefundReading:
    """A refund as it was answered, `balance_transaction` expanded; the other one is read where there is one."""
    returned = found.get("failure_balance_transaction")
    if isinstance(returned, str):
        # Not expanded in the first place: a refund that has not failed has no such field.
        returned = plain(await client.v1.balance_transactions.retrieve_async(returned))
    return translate.refund(found, returned)


async def refunds_of(client: StripeClient, charge_id: str) -> list[RefundReading]:
    """All refunds of a charge, oldest first."""
    wanted: Any = {"charge": charge_id, "limit": 100, "expand": [f"data.{part}" for part in parameters.REFUND_PARTS]}
    found = await _all(await client.v1.refunds.list_async(wanted), f"refunds of {charge_id}")
    return [await whole_refund(client, one) for one in reversed(found)]


async def reversals_of(client: StripeClient, transfer_id: str) -> list[ReversalReading]:
    """All reversals of a transfer, oldest first."""
    wanted: Any = {"limit": 100}
    listed = await client.v1.transfers.reversals.list_async(transfer_id, wanted)
    return [translate.reversal(one) for one in reversed(await _all(listed, f"reversals of {transfer_id}"))]


async def _all(listed: Any, what: str) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = []
    async for one in listed.auto_paging_iter():
        if len(found) == MOST_LISTED:
            raise translate.UnexpectedObjectError(f"there are more than {MOST_LISTED} {what}")
        found.append(plain(one))
    return found


async def dispute(client: StripeClient, dispute_id: str) -> Json:
    """A cardholder's dispute."""
    return plain(await client.v1.disputes.retrieve_async(dispute_id))


async def warning(client: StripeClient, warning_id: str) -> Json:
    """An early fraud warning."""
    return plain(await client.v1.radar.early_fraud_warnings.retrieve_async(warning_id))


async def review(client: StripeClient, review_id: str) -> Json:
    """A risk review."""
    return plain(await client.v1.reviews.retrieve_async(review_id))


async def intent_of_charge(client: StripeClient, charge_id: str) -> str:
    """The payment intent of a charge; empty where it has none."""
    payment_intent_id, _ = translate.about(plain(await client.v1.charges.retrieve_async(charge_id)))
    return payment_intent_id


async def balance(client: StripeClient) -> tuple[BalanceReading, ...]:
    """The platform's own balance."""
    return translate.balance(plain(await client.v1.balance.retrieve_async()))


async def payout_interval(client: StripeClient) -> str:
    """How often Stripe pays the platform's balance out to our own bank: `manual` is never."""
    found = plain(await client.v1.balance_settings.retrieve_async())
    return str(found["payments"]["payouts"]["schedule"]["interval"])


async def own_payout(client: StripeClient, stripe_payout_id: str) -> Json:
    """A payout of the platform itself."""
    return plain(await client.v1.payouts.retrieve_async(stripe_payout_id))


async def events(client: StripeClient, wanted: Any, account: str) -> tuple[list[dict[str, Any]], bool]:
    """A page of events, the newest first, and whether there are more. `account`: a connected one; empty for our own."""
    options: Any = {"stripe_account": account} if account else {}
    listed = await client.v1.events.list_async(wanted, options)
    return [plain(event) for event in listed.data], listed.has_more


async def transfer(client: StripeClient, transfer_id: str) -> tuple[TransferReading, Json]:
    """A transfer and its metadata."""
    wanted: Any = {"expand": parameters.TRANSFER_PARTS}
    found = plain(await client.v1.transfers.retrieve_async(transfer_id, wanted))
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
