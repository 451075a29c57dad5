"""/v1/payouts: from an account's balance to its bank, by schedule or by hand.

pending -> in_transit -> paid, or failed: then the money comes back and the bank account is disabled. Times are
days of the sandbox's clock; Stripe counts business days.
"""

from datetime import datetime, timedelta
from typing import Any

from stripe.params._payout_cancel_params import PayoutCancelParams
from stripe.params._payout_create_params import PayoutCreateParams
from stripe.params._payout_list_params import PayoutListParams
from stripe.params._payout_retrieve_params import PayoutRetrieveParams

from services.stripe_sandbox import banks
from services.stripe_sandbox.currencies import check_currency
from services.stripe_sandbox.errors import invalid, parameter_missing
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.resources import accounts_state, balance_settings, balance_transactions
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
SENT_AFTER = timedelta(hours=1)
ARRIVES_AFTER = timedelta(days=2)
LONGEST_WAIT_DAYS = 62
PLAN = "_payout_plan"
WEEKDAYS = ("monday", "tuesday", "wednesday", "thursday", "friday", "saturday", "sunday")


def next_run(moment: datetime, schedule: Json) -> datetime | None:
    """When the next automatic payouts are made after a moment: midnight UTC of a day of the schedule; None if never."""
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    for _ in range(LONGEST_WAIT_DAYS):
        day += timedelta(days=1)
        if _is_payout_day(day, schedule):
            return day
    return None


def _is_payout_day(day: datetime, schedule: Json) -> bool:
    interval = schedule["interval"]
    if interval == "weekly":
        return WEEKDAYS[day.weekday()] in schedule["weekly_payout_days"]
    if interval == "monthly":
        last = (day + timedelta(days=1)).day == 1
        return day.day in schedule["monthly_payout_days"] or (last and max(schedule["monthly_payout_days"]) > day.day)
    return bool(interval == "daily")


def plan(ctx: Context) -> None:
    """Have the next automatic payouts made when there is money and a bank for it; once, however often it is called."""
    schedule = balance_settings.of(ctx)["payments"]["payouts"]["schedule"]
    moment = next_run(ctx.at, schedule)
    if moment is None or ctx.store.get(PLAN, ctx.account) or not _ready(ctx):
        return
    if not any(ctx.balances.amount_minor(ctx.account, currency, "available") > 0 for currency in _currencies(ctx)):
        return
    ctx.save({"id": ctx.account, "due": moment.timestamp()}, PLAN)
    ctx.later(moment, "run_payouts")


def _currencies(ctx: Context) -> list[str]:
    return ctx.balances.currencies(ctx.account)


def _ready(ctx: Context) -> bool:
    account = ctx.store.get("v2.core.account", ctx.account) or {}
    return accounts_state.status(account, "payouts") == "active" and _bank(ctx) is not None


def _bank(ctx: Context) -> Json | None:
    found = ctx.store.newest_first("bank_account", ctx.account, ("account", ctx.account))
    return next((bank for bank in found if bank["status"] != "errored"), None)


def run(ctx: Context) -> None:
    """The schedule's moment: pay out what is available in each currency, less what must stay."""
    ctx.store.delete(PLAN, ctx.account)
    settings = balance_settings.of(ctx)["payments"]["payouts"]
    bank = _bank(ctx)
    if bank is None or not _ready(ctx) or settings["schedule"]["interval"] == "manual":
        return
    for currency in _currencies(ctx):
        kept_minor = (settings["minimum_balance_by_currency"] or {}).get(currency, 0)
        amount_minor = ctx.balances.amount_minor(ctx.account, currency, "available") - kept_minor
        if amount_minor > 0:
            _make_automatic(ctx, bank, currency, amount_minor, kept_minor)


def _make_automatic(ctx: Context, bank: Json, currency: str, amount_minor: int, kept_minor: int) -> None:
    payout = _make(ctx, bank, amount_minor, currency, automatic=True)
    if kept_minor:
        # Stripe shows what stays as a hold in this payout and a release in the next; together they move nothing.
        for kind, sign in (("payout_minimum_balance_hold", -1), ("payout_minimum_balance_release", 1)):
            balance_transactions.record(
                ctx, kind, payout["id"], amount_minor=sign * kept_minor, currency=currency, internal=True
            )
    for transaction in list(ctx.store.newest_first("balance_transaction", ctx.account)):
        is_release = transaction["type"] == "payout_minimum_balance_release" and transaction["source"] == payout["id"]
        if (
            transaction["currency"] == currency
            and transaction["status"] == "available"
            and transaction["_payout"] is None
            and not is_release
        ):
            ctx.save({**transaction, "_payout": payout["id"]})


def _make(
    ctx: Context, bank: Json, amount_minor: int, currency: str, *, automatic: bool, params: Json | None = None
) -> Json:
    given = params or {}
    payout: Json = {
        "id": ctx.new_id("po"),
        "object": "payout",
        "amount": amount_minor,
        "application_fee": None,
        "application_fee_amount": None,
        "arrival_date": int((ctx.at + ARRIVES_AFTER).replace(hour=0, minute=0, second=0, microsecond=0).timestamp()),
        "automatic": automatic,
        "balance_transaction": None,
        "created": ctx.now_s,
        "currency": currency,
        "description": "STRIPE PAYOUT" if automatic else given.get("description"),
        "destination": bank["id"],
        "failure_balance_transaction": None,
        "failure_code": None,
        "failure_message": None,
        "livemode": False,
        "metadata": merge_metadata({}, given.get("metadata")),
        "method": "standard",
        "original_payout": None,
        "payout_method": None,
        "reconciliation_status": "in_progress" if automatic else "not_applicable",
        "reversed_by": None,
        "source_type": "card",
        "statement_descriptor": given.get("statement_descriptor"),
        "status": "pending",
        "trace_id": {"status": "pending", "value": None},
        "type": "bank_account",
    }
    transaction = balance_transactions.record(
        ctx,
        "payout",
        payout["id"],
        amount_minor=-amount_minor,
        currency=currency,
        description=payout["description"],
    )
    payout["balance_transaction"] = transaction["id"]
    if automatic:
        ctx.save({**transaction, "_payout": payout["id"]})
    ctx.save(payout)
    emit(ctx, "payout.created", payout)
    ctx.later(SENT_AFTER, "send_payout", payout=payout["id"])
    return payout


def send(ctx: Context, payout: str) -> None:
    """A payout leaves for the bank."""
    found = ctx.require("payout", payout)
    if found["status"] != "pending":
        return
    found["status"] = "in_transit"
    ctx.save(found)
    emit(ctx, "payout.updated", found, {"status": "pending"})
    if found["automatic"]:
        found["reconciliation_status"] = "completed"
        ctx.save(found)
        emit(ctx, "payout.reconciliation_completed", found)
    ctx.later(ARRIVES_AFTER - SENT_AFTER, "land_payout", payout=payout)


def land(ctx: Context, payout: str) -> None:
    """A payout reaches the bank, which takes it or refuses it."""
    found = ctx.require("payout", payout)
    if found["status"] != "in_transit":
        return
    bank = ctx.require("bank_account", found["destination"])
    if bank["_failure_code"]:
        fail(ctx, payout, bank["_failure_code"])
        return
    found |= {"status": "paid", "trace_id": {"status": "supported", "value": f"SANDBOX{found['created']}"}}
    ctx.save(found)
    emit(ctx, "payout.paid", found)


def fail(ctx: Context, payout: str, failure_code: str) -> Json:
    """The bank refuses (also days after `paid`): the money is back on the balance and the bank account disabled."""
    found = ctx.require("payout", payout)
    if found["status"] in ("failed", "canceled"):
        raise invalid(f"The payout has a status of {found['status']}.")
    transaction = balance_transactions.record(
        ctx,
        "payout_failure",
        payout,
        amount_minor=found["amount"],
        currency=found["currency"],
        description="STRIPE PAYOUT FAILURE",
    )
    found |= {
        "status": "failed",
        "failure_code": failure_code,
        "failure_message": banks.MESSAGES.get(failure_code, banks.MESSAGES["could_not_process"]),
        "failure_balance_transaction": transaction["id"],
    }
    ctx.save(found)
    emit(ctx, "payout.failed", found)
    accounts_state.disable_bank(ctx, found["destination"])
    return found


@operation("POST", "/v1/payouts", PayoutCreateParams, "amount currency description statement_descriptor method")
def create(ctx: Context, params: Json) -> Json:
    """A payout by hand. Raises 400 when the balance does not cover it or payouts are not allowed."""
    for name in ("amount", "currency"):
        if name not in params:
            raise parameter_missing(name)
    if params.get("method", "standard") != "standard":
        raise invalid("The sandbox has payouts with method=standard.", param="method")
    currency = check_currency(params["currency"])
    bank = _bank(ctx)
    if bank is None or not _ready(ctx):
        raise invalid("Cannot create payouts; this account has payouts disabled.", code="payouts_not_allowed")
    if params["amount"] < 1:
        raise invalid("Invalid positive integer", code="parameter_invalid_integer", param="amount")
    if params["amount"] > ctx.balances.amount_minor(ctx.account, currency, "available"):
        raise invalid(
            "You have insufficient funds in your Stripe account for this transfer. Your card balance is too low.",
            code="balance_insufficient",
        )
    return _make(ctx, bank, params["amount"], currency, automatic=False, params=params)


@operation("GET", "/v1/payouts/{payout}", PayoutRetrieveParams)
def retrieve(ctx: Context, params: Json, payout: str) -> Json:
    """One payout."""
    del params
    return ctx.require("payout", payout)


@operation("GET", "/v1/payouts", PayoutListParams, "status destination")
def listed(ctx: Context, params: Json) -> Json:
    """Payouts, newest first."""
    return page(ctx, "payout", params, "/v1/payouts", filters=("status", "destination"))


@operation("POST", "/v1/payouts/{payout}/cancel", PayoutCancelParams)
def cancel(ctx: Context, params: Json, payout: str) -> Json:
    """Cancel a payout made by hand that has not left."""
    del params
    found = ctx.require("payout", payout)
    if found["status"] != "pending" or found["automatic"]:
        raise invalid("Payouts can be canceled only while pending, and only those made by hand.")
    balance_transactions.record(
        ctx,
        "payout_cancel",
        payout,
        amount_minor=found["amount"],
        currency=found["currency"],
    )
    found["status"] = "canceled"
    ctx.save(found)
    emit(ctx, "payout.canceled", found)
    return found
