"""/v1/balance, and how pending money becomes available."""

from typing import Any

from stripe.params._balance_retrieve_params import BalanceRetrieveParams

from services.stripe_sandbox.balances import Posting
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.resources import payouts, refunds
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]


@operation("GET", "/v1/balance", BalanceRetrieveParams)
def retrieve(ctx: Context, params: Json) -> Json:
    """The balance of the platform or of the account in Stripe-Account."""
    del params
    account = ctx.store.get("v2.core.account", ctx.account) or {}
    currencies = ctx.balances.currencies(ctx.account) or [account["defaults"]["currency"]]

    def funds(bucket: str) -> list[Json]:
        return [
            {
                "amount": (amount := ctx.balances.amount_minor(ctx.account, currency, bucket)),
                "currency": currency,
                "source_types": {"card": amount},
            }
            for currency in currencies
        ]

    result: Json = {
        "object": "balance",
        "available": funds("available"),
        "livemode": False,
        "pending": funds("pending"),
    }
    if ctx.is_platform:
        result["connect_reserved"] = [
            {"amount": ctx.balances.amount_minor(ctx.account, currency, "connect_reserved"), "currency": currency}
            for currency in currencies
        ]
    return result


def make_available(ctx: Context, transaction: str) -> None:
    """The money of a balance transaction is no longer pending."""
    found = ctx.require("balance_transaction", transaction)
    if found["status"] != "pending":
        return
    found["status"] = "available"
    ctx.save(found)
    ctx.balances.post(
        found["currency"],
        transaction,
        Posting(ctx.account, "pending", -found["net"]),
        Posting(ctx.account, "available", found["net"]),
    )
    emit(ctx, "balance.available", retrieve(ctx, {}))
    refunds.retry_waiting(ctx)
    payouts.plan(ctx)
