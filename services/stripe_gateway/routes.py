"""HTTP of the gateway: Stripe's webhooks, and the links that lead people to pages that Stripe hosts."""

from typing import Annotated, Any

from fastapi import APIRouter, Depends, Header, Request
from fastapi.responses import HTMLResponse, Response
from pydantic import SecretStr

from services.runtime import tokens
from services.runtime.http import Gate
from services.runtime.problems import Problem
from services.runtime.stripe_keys import is_live
from services.stripe_gateway import metrics, pages, webhooks
from services.stripe_gateway.desk import Desk
from services.stripe_gateway.links import HostedPages
from services.stripe_gateway.settings import GatewaySettings, secrets_of
from services.stripe_gateway.worklist import PostgresWorkList

router = APIRouter()

_MOST_BYTES = 1024 * 1024
_HTML: dict[int | str, dict[str, Any]] = {
    303: {"description": "To the page that Stripe hosts", "content": {}},
    401: {"description": "The link is not ours, or too old"},
    503: {"description": "Not ready yet: reload"},
}


async def _raw(request: Request) -> bytes:
    """The body, byte for byte as it was signed."""
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > _MOST_BYTES:
            raise Problem(413, "too_large", f"an event of Stripe has at most {_MOST_BYTES} bytes")
    return bytes(body)


Raw = Annotated[bytes, Depends(_raw)]
Signature = Annotated[str | None, Header(alias="Stripe-Signature")]


@router.post("/webhooks/stripe", responses={400: {"description": "Not signed by Stripe; nothing was stored"}})
def platform_webhook(request: Request, raw: Raw, signature: Signature = None) -> dict[str, bool]:
    """For Stripe: an event of the platform's own account. Stored before it is answered."""
    return _receive(request, raw, signature, "platform", _settings(request).stripe_webhook_secret)


@router.post("/webhooks/stripe/connect", responses={400: {"description": "Not signed by Stripe; nothing was stored"}})
def connect_webhook(request: Request, raw: Raw, signature: Signature = None) -> dict[str, bool]:
    """For Stripe: an event of a connected account. Stored before it is answered."""
    return _receive(request, raw, signature, "connect", _settings(request).stripe_connect_webhook_secret)


def _receive(request: Request, raw: bytes, signature: str | None, endpoint: str, secret: SecretStr) -> dict[str, bool]:
    gate = _gate(request)
    processor, now = gate.processor, gate.processor.clock.now()
    try:
        body = webhooks.verify(raw, signature, secrets_of(secret), now)
    except Problem:
        metrics.WEBHOOKS.labels(endpoint, "bad_signature").inc()
        raise
    word = webhooks.sort_out(body, live=is_live(_settings(request).stripe_api_key.get_secret_value()))
    new = webhooks.store(PostgresWorkList(gate.engine), word, endpoint, processor.ids.new("arr", now), now)
    metrics.WEBHOOKS.labels(endpoint, word.state if new else "duplicate").inc()
    return {"received": True}


@router.get("/v1/hosted/done/{what}", response_class=HTMLResponse)
def done(what: str) -> HTMLResponse:
    """Where Stripe's pages lead back to."""
    return pages.page(*pages.DONE.get(what, ("Thank you", pages.CLOSE)))


@router.get("/v1/hosted/{token}", response_class=HTMLResponse, responses=_HTML)
def hosted(request: Request, token: str) -> Response:
    """A link that a party was given: leads to the page that Stripe hosts, made for this click."""
    gate, settings = _gate(request), _settings(request)
    try:
        link = tokens.read_link(settings.auth_secret.get_secret_value(), token)
    except Problem as problem:
        if "text/html" not in request.headers.get("accept", ""):
            raise
        return pages.page("This link does not work any more", str(problem), problem.status)
    address = f"{settings.public_url}/v1/hosted/{token}"
    return HostedPages(gate, _desk(request), settings.hosted_wait_s).open(link, address)


def _gate(request: Request) -> Gate:
    gate: Gate = request.app.state.gate
    return gate


def _settings(request: Request) -> GatewaySettings:
    settings = _gate(request).settings
    if not isinstance(settings, GatewaySettings):
        raise TypeError("the gateway's routes need the gateway's settings")
    return settings


def _desk(request: Request) -> Desk:
    return next(part for part in request.app.state.parts if isinstance(part, Desk))
