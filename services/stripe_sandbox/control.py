"""The control interface under /_sim: the clock, faults, webhooks, the ledger, what was asked.

What happens to single objects (accounts, payouts, disputes) is in control_objects.py.
"""

from typing import Any

from fastapi import APIRouter, HTTPException
from pydantic import BaseModel, ConfigDict, Field
from starlette.requests import Request

from services.stripe_sandbox.faults import Fault
from services.stripe_sandbox.limits import Limits, stripes_own
from services.stripe_sandbox.sandbox import Sandbox

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
    reason: str = "endpoint-rate"


class WebhookPolicy(Strict):
    delay_s: float = Field(default=0.0, ge=0)
    duplicate: int = Field(default=0, ge=0, le=10)
    duplicate_with_new_id: bool = False
    drop: list[str] = []
    reorder_window_s: float = Field(default=0.0, ge=0)
    thin_scope: str = Field(default="both", pattern="^(self|accounts|both)$")
    paused: bool = False
    before_answer: bool = False


class RateLimits(Strict):
    global_per_s: float | None = Field(default=None, gt=0)
    operation_per_s: float | None = Field(default=None, gt=0)
    global_concurrency: int | None = Field(default=None, ge=1)
    operation_concurrency: int | None = Field(default=None, ge=1)
    intent_changes_per_hour: float | None = Field(default=None, gt=0)


class Settlement(Strict):
    currencies: list[str]
    """Of the platform's balance, the default one first; none: every currency."""


class Resend(Strict):
    event: str


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

    @routes.get("/limits")
    async def limits() -> Json:
        return vars(sandbox.limiter.limits)

    @routes.put("/limits")
    async def set_limits(body: RateLimits) -> Json:
        sandbox.limiter.set(Limits(**body.model_dump()))
        return vars(sandbox.limiter.limits)

    @routes.put("/limits/stripe")
    async def set_stripes_limits() -> Json:
        sandbox.limiter.set(stripes_own())
        return vars(sandbox.limiter.limits)

    @routes.put("/settlement")
    async def set_settlement(body: Settlement) -> Json:
        sandbox.settlement_currencies = tuple(currency.lower() for currency in body.currencies)
        return {"currencies": list(sandbox.settlement_currencies)}

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
