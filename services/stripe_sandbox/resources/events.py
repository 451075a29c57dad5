"""/v1/events and /v2/core/events: what happened, for those who missed a webhook."""

from datetime import timedelta
from typing import Any

from stripe.params._event_list_params import EventListParams
from stripe.params._event_retrieve_params import EventRetrieveParams
from stripe.params.v2.core._event_list_params import EventListParams as ThinListParams
from stripe.params.v2.core._event_retrieve_params import EventRetrieveParams as ThinRetrieveParams

from services.stripe_sandbox.errors import invalid
from services.stripe_sandbox.render import page, page_v2
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]
KEPT = timedelta(days=30)
MAX_TYPES = 20


@operation("GET", "/v1/events/{event}", EventRetrieveParams)
def retrieve(ctx: Context, params: Json, event: str) -> Json:
    """One event of the last 30 days."""
    del params
    return ctx.require("event", event)


@operation("GET", "/v1/events", EventListParams, "type types delivery_success")
def listed(ctx: Context, params: Json) -> Json:
    """Events of the last 30 days, newest first, by type and by whether all deliveries succeeded."""
    types = params.get("types", [])
    if "type" in params and types:
        raise invalid("You may only specify one of these parameters: type, types.", code="parameters_exclusive")
    if len(types) > MAX_TYPES:
        raise invalid(f"You may specify at most {MAX_TYPES} types.", param="types")
    oldest = ctx.now_s - int(KEPT.total_seconds())

    def matching(event: Json) -> bool:
        return (
            event["created"] >= oldest
            and (not types or event["type"] in types)
            and ("type" not in params or _type_matches(event["type"], params["type"]))
            and ("delivery_success" not in params or (event["pending_webhooks"] == 0) == params["delivery_success"])
        )

    return page(ctx, "event", params, "/v1/events", matching=matching)


def _type_matches(kind: str, wanted: str) -> bool:
    return kind.startswith(wanted[:-1]) if wanted.endswith("*") else kind == wanted


@operation("GET", "/v2/core/events/{event}", ThinRetrieveParams)
def retrieve_thin(ctx: Context, params: Json, event: str) -> Json:
    """One thin event with its data."""
    del params
    return ctx.require("v2.core.event", event)


@operation("GET", "/v2/core/events", ThinListParams, "object_id types")
def listed_thin(ctx: Context, params: Json) -> Json:
    """Thin events, newest first, by object, type and time."""
    created = params.get("created", {})
    compare = {
        "gt": lambda at, bound: at > bound,
        "gte": lambda at, bound: at >= bound,
        "lt": lambda at, bound: at < bound,
        "lte": lambda at, bound: at <= bound,
    }
    found = [
        event
        for event in ctx.store.newest_first("v2.core.event", ctx.account)
        if params.get("object_id", event["related_object"]["id"]) == event["related_object"]["id"]
        and (not params.get("types") or event["type"] in params["types"])
        and all(compare[name](event["created"], bound) for name, bound in created.items())
    ]
    query = [f"types[{number}]={kind}" for number, kind in enumerate(params.get("types", []))]
    query += [f"object_id={params['object_id']}"] if "object_id" in params else []
    query += [f"created[{name}]={bound}" for name, bound in created.items()]
    return page_v2(found, params, "/v2/core/events" + ("?" + "&".join(query) if query else ""))
