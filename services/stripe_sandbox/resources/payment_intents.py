"""/v1/payment_intents: the way of one payment, from created to succeeded or canceled.

requires_payment_method -> requires_confirmation -> (requires_action) -> succeeded; a decline or a failed authentication
leads back to requires_payment_method, where another method may be tried.
"""

import re
from typing import Any

from stripe.params._payment_intent_cancel_params import PaymentIntentCancelParams
from stripe.params._payment_intent_confirm_params import PaymentIntentConfirmParams
from stripe.params._payment_intent_create_params import PaymentIntentCreateParams
from stripe.params._payment_intent_list_params import PaymentIntentListParams
from stripe.params._payment_intent_retrieve_params import PaymentIntentRetrieveParams
from stripe.params._payment_intent_update_params import PaymentIntentUpdateParams

from services.stripe_sandbox.cards import AUTHENTICATION_REQUIRED, Decline, card_error
from services.stripe_sandbox.currencies import check_amount, check_currency
from services.stripe_sandbox.errors import ApiError, invalid
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page, public
from services.stripe_sandbox.resources import charges, payment_methods
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

CANCELABLE = {"requires_payment_method", "requires_confirmation", "requires_action", "requires_capture"}
CONFIRMABLE = {"requires_payment_method", "requires_confirmation", "requires_action"}
SUFFIX_LENGTH = 22
SIMPLE = "description receipt_email statement_descriptor_suffix transfer_group setup_future_usage shipping"
CREATE = (
    f"amount currency customer payment_method confirm off_session return_url error_on_requires_action capture_method"
    f" confirmation_method automatic_payment_methods allowed_payment_method_types excluded_payment_method_types"
    f" statement_descriptor use_stripe_sdk {SIMPLE}"
)
UPDATE = f"amount currency customer payment_method statement_descriptor {SIMPLE}"
CONFIRM = (
    "payment_method off_session return_url error_on_requires_action receipt_email setup_future_usage shipping"
    " use_stripe_sdk"
)


@operation("POST", "/v1/payment_intents", PaymentIntentCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """Create, and confirm at once with `confirm`."""
    if "off_session" in params and not params.get("confirm"):
        raise invalid("`off_session` can only be used when `confirm` is true.", param="off_session")
    intent = make(ctx, params)
    return confirm_with(ctx, intent, params) if params.get("confirm") else intent


def make(ctx: Context, params: Json) -> Json:
    """A new PaymentIntent, unconfirmed."""
    if params.get("capture_method", "automatic") == "manual":
        raise invalid("The sandbox captures automatically.", param="capture_method")
    check_method_types(params)
    currency = check_currency(params["currency"])
    check_amount(params["amount"], currency)
    identifier = ctx.new_id("pi")
    intent: Json = {
        "id": identifier,
        "object": "payment_intent",
        "amount": params["amount"],
        "amount_capturable": 0,
        "amount_details": {"tip": {}},
        "amount_received": 0,
        "application": None,
        "application_fee_amount": None,
        "automatic_payment_methods": _automatic(params),
        "canceled_at": None,
        "cancellation_reason": None,
        "capture_method": params.get("capture_method", "automatic_async"),
        "client_secret": client_secret(identifier),
        "confirmation_method": params.get("confirmation_method", "automatic"),
        "created": ctx.now_s,
        "currency": currency,
        "customer": None,
        "customer_account": None,
        "description": None,
        "excluded_payment_method_types": params.get("excluded_payment_method_types"),
        "last_payment_error": None,
        "latest_charge": None,
        "livemode": False,
        "metadata": {},
        "next_action": None,
        "on_behalf_of": None,
        "payment_method": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {
            "card": {
                "installments": None,
                "mandate_options": None,
                "network": None,
                "request_three_d_secure": "automatic",
            }
        },
        "payment_method_types": ["card"],
        "processing": None,
        "receipt_email": None,
        "review": None,
        "setup_future_usage": None,
        "shipping": None,
        "source": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "requires_payment_method",
        "transfer_data": None,
        "transfer_group": None,
    }
    _apply(ctx, intent, params)
    ctx.save(intent)
    emit(ctx, "payment_intent.created", intent)
    return intent


def _automatic(params: Json) -> Json | None:
    given = params.get("automatic_payment_methods")
    if given is None:
        return None if params.get("allowed_payment_method_types") else {"allow_redirects": "always", "enabled": True}
    return {"allow_redirects": "always", **given}


def _apply(ctx: Context, intent: Json, params: Json) -> None:
    """Set what create, update and confirm may set."""
    if params.get("statement_descriptor"):
        raise invalid(
            "You cannot set `statement_descriptor` for card payments: use `statement_descriptor_suffix`.",
            code="payment_intent_invalid_parameter",
            param="statement_descriptor",
        )
    _check_suffix(params.get("statement_descriptor_suffix"))
    for name in SIMPLE.split():
        if name in params:
            intent[name] = params[name] or None
    if "customer" in params:
        intent["customer"] = ctx.require("customer", params["customer"], param="customer")["id"]
    if params.get("payment_method"):
        payment_method = payment_methods.resolve(ctx, params["payment_method"])
        _check_owner(intent, payment_method)
        intent["payment_method"] = payment_method["id"]
        if intent["status"] == "requires_payment_method":
            intent["status"] = "requires_confirmation"
    intent["metadata"] = merge_metadata(intent["metadata"], params.get("metadata"))


def _check_suffix(suffix: str | None) -> None:
    if not suffix:
        return
    prefix = len(charges.STATEMENT_PREFIX) + len("* ")
    if len(suffix) + prefix > SUFFIX_LENGTH:
        raise invalid(
            f"The statement descriptor suffix must be at most {SUFFIX_LENGTH - prefix} characters with this account's"
            f" prefix ({charges.STATEMENT_PREFIX}).",
            param="statement_descriptor_suffix",
        )
    if re.search(r"[<>\\'\"*]", suffix) or not re.search(r"[A-Za-z]", suffix) or not suffix.isascii():
        raise invalid(
            "The statement descriptor suffix must contain at least one letter, only Latin characters and none of"
            " < > \\ ' \" *.",
            param="statement_descriptor_suffix",
        )


def _check_owner(intent: Json, payment_method: Json) -> None:
    owner = payment_method["customer"]
    if payment_method.get("_detached"):
        raise invalid(
            "The provided PaymentMethod was previously used with a PaymentIntent without Customer"
            " attachment, shared with"
            " a connected account without Customer attachment, or was detached from a Customer. It may"
            " not be used again."
            " To use a PaymentMethod multiple times, you must attach it to a Customer first.",
            code="payment_method_unexpected_state",
            param="payment_method",
        )
    if owner is not None and owner != intent["customer"]:
        if intent["customer"] is None:
            message = (
                f"The customer for this payment method is {owner}: provide `customer` to use a"
                f" PaymentMethod that belongs"
                " to a Customer."
            )
        else:
            message = f"The provided PaymentMethod belongs to customer {owner}, not to {intent['customer']}."
        raise invalid(message, code="payment_intent_invalid_parameter", param="payment_method")


@operation("GET", "/v1/payment_intents/{intent}", PaymentIntentRetrieveParams, "client_secret")
def retrieve(ctx: Context, params: Json, intent: str) -> Json:
    """One PaymentIntent."""
    found = ctx.require("payment_intent", intent)
    if params.get("client_secret", found["client_secret"]) != found["client_secret"]:
        raise invalid("The client_secret provided does not match the PaymentIntent.", param="client_secret")
    return found


@operation("GET", "/v1/payment_intents", PaymentIntentListParams, "customer")
def listed(ctx: Context, params: Json) -> Json:
    """PaymentIntents, newest first."""
    return page(ctx, "payment_intent", params, "/v1/payment_intents", filters=("customer",))


@operation("POST", "/v1/payment_intents/{intent}", PaymentIntentUpdateParams, UPDATE)
def update(ctx: Context, params: Json, intent: str) -> Json:
    """Change one; after its end only metadata, description and transfer group."""
    found = ctx.require("payment_intent", intent)
    free = {"metadata", "description", "expand", "transfer_group", "receipt_email"}
    if found["status"] not in CONFIRMABLE and set(params) - free:
        raise unexpected_state("PaymentIntent", found, "update")
    if "amount" in params or "currency" in params:
        found["currency"] = check_currency(str(params.get("currency", found["currency"])))
        found["amount"] = params.get("amount", found["amount"])
        check_amount(found["amount"], found["currency"])
    if found["status"] == "requires_action" and {"amount", "payment_method"} & set(params):
        found |= {"status": "requires_confirmation", "next_action": None}
    _apply(ctx, found, params)
    return ctx.save(found)


@operation("POST", "/v1/payment_intents/{intent}/confirm", PaymentIntentConfirmParams, CONFIRM)
def confirm(ctx: Context, params: Json, intent: str) -> Json:
    """Attempt the payment. Raises 402 card_error for a decline."""
    found = ctx.require("payment_intent", intent)
    _check_free(found, "confirm")
    if found["status"] not in CONFIRMABLE:
        raise unexpected_state("PaymentIntent", found, "confirm")
    _apply(ctx, found, params)
    return confirm_with(ctx, found, params)


@operation("POST", "/v1/payment_intents/{intent}/cancel", PaymentIntentCancelParams, "cancellation_reason")
def cancel(ctx: Context, params: Json, intent: str) -> Json:
    """Cancel one that is not over."""
    found = ctx.require("payment_intent", intent)
    _check_free(found, "cancel")
    if found["status"] not in CANCELABLE:
        raise invalid(
            "You cannot cancel this PaymentIntent because it has a status of "
            f"{found['status']}. Only a PaymentIntent with one of the following statuses may be canceled:"
            f" {', '.join(sorted(CANCELABLE))}.",
            code="payment_intent_unexpected_state",
            payment_intent=public(found),
        )
    return end(ctx, found, params.get("cancellation_reason"))


def end(ctx: Context, intent: Json, reason: str | None) -> Json:
    """It is cancelled and will not be charged any more."""
    intent |= {"status": "canceled", "canceled_at": ctx.now_s, "cancellation_reason": reason, "next_action": None}
    ctx.save(intent)
    emit(ctx, "payment_intent.canceled", intent)
    return intent


def confirm_with(ctx: Context, intent: Json, params: Json) -> Json:
    """Decide what the card does and carry it out."""
    if intent["payment_method"] is None:
        raise invalid(
            "You cannot confirm this PaymentIntent because it's missing a payment method. You can either update the"
            " PaymentIntent with a payment method and then confirm it again, or confirm it again"
            " directly with a payment"
            " method or ConfirmationToken.",
            code="payment_intent_unexpected_state",
            payment_intent=public(intent),
        )
    payment_method = ctx.require("payment_method", intent["payment_method"], param="payment_method")
    _check_owner(intent, payment_method)
    off_session = params.get("off_session", False) not in (False, "")
    intent["next_action"] = None
    if _needs_authentication(payment_method, off_session=off_session):
        if off_session or params.get("error_on_requires_action"):
            raise _decline(ctx, intent, payment_method, AUTHENTICATION_REQUIRED)
        return_url = params.get("return_url")
        intent |= {
            "status": "requires_action",
            "next_action": next_action(ctx, intent, return_url),
            "last_payment_error": None,
            "_return_url": return_url,
        }
        ctx.save(intent)
        emit(ctx, "payment_intent.requires_action", intent)
        return intent
    return _charge(ctx, intent, payment_method, authenticated=False)


def _check_free(intent: Json, verb: str) -> None:
    """Raise 400 for an intent that the page of a Checkout Session confirms, and its end cancels."""
    if "_checkout_session" in intent:
        raise invalid(
            f"You cannot {verb} this PaymentIntent because it was created by a Checkout Session"
            f" ({intent['_checkout_session']}): expire the session to cancel it.",
            code="payment_intent_unexpected_state",
            payment_intent=public(intent),
        )


def _needs_authentication(payment_method: Json, *, off_session: bool) -> bool:
    rule = payment_methods.card_of(payment_method).authentication
    if rule == "unless_set_up":
        return not payment_method["_set_up"]
    return rule == "always" or (rule == "on_session" and not off_session)


def _charge(ctx: Context, intent: Json, payment_method: Json, *, authenticated: bool) -> Json:
    decline = payment_methods.card_of(payment_method).charge_decline
    if decline is not None:
        raise _decline(ctx, intent, payment_method, decline, authenticated=authenticated)
    charge = charges.attempt(ctx, intent, payment_method, None, authenticated=authenticated)
    intent |= {
        "status": "succeeded",
        "amount_received": intent["amount"],
        "latest_charge": charge["id"],
        "next_action": None,
        "last_payment_error": None,
    }
    if intent["setup_future_usage"] and intent["customer"] and payment_method["customer"] is None:
        payment_method["_set_up"] = True
        payment_methods.attach_to(ctx, payment_method, intent["customer"])
    ctx.save(intent)
    emit(ctx, "payment_intent.succeeded", intent)
    return intent


def _decline(
    ctx: Context, intent: Json, payment_method: Json, decline: Decline, *, authenticated: bool = False
) -> ApiError:
    """The issuer says no: the attempt is kept, the intent wants another method; gives the error to raise."""
    charge = charges.attempt(ctx, intent, payment_method, decline, authenticated=authenticated)
    error = card_error(decline, charge=charge["id"])
    intent["latest_charge"] = charge["id"]
    return back_to_start(ctx, intent, payment_method, error)


def back_to_start(ctx: Context, intent: Json, payment_method: Json, error: ApiError) -> ApiError:
    """An attempt failed: requires_payment_method again, with what went wrong."""
    intent |= {
        "status": "requires_payment_method",
        "payment_method": None,
        "next_action": None,
        "last_payment_error": error_details(error, payment_method, **_charge_of(error)),
    }
    ctx.save(intent)
    emit(ctx, "payment_intent.payment_failed", intent)
    error.details |= {"payment_intent": public(intent), "payment_method": public(payment_method)}
    error.keeps_changes = True
    return error


def _charge_of(error: ApiError) -> Json:
    return {"charge": error.details["charge"]} if "charge" in error.details else {}


def authenticated(ctx: Context, intent: Json, *, passed: bool) -> Json:
    """What the holder did on the authentication page: charge, or back to the start. Never raises for a decline."""
    payment_method = ctx.require("payment_method", intent["payment_method"])
    if not passed:
        error = ApiError(
            402,
            "card_error",
            "We are unable to authenticate your payment method. Please choose a different payment"
            " method and try again.",
            code="payment_intent_authentication_failure",
        )
        back_to_start(ctx, intent, payment_method, error)
        return intent
    try:
        return _charge(ctx, intent, payment_method, authenticated=True)
    except ApiError as error:
        if not error.keeps_changes:
            raise
        return intent
