"""/v1/balance_transactions and the money behind them: each moves an account's balance by its net amount."""

from datetime import UTC, datetime, timedelta
from typing import Any, Literal

from stripe.params._balance_transaction_list_params import BalanceTransactionListParams
from stripe.params._balance_transaction_retrieve_params import BalanceTransactionRetrieveParams

from services.stripe_sandbox.balances import Posting
from services.stripe_sandbox.errors import no_such
from services.stripe_sandbox.render import page
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context
from services.stripe_sandbox.settlement import settle

Json = dict[str, Any]

REPORTING_CATEGORIES = {
    "payment": "charge",
    "payment_refund": "refund",
    "transfer_refund": "transfer_reversal",
    "refund_failure": "refund_failure",
    "payout_failure": "payout_reversal",
    "payout_cancel": "payout_reversal",
    "adjustment": "dispute",
}


def record(
    ctx: Context,
    kind: str,
    source: str | None,
    *,
    amount_minor: int,
    currency: str,
    outside: Literal["bank", "cards"] = "bank",
    fee_minor: int = 0,
    available_on: int | None = None,
    description: str | None = None,
    internal: bool = False,
) -> Json:
    """Make a balance transaction of the context's account and move the money.

    `amount_minor` is signed, `available_on` unix seconds (now when None): a moment in the future leaves the
    money pending until then. The other side (of the whole amount, without the fee) is `outside`; an `internal` one is
    posted by the caller. What card holders pay, or get, is converted where the account's balance is not kept in
    `currency` (settlement.py).
    """
    moment = ctx.now_s if available_on is None else available_on
    pending = moment > ctx.now_s
    exchange_rate = None
    if outside == "cards" and not internal:
        fee_minor = settle(ctx, fee_minor, currency).amount_minor
        amount_minor, currency, exchange_rate = settle(ctx, amount_minor, currency)
    net_minor = amount_minor - fee_minor
    transaction: Json = {
        "id": ctx.new_id("txn"),
        "object": "balance_transaction",
        "amount": amount_minor,
        "available_on": moment,
        "balance_type": "payments",
        "created": ctx.now_s,
        "currency": currency,
        "description": description,
        "exchange_rate": exchange_rate,
        "fee": fee_minor,
        "fee_details": [],
        "net": net_minor,
        "reporting_category": REPORTING_CATEGORIES.get(kind, kind),
        "source": source,
        "status": "pending" if pending else "available",
        "type": kind,
        "_payout": None,
    }
    if fee_minor:
        transaction["fee_details"] = [
            {
                "amount": fee_minor,
                "application": None,
                "currency": currency,
                "description": "Stripe processing fees",
                "type": "stripe_fee",
            }
        ]
    ctx.save(transaction)
    if not internal:
        postings = [Posting(ctx.account, "pending" if pending else "available", net_minor)]
        if fee_minor:
            postings.append(Posting("external", "fees", fee_minor))
        ctx.balances.post(currency, transaction["id"], *postings, Posting("external", outside, -amount_minor))
    if pending:
        ctx.later(datetime.fromtimestamp(moment, UTC), "make_available", transaction=transaction["id"])
    return transaction


def bucket(transaction: Json) -> str:
    """Where the money of a balance transaction is."""
    return str(transaction["status"])


def availability(ctx: Context, days: int) -> int:
    """Unix seconds after `days` days."""
    return int((ctx.at + timedelta(days=days)).timestamp())


@operation("GET", "/v1/balance_transactions/{transaction}", BalanceTransactionRetrieveParams)
def retrieve(ctx: Context, params: Json, transaction: str) -> Json:
    """One balance transaction."""
    del params
    return ctx.require("balance_transaction", transaction, label="balance transaction")


@operation("GET", "/v1/balance_transactions", BalanceTransactionListParams, "payout source type currency")
def listed(ctx: Context, params: Json) -> Json:
    """Balance transactions, newest first; `payout` gives those that an automatic payout paid out, itself included."""
    wanted = dict(params)
    by = None
    if payout := wanted.pop("payout", None):
        if ctx.find("payout", payout) is None:
            raise no_such("payout", payout, "payout")
        by = ("_payout", payout)
    filters = ("source", "type", "currency")
    return page(ctx, "balance_transaction", wanted, "/v1/balance_transactions", filters=filters, by=by)
