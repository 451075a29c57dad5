"""/v1/topups: money from the platform's own bank onto its balance."""

from datetime import timedelta
from typing import Any

from stripe.params._topup_create_params import TopupCreateParams
from stripe.params._topup_list_params import TopupListParams
from stripe.params._topup_retrieve_params import TopupRetrieveParams

from services.stripe_sandbox.currencies import check_currency
from services.stripe_sandbox.errors import invalid
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.resources import balance_transactions, refunds
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
ARRIVES_AFTER = timedelta(days=1)


@operation("POST", "/v1/topups", TopupCreateParams, "amount currency description statement_descriptor transfer_group")
def create(ctx: Context, params: Json) -> Json:
    """A top-up; it arrives a day later."""
    if params["amount"] < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    topup: Json = {
        "id": ctx.new_id("tu"),
        "object": "topup",
        "amount": params["amount"],
        "balance_transaction": None,
        "created": ctx.now_s,
        "currency": check_currency(params["currency"]),
        "description": params.get("description"),
        "expected_availability_date": int((ctx.at + ARRIVES_AFTER).timestamp()),
        "failure_code": None,
        "failure_message": None,
        "initiated_by": "user",
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata")),
        "source": None,
        "statement_descriptor": params.get("statement_descriptor"),
        "status": "pending",
        "transfer_group": params.get("transfer_group"),
    }
    ctx.save(topup)
    emit(ctx, "topup.created", topup)
    ctx.later(ARRIVES_AFTER, "land_topup", topup=topup["id"])
    return topup


def land(ctx: Context, topup: str) -> None:
    """The money is there."""
    found = ctx.require("topup", topup)
    transaction = balance_transactions.record(
        ctx, "topup", topup, amount_minor=found["amount"], currency=found["currency"], description=found["description"]
    )
    found |= {"status": "succeeded", "balance_transaction": transaction["id"]}
    ctx.save(found)
    emit(ctx, "topup.succeeded", found)
    refunds.retry_waiting(ctx)


@operation("GET", "/v1/topups/{topup}", TopupRetrieveParams)
def retrieve(ctx: Context, params: Json, topup: str) -> Json:
    """One top-up."""
    del params
    return ctx.require("topup", topup, label="topup")


@operation("GET", "/v1/topups", TopupListParams, "status")
def listed(ctx: Context, params: Json) -> Json:
    """Top-ups, newest first."""
    return page(ctx, "topup", params, "/v1/topups", filters=("status",))
