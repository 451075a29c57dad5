"""/v1/transfers: from the platform's balance to a connected account's (separate charges and transfers)."""

from typing import Any

from stripe.params._transfer_create_params import TransferCreateParams
from stripe.params._transfer_list_params import TransferListParams
from stripe.params._transfer_retrieve_params import TransferRetrieveParams
from stripe.params._transfer_update_params import TransferUpdateParams

from services.stripe_sandbox.balances import Posting
from services.stripe_sandbox.countries import may_transfer
from services.stripe_sandbox.currencies import check_currency, display
from services.stripe_sandbox.errors import ApiError, invalid, no_such, parameter_missing
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import empty_list, merge_metadata, page, public
from services.stripe_sandbox.resources import accounts_state, balance_transactions, charges, payouts
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
CREATE = "amount currency destination source_transaction transfer_group description source_type"


@operation("POST", "/v1/transfers", TransferCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """Move money to a connected account: from `available`, or from one charge with `source_transaction`."""
    if not ctx.is_platform:
        raise invalid("Transfers are made by the platform.", code="platform_account_required")
    if "amount" not in params:
        raise parameter_missing("amount")
    amount_minor = params["amount"]
    if amount_minor < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    currency = check_currency(params["currency"])
    account = _destination(ctx, params["destination"])
    source = _source(ctx, params, amount_minor, currency)
    available_on = _check_funds(ctx, source, amount_minor, currency)
    transfer: Json = {
        "id": ctx.new_id("tr"),
        "object": "transfer",
        "amount": amount_minor,
        "amount_reversed": 0,
        "balance_transaction": None,
        "created": ctx.now_s,
        "currency": currency,
        "description": params.get("description"),
        "destination": account["id"],
        "destination_payment": None,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata")),
        "reversals": None,
        "reversed": False,
        "source_transaction": source["id"] if source else None,
        "source_type": params.get("source_type", "card"),
        "transfer_group": params.get("transfer_group") or (source or {}).get("transfer_group"),
    }
    transfer["reversals"] = empty_list(f"/v1/transfers/{transfer['id']}/reversals")
    _move(ctx, transfer, available_on)
    if source and source["transfer_group"] is None:
        source["transfer_group"] = transfer["transfer_group"] = (
            transfer["transfer_group"] or f"group_{source['payment_intent']}"
        )
        ctx.save(source)
    ctx.save(transfer)
    emit(ctx, "transfer.created", transfer)
    payouts.plan(ctx.acting_for(account["id"]))
    return transfer


def _destination(ctx: Context, identifier: str) -> Json:
    account = ctx.find("v2.core.account", identifier)
    if account is None or identifier == ctx.account:
        raise no_such("destination", identifier, "destination")
    if account["closed"]:
        raise invalid("The destination account is closed.", code="account_invalid", param="destination")
    if accounts_state.status(account, "stripe_transfers") != "active":
        raise invalid(
            "Your destination account needs to have at least one of the following capabilities enabled: transfers,"
            " crypto_transfers, legacy_payments"
        )
    country = account["identity"]["country"]
    if not may_transfer(ctx.sandbox.platform_country.code, country):
        raise invalid(
            f"Funds can't be sent to accounts located in {country} because it's restricted outside of your platform's"
            " region. Learn more: https://docs.stripe.com/connect/cross-border-payouts",
            param="destination",
        )
    return account


def _source(ctx: Context, params: Json, amount_minor: int, currency: str) -> Json | None:
    """The charge that a transfer is made from, after its rules."""
    if "source_transaction" not in params:
        return None
    charge = ctx.find("charge", params["source_transaction"])
    if charge is None:
        raise no_such("charge", params["source_transaction"], "source_transaction")
    if charge["status"] != "succeeded":
        raise invalid(f"The source charge {charge['id']} has not succeeded.", param="source_transaction")
    transaction = ctx.require("balance_transaction", charge["balance_transaction"])
    if transaction["currency"] != currency:
        raise invalid(
            f"The currency of source_transaction's balance transaction ({transaction['currency']}) must be the same as"
            f" the transfer currency ({currency})",
            param="currency",
        )
    transfers = ctx.store.newest_first("transfer", ctx.account, ("source_transaction", charge["id"]))
    moved_minor = sum(transfer["amount"] - transfer["amount_reversed"] for transfer in transfers)
    if moved_minor + amount_minor > transaction["amount"]:
        left = display(transaction["amount"] - moved_minor, currency)
        raise invalid(
            f"The transfers using this source_transaction would exceed the charge amount: {left} of"
            f" {display(transaction['amount'], currency)} can still be transferred.",
            code="transfer_source_balance_parameters_mismatch",
            param="amount",
        )
    group = params.get("transfer_group")
    if group and charge["transfer_group"] and group != charge["transfer_group"]:
        raise invalid(
            "The transfer_group of the transfer must be that of its source_transaction.", param="transfer_group"
        )
    return charge


def _check_funds(ctx: Context, source: Json | None, amount_minor: int, currency: str) -> int:
    """When the money can be used (unix seconds). Raises 400 balance_insufficient where no charge backs the transfer."""
    if source is not None:
        transaction = ctx.require("balance_transaction", source["balance_transaction"])
        return max(int(transaction["available_on"]), ctx.now_s)
    available_minor = ctx.balances.amount_minor(ctx.account, currency, "available")
    if amount_minor > available_minor:
        raise ApiError(
            400,
            "invalid_request_error",
            "You have insufficient available funds in your Stripe account. One likely reason you have"
            " insufficient funds is"
            " that your funds are automatically being paid out; try enabling manual payouts by going to"
            " https://dashboard.stripe.com/account/payouts. See https://docs.stripe.com/connect/separate-charges"
            "-and-transfers#transfer-availability for more information.",
            code="balance_insufficient",
        )
    return ctx.now_s


def _move(ctx: Context, transfer: Json, available_on: int) -> None:
    """Both balance transactions and the payment on the connected account."""
    amount_minor, currency = transfer["amount"], transfer["currency"]
    connected = ctx.acting_for(transfer["destination"])
    pending = "pending" if available_on > ctx.now_s else "available"
    out = balance_transactions.record(
        ctx, "transfer", transfer["id"], amount_minor=-amount_minor, currency=currency, available_on=available_on,
        description=transfer["description"], internal=True,
    )  # fmt: skip
    payment = charges.blank(connected, "py", amount_minor, currency)
    into = balance_transactions.record(
        connected, "payment", payment["id"], amount_minor=amount_minor, currency=currency, available_on=available_on,
        description=transfer["description"], internal=True,
    )  # fmt: skip
    ctx.balances.post(
        currency,
        out["id"],
        Posting(ctx.account, pending, -amount_minor),
        Posting(connected.account, pending, amount_minor),
    )
    payment |= {
        "amount_captured": amount_minor,
        "balance_transaction": into["id"],
        "captured": True,
        "paid": True,
        "source_transfer": transfer["id"],
        "status": "succeeded",
        "description": transfer["description"],
    }
    connected.save(payment)
    transfer |= {"balance_transaction": out["id"], "destination_payment": payment["id"]}


@operation("GET", "/v1/transfers/{transfer}", TransferRetrieveParams)
def retrieve(ctx: Context, params: Json, transfer: str) -> Json:
    """One transfer."""
    del params
    return shown(ctx, ctx.require("transfer", transfer))


@operation("POST", "/v1/transfers/{transfer}", TransferUpdateParams, "description")
def update(ctx: Context, params: Json, transfer: str) -> Json:
    """Change metadata and description."""
    found = ctx.require("transfer", transfer)
    found["metadata"] = merge_metadata(found["metadata"], params.get("metadata"))
    if "description" in params:
        found["description"] = params["description"] or None
    ctx.save(found)
    emit(ctx, "transfer.updated", found, {})
    return shown(ctx, found)


@operation("GET", "/v1/transfers", TransferListParams, "destination transfer_group")
def listed(ctx: Context, params: Json) -> Json:
    """Transfers, newest first."""
    filters = ("destination", "transfer_group")
    return page(ctx, "transfer", params, "/v1/transfers", filters=filters, shown=lambda found: shown(ctx, found))


def shown(ctx: Context, transfer: Json) -> Json:
    """A transfer with its first ten reversals."""
    found = list(ctx.store.newest_first("transfer_reversal", ctx.account, ("transfer", transfer["id"])))
    reversals = {
        **transfer["reversals"],
        "data": [public(item) for item in found[:10]],
        "has_more": len(found) > 10,
    }
    return public({**transfer, "reversals": reversals})
