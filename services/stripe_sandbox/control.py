"""The control interface under /_sim: the clock, faults, webhooks, accounts, payouts, the ledger, what was asked."""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from services.stripe_sandbox.balances import Posting
from services.stripe_sandbox.errors import ApiError
from services.stripe_sandbox.faults import Fault
from services.stripe_sandbox.sandbox import Context, Sandbox

Json = dict[str, Any]


class Strict(BaseModel):
    """A body without surprises."""

    model_config = ConfigDict(extra="forbid")


class Advance(Strict):
    seconds: float = Field(ge=0, le=10 * 366 * 86_400)


class FaultRule(Strict):
    kind: str
    method: str = "*"
    path: str = "*"
    idempotency_key: str = "*"
    contains: str = ""
    skip: int = Field(default=0, ge=0)
    times: int = Field(default=1, ge=1)
    seconds: float | None = Field(default=None, ge=0)
    should_retry: bool | None = None


class WebhookPolicy(Strict):
    delay_s: float = Field(default=0.0, ge=0)
    duplicate: int = Field(default=0, ge=0, le=10)
    duplicate_with_new_id: bool = False
    drop: list[str] = []
    reorder_window_s: float = Field(default=0.0, ge=0)
    thin_scope: str = Field(default="both", pattern="^(self|accounts|both)$")
    paused: bool = False


class Resend(Strict):
    event: str


class AccountState(Strict):
    stripe_transfers: str | None = Field(default=None, pattern="^(active|pending|restricted|rejected|unsupported)$")
    payouts: str | None = Field(default=None, pattern="^(active|pending|restricted|rejected|unsupported)$")
    code: str = "requirements_past_due"
    closed: bool | None = None


class PayoutFailure(Strict):
    failure_code: str = "account_closed"


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

    @routes.post("/reset")
    async def reset() -> Json:
        sandbox.reset()
        return {"reset": True}

    @routes.get("/clock")
    async def clock() -> Json:
        return {"now": sandbox.clock.now().isoformat(), "unix": sandbox.now_s()}

    @routes.post("/clock/advance")
    async def advance(body: Advance) -> Json:
        now = sandbox.advance(body.seconds)
        return dict(await done({"now": now.isoformat(), "unix": int(now.timestamp())}))

    @routes.post("/faults")
    async def add_fault(body: FaultRule) -> Json:
        try:
            return vars(sandbox.faults.add(Fault(**body.model_dump())))
        except ValueError as error:
            raise HTTPException(422, str(error)) from None

    @routes.get("/faults")
    async def list_faults() -> list[Json]:
        return [vars(rule) for rule in sandbox.faults.rules]

    @routes.delete("/faults")
    async def clear_faults() -> Json:
        sandbox.faults.clear()
        return {"cleared": True}

    @routes.get("/webhooks/policy")
    async def policy() -> Json:
        return vars(sandbox.webhooks.policy)

    @routes.put("/webhooks/policy")
    async def set_policy(body: WebhookPolicy) -> Json:
        vars(sandbox.webhooks.policy).update(body.model_dump())
        return dict(await done(vars(sandbox.webhooks.policy)))

    @routes.get("/webhooks/deliveries")
    async def deliveries(limit: int = 100) -> list[Json]:
        found = sandbox.store.newest_first("_delivery")
        return [delivery for delivery, _ in zip(found, range(limit), strict=False)]

    @routes.post("/webhooks/resend")
    async def resend(body: Resend) -> Json:
        return dict(await done({"deliveries": sandbox.webhooks.resend(body.event)}))

    @routes.get("/webhooks/idle")
    async def idle() -> Json:
        return {"idle": sandbox.webhooks.idle}

    @routes.post("/accounts/{account}")
    async def set_account(account: str, body: AccountState) -> Json:
        from services.stripe_sandbox.resources import accounts_state  # noqa: PLC0415

        with _known(sandbox, "v2.core.account", account) as ctx:
            changed = accounts_state.control(ctx, account, body.model_dump(exclude_none=True))
        return dict(await done(changed))

    @routes.post("/payouts/{payout}/fail")
    async def fail_payout(payout: str, body: PayoutFailure) -> Json:
        from services.stripe_sandbox.resources import payouts  # noqa: PLC0415

        with _known(sandbox, "payout", payout) as ctx:
            failed = payouts.fail(
                ctx.acting_for(sandbox.store.owner("payout", payout) or ""), payout, body.failure_code
            )
        return dict(await done(failed))

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

    @routes.get("/ledger")
    async def ledger() -> Json:
        return sandbox.balances.dump()

    @routes.get("/objects/{kind}")
    async def objects(kind: str) -> list[Json]:
        return list(sandbox.store.newest_first(kind))

    @routes.get("/requests")
    async def requests(request: Request) -> list[Json]:
        wanted = dict(request.query_params)
        return [note for note in sandbox.requests if all(str(note.get(name)) == v for name, v in wanted.items())]

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
