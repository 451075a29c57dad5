"""/v1/setup_intents: saving a card for later charges."""

from typing import Any

from stripe.params._setup_intent_cancel_params import SetupIntentCancelParams
from stripe.params._setup_intent_confirm_params import SetupIntentConfirmParams
from stripe.params._setup_intent_create_params import SetupIntentCreateParams
from stripe.params._setup_intent_list_params import SetupIntentListParams
from stripe.params._setup_intent_retrieve_params import SetupIntentRetrieveParams

from services.stripe_sandbox.cards import card_error
from services.stripe_sandbox.errors import ApiError, parameter_missing
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page, public
from services.stripe_sandbox.resources import payment_methods
from services.stripe_sandbox.resources.intents import (
    check_method_types,
    client_secret,
    error_details,
    next_action,
    unexpected_state,
)
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
CANCELABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
CREATE = (
    "customer payment_method confirm usage description return_url allowed_payment_method_types"
    " automatic_payment_methods"
    " excluded_payment_method_types use_stripe_sdk"
)


def make(ctx: Context, params: Json) -> Json:
    """A new SetupIntent, unconfirmed."""
    check_method_types(params)
    identifier = ctx.new_id("seti")
    intent: Json = {
        "id": identifier,
        "object": "setup_intent",
        "application": None,
        "automatic_payment_methods": None,
        "cancellation_reason": None,
        "client_secret": client_secret(identifier),
        "created": ctx.now_s,
        "customer": None,
        "customer_account": None,
        "description": params.get("description"),
        "excluded_payment_method_types": None,
        "flow_directions": None,
        "last_setup_error": None,
        "latest_attempt": None,
        "livemode": False,
        "mandate": None,
        "metadata": merge_metadata({}, params.get("metadata")),
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {"mandate_options": None, "network": None, "request_three_d_secure": "automatic"}
        },
        "payment_method_types": ["card"],
        "single_use_mandate": None,
        "status": "requires_payment_method",
        "usage": params.get("usage", "off_session"),
    }
    if "customer" in params:
        intent["customer"] = ctx.require("customer", params["customer"], param="customer")["id"]
    if "payment_method" in params:
        intent["payment_method"] = payment_methods.resolve(ctx, params["payment_method"])["id"]
        intent["status"] = "requires_confirmation"
    ctx.save(intent)
    emit(ctx, "setup_intent.created", intent)
    return intent


@operation("POST", "/v1/setup_intents", SetupIntentCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """Create, and confirm at once with `confirm`."""
    intent = make(ctx, params)
    return confirm_with(ctx, intent, params.get("return_url")) if params.get("confirm") else intent


@operation("GET", "/v1/setup_intents/{intent}", SetupIntentRetrieveParams, "client_secret")
def retrieve(ctx: Context, params: Json, intent: str) -> Json:
    """One SetupIntent."""
    del params
    return ctx.require("setup_intent", intent)


@operation("GET", "/v1/setup_intents", SetupIntentListParams, "customer payment_method")
def listed(ctx: Context, params: Json) -> Json:
    """SetupIntents, newest first."""
    return page(ctx, "setup_intent", params, "/v1/setup_intents", filters=("customer", "payment_method"))


@operation(
    "POST", "/v1/setup_intents/{intent}/confirm", SetupIntentConfirmParams, "payment_method return_url use_stripe_sdk"
)
def confirm(ctx: Context, params: Json, intent: str) -> Json:
    """Confirm with the payment method given or already set."""
    found = ctx.require("setup_intent", intent)
    if found["status"] in ("succeeded", "canceled", "processing"):
        raise unexpected_state("SetupIntent", found, "confirm")
    if "payment_method" in params:
        found["payment_method"] = payment_methods.resolve(ctx, params["payment_method"])["id"]
    return confirm_with(ctx, found, params.get("return_url"))


@operation("POST", "/v1/setup_intents/{intent}/cancel", SetupIntentCancelParams, "cancellation_reason")
def cancel(ctx: Context, params: Json, intent: str) -> Json:
    """Cancel one that is not over."""
    found = ctx.require("setup_intent", intent)
    if found["status"] not in CANCELABLE:
        raise unexpected_state("SetupIntent", found, "cancel")
    found |= {"status": "canceled", "next_action": None, "cancellation_reason": params.get("cancellation_reason")}
    ctx.save(found)
    emit(ctx, "setup_intent.canceled", found)
    return found


def confirm_with(ctx: Context, intent: Json, return_url: str | None) -> Json:
    """Try to save the card: succeeded, or to the authentication page. Raises 402 for a card that declines."""
    if not intent["payment_method"]:
        raise parameter_missing("payment_method")
    payment_method = ctx.require("payment_method", intent["payment_method"], param="payment_method")
    card = payment_methods.card_of(payment_method)
    if card.setup_decline is not None:
        raise fail(ctx, intent, payment_method, card_error(card.setup_decline))
    if card.setup_authentication and not payment_method["_set_up"]:
        intent |= {
            "status": "requires_action",
            "next_action": next_action(ctx, intent, return_url),
            "_return_url": return_url,
        }
        ctx.save(intent)
        emit(ctx, "setup_intent.requires_action", intent)
        return intent
    return succeed(ctx, intent, payment_method)


def succeed(ctx: Context, intent: Json, payment_method: Json) -> Json:
    """The card is saved: attach it to the customer."""
    payment_method["_set_up"] = True
    ctx.save(payment_method)
    if intent["customer"]:
        payment_methods.attach_to(ctx, payment_method, intent["customer"])
    intent |= {
        "status": "succeeded",
        "next_action": None,
        "last_setup_error": None,
        "payment_method": payment_method["id"],
    }
    ctx.save(intent)
    emit(ctx, "setup_intent.succeeded", intent)
    return intent


def fail(ctx: Context, intent: Json, payment_method: Json, error: ApiError) -> ApiError:
    """The card was not saved; gives the error to raise."""
    remembered = error_details(error, payment_method)
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_setup_error": remembered,
    }
    ctx.save(intent)
    emit(ctx, "setup_intent.setup_failed", intent)
    error.details |= {"payment_method": public(payment_method), "setup_intent": public(intent)}
    error.keeps_changes = True
    return error


def authenticated(ctx: Context, intent: Json, *, passed: bool) -> Json:
    """What the holder did on the authentication page."""
    payment_method = ctx.require("payment_method", intent["payment_method"])
    if passed:
        return succeed(ctx, intent, payment_method)
    error = ApiError(
        400,
        "invalid_request_error",
        "The provided PaymentMethod has failed authentication. You can provide payment_method_data or a new"
        " PaymentMethod to attempt to fulfill this SetupIntent again.",
        code="setup_intent_authentication_failure",
    )
    fail(ctx, intent, payment_method, error)
    return intent
