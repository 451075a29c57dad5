"""/v2/core/event_destinations: where events are sent, thin or as snapshots, from the platform or from its accounts.

Only those of type `webhook_endpoint`. The secret is told once, in the answer to the creation that includes it.
"""

from typing import Any

from stripe.params.v2.core._event_destination_create_params import EventDestinationCreateParams
from stripe.params.v2.core._event_destination_delete_params import EventDestinationDeleteParams
from stripe.params.v2.core._event_destination_disable_params import EventDestinationDisableParams
from stripe.params.v2.core._event_destination_enable_params import EventDestinationEnableParams
from stripe.params.v2.core._event_destination_list_params import EventDestinationListParams
from stripe.params.v2.core._event_destination_ping_params import EventDestinationPingParams
from stripe.params.v2.core._event_destination_retrieve_params import EventDestinationRetrieveParams
from stripe.params.v2.core._event_destination_update_params import EventDestinationUpdateParams

from services.stripe_sandbox.api import reader
from services.stripe_sandbox.errors import invalid, parameter_missing
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.render import merge_metadata, page_v2, public
from services.stripe_sandbox.resources.webhook_endpoints import MAX_ENDPOINTS, check_url
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context
from services.stripe_sandbox.settings import API_VERSION

Json = dict[str, Any]
KIND = "v2.core.event_destination"
PATH = "/v2/core/event_destinations"
SCOPES = {"@self", "@accounts"}
CREATE = (
    "description enabled_events event_payload events_from include metadata name snapshot_api_version type"
    " webhook_endpoint"
)


@operation("POST", PATH, EventDestinationCreateParams, CREATE)
def create(ctx: Context, params: Json) -> Json:
    """Register a destination."""
    if params["type"] != "webhook_endpoint":
        raise invalid("The sandbox has destinations of type webhook_endpoint only.", param="type")
    if "webhook_endpoint" not in params:
        raise parameter_missing("webhook_endpoint")
    scopes = params.get("events_from", ["@self"])
    if not scopes or set(scopes) - SCOPES:
        raise invalid("The sandbox has events_from `@self` and `@accounts`.", param="events_from")
    snapshot = params["event_payload"] == "snapshot"
    if "snapshot_api_version" in params and not snapshot:
        raise invalid("`snapshot_api_version` is for snapshot events only.", param="snapshot_api_version")
    version = params.get("snapshot_api_version", API_VERSION)
    if version != API_VERSION:
        raise invalid(f"The sandbox simulates {API_VERSION} only.", param="snapshot_api_version")
    check_url(params["webhook_endpoint"]["url"])
    if sum(1 for _ in ctx.store.newest_first(KIND, ctx.account)) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} event destinations.")
    destination: Json = {
        "id": ctx.new_id("ed_test"),
        "object": KIND,
        "created": ctx.now_iso,
        "description": params.get("description", ""),
        "enabled_events": params["enabled_events"],
        "event_payload": params["event_payload"],
        "events_from": scopes,
        "livemode": False,
        "metadata": merge_metadata({}, params.get("metadata")),
        "name": params["name"],
        "snapshot_api_version": version if snapshot else None,
        "status": "enabled",
        "status_details": None,
        "type": "webhook_endpoint",
        "updated": ctx.now_iso,
        "_owner": ctx.account,
        "_secret": f"whsec_{random_text(32)}",
        "_url": params["webhook_endpoint"]["url"],
    }
    return shown(ctx.save(destination), params.get("include"), secret=True)


def shown(destination: Json, include: list[str] | None, *, secret: bool = False) -> Json:
    """The destination with what was asked to be included; the secret only where it is told at all."""
    wanted = set(include or [])
    endpoint = {
        "signing_secret": destination["_secret"] if secret and "webhook_endpoint.signing_secret" in wanted else None,
        "url": destination["_url"] if "webhook_endpoint.url" in wanted else None,
    }
    return {**public(destination), "webhook_endpoint": endpoint}


@reader(KIND)
def renew(ctx: Context, identifier: str, params: Json) -> Json:
    """The destination as it is now, for the replay of a request."""
    return shown(ctx.require(KIND, identifier, label="event destination"), params.get("include"))


@operation("GET", f"{PATH}/{{destination}}", EventDestinationRetrieveParams, "include")
def retrieve(ctx: Context, params: Json, destination: str) -> Json:
    """One destination."""
    return renew(ctx, destination, params)


@operation("GET", PATH, EventDestinationListParams, "include")
def listed(ctx: Context, params: Json) -> Json:
    """Destinations, newest first."""
    include = params.get("include", [])
    query = "&".join(f"include[{number}]={name}" for number, name in enumerate(include))
    found = list(ctx.store.newest_first(KIND, ctx.account))
    return page_v2(found, params, PATH + (f"?{query}" if query else ""), shown=lambda item: shown(item, include))


@operation(
    "POST",
    f"{PATH}/{{destination}}",
    EventDestinationUpdateParams,
    "description enabled_events include metadata name webhook_endpoint",
)
def update(ctx: Context, params: Json, destination: str) -> Json:
    """Change a destination; neither its payload nor where its events come from."""
    found = ctx.require(KIND, destination, label="event destination")
    for name in ("description", "enabled_events", "name"):
        if name in params:
            found[name] = params[name]
    if "webhook_endpoint" in params:
        check_url(params["webhook_endpoint"]["url"])
        found["_url"] = params["webhook_endpoint"]["url"]
    found["metadata"] = merge_metadata(found["metadata"], params.get("metadata"))
    found["updated"] = ctx.now_iso
    return shown(ctx.save(found), params.get("include"))


@operation("POST", f"{PATH}/{{destination}}/disable", EventDestinationDisableParams, "include")
def disable(ctx: Context, params: Json, destination: str) -> Json:
    """Stop the deliveries and their retries."""
    return _switch(ctx, params, destination, "disabled", {"disabled": {"reason": "user"}})


@operation("POST", f"{PATH}/{{destination}}/enable", EventDestinationEnableParams, "include")
def enable(ctx: Context, params: Json, destination: str) -> Json:
    """Deliver what happens from now on."""
    return _switch(ctx, params, destination, "enabled", None)


def _switch(ctx: Context, params: Json, destination: str, status: str, details: Json | None) -> Json:
    found = ctx.require(KIND, destination, label="event destination")
    found |= {"status": status, "status_details": details, "updated": ctx.now_iso}
    return shown(ctx.save(found), params.get("include"))


@operation("POST", f"{PATH}/{{destination}}/ping", EventDestinationPingParams)
def ping(ctx: Context, params: Json, destination: str) -> Json:
    """Send the destination a thin event about itself."""
    del params
    found = ctx.require(KIND, destination, label="event destination")
    event: Json = {
        "id": ctx.new_id("evt"),
        "object": "v2.core.event",
        "type": "v2.core.event_destination.ping",
        "created": ctx.now_iso,
        "livemode": False,
        "context": None,
        "reason": None,
        "related_object": {"id": destination, "type": KIND, "url": f"{PATH}/{destination}"},
    }
    event["_pending"] = ctx.sandbox.webhooks.enqueue_for(ctx, event, [found])
    return ctx.save(event)


@operation("DELETE", f"{PATH}/{{destination}}", EventDestinationDeleteParams)
def delete(ctx: Context, params: Json, destination: str) -> Json:
    """Remove a destination and what waits for it."""
    del params
    ctx.require(KIND, destination, label="event destination")
    ctx.store.delete(KIND, destination)
    return {"id": destination, "object": KIND}
