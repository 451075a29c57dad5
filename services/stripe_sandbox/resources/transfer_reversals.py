"""/v1/transfers/{id}/reversals: money back from a connected account, as far as its balance covers it."""

from typing import Any

from stripe.params._transfer_create_reversal_params import TransferCreateReversalParams
from stripe.params._transfer_list_reversals_params import TransferListReversalsParams
from stripe.params._transfer_retrieve_reversal_params import TransferRetrieveReversalParams

from services.stripe_sandbox.balances import Posting
from services.stripe_sandbox.currencies import display
from services.stripe_sandbox.errors import invalid
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.resources import balance_transactions, transfers
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]


@operation("POST", "/v1/transfers/{transfer}/reversals", TransferCreateReversalParams, "amount description")
def create(ctx: Context, params: Json, transfer: str) -> Json:
    """Reverse a transfer wholly or in part. Raises 400 when more than is left, or than the account has."""
    found = ctx.require("transfer", transfer)
    currency = found["currency"]
    left_minor = found["amount"] - found["amount_reversed"]
    amount_minor = params.get("amount", left_minor)
    if amount_minor < 1 or amount_minor > left_minor:
        raise invalid(
            f"Transfer reversal amount ({display(amount_minor, currency)}) is greater than the amount"
            f" left on the transfer"
            f" ({display(left_minor, currency)})",
            param="amount",
        )
    connected = ctx.acting_for(found["destination"])
    payment = connected.require("charge", found["destination_payment"])
    transaction = connected.require("balance_transaction", payment["balance_transaction"])
    bucket = balance_transactions.bucket(transaction)
    if connected.balances.amount_minor(connected.account, currency, bucket) < amount_minor:
        raise invalid(
            "You have insufficient funds in the connected account to reverse this transfer.",
            code="balance_insufficient",
            param="amount",
        )
    reversal: Json = {
        "id": ctx.new_id("trr"),
        "object": "transfer_reversal",
        "amount": amount_minor,
        "balance_transaction": None,
        "created": ctx.now_s,
        "currency": currency,
        "destination_payment_refund": None,
        "metadata": merge_metadata({}, params.get("metadata")),
        "source_refund": None,
        "transfer": transfer,
    }
    available_on = transaction["available_on"] if bucket == "pending" else ctx.now_s
    back = balance_transactions.record(
        ctx, "transfer_refund", reversal["id"], amount_minor=amount_minor, currency=currency,
        available_on=available_on, internal=True,
    )  # fmt: skip
    balance_transactions.record(
        connected, "payment_refund", payment["id"], amount_minor=-amount_minor, currency=currency,
        available_on=available_on, internal=True,
    )  # fmt: skip
    ctx.balances.post(
        currency,
        back["id"],
        Posting(connected.account, bucket, -amount_minor),
        Posting(ctx.account, bucket, amount_minor),
    )
    payment["amount_refunded"] += amount_minor
    payment["refunded"] = payment["amount_refunded"] == payment["amount"]
    connected.save(payment)
    reversal["balance_transaction"] = back["id"]
    ctx.save(reversal)
    found["amount_reversed"] += amount_minor
    found["reversed"] = found["amount_reversed"] == found["amount"]
    ctx.save(found)
    emit(ctx, "transfer.reversed", transfers.shown(ctx, found))
    return reversal


@operation("GET", "/v1/transfers/{transfer}/reversals/{reversal}", TransferRetrieveReversalParams)
def retrieve(ctx: Context, params: Json, transfer: str, reversal: str) -> Json:
    """One reversal of a transfer."""
    del params
    ctx.require("transfer", transfer)
    return ctx.require("transfer_reversal", reversal, label="transfer reversal")


@operation("GET", "/v1/transfers/{transfer}/reversals", TransferListReversalsParams)
def listed(ctx: Context, params: Json, transfer: str) -> Json:
    """Reversals of a transfer, newest first."""
    ctx.require("transfer", transfer)
    url = f"/v1/transfers/{transfer}/reversals"
    return page(ctx, "transfer_reversal", params, url, by=("transfer", transfer))
