"""/v1/radar/early_fraud_warnings: the card network suspects a charge before anybody disputes it."""

from typing import Any

from stripe.params.radar._early_fraud_warning_list_params import EarlyFraudWarningListParams
from stripe.params.radar._early_fraud_warning_retrieve_params import EarlyFraudWarningRetrieveParams

from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import page
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
KIND = "radar.early_fraud_warning"


def warn(ctx: Context, charge: str) -> Json:
    """Raise a warning about a charge."""
    found = ctx.require("charge", charge)
    warning: Json = {
        "id": ctx.new_id("issfr"),
        "object": KIND,
        "actionable": not found["refunded"] and not found["disputed"],
        "charge": charge,
        "created": ctx.now_s,
        "fraud_type": "unauthorized_use_of_card",
        "livemode": False,
        "payment_intent": found["payment_intent"],
    }
    ctx.save(warning)
    emit(ctx, "radar.early_fraud_warning.created", warning)
    return warning


def settle(ctx: Context, charge: str) -> None:
    """A charge that was refunded or disputed needs no action any more."""
    for warning in list(ctx.store.newest_first(KIND, ctx.account, ("charge", charge))):
        if warning["actionable"]:
            warning["actionable"] = False
            ctx.save(warning)
            emit(ctx, "radar.early_fraud_warning.updated", warning, {"actionable": True})


@operation("GET", "/v1/radar/early_fraud_warnings/{warning}", EarlyFraudWarningRetrieveParams)
def retrieve(ctx: Context, params: Json, warning: str) -> Json:
    """One warning."""
    del params
    return ctx.require(KIND, warning, label="early fraud warning")


@operation("GET", "/v1/radar/early_fraud_warnings", EarlyFraudWarningListParams, "charge payment_intent")
def listed(ctx: Context, params: Json) -> Json:
    """Warnings, newest first."""
    return page(ctx, KIND, params, "/v1/radar/early_fraud_warnings", filters=("charge", "payment_intent"))
