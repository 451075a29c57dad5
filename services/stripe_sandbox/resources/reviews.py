"""/v1/reviews: Radar, or somebody, wants a person to look at a payment. The control interface opens them."""

from typing import Any

from stripe.params._review_approve_params import ReviewApproveParams
from stripe.params._review_list_params import ReviewListParams
from stripe.params._review_retrieve_params import ReviewRetrieveParams

from services.stripe_sandbox.errors import invalid
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import page
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]


def open_review(ctx: Context, charge: str, reason: str = "rule") -> Json:
    """Open a review of a charge, by a `rule` or `manual`. Raises 400 if the charge failed or has an open one."""
    found = ctx.require("charge", charge)
    if found["status"] != "succeeded" or found["review"] is not None:
        raise invalid(f"Charge {charge} cannot be reviewed: it did not succeed or has an open review.")
    review: Json = {
        "id": ctx.new_id("prv"),
        "object": "review",
        "billing_zip": None,
        "charge": charge,
        "closed_reason": None,
        "created": ctx.now_s,
        "ip_address": None,
        "ip_address_location": None,
        "livemode": False,
        "open": True,
        "opened_reason": reason,
        "payment_intent": found["payment_intent"],
        "reason": reason,
        "session": None,
    }
    ctx.save(review)
    _name_in_payment(ctx, review, review["id"])
    emit(ctx, "review.opened", review)
    return review


def close(ctx: Context, review: str, reason: str) -> Json:
    """Close a review for a reason of Stripe's. Raises 400 when it is closed."""
    found = ctx.require("review", review)
    if not found["open"]:
        raise invalid(f"The review {review} is closed already.")
    found |= {"open": False, "closed_reason": reason, "reason": reason}
    ctx.save(found)
    _name_in_payment(ctx, found, None)
    emit(ctx, "review.closed", found)
    return found


def settle(ctx: Context, charge: str, reason: str) -> None:
    """A charge was refunded or disputed: its open review is over."""
    open_review_id = ctx.require("charge", charge)["review"]
    if open_review_id is not None:
        close(ctx, open_review_id, reason)


def _name_in_payment(ctx: Context, review: Json, named: str | None) -> None:
    ctx.save({**ctx.require("charge", review["charge"]), "review": named})
    if review["payment_intent"]:
        ctx.save({**ctx.require("payment_intent", review["payment_intent"]), "review": named})


@operation("GET", "/v1/reviews/{review}", ReviewRetrieveParams)
def retrieve(ctx: Context, params: Json, review: str) -> Json:
    """One review."""
    del params
    return ctx.require("review", review)


@operation("GET", "/v1/reviews", ReviewListParams)
def listed(ctx: Context, params: Json) -> Json:
    """Open reviews, newest first."""
    return page(ctx, "review", params, "/v1/reviews", matching=lambda review: bool(review["open"]))


@operation("POST", "/v1/reviews/{review}/approve", ReviewApproveParams)
def approve(ctx: Context, params: Json, review: str) -> Json:
    """Close it: the payment is fine."""
    del params
    return close(ctx, review, "approved")
