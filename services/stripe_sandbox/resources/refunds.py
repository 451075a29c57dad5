"""/v1/refunds: money back to a card, from the platform's available balance; pending while that is short."""

from datetime import timedelta
from typing import Any

from stripe.params._refund_cancel_params import RefundCancelParams
from stripe.params._refund_create_params import RefundCreateParams
from stripe.params._refund_list_params import RefundListParams
from stripe.params._refund_retrieve_params import RefundRetrieveParams

from services.stripe_sandbox import settlement
from services.stripe_sandbox.cards import BY_NUMBER
from services.stripe_sandbox.currencies import display
from services.stripe_sandbox.errors import invalid
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.resources import balance_transactions, disputes, early_fraud_warnings, reviews
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
TEST_CARD_DELAY = timedelta(hours=1)
"""How long the two refund test cards take to change their minds."""


@operation("POST", "/v1/refunds", RefundCreateParams, "charge payment_intent amount reason")
def create(ctx: Context, params: Json) -> Json:
    """Refund a charge wholly or in part. Raises 400 when more than is left, or while it is disputed."""
    charge = _charge(ctx, params)
    left_minor = charge["amount"] - charge["amount_refunded"]
    dispute = disputes.open_over(ctx, charge["id"])
    if charge["disputed"] and not (dispute and dispute["is_charge_refundable"]):
        raise invalid(f"Charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed")
    if left_minor == 0:
        raise invalid(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    amount_minor = params.get("amount", left_minor)
    if amount_minor < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    currency = charge["currency"]
    if amount_minor > left_minor:
        raise invalid(
            f"Refund amount ({display(amount_minor, currency)}) is greater than unrefunded amount on charge"
            f" ({display(left_minor, currency)})",
            param="amount",
        )
    refund: Json = {
        "id": ctx.new_id("re"),
        "object": "refund",
        "amount": amount_minor,
        "balance_transaction": None,
        "charge": charge["id"],
        "created": ctx.now_s,
        "currency": currency,
        "customer": charge["customer"],
        "customer_account": None,
        "destination_details": {"card": {"reference_status": "pending", "reference_type": "acquirer_reference_number",
                                         "type": "refund"}, "type": "card"},
        "metadata": merge_metadata({}, params.get("metadata")),
        "payment_intent": charge["payment_intent"],
        "payment_method": charge["payment_method"],
        "reason": params.get("reason"),
        "receipt_number": None,
        "source_transfer_reversal": None,
        "status": "pending",
        "transfer_reversal": None,
    }  # fmt: skip
    charge["amount_refunded"] += amount_minor
    charge["refunded"] = charge["amount_refunded"] == charge["amount"]
    ctx.save(charge)
    if not _is_covered(ctx, refund):
        refund["pending_reason"] = "insufficient_funds"
        ctx.save(refund)
    else:
        _pay(ctx, refund)
    emit(ctx, "refund.created", refund)
    emit(ctx, "charge.refunded", charge)
    if charge["refunded"]:
        early_fraud_warnings.settle(ctx, charge["id"])
        reviews.settle(ctx, charge["id"], "refunded_as_fraud" if refund["reason"] == "fraudulent" else "refunded")
        if dispute is not None:
            disputes.decide(ctx, dispute["id"], "warning_closed")
    return refund


def _charge(ctx: Context, params: Json) -> Json:
    if "charge" in params:
        charge = ctx.require("charge", params["charge"], param="charge")
    elif "payment_intent" in params:
        intent = ctx.require("payment_intent", params["payment_intent"], param="payment_intent")
        if intent["status"] != "succeeded":
            raise invalid(
                f"This PaymentIntent ({intent['id']}) does not have a successful charge to refund.",
                code="payment_intent_unexpected_state",
                param="payment_intent",
            )
        charge = ctx.require("charge", intent["latest_charge"])
    else:
        raise invalid("One of the following params should be provided for this request: payment_intent or charge.")
    if charge["status"] != "succeeded":
        raise invalid(f"Charge {charge['id']} has not succeeded; it cannot be refunded.", code="charge_not_refundable")
    return charge


def _is_covered(ctx: Context, refund: Json) -> bool:
    needed = settlement.settle(ctx, refund["amount"], refund["currency"])
    return ctx.balances.amount_minor(ctx.account, needed.currency, "available") >= needed.amount_minor


def _pay(ctx: Context, refund: Json) -> None:
    """Take the money from the balance and send it on its way."""
    transaction = balance_transactions.record(
        ctx,
        "refund",
        refund["id"],
        amount_minor=-refund["amount"],
        currency=refund["currency"],
        outside="cards",
        description="REFUND FOR CHARGE",
    )
    refund["balance_transaction"] = transaction["id"]
    refund.pop("pending_reason", None)
    manner = _manner(ctx, refund)
    if manner == "pending_then_succeeds":
        refund |= {"status": "pending", "pending_reason": "processing"}
        ctx.later(TEST_CARD_DELAY, "settle_refund", refund=refund["id"])
    else:
        refund["status"] = "succeeded"
        if manner == "succeeds_then_fails":
            ctx.later(TEST_CARD_DELAY, "fail_refund", refund=refund["id"])
    ctx.save(refund)


def _manner(ctx: Context, refund: Json) -> str:
    payment_method = ctx.find("payment_method", refund["payment_method"])
    return BY_NUMBER[payment_method["_number"]].refund if payment_method else "succeeds"


def retry_waiting(ctx: Context) -> None:
    """Try the refunds that wait for money, oldest first."""
    waiting = [
        refund
        for refund in ctx.store.newest_first("refund", ctx.account, ("status", "pending"))
        if refund.get("pending_reason") == "insufficient_funds"
    ]
    for refund in reversed(waiting):
        retry(ctx, refund["id"])


def retry(ctx: Context, refund: str) -> None:
    """Pay a waiting refund if the balance covers it now."""
    found = ctx.require("refund", refund)
    if found["status"] == "pending" and found["balance_transaction"] is None and _is_covered(ctx, found):
        _pay(ctx, found)
        emit(ctx, "refund.updated", found, {"status": "pending"})


def settle(ctx: Context, refund: str) -> None:
    """A pending refund arrives."""
    found = ctx.require("refund", refund)
    if found["status"] == "pending":
        found["status"] = "succeeded"
        found.pop("pending_reason", None)
        ctx.save(found)
        emit(ctx, "refund.updated", found, {"status": "pending"})


def fail(ctx: Context, refund: str) -> None:
    """The bank gives a refund back: the money returns to the balance."""
    found = ctx.require("refund", refund)
    if found["status"] not in ("succeeded", "pending") or found["balance_transaction"] is None:
        return
    before = found["status"]
    transaction = balance_transactions.record(
        ctx,
        "refund_failure",
        refund,
        amount_minor=found["amount"],
        currency=found["currency"],
        outside="cards",
        description="REFUND FAILURE",
    )
    found |= {
        "status": "failed",
        "failure_reason": "expired_or_canceled_card",
        "failure_balance_transaction": transaction["id"],
    }
    found.pop("pending_reason", None)
    ctx.save(found)
    _give_back(ctx, found)
    emit(ctx, "refund.updated", found, {"status": before})
    emit(ctx, "refund.failed", found)


def _give_back(ctx: Context, refund: Json) -> None:
    charge = ctx.require("charge", refund["charge"])
    charge["amount_refunded"] -= refund["amount"]
    charge["refunded"] = False
    ctx.save(charge)


@operation("GET", "/v1/refunds/{refund}", RefundRetrieveParams)
def retrieve(ctx: Context, params: Json, refund: str) -> Json:
    """One refund."""
    del params
    return ctx.require("refund", refund)


@operation("GET", "/v1/refunds", RefundListParams, "charge payment_intent")
def listed(ctx: Context, params: Json) -> Json:
    """Refunds, newest first."""
    return page(ctx, "refund", params, "/v1/refunds", filters=("charge", "payment_intent"))


@operation("POST", "/v1/refunds/{refund}/cancel", RefundCancelParams)
def cancel(ctx: Context, params: Json, refund: str) -> Json:
    """Cancel a refund that still waits for money."""
    del params
    found = ctx.require("refund", refund)
    if found["status"] != "pending" or found["balance_transaction"] is not None:
        raise invalid(f"This refund cannot be canceled because it has a status of {found['status']}.")
    found["status"] = "canceled"
    found.pop("pending_reason", None)
    ctx.save(found)
    _give_back(ctx, found)
    emit(ctx, "refund.updated", found, {"status": "pending"})
    return found
