"""One call, through: to the service that answers it and back, with nothing added that is not said here.

A request's body is taken in whole first (1 MiB at most), so that a slow caller never holds a service and a call that
reached nobody can be made again. The answer streams.
"""

import asyncio
import logging
import re
import secrets
import time
from collections.abc import AsyncIterator, Iterable

import httpx
from fastapi import Request
from prometheus_client import Counter
from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse
from starlette.types import Receive, Scope, Send

from services.portal.routing import Allowed, Route
from services.portal.upstreams import Upstreams
from services.runtime import metrics
from services.runtime.problems import Problem, answer

logger = logging.getLogger(__name__)

BODY_LIMIT_BYTES = 1024 * 1024
"""Stripe's largest webhook and our largest body (a milestone's texts and links) are far smaller."""
RETRY_AFTER_S = 1
_CONNECT_PAUSES_S = (0.05, 0.2)
"""A service that listens again within these was only restarting its socket; longer is for the caller to wait."""
_ASKING_AGAIN_IS_SAFE = frozenset({"GET", "HEAD", "OPTIONS"})

_HOP_BY_HOP = frozenset(
    (b"connection", b"keep-alive", b"proxy-authenticate", b"proxy-authorization", b"proxy-connection", b"te",
     b"trailer", b"transfer-encoding", b"upgrade")
)  # fmt: skip
_OURS_TO_SAY = frozenset((b"host", b"content-length", b"expect", b"traceparent", b"x-request-id", b"x-forwarded-for",
                          b"x-forwarded-host", b"x-forwarded-proto"))  # fmt: skip
_THEIRS_TO_KEEP = frozenset((b"server", b"date", b"x-request-id"))
_TRACEPARENT = re.compile(r"(?!ff)[0-9a-f]{2}-(?!0{32})[0-9a-f]{32}-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_-]{1,64}")

TROUBLE = Counter("tranche_upstream_trouble", "Calls that a service did not answer", ["service", "error"])

Headers = list[tuple[bytes, bytes]]


class Proxy:
    """Passes calls on."""

    def __init__(self, upstreams: Upstreams) -> None:
        self._upstreams = upstreams

    async def handle(self, request: Request) -> Response:
        """The answer of the service that has this route, or a problem that says why there is none."""
        began = time.perf_counter()
        given = request.headers.get("x-request-id", "")
        request_id = given if _REQUEST_ID.fullmatch(given) else f"req_{secrets.token_hex(16)}"
        route = self._upstreams.table.find(request.method, _path(request))
        try:
            response = await self._answer(request, route, request_id)
        except ClientDisconnect:
            return Response(status_code=499)  # nobody is there to read it; nginx's number for that
        response.headers["x-request-id"] = request_id
        label = route.template if isinstance(route, Route) else "none"
        taken_s = time.perf_counter() - began
        metrics.HTTP_TIME.labels(request.method, label, response.status_code).observe(taken_s)
        return response

    async def _answer(self, request: Request, route: Route | Allowed | None, request_id: str) -> Response:
        match route:
            case Route():
                pass
            case Allowed(methods):
                detail = f"{request.url.path} takes {', '.join(methods)}, not {request.method}"
                return answer(Problem(405, "method_not_allowed", detail), {"Allow": ", ".join(methods)})
            case None if unknown := self._upstreams.unknown:
                return _unavailable(f"{', '.join(unknown)} did not start yet: this call may be among what it answers")
            case None:
                detail = f"there is nothing at {request.url.path}; /docs shows what there is"
                return answer(Problem(404, "not_found", detail))
        body = await _body(request)
        if body is None:
            detail = f"the body is larger than {BODY_LIMIT_BYTES} bytes, the most that is taken"
            return answer(Problem(413, "body_too_large", detail), {"Connection": "close"})
        client = self._upstreams.client(route.service)
        onward = httpx.Request(
            request.method, _url(client, request), headers=_request_headers(request, request_id), content=body
        )
        try:
            came = await _send(client, onward)
        except httpx.TransportError as error:
            return _trouble(route, error)
        return _Streamed(came)


async def _send(client: httpx.AsyncClient, onward: httpx.Request) -> httpx.Response:
    """Send, and again where that is safe: nothing reached the service, or asking twice changes nothing there.

    Raises httpx.TransportError.
    """
    pauses_s = iter(_CONNECT_PAUSES_S)
    asked_again = False
    while True:
        try:
            return await client.send(onward, stream=True, follow_redirects=False)
        except (httpx.ConnectError, httpx.ConnectTimeout):
            pause_s = next(pauses_s, None)
            if pause_s is None:
                raise
            await asyncio.sleep(pause_s)
        except (httpx.ReadError, httpx.WriteError, httpx.RemoteProtocolError):
            if asked_again or onward.method not in _ASKING_AGAIN_IS_SAFE:
                raise
            asked_again = True


def _trouble(route: Route, error: httpx.TransportError) -> Response:
    TROUBLE.labels(route.service, type(error).__name__).inc()
    logger.warning("%s %s: %s does not answer: %s", route.method, route.template, route.service, error or type(error))
    if isinstance(error, httpx.ConnectError | httpx.ConnectTimeout | httpx.PoolTimeout):
        return _unavailable(f"{route.service} does not answer; nothing was done, so try again")
    if route.method == "POST":
        detail = "whether it was done is not known; sent again with the same Idempotency-Key it is done once"
    else:
        detail = "try again"
    return _unavailable(f"{route.service} ended before it answered: {detail}")


def _unavailable(detail: str) -> Response:
    return answer(Problem(503, "service_unavailable", detail), {"Retry-After": str(RETRY_AFTER_S)})


class _Streamed(StreamingResponse):
    """A service's answer, byte for byte; its connection is given back however this ends."""

    def __init__(self, came: httpx.Response) -> None:
        super().__init__(_bytes_of(came), came.status_code)
        self._came = came
        self.raw_headers = _without(came.headers.raw, _THEIRS_TO_KEEP)

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            await self._came.aclose()


async def _bytes_of(came: httpx.Response) -> AsyncIterator[bytes]:
    # A service that dies within its answer ends ours too, unfinished: a caller must not take a part for the whole.
    async for chunk in came.aiter_raw():
        yield chunk


async def _body(request: Request) -> bytes | None:
    """The whole body as it came; None when it is too large. Raises ClientDisconnect."""
    length = request.headers.get("content-length", "0")
    if length.isdecimal() and int(length) > BODY_LIMIT_BYTES:
        return None
    body = bytearray()
    async for chunk in request.stream():
        body += chunk
        if len(body) > BODY_LIMIT_BYTES:
            return None
    return bytes(body)


def _path(request: Request) -> str:
    raw: bytes = request.scope.get("raw_path") or request.url.path.encode()
    return raw.decode("ascii", errors="replace")


def _url(client: httpx.AsyncClient, request: Request) -> httpx.URL:
    query: bytes = request.scope["query_string"]
    target = _path(request).encode() + (b"?" + query if query else b"")
    # `base_url` ends in a slash, which the path begins with.
    return client.base_url.copy_with(raw_path=client.base_url.raw_path.rstrip(b"/") + target)


def _request_headers(request: Request, request_id: str) -> Headers:
    came: Headers = request.headers.raw
    trace = request.headers.get("traceparent", "")
    said = {
        "traceparent": trace if _TRACEPARENT.fullmatch(trace) else _new_trace(),
        "x-request-id": request_id,
        "x-forwarded-for": _came_by(request),
        "x-forwarded-host": request.headers.get("host", ""),
        "x-forwarded-proto": request.url.scheme,
    }
    return [
        *_without(came, _OURS_TO_SAY),
        *((name.encode(), value.encode("latin-1", errors="replace")) for name, value in said.items() if value),
    ]


def _came_by(request: Request) -> str:
    """Whom it came by, the caller first. uvicorn takes the caller from this header when a proxy here sent it."""
    hosts = [host.strip() for host in request.headers.get("x-forwarded-for", "").split(",") if host.strip()]
    if request.client is not None and hosts[-1:] != [request.client.host]:
        hosts.append(request.client.host)
    return ", ".join(hosts)


def _without(headers: Iterable[tuple[bytes, bytes]], names: frozenset[bytes]) -> Headers:
    """Without these, and without what concerns one connection alone (RFC 9110, 7.6.1)."""
    found = [(name.lower(), value) for name, value in headers]
    named = {part.strip().lower() for name, value in found if name == b"connection" for part in value.split(b",")}
    dropped = names | _HOP_BY_HOP | named
    return [(name, value) for name, value in found if name not in dropped]


def _new_trace() -> str:
    return f"00-{secrets.token_hex(16)}-{secrets.token_hex(8)}-01"
