"""The control interface for single objects: what banks, card holders and Stripe do to accounts, payouts and charges."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import Field

from services.stripe_sandbox.balances import Posting
from services.stripe_sandbox.control import Strict
from services.stripe_sandbox.errors import ApiError
from services.stripe_sandbox.resources import (
    accounts_state,
    disputes,
    early_fraud_warnings,
    payment_methods,
    payouts,
    reviews,
)
from services.stripe_sandbox.sandbox import Context, Sandbox

Json = dict[str, Any]


class AccountState(Strict):
    stripe_transfers: str | None = Field(default=None, pattern="^(active|pending|restricted|rejected|unsupported)$")
    payouts: str | None = Field(default=None, pattern="^(active|pending|restricted|rejected|unsupported)$")
    code: str = "requirements_past_due"
    closed: bool | None = None


class PayoutFailure(Strict):
    failure_code: str = "account_closed"


class DisputeOpening(Strict):
    charge: str
    reason: str = "fraudulent"
    """Stripe's reason, or `inquiry`."""
    amount: int | None = Field(default=None, ge=1)


class DisputeOutcome(Strict):
    outcome: str = Field(pattern="^(won|lost|warning_closed|escalated)$")


class FraudWarning(Strict):
    charge: str


class ReviewOpening(Strict):
    charge: str
    reason: str = Field(default="rule", pattern="^(rule|manual)$")


class CardRenewal(Strict):
    exp_month: int = Field(ge=1, le=12)
    exp_year: int = Field(ge=2000, le=2100)


class BalanceChange(Strict):
    account: str | None = None
    currency: str
    amount: int
    """Minor units added to `available`, taken from (or given to) the outside world."""


def router(sandbox: Sandbox) -> APIRouter:
    """The routes."""
    routes = APIRouter(prefix="/_sim")

    async def done(result: Any) -> Any:
        await sandbox.settle()
        return result

    @routes.post("/accounts/{account}")
    async def set_account(account: str, body: AccountState) -> Json:
        with _known(sandbox, "v2.core.account", account) as ctx:
            changed = accounts_state.control(ctx, account, body.model_dump(exclude_none=True))
        return dict(await done(changed))

    @routes.post("/payouts/{payout}/fail")
    async def fail_payout(payout: str, body: PayoutFailure) -> Json:
        with _known(sandbox, "payout", payout) as ctx:
            failed = payouts.fail(
                ctx.acting_for(sandbox.store.owner("payout", payout) or ""), payout, body.failure_code
            )
        return dict(await done(failed))

    @routes.post("/disputes")
    async def open_dispute(body: DisputeOpening) -> Json:
        with _known(sandbox, "charge", body.charge) as ctx:
            opened = disputes.open_dispute(ctx, body.charge, body.reason, body.amount)
        return dict(await done(opened))

    @routes.post("/disputes/{dispute}/decide")
    async def decide_dispute(dispute: str, body: DisputeOutcome) -> Json:
        with _known(sandbox, "dispute", dispute) as ctx:
            if body.outcome == "escalated":
                decided = disputes.escalate(ctx, dispute)
            else:
                decided = disputes.decide(ctx, dispute, body.outcome)
        return dict(await done(decided))

    @routes.post("/early_fraud_warnings")
    async def warn_of_fraud(body: FraudWarning) -> Json:
        with _known(sandbox, "charge", body.charge) as ctx:
            warned = early_fraud_warnings.warn(ctx, body.charge)
        return dict(await done(warned))

    @routes.post("/reviews")
    async def open_review(body: ReviewOpening) -> Json:
        with _known(sandbox, "charge", body.charge) as ctx:
            opened = reviews.open_review(ctx, body.charge, body.reason)
        return dict(await done(opened))

    @routes.post("/payment_methods/{payment_method}/renew")
    async def renew_card(payment_method: str, body: CardRenewal) -> Json:
        with _known(sandbox, "payment_method", payment_method) as ctx:
            renewed = payment_methods.renew(ctx, payment_method, body.exp_month, body.exp_year)
        return dict(await done(renewed))

    @routes.post("/balance")
    async def set_balance(body: BalanceChange) -> Json:
        with sandbox.context(body.account) as ctx:
            currency = body.currency.lower()
            ctx.balances.post(
                currency,
                "control",
                Posting(ctx.account, "available", body.amount),
                Posting("external", "bank", -body.amount),
            )
            available = ctx.balances.amount_minor(ctx.account, currency, "available")
        return dict(await done({"account": ctx.account, "currency": currency, "available": available}))

    return routes


class _known:  # noqa: N801 - reads as a word at its uses
    """A transaction about an object that must exist; ApiError and unknown ids become HTTP errors."""

    def __init__(self, sandbox: Sandbox, kind: str, identifier: str) -> None:
        if sandbox.store.owner(kind, identifier) is None:
            raise HTTPException(404, f"no {kind} {identifier}")
        self._context = sandbox.context()

    def __enter__(self) -> Context:
        return self._context.__enter__()

    def __exit__(self, *failure: Any) -> None:
        self._context.__exit__(*failure)
        if isinstance(failure[1], ApiError):
            raise HTTPException(failure[1].status, failure[1].message)
