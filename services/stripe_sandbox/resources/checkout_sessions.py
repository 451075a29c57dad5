"""/v1/checkout/sessions in setup mode, with its hosted page (pages/checkout.py)."""

from datetime import UTC, datetime, timedelta
from typing import Any

from stripe.params.checkout._session_create_params import SessionCreateParams
from stripe.params.checkout._session_expire_params import SessionExpireParams
from stripe.params.checkout._session_list_params import SessionListParams
from stripe.params.checkout._session_retrieve_params import SessionRetrieveParams

from services.stripe_sandbox.currencies import check_currency
from services.stripe_sandbox.errors import invalid, parameter_missing
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.render import merge_metadata, page, public
from services.stripe_sandbox.resources import setup_intents
from services.stripe_sandbox.resources.customers import ADDRESS
from services.stripe_sandbox.resources.intents import check_method_types
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
DEFAULT_LIFE = timedelta(hours=24)
SHORTEST_LIFE_S = 30 * 60
LONGEST_LIFE_S = 24 * 3600
CREATE = (
    "mode customer customer_email currency success_url cancel_url client_reference_id"
    " setup_intent_data expires_at locale"
    " allowed_payment_method_types excluded_payment_method_types ui_mode"
)


@operation("POST", "/v1/checkout/sessions", SessionCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """A session in setup mode with a SetupIntent of its own."""
    if params.get("mode") != "setup":
        raise invalid("The sandbox has Checkout Sessions with mode=setup.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox has ui_mode=hosted_page only.", param="ui_mode")
    check_method_types(params)
    if "success_url" not in params:
        raise parameter_missing("success_url")
    if "currency" not in params and "allowed_payment_method_types" not in params:
        raise invalid(
            "`currency` is required in `setup` mode unless `allowed_payment_method_types` is given.",
            code="parameter_missing",
            param="currency",
        )
    customer = ctx.require("customer", params["customer"], param="customer") if "customer" in params else None
    identifier = new_id("cs_test")
    expires_at = _expiry(ctx, params)
    details = params.get("setup_intent_data", {})
    if "on_behalf_of" in details:
        raise invalid("The sandbox does not model on_behalf_of.", param="setup_intent_data[on_behalf_of]")
    wanted = {name: details[name] for name in ("description", "metadata") if name in details}
    if customer:
        wanted["customer"] = customer["id"]
    intent = setup_intents.make(ctx, wanted)
    intent["_checkout_session"] = identifier
    ctx.save(intent)
    session: Json = {
        "id": identifier,
        "object": "checkout.session",
        "adaptive_pricing": None,
        "after_expiration": None,
        "allow_promotion_codes": None,
        "amount_subtotal": None,
        "amount_total": None,
        "automatic_tax": {"enabled": False, "liability": None, "provider": None, "status": None},
        "billing_address_collection": None,
        "cancel_url": params.get("cancel_url"),
        "client_reference_id": params.get("client_reference_id"),
        "client_secret": None,
        "collected_information": None,
        "consent": None,
        "consent_collection": None,
        "created": ctx.now_s,
        "currency": check_currency(params["currency"]) if "currency" in params else None,
        "currency_conversion": None,
        "custom_fields": [],
        "custom_text": {
            "after_submit": None,
            "shipping_address": None,
            "submit": None,
            "terms_of_service_acceptance": None,
        },
        "customer": customer["id"] if customer else None,
        "customer_account": None,
        "customer_creation": None,
        "customer_details": _customer_details(customer, params),
        "customer_email": params.get("customer_email"),
        "discounts": None,
        "expires_at": expires_at,
        "invoice": None,
        "invoice_creation": None,
        "livemode": False,
        "locale": params.get("locale"),
        "metadata": merge_metadata({}, params.get("metadata")),
        "mode": "setup",
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": "always",
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": "no_payment_required",
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": intent["id"],
        "shipping_address_collection": None,
        "shipping_cost": None,
        "shipping_options": [],
        "status": "open",
        "submit_type": None,
        "subscription": None,
        "success_url": params["success_url"],
        "total_details": None,
        "ui_mode": "hosted_page",
        "url": f"{ctx.sandbox.settings.public_url}/c/pay/{identifier}",
        "wallet_options": None,
    }
    ctx.later(datetime.fromtimestamp(expires_at, UTC), "expire_checkout_session", session=identifier)
    return ctx.save(session)


def _expiry(ctx: Context, params: Json) -> int:
    default = ctx.now_s + int(DEFAULT_LIFE.total_seconds())
    expires_at = int(params.get("expires_at", default))
    if not SHORTEST_LIFE_S - 60 <= expires_at - ctx.now_s <= LONGEST_LIFE_S:
        raise invalid(
            "The `expires_at` timestamp must be at least 30 minutes and at most 24 hours from Checkout"
            " Session creation.",
            param="expires_at",
        )
    return expires_at


def _customer_details(customer: Json | None, params: Json) -> Json | None:
    email = params.get("customer_email") or (customer or {}).get("email")
    if customer is None and email is None:
        return None
    return {
        "address": {**ADDRESS, **((customer or {}).get("address") or {})},
        "business_name": None,
        "email": email,
        "individual_name": None,
        "name": (customer or {}).get("name"),
        "phone": (customer or {}).get("phone"),
        "tax_exempt": "none",
        "tax_ids": None,
    }


@operation("GET", "/v1/checkout/sessions/{session}", SessionRetrieveParams)
def retrieve(ctx: Context, params: Json, session: str) -> Json:
    """One session."""
    del params
    return ctx.require("checkout.session", session, label="checkout.session")


@operation("GET", "/v1/checkout/sessions", SessionListParams, "customer status payment_intent")
def listed(ctx: Context, params: Json) -> Json:
    """Sessions, newest first."""
    filters = ("customer", "status", "payment_intent")
    return page(ctx, "checkout.session", params, "/v1/checkout/sessions", filters=filters)


@operation("POST", "/v1/checkout/sessions/{session}/expire", SessionExpireParams)
def expire(ctx: Context, params: Json, session: str) -> Json:
    """End an open session."""
    del params
    found = ctx.require("checkout.session", session, label="checkout.session")
    if found["status"] != "open":
        raise invalid(
            f'Only Checkout Sessions with a status in ["open"] can be expired. This Checkout Session has a status of'
            f" `{found['status']}`."
        )
    return end(ctx, found)


def end(ctx: Context, session: Json) -> Json:
    """The session is over without a card."""
    session |= {"status": "expired", "url": None}
    ctx.save(session)
    intent = ctx.find("setup_intent", session["setup_intent"])
    if intent and intent["status"] in setup_intents.CANCELABLE:
        intent |= {"status": "canceled", "next_action": None, "cancellation_reason": "abandoned"}
        ctx.save(intent)
        emit(ctx, "setup_intent.canceled", intent)
    emit(ctx, "checkout.session.expired", session)
    return session


def complete(ctx: Context, session: Json) -> Json:
    """The card is saved: the session is complete."""
    session |= {"status": "complete", "url": None}
    ctx.save(session)
    emit(ctx, "checkout.session.completed", public(session))
    return session
