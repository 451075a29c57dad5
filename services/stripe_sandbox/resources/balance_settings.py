"""/v1/balance_settings: the payout schedule of an account and what must stay on its balance."""

from typing import Any

from stripe.params._balance_settings_retrieve_params import BalanceSettingsRetrieveParams
from stripe.params._balance_settings_update_params import BalanceSettingsUpdateParams

from services.stripe_sandbox.countries import AVAILABILITY_DAYS, DEFAULT_AVAILABILITY_DAYS
from services.stripe_sandbox.errors import invalid, unsupported
from services.stripe_sandbox.events import emit
from services.stripe_sandbox.resources import payouts
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
INTERVALS = ("manual", "daily", "weekly", "monthly")
KIND = "balance_settings"


def of(ctx: Context) -> Json:
    """The settings of the context's account; daily payouts unless changed."""
    found = ctx.store.get(KIND, ctx.account)
    if found is not None:
        return found
    account = ctx.store.get("v2.core.account", ctx.account) or {}
    country = (account.get("identity") or {}).get("country") or "US"
    return {
        "object": KIND,
        "payments": {
            "debit_negative_balances": True,
            "payouts": {
                "minimum_balance_by_currency": None,
                "schedule": {"interval": "daily"},
                "statement_descriptor": None,
                "status": "enabled",
            },
            "settlement_timing": {"delay_days": AVAILABILITY_DAYS.get(country, DEFAULT_AVAILABILITY_DAYS)},
        },
    }


def set_interval(ctx: Context, interval: str) -> None:
    """Set the interval without an event. Raises ValueError when there is no such interval."""
    if interval not in INTERVALS:
        raise ValueError(f"payout interval {interval!r} is not one of {', '.join(INTERVALS)}")
    settings = of(ctx)
    settings["payments"]["payouts"]["schedule"] = {"interval": interval}
    ctx.save(settings, KIND, ctx.account)


@operation("GET", "/v1/balance_settings", BalanceSettingsRetrieveParams)
def retrieve(ctx: Context, params: Json) -> Json:
    """The settings of the platform or of the account in Stripe-Account."""
    del params
    return of(ctx)


@operation("POST", "/v1/balance_settings", BalanceSettingsUpdateParams, "payments")
def update(ctx: Context, params: Json) -> Json:
    """Change the schedule, the minimum balances, the descriptor."""
    return change(ctx, params.get("payments", {}))


def change(ctx: Context, wanted: Json) -> Json:
    """Change `payments` of the context's account; the schedule is planned anew. Raises 400."""
    settings = of(ctx)
    before = of(ctx)
    if "settlement_timing" in wanted:
        raise unsupported("payments[settlement_timing]")
    if "debit_negative_balances" in wanted:
        settings["payments"]["debit_negative_balances"] = wanted["debit_negative_balances"]
    _apply(settings["payments"]["payouts"], wanted.get("payouts", {}))
    ctx.save(settings, KIND, ctx.account)
    if settings != before:
        emit(ctx, "balance_settings.updated", settings, {"payments": before["payments"]})
        payouts.plan(ctx)
    return settings


def _apply(current: Json, wanted: Json) -> None:
    if "statement_descriptor" in wanted:
        current["statement_descriptor"] = wanted["statement_descriptor"] or None
    if "minimum_balance_by_currency" in wanted:
        minimums = {
            **(current["minimum_balance_by_currency"] or {}),
            **{
                name: int(value) for name, value in (wanted["minimum_balance_by_currency"] or {}).items() if value != ""
            },
        }
        for name, value in (wanted["minimum_balance_by_currency"] or {}).items():
            if value == "":
                minimums.pop(name, None)
        current["minimum_balance_by_currency"] = minimums or None
    if "automatic_transfer_rules_by_currency" in wanted:
        raise unsupported("payments[payouts][automatic_transfer_rules_by_currency]")
    if "schedule" in wanted:
        schedule = {**current["schedule"], **wanted["schedule"]}
        if schedule["interval"] not in INTERVALS:
            raise invalid(
                f"Invalid interval: must be one of {', '.join(INTERVALS)}",
                param="payments[payouts][schedule][interval]",
            )
        kept = {"weekly": "weekly_payout_days", "monthly": "monthly_payout_days"}.get(schedule["interval"])
        if kept and not schedule.get(kept):
            schedule[kept] = ["monday"] if kept == "weekly_payout_days" else [1]
        current["schedule"] = {name: value for name, value in schedule.items() if name in ("interval", kept)}
