"""/v1/checkout/sessions, with their hosted page (pages/checkout.py): to save a card (`setup`), or to pay (`payment`).

In setup mode the SetupIntent is there from the start. In payment mode the PaymentIntent is made when the form is sent.
"""

from datetime import UTC, datetime, timedelta
from typing import Any

from stripe.params.checkout._session_create_params import SessionCreateParams
from stripe.params.checkout._session_expire_params import SessionExpireParams
from stripe.params.checkout._session_list_line_items_params import SessionListLineItemsParams
from stripe.params.checkout._session_list_params import SessionListParams
from stripe.params.checkout._session_retrieve_params import SessionRetrieveParams

from services.stripe_sandbox.currencies import check_amount, check_currency
from services.stripe_sandbox.errors import check_modelled, invalid, parameter_missing
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.render import merge_metadata, page, page_of, public
from services.stripe_sandbox.resources import checkout_items, customers, payment_intents, setup_intents
from services.stripe_sandbox.resources.customers import ADDRESS
from services.stripe_sandbox.resources.intents import check_method_types
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
DEFAULT_LIFE = timedelta(hours=24)
SHORTEST_LIFE_S = 30 * 60
LONGEST_LIFE_S = 24 * 3600
CREATE = (
    "mode customer customer_email customer_creation currency success_url cancel_url client_reference_id"
    " line_items payment_intent_data setup_intent_data expires_at locale submit_type"
    " allowed_payment_method_types excluded_payment_method_types ui_mode"
)
ONLY_IN = {
    "setup": ("setup_intent_data",),
    "payment": ("customer_creation", "line_items", "payment_intent_data", "submit_type"),
}
SETUP_DATA = {"description", "metadata"}
PAYMENT_DATA = {
    "description", "metadata", "receipt_email", "setup_future_usage", "statement_descriptor",
    "statement_descriptor_suffix", "transfer_group",
}  # fmt: skip


@operation("POST", "/v1/checkout/sessions", SessionCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """An open session: to save a card, or to pay for line items."""
    mode = params.get("mode")
    if mode not in ONLY_IN:
        raise invalid("The sandbox has Checkout Sessions with mode=setup and mode=payment.", param="mode")
    if params.get("ui_mode", "hosted_page") != "hosted_page":
        raise invalid("The sandbox has ui_mode=hosted_page only.", param="ui_mode")
    for other, names in ONLY_IN.items():
        for name in names:
            if other != mode and name in params:
                raise invalid(f"You can not pass `{name}` in `{mode}` mode.", param=name)
    check_method_types(params)
    if "success_url" not in params:
        raise parameter_missing("success_url")
    customer = ctx.require("customer", params["customer"], param="customer") if "customer" in params else None
    if customer and "customer_creation" in params:
        raise invalid("You may only specify one of these parameters: customer, customer_creation.", param="customer")
    identifier = new_id("cs_test")
    expires_at = _expiry(ctx, params)
    begin = _to_save if mode == "setup" else _to_pay
    session = _session(ctx, identifier, params, customer, expires_at) | begin(ctx, params, customer)
    ctx.later(datetime.fromtimestamp(expires_at, UTC), "expire_checkout_session", session=identifier)
    return ctx.save(session)


def _to_save(ctx: Context, params: Json, customer: Json | None) -> Json:
    """What a session in setup mode has: a SetupIntent of its own."""
    if "currency" not in params and "allowed_payment_method_types" not in params:
        raise invalid(
            "`currency` is required in `setup` mode unless `allowed_payment_method_types` is given.",
            code="parameter_missing",
            param="currency",
        )
    wanted = _intent_data(params, "setup_intent_data", SETUP_DATA)
    if customer:
        wanted["customer"] = customer["id"]
    return {
        "currency": check_currency(params["currency"]) if "currency" in params else None,
        "payment_method_collection": "always",
        "payment_status": "no_payment_required",
        "setup_intent": setup_intents.make(ctx, wanted)["id"],
    }


def _to_pay(ctx: Context, params: Json, customer: Json | None) -> Json:
    """What a session in payment mode has: line items and their sum."""
    items = checkout_items.make(ctx, params)
    total_minor = checkout_items.total_minor(items)
    currency = items[0]["currency"]
    if check_currency(str(params.get("currency", currency))) != currency:
        raise invalid(f"The line items are in {currency}, not in {params['currency']}.", param="currency")
    check_amount(total_minor, currency)
    return {
        "amount_subtotal": total_minor,
        "amount_total": total_minor,
        "currency": currency,
        "customer_creation": None if customer else params.get("customer_creation", "if_required"),
        "payment_method_collection": "if_required",
        "payment_status": "unpaid",
        "submit_type": params.get("submit_type"),
        "total_details": {"amount_discount": 0, "amount_shipping": 0, "amount_tax": 0},
        "_items": items,
        "_intent_data": _intent_data(params, "payment_intent_data", PAYMENT_DATA),
    }


def _intent_data(params: Json, name: str, modelled: set[str]) -> Json:
    given = params.get(name, {})
    check_modelled(given, modelled, name)
    return dict(given)


def _session(ctx: Context, identifier: str, params: Json, customer: Json | None, expires_at: int) -> Json:
    """What sessions of both modes have."""
    return {
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
        "currency": None,
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
        "mode": params["mode"],
        "origin_context": None,
        "payment_intent": None,
        "payment_link": None,
        "payment_method_collection": None,
        "payment_method_configuration_details": None,
        "payment_method_options": {"card": {"request_three_d_secure": "automatic"}},
        "payment_method_types": ["card"],
        "payment_status": None,
        "permissions": None,
        "phone_number_collection": {"enabled": False},
        "recovered_from": None,
        "saved_payment_method_options": None,
        "setup_intent": None,
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


@operation("GET", "/v1/checkout/sessions/{session}/line_items", SessionListLineItemsParams)
def line_items(ctx: Context, params: Json, session: str) -> Json:
    """What is bought in a session, in its order."""
    found = ctx.require("checkout.session", session, label="checkout.session")
    return page_of(found.get("_items", []), params, f"/v1/checkout/sessions/{session}/line_items")


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
    """The session is over without a card; an attempt that stands open is cancelled."""
    session |= {"status": "expired", "url": None}
    ctx.save(session)
    if session["mode"] == "setup":
        intent = ctx.find("setup_intent", session["setup_intent"])
        if intent and intent["status"] in setup_intents.CANCELABLE:
            intent |= {"status": "canceled", "next_action": None, "cancellation_reason": "abandoned"}
            ctx.save(intent)
            emit(ctx, "setup_intent.canceled", intent)
    elif intent := ctx.find("payment_intent", session["payment_intent"] or ""):
        payment_intents.end(ctx, intent, "expired")
    emit(ctx, "checkout.session.expired", public(session))
    return session


def intent_of(ctx: Context, session: Json) -> Json:
    """The intent that the form confirms; in payment mode it is made when the form is sent the first time."""
    if session["mode"] == "setup":
        return ctx.require("setup_intent", session["setup_intent"])
    if session["payment_intent"] is None:
        if session["customer_creation"] == "always":
            session["customer"] = customers.create(ctx, {"email": session["customer_email"]})["id"]
        wanted = {"amount": session["amount_total"], "currency": session["currency"], **session["_intent_data"]}
        if session["customer"]:
            wanted["customer"] = session["customer"]
        intent = payment_intents.make(ctx, wanted)
        intent["_checkout_session"] = session["id"]
        ctx.save(intent)
        session["payment_intent"] = intent["id"]
        ctx.save(session)
    return ctx.require("payment_intent", session["payment_intent"])


def complete(ctx: Context, session: Json) -> Json:
    """The card is saved, or the payment went through: the session is complete."""
    session |= {"status": "complete", "url": None}
    if session["mode"] == "payment":
        session["payment_status"] = "paid"
    ctx.save(session)
    emit(ctx, "checkout.session.completed", public(session))
    return session
