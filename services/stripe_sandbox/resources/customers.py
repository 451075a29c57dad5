"""/v1/customers."""

from typing import Any

from stripe.params._customer_create_params import CustomerCreateParams
from stripe.params._customer_list_params import CustomerListParams
from stripe.params._customer_list_payment_methods_params import CustomerListPaymentMethodsParams
from stripe.params._customer_retrieve_params import CustomerRetrieveParams
from stripe.params._customer_update_params import CustomerUpdateParams

from services.stripe_sandbox.events import emit
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
TEXTS = ("email", "name", "phone", "description", "business_name", "individual_name")
MODELLED = " ".join(TEXTS) + " address shipping invoice_settings preferred_locales tax_exempt"
ADDRESS = dict.fromkeys(("city", "country", "line1", "line2", "postal_code", "state"))


@operation("POST", "/v1/customers", CustomerCreateParams, MODELLED)
def create(ctx: Context, params: Json) -> Json:
    """Create a customer."""
    customer: Json = {
        "id": ctx.new_id("cus"),
        "object": "customer",
        "address": None,
        "balance": 0,
        "created": ctx.now_s,
        "currency": None,
        "customer_account": None,
        "default_source": None,
        "delinquent": False,
        "description": None,
        "discount": None,
        "email": None,
        "invoice_prefix": random_text(8).upper(),
        "invoice_settings": {
            "custom_fields": None,
            "default_payment_method": None,
            "footer": None,
            "rendering_options": None,
        },
        "livemode": False,
        "metadata": {},
        "name": None,
        "next_invoice_sequence": 1,
        "phone": None,
        "preferred_locales": [],
        "shipping": None,
        "tax_exempt": "none",
        "test_clock": None,
    }
    _apply(ctx, customer, params)
    ctx.save(customer)
    emit(ctx, "customer.created", customer)
    return customer


@operation("GET", "/v1/customers/{customer}", CustomerRetrieveParams)
def retrieve(ctx: Context, params: Json, customer: str) -> Json:
    """One customer."""
    del params
    return ctx.require("customer", customer)


@operation("POST", "/v1/customers/{customer}", CustomerUpdateParams, MODELLED)
def update(ctx: Context, params: Json, customer: str) -> Json:
    """Change a customer."""
    found = ctx.require("customer", customer)
    before = dict(found)
    _apply(ctx, found, params)
    ctx.save(found)
    changed = {name: before[name] for name in found if before.get(name) != found[name] and name in before}
    if changed:
        emit(ctx, "customer.updated", found, changed)
    return found


@operation("GET", "/v1/customers", CustomerListParams, "email")
def listed(ctx: Context, params: Json) -> Json:
    """Customers, newest first."""
    return page(ctx, "customer", params, "/v1/customers", filters=("email",))


@operation("GET", "/v1/customers/{customer}/payment_methods", CustomerListPaymentMethodsParams, "type")
def payment_methods(ctx: Context, params: Json, customer: str) -> Json:
    """The payment methods of a customer."""
    ctx.require("customer", customer)
    url = f"/v1/customers/{customer}/payment_methods"
    return page(ctx, "payment_method", params, url, filters=("type",), by=("customer", customer))


def _apply(ctx: Context, customer: Json, params: Json) -> None:
    for name in TEXTS:
        if name in params and (params[name] or name in customer):
            customer[name] = params[name] or None
    if "address" in params:
        customer["address"] = {**ADDRESS, **params["address"]} if params["address"] else None
    if "shipping" in params:
        customer["shipping"] = _shipping(params["shipping"])
    for name in ("preferred_locales", "tax_exempt"):
        if name in params:
            customer[name] = params[name] or ([] if name == "preferred_locales" else "none")
    settings = params.get("invoice_settings", {})
    if "default_payment_method" in settings:
        chosen = settings["default_payment_method"] or None
        if chosen:
            ctx.require(
                "payment_method", chosen, param="invoice_settings[default_payment_method]", label="PaymentMethod"
            )
        customer["invoice_settings"]["default_payment_method"] = chosen
    customer["metadata"] = merge_metadata(customer["metadata"], params.get("metadata"))


def _shipping(value: Any) -> Json | None:
    if not value:
        return None
    return {"phone": None, **value, "address": {**ADDRESS, **value.get("address", {})}}
