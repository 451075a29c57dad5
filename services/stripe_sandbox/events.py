"""Making events: snapshot events of v1 objects, thin events of v2 accounts. One per change, with what caused it."""

from typing import Any

from services.stripe_sandbox.render import public, view
from services.stripe_sandbox.sandbox import Context
from services.stripe_sandbox.settings import API_VERSION

Json = dict[str, Any]


def emit(ctx: Context, kind: str, item: Json, previous: Json | None = None) -> Json:
    """Record that something happened to an object of the context's account, and queue its deliveries.

    `kind` is the event's type; `previous` the earlier values of what changed (`*.updated` events).
    """
    data: Json = {"object": view(ctx, item.get("object", ""), item)}
    if previous is not None:
        data["previous_attributes"] = public(previous)
    event: Json = {
        "id": ctx.new_id("evt"),
        "object": "event",
        "api_version": API_VERSION,
        "created": ctx.now_s,
        "data": data,
        "livemode": False,
        "pending_webhooks": 0,
        "request": {"id": ctx.request_id, "idempotency_key": ctx.idempotency_key},
        "type": kind,
    }
    if not ctx.is_platform:
        event["account"] = ctx.account
    if ctx.sandbox.webhooks.policy.duplicate_with_new_id:
        _save(ctx, {**event, "id": ctx.new_id("evt")})
    return _save(ctx, event)


def _save(ctx: Context, event: Json) -> Json:
    event["pending_webhooks"] = ctx.sandbox.webhooks.enqueue(ctx, event)
    return ctx.save(event)


def emit_thin(ctx: Context, kind: str, account: str, data: Json | None = None) -> Json:
    """Record a thin event about a v2 account. It belongs to the platform, which reads it under /v2/core/events."""
    event: Json = {
        "id": ctx.new_id("evt"),
        "object": "v2.core.event",
        "type": kind,
        "created": ctx.now_iso,
        "livemode": False,
        "context": None,
        "reason": None,
        "related_object": {
            "id": account,
            "type": "v2.core.account",
            "url": f"/v2/core/accounts/{account}",
        },
    }
    if ctx.request_id:
        request = {"id": ctx.request_id, "idempotency_key": ctx.idempotency_key or ""}
        event["reason"] = {"type": "request", "request": request}
    if data is not None:
        event["data"] = data
    platform = ctx.acting_for(ctx.sandbox.platform)
    event["_pending"] = ctx.sandbox.webhooks.enqueue(platform, event)
    return platform.save(event)
