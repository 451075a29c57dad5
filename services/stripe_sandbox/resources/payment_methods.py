"""/v1/payment_methods: cards, by test token, by number, or from the hosted page."""

from typing import Any

from stripe.params._payment_method_attach_params import PaymentMethodAttachParams
from stripe.params._payment_method_create_params import PaymentMethodCreateParams
from stripe.params._payment_method_detach_params import PaymentMethodDetachParams
from stripe.params._payment_method_list_params import PaymentMethodListParams
from stripe.params._payment_method_retrieve_params import PaymentMethodRetrieveParams

from services.stripe_sandbox.cards import BY_NUMBER, BY_TOKEN, TestCard, card_error, find_number
from services.stripe_sandbox.errors import ApiError, invalid, parameter_missing
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.resources.customers import ADDRESS
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]


def card_of(payment_method: Json) -> TestCard:
    """The test card behind a payment method."""
    return BY_NUMBER[payment_method["_number"]]


def check_expiry(ctx: Context, month: int, year: int) -> None:
    """Raise Stripe's card errors for an expiry that is not one or has passed."""
    if not 1 <= month <= 12:
        raise ApiError(
            402, "card_error", "Your card's expiration month is invalid.", "invalid_expiry_month", "exp_month"
        )
    if year < 100:
        year += 2000
    if (year, month) < (ctx.at.year, ctx.at.month) or year > ctx.at.year + 50:
        raise ApiError(402, "card_error", "Your card's expiration year is invalid.", "invalid_expiry_year", "exp_year")


def make(ctx: Context, card: TestCard, *, month: int, year: int, billing: Json | None = None) -> Json:
    """A new payment method of a test card, not yet attached."""
    payment_method: Json = {
        "id": ctx.new_id("pm"),
        "object": "payment_method",
        "allow_redisplay": "unspecified",
        "billing_details": {
            "address": {**ADDRESS, **((billing or {}).get("address") or {})},
            "email": (billing or {}).get("email"),
            "name": (billing or {}).get("name"),
            "phone": (billing or {}).get("phone"),
            "tax_id": None,
        },
        "card": {
            "brand": card.brand,
            "checks": {
                "address_line1_check": None,
                "address_postal_code_check": None,
                "cvc_check": "unchecked",
            },
            "country": card.country,
            "display_brand": card.brand,
            "exp_month": month,
            "exp_year": year + 2000 if year < 100 else year,
            "fingerprint": f"Sandbox{int(card.number):x}",
            "funding": card.funding,
            "generated_from": None,
            "last4": card.last4,
            "networks": {"available": [card.brand], "preferred": None},
            "regulated_status": "unregulated",
            "three_d_secure_usage": {"supported": True},
            "wallet": None,
        },
        "created": ctx.now_s,
        "customer": None,
        "customer_account": None,
        "livemode": False,
        "metadata": {},
        "type": "card",
        "_number": card.number,
        "_set_up": False,
    }
    return ctx.save(payment_method)


def resolve(ctx: Context, reference: str, param: str = "payment_method") -> Json:
    """The payment method that a parameter names; a test token makes a new one. Raises resource_missing."""
    card = BY_TOKEN.get(reference)
    if card is not None:
        return make(ctx, card, month=12, year=ctx.at.year + 4)
    return ctx.require("payment_method", reference, param=param, label="PaymentMethod")


def attach_to(ctx: Context, payment_method: Json, customer: str) -> Json:
    """Attach to a customer; nothing happens when it is attached there already. Raises 400 when it is another's."""
    if payment_method["customer"] == customer:
        return payment_method
    if payment_method["customer"] is not None:
        raise invalid(
            "The payment method you provided has already been attached to a customer.",
            code="payment_method_unexpected_state",
        )
    payment_method["customer"] = customer
    payment_method["card"]["checks"]["cvc_check"] = "pass"
    ctx.save(payment_method)
    emit(ctx, "payment_method.attached", payment_method)
    return payment_method


def renew(ctx: Context, payment_method: str, month: int, year: int) -> Json:
    """The bank sent a new card, and the network tells: the saved one goes on with the new expiry."""
    found = ctx.require("payment_method", payment_method)
    before = {name: found["card"][name] for name in ("exp_month", "exp_year")}
    found["card"] |= {"exp_month": month, "exp_year": year}
    ctx.save(found)
    emit(ctx, "payment_method.automatically_updated", found, {"card": before})
    return found


@operation("POST", "/v1/payment_methods", PaymentMethodCreateParams, "type card billing_details allow_redisplay")
def create(ctx: Context, params: Json) -> Json:
    """A payment method from a test card's number or token."""
    if params.get("type") != "card":
        raise invalid("The sandbox has payment methods of type card only.", param="type")
    details = params.get("card")
    if not details:
        raise parameter_missing("card")
    if token := details.get("token"):
        card = BY_TOKEN.get(token.replace("tok_", "pm_card_"))
        if card is None:
            raise invalid(f"No such token: '{token}'", code="resource_missing", param="card[token]")
        month, year = 12, ctx.at.year + 4
    else:
        for name in ("number", "exp_month", "exp_year"):
            if name not in details:
                raise parameter_missing(f"card[{name}]")
        card = find_number(details["number"])
        month, year = details["exp_month"], details["exp_year"]
        check_expiry(ctx, month, year)
    made = make(ctx, card, month=month, year=year, billing=params.get("billing_details"))
    made["metadata"] = merge_metadata({}, params.get("metadata"))
    made["allow_redisplay"] = params.get("allow_redisplay", "unspecified")
    return ctx.save(made)


@operation("GET", "/v1/payment_methods/{payment_method}", PaymentMethodRetrieveParams)
def retrieve(ctx: Context, params: Json, payment_method: str) -> Json:
    """One payment method."""
    del params
    return ctx.require("payment_method", payment_method, label="PaymentMethod")


@operation("GET", "/v1/payment_methods", PaymentMethodListParams, "customer type")
def listed(ctx: Context, params: Json) -> Json:
    """Payment methods of a customer, newest first."""
    if "customer" in params:
        ctx.require("customer", params["customer"], param="customer")
    return page(ctx, "payment_method", params, "/v1/payment_methods", filters=("customer", "type"))


@operation("POST", "/v1/payment_methods/{payment_method}/attach", PaymentMethodAttachParams, "customer")
def attach(ctx: Context, params: Json, payment_method: str) -> Json:
    """Attach to a customer. Raises 402 for the cards that decline when they are saved."""
    if "customer" not in params:
        raise parameter_missing("customer")
    customer = ctx.require("customer", params["customer"], param="customer")
    found = resolve(ctx, payment_method, param="payment_method")
    declined = card_of(found).setup_decline
    if declined is not None:
        raise card_error(declined)
    return attach_to(ctx, found, customer["id"])


@operation("POST", "/v1/payment_methods/{payment_method}/detach", PaymentMethodDetachParams)
def detach(ctx: Context, params: Json, payment_method: str) -> Json:
    """Detach from its customer, for good."""
    del params
    found = ctx.require("payment_method", payment_method, label="PaymentMethod")
    customer = found["customer"]
    if customer is None:
        raise invalid(
            "The payment method you provided is not attached to a customer so detachment is impossible.",
            code="payment_method_unexpected_state",
        )
    found["customer"] = None
    found["_detached"] = True
    ctx.save(found)
    owner = ctx.find("customer", customer)
    if owner and owner["invoice_settings"]["default_payment_method"] == found["id"]:
        owner["invoice_settings"]["default_payment_method"] = None
        ctx.save(owner)
    emit(ctx, "payment_method.detached", found, {"customer": customer})
    return found
