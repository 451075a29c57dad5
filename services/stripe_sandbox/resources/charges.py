"""/v1/charges: attempts on a card, made by PaymentIntents."""

from datetime import timedelta
from typing import Any

from stripe.params._charge_list_params import ChargeListParams
from stripe.params._charge_retrieve_params import ChargeRetrieveParams

from services.stripe_sandbox.cards import Decline
from services.stripe_sandbox.countries import AVAILABILITY_DAYS, DEFAULT_AVAILABILITY_DAYS
from services.stripe_sandbox.currencies import fee_minor
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.render import empty_list, page, public
from services.stripe_sandbox.resources import balance_transactions
from services.stripe_sandbox.resources.customers import ADDRESS
from services.stripe_sandbox.resources.payment_methods import card_of
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
STATEMENT_PREFIX = "SANDBOX"
AFTERMATH = timedelta(seconds=1)
"""How long after a charge the cards that are disputed or suspected show it."""


def blank(ctx: Context, prefix: str, amount_minor: int, currency: str) -> Json:
    """A charge with nothing set but its amount."""
    identifier = ctx.new_id(prefix)
    return {
        "id": identifier,
        "object": "charge",
        "amount": amount_minor,
        "amount_captured": 0,
        "amount_refunded": 0,
        "application": None,
        "application_fee": None,
        "application_fee_amount": None,
        "balance_transaction": None,
        "billing_details": {"address": dict(ADDRESS), "email": None, "name": None, "phone": None, "tax_id": None},
        "calculated_statement_descriptor": None,
        "captured": False,
        "created": ctx.now_s,
        "currency": currency,
        "customer": None,
        "description": None,
        "disputed": False,
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "fraud_details": {},
        "livemode": False,
        "metadata": {},
        "on_behalf_of": None,
        "outcome": None,
        "paid": False,
        "payment_intent": None,
        "payment_method": None,
        "payment_method_details": None,
        "radar_options": {},
        "receipt_email": None,
        "receipt_number": None,
        "receipt_url": None,
        "refunded": False,
        "review": None,
        "shipping": None,
        "source": None,
        "source_transfer": None,
        "statement_descriptor": None,
        "statement_descriptor_suffix": None,
        "status": "pending",
        "transfer_data": None,
        "transfer_group": None,
    }


def attempt(ctx: Context, intent: Json, payment_method: Json, decline: Decline | None, *, authenticated: bool) -> Json:
    """Charge a PaymentIntent's amount on a card; a decline leaves a failed charge."""
    charge = blank(ctx, "ch", intent["amount"], intent["currency"])
    descriptor = intent["statement_descriptor_suffix"]
    charge |= {
        "billing_details": payment_method["billing_details"],
        "calculated_statement_descriptor": f"{STATEMENT_PREFIX}* {descriptor}" if descriptor else STATEMENT_PREFIX,
        "customer": intent["customer"],
        "description": intent["description"],
        "metadata": intent["metadata"],
        "payment_intent": intent["id"],
        "payment_method": payment_method["id"],
        "payment_method_details": _details(charge, payment_method, authenticated=authenticated),
        "receipt_email": intent["receipt_email"],
        "shipping": intent["shipping"],
        "statement_descriptor_suffix": descriptor,
        "transfer_group": intent["transfer_group"],
    }
    if decline is None:
        return _succeed(ctx, charge, payment_method)
    return _fail(ctx, charge, decline)


def _succeed(ctx: Context, charge: Json, payment_method: Json) -> Json:
    card = card_of(payment_method)
    country = ctx.sandbox.platform_country.code
    days = 0 if card.bypasses_pending else AVAILABILITY_DAYS.get(country, DEFAULT_AVAILABILITY_DAYS)
    charge |= {
        "amount_captured": charge["amount"],
        "captured": True,
        "paid": True,
        "status": "succeeded",
        "receipt_url": f"{ctx.sandbox.settings.public_url}/receipts/{charge['id']}",
        "outcome": _outcome("authorized", "approved_by_network", "Payment complete.", risk="normal"),
    }
    transaction = balance_transactions.record(
        ctx,
        "charge",
        charge["id"],
        amount_minor=charge["amount"],
        currency=charge["currency"],
        fee_minor=fee_minor(charge["amount"], charge["currency"]),
        available_on=balance_transactions.availability(ctx, days),
        outside="cards",
        description=charge["description"],
    )
    charge["balance_transaction"] = transaction["id"]
    ctx.save(charge)
    emit(ctx, "charge.succeeded", charge)
    if card.dispute is not None:
        ctx.later(AFTERMATH, "open_dispute", charge=charge["id"], reason=card.dispute)
    if card.early_fraud_warning:
        ctx.later(AFTERMATH, "warn_of_fraud", charge=charge["id"])
    return charge


def _fail(ctx: Context, charge: Json, decline: Decline) -> Json:
    outcome = _outcome(
        decline.outcome_type,
        "not_sent_to_network" if decline.outcome_type == "blocked" else "declined_by_network",
        "The bank did not return any further details with this decline.",
        reason="highest_risk_level" if decline.outcome_type == "blocked" else decline.decline_code,
        risk="highest" if decline.outcome_type == "blocked" else "normal",
    )
    outcome["advice_code"] = decline.advice_code
    charge |= {
        "status": "failed",
        "failure_code": decline.code,
        "failure_message": decline.message,
        "outcome": outcome,
    }
    ctx.save(charge)
    emit(ctx, "charge.failed", charge)
    return charge


def _outcome(kind: str, network: str, message: str, *, risk: str, reason: str | None = None) -> Json:
    return {
        "advice_code": None,
        "network_advice_code": None,
        "network_decline_code": None,
        "network_status": network,
        "reason": reason,
        "risk_level": risk,
        "risk_score": {"normal": 20, "highest": 95}[risk],
        "seller_message": message,
        "type": kind,
    }


def _details(charge: Json, payment_method: Json, *, authenticated: bool) -> Json:
    card = payment_method["card"]
    secure = {
        "authentication_flow": "challenge",
        "electronic_commerce_indicator": "05",
        "exemption_indicator": None,
        "exemption_indicator_applied": None,
        "result": "authenticated",
        "result_reason": None,
        "transaction_id": random_text(24),
        "version": "2.2.0",
    }
    return {
        "type": "card",
        "card": {
            "amount_authorized": charge["amount"],
            "authorization_code": random_text(6).upper(),
            "brand": card["brand"],
            "checks": card["checks"],
            "country": card["country"],
            "exp_month": card["exp_month"],
            "exp_year": card["exp_year"],
            "extended_authorization": {"status": "disabled"},
            "fingerprint": card["fingerprint"],
            "funding": card["funding"],
            "incremental_authorization": {"status": "unavailable"},
            "installments": None,
            "last4": card["last4"],
            "mandate": None,
            "multicapture": {"status": "unavailable"},
            "network": card["brand"],
            "network_token": {"used": False},
            "network_transaction_id": random_text(15),
            "overcapture": {"maximum_amount_capturable": charge["amount"], "status": "unavailable"},
            "regulated_status": card["regulated_status"],
            "three_d_secure": secure if authenticated else None,
            "wallet": None,
        },
    }


def with_refunds(ctx: Context, charge: Json) -> Json:
    """The charge with its refunds, which Stripe shows on request (`expand[]=refunds`)."""
    refunds = [public(refund) for refund in ctx.store.newest_first("refund", ctx.account, ("charge", charge["id"]))]
    listed = {**empty_list(f"/v1/charges/{charge['id']}/refunds"), "data": refunds[:10], "has_more": len(refunds) > 10}
    return {**charge, "refunds": listed}


@operation("GET", "/v1/charges/{charge}", ChargeRetrieveParams)
def retrieve(ctx: Context, params: Json, charge: str) -> Json:
    """One charge."""
    found = ctx.require("charge", charge)
    return with_refunds(ctx, found) if "refunds" in params.get("expand", []) else found


@operation("GET", "/v1/charges", ChargeListParams, "customer payment_intent transfer_group")
def listed(ctx: Context, params: Json) -> Json:
    """Charges, newest first."""
    filters = ("payment_intent", "customer", "transfer_group")
    return page(ctx, "charge", params, "/v1/charges", filters=filters)
