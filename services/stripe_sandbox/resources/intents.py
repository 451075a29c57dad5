"""What SetupIntents and PaymentIntents share: the rules on payment method types, the page for authentication."""

from typing import Any

from services.stripe_sandbox.errors import ApiError, invalid
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.render import public
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]


def client_secret(identifier: str) -> str:
    """A client secret of an intent."""
    return f"{identifier}_secret_{random_text(25)}"


def check_method_types(params: Json) -> None:
    """Raise 400 where parameters that exclude each other are both given, or cards are excluded."""
    given = [
        name
        for name in (
            "allowed_payment_method_types",
            "automatic_payment_methods",
            "excluded_payment_method_types",
            "payment_method_configuration",
        )
        if params.get(name)
    ]
    if "allowed_payment_method_types" in given and len(given) > 1:
        raise invalid(
            f"You may only specify one of these parameters: {', '.join(given)}.",
            code="parameters_exclusive",
            param="allowed_payment_method_types",
        )
    if params.get("allowed_payment_method_types") and "card" not in params["allowed_payment_method_types"]:
        raise invalid("The sandbox has cards only: allow `card`.", param="allowed_payment_method_types")


def next_action(ctx: Context, intent: Json, return_url: str | None) -> Json:
    """Where the card's holder must go: the hosted 3D Secure page."""
    url = f"{ctx.sandbox.settings.public_url}/3ds/{intent['id']}/{intent['client_secret'].rpartition('_')[2]}"
    if return_url:
        return {"type": "redirect_to_url", "redirect_to_url": {"return_url": return_url, "url": url}}
    return {"type": "use_stripe_sdk", "use_stripe_sdk": {"type": "three_d_secure_redirect", "stripe_js": url}}


def error_details(error: ApiError, payment_method: Json | None, **more: object) -> Json:
    """An error as an intent remembers it (`last_payment_error`, `last_setup_error`)."""
    details: Json = {"type": error.type, "message": error.message}
    for name in ("code", "decline_code", "advice_code", "param"):
        if getattr(error, name) is not None:
            details[name] = getattr(error, name)
    if error.code:
        details["doc_url"] = f"https://docs.stripe.com/error-codes/{error.code.replace('_', '-')}"
    if payment_method is not None:
        details["payment_method"] = public(payment_method)
    return {**details, **more}


def unexpected_state(name: str, intent: Json, verb: str) -> ApiError:
    """400: an intent in a state in which this cannot be done."""
    error = invalid(
        f"You cannot {verb} this {name} because it has a status of {intent['status']}.",
        code=f"{intent['object']}_unexpected_state",
    )
    error.details[intent["object"]] = public(intent)
    return error
