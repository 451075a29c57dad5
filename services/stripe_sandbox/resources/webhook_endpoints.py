"""/v1/webhook_endpoints: where events are sent."""

from typing import Any

from stripe.params._webhook_endpoint_create_params import WebhookEndpointCreateParams
from stripe.params._webhook_endpoint_delete_params import WebhookEndpointDeleteParams
from stripe.params._webhook_endpoint_list_params import WebhookEndpointListParams
from stripe.params._webhook_endpoint_retrieve_params import WebhookEndpointRetrieveParams
from stripe.params._webhook_endpoint_update_params import WebhookEndpointUpdateParams

from services.stripe_sandbox.errors import invalid
from services.stripe_sandbox.ids import random_text
from services.stripe_sandbox.render import merge_metadata, page
from services.stripe_sandbox.routing import operation
from services.stripe_sandbox.sandbox import Context
from services.stripe_sandbox.settings import API_VERSION

Json = dict[str, Any]
MAX_ENDPOINTS = 16


def make(
    ctx: Context, *, url: str, enabled_events: list[str], connect: bool, secret: str, identifier: str | None = None
) -> Json:
    """An endpoint; those of the settings also take thin events, which Stripe sends to event destinations."""
    return {
        "id": identifier or ctx.new_id("we"),
        "object": "webhook_endpoint",
        "api_version": API_VERSION,
        "application": None,
        "created": ctx.now_s,
        "description": None,
        "enabled_events": enabled_events,
        "livemode": False,
        "metadata": {},
        "status": "enabled",
        "url": url,
        "_connect": connect,
        "_owner": ctx.account,
        "_secret": secret,
        "_thin": identifier is not None,
    }


@operation(
    "POST", "/v1/webhook_endpoints", WebhookEndpointCreateParams, "url enabled_events connect description api_version"
)
def create(ctx: Context, params: Json) -> Json:
    """Register an endpoint; the answer alone carries its secret."""
    if params.get("api_version", API_VERSION) != API_VERSION:
        raise invalid(f"The sandbox simulates {API_VERSION} only.", param="api_version")
    check_url(params["url"])
    if sum(1 for _ in ctx.store.newest_first("webhook_endpoint", ctx.account)) >= MAX_ENDPOINTS:
        raise invalid(f"You have reached the maximum of {MAX_ENDPOINTS} webhook endpoints.")
    secret = f"whsec_{random_text(32)}"
    endpoint = make(
        ctx,
        url=params["url"],
        enabled_events=params["enabled_events"],
        connect=params.get("connect", False),
        secret=secret,
    )
    endpoint |= {"description": params.get("description"), "metadata": merge_metadata({}, params.get("metadata"))}
    ctx.save(endpoint)
    return {**endpoint, "secret": secret}


def check_url(url: str) -> None:
    """Raise 400 unless it is an address of HTTP."""
    if not url.startswith(("http://", "https://")):
        raise invalid(
            "Invalid URL: an explicit scheme (such as https) must be provided.", code="url_invalid", param="url"
        )


@operation("GET", "/v1/webhook_endpoints/{endpoint}", WebhookEndpointRetrieveParams)
def retrieve(ctx: Context, params: Json, endpoint: str) -> Json:
    """One endpoint."""
    del params
    return ctx.require("webhook_endpoint", endpoint, label="webhook endpoint")


@operation(
    "POST",
    "/v1/webhook_endpoints/{endpoint}",
    WebhookEndpointUpdateParams,
    "url enabled_events disabled description",
)
def update(ctx: Context, params: Json, endpoint: str) -> Json:
    """Change an endpoint; `disabled` stops its deliveries and their retries."""
    found = ctx.require("webhook_endpoint", endpoint, label="webhook endpoint")
    if "url" in params:
        check_url(params["url"])
        found["url"] = params["url"]
    if "enabled_events" in params:
        found["enabled_events"] = params["enabled_events"]
    if "disabled" in params:
        found["status"] = "disabled" if params["disabled"] else "enabled"
    if "description" in params:
        found["description"] = params["description"] or None
    found["metadata"] = merge_metadata(found["metadata"], params.get("metadata"))
    return ctx.save(found)


@operation("DELETE", "/v1/webhook_endpoints/{endpoint}", WebhookEndpointDeleteParams)
def delete(ctx: Context, params: Json, endpoint: str) -> Json:
    """Remove an endpoint and what waits for it."""
    del params
    ctx.require("webhook_endpoint", endpoint, label="webhook endpoint")
    ctx.store.delete("webhook_endpoint", endpoint)
    return {"id": endpoint, "object": "webhook_endpoint", "deleted": True}


@operation("GET", "/v1/webhook_endpoints", WebhookEndpointListParams)
def listed(ctx: Context, params: Json) -> Json:
    """Endpoints, newest first."""
    return page(ctx, "webhook_endpoint", params, "/v1/webhook_endpoints")
