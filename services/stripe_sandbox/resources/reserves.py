"""`connect_reserved`: what Stripe holds of the platform's money while connected accounts are negative.

The platform answers for its accounts' losses (`losses_collector` is `application`), so for every minor unit that an
account's available balance lacks, one of the platform's is reserved, and released when the account recovers. After
180 days Stripe takes it for good (`connect_collection_transfer`). Source: STRIPE.md 1.7,
https://docs.stripe.com/connect/account-balances.
"""

from datetime import timedelta
from typing import Any

from services.stripe_sandbox.balances import EXTERNAL, Posting
from services.stripe_sandbox.resources import balance_transactions
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
RESERVE = "_reserve"
COLLECTED_AFTER = timedelta(days=180)


def settle(ctx: Context) -> None:
    """Reserve or release so that it fits the balances which this transaction changed."""
    for account, currency in ctx.balances.take_changed():
        if account not in (EXTERNAL, ctx.sandbox.platform) and _platform_answers_for(ctx, account):
            _settle_one(ctx, account, currency)
    ctx.balances.take_changed()  # the reserving itself


def _platform_answers_for(ctx: Context, account: str) -> bool:
    found = ctx.store.get("v2.core.account", account) or {}
    responsibilities = (found.get("defaults") or {}).get("responsibilities") or {}
    return bool(responsibilities.get("losses_collector", "application") == "application")


def _settle_one(ctx: Context, account: str, currency: str) -> None:
    key = f"{account}:{currency}"
    reserve = ctx.store.get(RESERVE, key) or {"id": key, "amount": 0, "since": None}
    lacking_minor = max(0, -ctx.balances.amount_minor(account, currency, "available"))
    more_minor = lacking_minor - reserve["amount"]
    if more_minor == 0:
        return
    platform = ctx.acting_for(ctx.sandbox.platform)
    transaction = balance_transactions.record(
        platform, "reserved_funds", None, amount_minor=-more_minor, currency=currency, internal=True,
        description=f"Connect reserved funds for {account}",
    )  # fmt: skip
    ctx.balances.post(
        currency,
        transaction["id"],
        Posting(platform.account, "available", -more_minor),
        Posting(platform.account, "connect_reserved", more_minor),
    )
    if reserve["amount"] == 0:
        reserve["since"] = transaction["id"]
        platform.later(COLLECTED_AFTER, "collect_negative", account=account, currency=currency, since=transaction["id"])
    platform.save({**reserve, "amount": lacking_minor}, RESERVE)


def collect(ctx: Context, account: str, currency: str, since: str) -> None:
    """After 180 days: the platform pays what the account still owes. Nothing when it recovered in between."""
    reserve = ctx.store.get(RESERVE, f"{account}:{currency}")
    if reserve is None or reserve["amount"] == 0 or reserve["since"] != since:
        return
    amount_minor = reserve["amount"]
    kind = "connect_collection_transfer"
    paid = balance_transactions.record(
        ctx, kind, None, amount_minor=-amount_minor, currency=currency, internal=True, description=f"For {account}"
    )
    balance_transactions.record(
        ctx.acting_for(account), kind, None, amount_minor=amount_minor, currency=currency, internal=True
    )
    ctx.balances.post(
        currency,
        paid["id"],
        Posting(ctx.account, "available", -amount_minor),
        Posting(account, "available", amount_minor),
    )
