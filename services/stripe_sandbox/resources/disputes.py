"""/v1/disputes: a card holder takes the money back through the bank, or asks first (an inquiry).

needs_response -> under_review -> won | lost takes amount and fee at once and gives the amount back when won. An inquiry
(warning_*) moves no money; it closes by itself, by a full refund, or escalates into a dispute. Source: STRIPE.md 1.7.
"""

from datetime import timedelta
from typing import Any

from stripe.params._dispute_close_params import DisputeCloseParams
from stripe.params._dispute_list_params import DisputeListParams
from stripe.params._dispute_retrieve_params import DisputeRetrieveParams
from stripe.params._dispute_update_params import DisputeUpdateParams

from services.stripe_sandbox.errors import invalid, unsupported
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page, public
from services.stripe_sandbox.resources import balance_transactions, early_fraud_warnings, reviews
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
FEE_MINOR = 1_500
"""Stripe's dispute fee in the currency's minor units (15.00 USD), kept when the dispute is won."""

ANSWER_WITHIN = timedelta(days=9)
DECIDED_AFTER = timedelta(hours=1)
INQUIRY_CLOSES_AFTER = timedelta(days=120)

WINNING, LOSING, ESCALATING = "winning_evidence", "losing_evidence", "escalate_inquiry_evidence"
NETWORK_REASONS = {"fraudulent": "10.4", "product_not_received": "13.1"}
EVIDENCE = (
    "access_activity_log", "billing_address", "cancellation_policy", "cancellation_policy_disclosure",
    "cancellation_rebuttal", "customer_communication", "customer_email_address", "customer_name",
    "customer_purchase_ip", "customer_signature", "duplicate_charge_documentation", "duplicate_charge_explanation",
    "duplicate_charge_id", "product_description", "receipt", "refund_policy", "refund_policy_disclosure",
    "refund_refusal_explanation", "service_date", "service_documentation", "shipping_address", "shipping_carrier",
    "shipping_date", "shipping_documentation", "shipping_tracking_number", "uncategorized_file", "uncategorized_text",
)  # fmt: skip
LONG_TEXTS = frozenset({
    "access_activity_log", "cancellation_policy_disclosure", "cancellation_rebuttal", "duplicate_charge_explanation",
    "product_description", "refund_policy_disclosure", "refund_refusal_explanation", "uncategorized_text",
})  # fmt: skip
MOST_IN_A_TEXT, MOST_IN_ALL = 20_000, 150_000
"""Characters of one long field, and of all fields together (DisputeUpdateParams)."""
ANSWERABLE = {"needs_response", "warning_needs_response"}


def open_dispute(ctx: Context, charge: str, reason: str = "fraudulent", amount_minor: int | None = None) -> Json:
    """The bank opens a dispute over a charge, or an inquiry when the reason is `inquiry`. Raises 400 if one is open."""
    found = ctx.require("charge", charge)
    if found["disputed"] or found["status"] != "succeeded":
        raise invalid(f"Charge {charge} cannot be disputed: it did not succeed or is disputed already.")
    inquiry = reason == "inquiry"
    card = (found["payment_method_details"] or {}).get("card") or {"brand": "visa"}
    dispute: Json = {
        "id": ctx.new_id("du"),
        "object": "dispute",
        "amount": amount_minor or found["amount"] - found["amount_refunded"],
        "balance_transactions": [],
        "charge": charge,
        "created": ctx.now_s,
        "currency": found["currency"],
        "enhanced_eligibility_types": [],
        "evidence": {**dict.fromkeys(EVIDENCE), "enhanced_evidence": {}},
        "evidence_details": {
            "due_by": int((ctx.at + ANSWER_WITHIN).timestamp()),
            "enhanced_eligibility": {},
            "has_evidence": False,
            "past_due": False,
            "submission_count": 0,
            "submission_method": "not_submitted",
        },
        "is_charge_refundable": inquiry,
        "livemode": False,
        "metadata": {},
        "network_reason_code": NETWORK_REASONS.get(reason, "10.4"),
        "payment_intent": found["payment_intent"],
        "payment_method_details": {
            "card": {
                "brand": card["brand"],
                "case_type": "inquiry" if inquiry else "chargeback",
                "network": card["brand"],
                "network_reason_code": NETWORK_REASONS.get(reason, "10.4"),
            },
            "type": "card",
        },
        "reason": "general" if inquiry else reason,
        "status": "warning_needs_response" if inquiry else "needs_response",
    }
    found["disputed"] = True
    ctx.save(found)
    early_fraud_warnings.settle(ctx, charge)
    if not inquiry:
        reviews.settle(ctx, charge, "disputed")
    ctx.save(dispute)
    emit(ctx, "charge.dispute.created", dispute)
    if inquiry:
        ctx.later(INQUIRY_CLOSES_AFTER, "close_inquiry", dispute=dispute["id"])
    else:
        _withdraw(ctx, dispute)
        ctx.later(ANSWER_WITHIN, "dispute_unanswered", dispute=dispute["id"])
    return dispute


def _withdraw(ctx: Context, dispute: Json) -> None:
    _move(ctx, dispute, -dispute["amount"], FEE_MINOR, "Chargeback withdrawal")
    emit(ctx, "charge.dispute.funds_withdrawn", dispute)


def _move(ctx: Context, dispute: Json, amount_minor: int, fee_minor: int, description: str) -> None:
    transaction = balance_transactions.record(
        ctx,
        "adjustment",
        dispute["id"],
        amount_minor=amount_minor,
        currency=dispute["currency"],
        fee_minor=fee_minor,
        outside="cards",
        description=f"{description} for {dispute['charge']}",
    )
    dispute["balance_transactions"].append(public(transaction))
    ctx.save(dispute)


def escalate(ctx: Context, dispute: str) -> Json:
    """An inquiry becomes a dispute: now the money goes."""
    found = ctx.require("dispute", dispute)
    if not found["status"].startswith("warning_") or found["status"] == "warning_closed":
        raise invalid(f"The dispute has a status of {found['status']}: only an open inquiry can escalate.")
    before = found["status"]
    found |= {"status": "needs_response", "is_charge_refundable": False}
    found["payment_method_details"]["card"]["case_type"] = "chargeback"
    found["evidence_details"]["due_by"] = int((ctx.at + ANSWER_WITHIN).timestamp())
    ctx.save(found)
    emit(ctx, "charge.dispute.updated", found, {"status": before})
    _withdraw(ctx, found)
    ctx.later(ANSWER_WITHIN, "dispute_unanswered", dispute=dispute)
    return found


def decide(ctx: Context, dispute: str, outcome: str) -> Json:
    """The bank decides: won, lost, or for an inquiry warning_closed. Nothing happens when it is over already."""
    found = ctx.require("dispute", dispute)
    if found["status"] in ("won", "lost", "warning_closed"):
        return found
    if found["status"].startswith("warning_") != (outcome == "warning_closed"):
        raise invalid(f"A dispute with a status of {found['status']} cannot end as {outcome}.")
    found |= {"status": outcome, "is_charge_refundable": outcome == "warning_closed"}
    ctx.save(found)
    if outcome in ("won", "warning_closed"):
        charge = ctx.require("charge", found["charge"])
        ctx.save({**charge, "disputed": False})
    emit(ctx, "charge.dispute.closed", found)
    if outcome == "won":
        _move(ctx, found, found["amount"], 0, "Chargeback reversal")
        emit(ctx, "charge.dispute.funds_reinstated", found)
    return found


def unanswered(ctx: Context, dispute: str) -> None:
    """The time to answer is over: lost."""
    if ctx.require("dispute", dispute)["status"] == "needs_response":
        decide(ctx, dispute, "lost")


def close_inquiry(ctx: Context, dispute: str) -> None:
    """Nobody asked again for 120 days."""
    if ctx.require("dispute", dispute)["status"].startswith("warning_"):
        decide(ctx, dispute, "warning_closed")


def open_over(ctx: Context, charge: str) -> Json | None:
    """The dispute or inquiry that is open over a charge."""
    over = {"won", "lost", "warning_closed"}
    disputes = ctx.store.newest_first("dispute", ctx.account, ("charge", charge))
    return next((dispute for dispute in disputes if dispute["status"] not in over), None)


@operation("GET", "/v1/disputes/{dispute}", DisputeRetrieveParams)
def retrieve(ctx: Context, params: Json, dispute: str) -> Json:
    """One dispute."""
    del params
    return ctx.require("dispute", dispute)


@operation("GET", "/v1/disputes", DisputeListParams, "charge payment_intent")
def listed(ctx: Context, params: Json) -> Json:
    """Disputes, newest first."""
    return page(ctx, "dispute", params, "/v1/disputes", filters=("charge", "payment_intent"))


@operation("POST", "/v1/disputes/{dispute}", DisputeUpdateParams, "evidence submit")
def update(ctx: Context, params: Json, dispute: str) -> Json:
    """Keep evidence; submitted to the bank unless `submit` is false. The test texts decide what the bank does."""
    found = ctx.require("dispute", dispute)
    if found["status"] not in ANSWERABLE:
        raise invalid(f"This dispute is already {found['status']}: evidence can no longer be changed.")
    if ctx.now_s > found["evidence_details"]["due_by"]:
        raise invalid("The time to answer this dispute is over: evidence can no longer be changed.")
    before = found["status"]
    evidence = params.get("evidence", {})
    for name in ("appeal", "enhanced_evidence"):
        if evidence.get(name):
            raise unsupported(f"evidence[{name}]")
    for name in sorted(LONG_TEXTS & evidence.keys()):
        if len(evidence[name]) > MOST_IN_A_TEXT:
            raise invalid(f"Maximum {MOST_IN_A_TEXT} characters.", param=f"evidence[{name}]")
    found["evidence"] |= {name: value or None for name, value in evidence.items()}
    if sum(len(found["evidence"][name] or "") for name in EVIDENCE) > MOST_IN_ALL:
        raise invalid(f"Maximum {MOST_IN_ALL} characters in all fields of the evidence together.", param="evidence")
    found["evidence_details"]["has_evidence"] = any(found["evidence"][name] for name in EVIDENCE)
    found["metadata"] = merge_metadata(found["metadata"], params.get("metadata"))
    if evidence and params.get("submit", True):
        inquiry = before.startswith("warning_")
        found["status"] = "warning_under_review" if inquiry else "under_review"
        times = found["evidence_details"]["submission_count"] + 1
        found["evidence_details"] |= {"submission_count": times, "submission_method": "manual"}
        _schedule_decision(ctx, found, inquiry=inquiry)
    ctx.save(found)
    emit(ctx, "charge.dispute.updated", found, {"status": before})
    return found


def _schedule_decision(ctx: Context, dispute: Json, *, inquiry: bool) -> None:
    text = dispute["evidence"]["uncategorized_text"]
    if inquiry and text == ESCALATING:
        ctx.later(DECIDED_AFTER, "escalate_dispute", dispute=dispute["id"])
    elif inquiry and text == WINNING:
        ctx.later(DECIDED_AFTER, "decide_dispute", dispute=dispute["id"], outcome="warning_closed")
    elif not inquiry and text in (WINNING, LOSING):
        ctx.later(DECIDED_AFTER, "decide_dispute", dispute=dispute["id"], outcome="won" if text == WINNING else "lost")


@operation("POST", "/v1/disputes/{dispute}/close", DisputeCloseParams)
def close(ctx: Context, params: Json, dispute: str) -> Json:
    """Accept a dispute: lost for good."""
    del params
    found = ctx.require("dispute", dispute)
    if found["status"] not in ("needs_response", "under_review"):
        raise invalid(f"This dispute cannot be closed because it has a status of {found['status']}.")
    return decide(ctx, dispute, "lost")
