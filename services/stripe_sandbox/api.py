"""The way of one API request: who asks, which operation, what fault, which key, are the parameters right, do
it, answer.
"""

import asyncio
import base64
import binascii
import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote

import orjson
from starlette.requests import Request
from starlette.responses import Response
from starlette.types import Receive, Scope, Send
from stripe._object_classes import get_object_class

from services.stripe_sandbox import forms
from services.stripe_sandbox.contracts import check_object, check_request
from services.stripe_sandbox.errors import ApiError, invalid, unsupported
from services.stripe_sandbox.faults import Fault
from services.stripe_sandbox.idempotency import IdempotencyKeys, Stored
from services.stripe_sandbox.ids import new_id
from services.stripe_sandbox.limits import rate_limited
from services.stripe_sandbox.render import expand, public
from services.stripe_sandbox.routing import Operation, find_operation
from services.stripe_sandbox.sandbox import Context, Sandbox
from services.stripe_sandbox.settings import API_VERSION, is_live_key

Json = dict[str, Any]
log = logging.getLogger(__name__)

PRUNE_EVERY = 1_000
"""Requests between two looks for expired idempotency keys."""

DROPPED = -1
"""Status noted for a request whose connection was dropped by a fault."""


class Dropped(Response):
    """Promises a body and closes the connection instead: what a client sees when the network fails."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        del scope, receive
        headers = [(b"content-type", b"application/json"), (b"content-length", b"100000")]
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": bytes(self.body)[:40], "more_body": True})


@dataclass(frozen=True)
class Found:
    """The operation of a request, and what is known of the request before its parameters are."""

    operation: Operation
    parts: dict[str, str]
    request_id: str
    key: str
    fault: Fault | None


@dataclass(frozen=True)
class Asked:
    """What a request asks for, once it is known who asks."""

    operation: Operation
    parts: dict[str, str]
    params: Json
    account: str
    request_id: str
    key: str | None


class Api:
    """Answers everything under /v1 and /v2."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox
        self.keys = IdempotencyKeys(sandbox)
        self._answered = 0

    async def handle(self, request: Request) -> Response:
        """Answer one request."""
        request_id = new_id("req")
        raw = (await request.body()).decode(errors="replace")
        note: Json = {
            "id": request_id,
            "at": self.sandbox.clock.now().isoformat(),
            "method": request.method,
            "path": request.url.path,
            "query": request.url.query,
            "body": raw,
            "account": request.headers.get("stripe-account"),
            "idempotency_key": request.headers.get("idempotency-key"),
        }
        self.sandbox.requests.append(note)
        waiting = self.sandbox.webhooks.waiting if self.sandbox.webhooks.policy.before_answer else set()
        try:
            response = await self._answer(request, raw, request_id, note)
        except ApiError as error:
            response = self._error(error, request_id)
        response.headers["Request-Id"] = request_id
        response.headers["Stripe-Version"] = API_VERSION
        if request.headers.get("idempotency-key"):
            response.headers["Idempotency-Key"] = request.headers["idempotency-key"]
        note["status"] = DROPPED if isinstance(response, Dropped) else response.status_code
        self.sandbox.metrics.requests.labels(request.method, str(note["status"])).inc()
        self._answered += 1
        if self._answered % PRUNE_EVERY == 0:
            self.keys.prune()
        await self.sandbox.settle()
        if self.sandbox.webhooks.policy.before_answer:
            # Only what this request caused: a receiver that asks back meanwhile must not wait for itself.
            await self.sandbox.webhooks.first_attempts(self.sandbox.webhooks.waiting - waiting)
        return response

    async def _answer(self, request: Request, raw: str, request_id: str, note: Json) -> Response:
        method, path = request.method, unquote(request.url.path)
        key = request.headers.get("idempotency-key", "") if method in ("POST", "DELETE") else ""
        fault = self.sandbox.faults.pick(method, path, key, raw + request.url.query)
        if fault is not None:
            note["fault"] = fault.kind
            refusal = await _before(fault)
            if refusal is not None:
                return refusal
        _authenticate(request)
        found = find_operation(method, path)
        if found is None:
            raise ApiError(
                404,
                "invalid_request_error",
                f"Unrecognized request URL ({method}: {path}). The sandbox does not have this operation; its README"
                " lists those that it has.",
            )
        with self.sandbox.limiter.admit(*found, self.sandbox.clock.now().timestamp()):
            return await self._admitted(request, raw, Found(*found, request_id, key, fault), note)

    async def _admitted(self, request: Request, raw: str, found: "Found", note: Json) -> Response:
        operation, key, fault = found.operation, found.key, found.fault
        _check_version(request, operation)
        account = self._account(request)
        path = unquote(request.url.path)
        params = _parse(request, raw, operation)
        scope = self.keys.scope(account, "v2" if operation.is_v2 else "v1", key) if key else None
        remember = (scope, self.keys.fingerprint(request.method, path, params), path) if scope else None
        if remember is not None and (stored := self.keys.begin(*remember)) is not None:
            note["replayed"] = True
            return self._replay(stored, operation, account, params)
        try:
            if fault is not None and fault.kind == "slow":
                await asyncio.sleep(fault.delay_s)
            asked = Asked(operation, found.parts, params, account, found.request_id, key or None)
            status, body, headers = self._execute(asked, remember, fault)
        finally:
            if scope:
                self.keys.end(scope)
        return await self._finish(status, body, headers, found.request_id, fault)

    def _execute(
        self, asked: "Asked", remember: tuple[str, str, str] | None, fault: Fault | None
    ) -> tuple[int, Json, dict[str, str]]:
        """Do the operation in one transaction with its idempotency record. Raises ApiError for what is not stored."""
        operation, request_id = asked.operation, asked.request_id
        asked_for, token = dict(asked.params), None
        if operation.is_v2 and operation.method == "GET":
            token = asked_for.pop("page", None)  # in the addresses of v2 lists, not among the documented parameters
        checked = check_request(operation.params, asked_for, form=operation.method != "POST" or not operation.is_v2)
        _refuse_unmodelled(operation, checked)
        if token is not None:
            checked["page"] = token
        paths = checked.get("expand", []) if not operation.is_v2 else []
        failure: ApiError | None = None
        status, body = 200, {}
        try:
            with self.sandbox.context(asked.account, request_id=request_id, idempotency_key=asked.key) as ctx:
                try:
                    body = operation.handler(ctx, checked, **asked.parts)
                except ApiError as error:
                    if not error.keeps_changes:
                        raise
                    failure = error
                else:
                    body = expand(ctx, public(body), paths)
                    self._check(operation, body)
                    if fault is not None and fault.kind == "error_500_after":
                        failure = _internal_error(fault)
                if failure is not None:
                    status, body = failure.status, failure.envelope(self._log_url(request_id))
                if remember is not None and not (operation.is_v2 and failure is not None):
                    self.keys.keep(*remember, status, body, request_id=request_id, v2=operation.is_v2)
        except ApiError as error:
            failure = error
            status, body = error.status, error.envelope(self._log_url(request_id))
            if remember is not None and not operation.is_v2 and status not in (409, 429):
                with self.sandbox.context(asked.account):
                    self.keys.keep(*remember, status, body, request_id=request_id, v2=False)
        return status, body, failure.headers if failure else {}

    async def _finish(
        self, status: int, body: Json, headers: dict[str, str], request_id: str, fault: Fault | None
    ) -> Response:
        if fault is not None and fault.kind == "timeout_after":
            await self.sandbox.settle()
            await asyncio.sleep(fault.delay_s)
            return Dropped()
        if fault is not None and fault.kind == "truncated":
            return Dropped(orjson.dumps(body))
        if fault is not None and fault.kind == "error_500_after" and status < 500:
            error = _internal_error(fault)
            return _json(500, error.envelope(self._log_url(request_id)), error.headers)
        return _json(status, body, headers)

    def _replay(self, stored: Stored, operation: Operation, account: str, params: Json) -> Response:
        body = stored.body
        if operation.is_v2 and stored.object_kind and stored.object_id:
            renew = RENEWED.get(stored.object_kind)
            with self.sandbox.context(account) as ctx:
                body = renew(ctx, stored.object_id, params) if renew else body
        headers = {"Idempotent-Replayed": "true", "Original-Request": stored.request_id}
        return _json(stored.status, body, headers)

    def _account(self, request: Request) -> str:
        named = request.headers.get("stripe-account") or request.headers.get("stripe-context")
        if not named or named == self.sandbox.platform:
            return self.sandbox.platform
        if self.sandbox.store.owner("v2.core.account", named) is None:
            raise ApiError(
                403,
                "invalid_request_error",
                f"The provided key does not have access to account '{named}' (or that account does not exist)."
                " Application access may have been revoked.",
                code="account_invalid",
            )
        return named

    def _check(self, operation: Operation, body: Json) -> None:
        """In strict mode: the object must be as the stripe library describes it."""
        if not self.sandbox.settings.sandbox_strict:
            return
        problems = object_problems(body, v2=operation.is_v2)
        if problems:
            log.error("the sandbox made a wrong object for %s %s: %s", operation.method, operation.path, problems)
            raise ApiError(
                500, "api_error", f"The sandbox made a wrong object: {'; '.join(problems)}", code="sandbox_defect"
            )

    def _error(self, error: ApiError, request_id: str) -> Response:
        return _json(error.status, error.envelope(self._log_url(request_id)), error.headers)

    def _log_url(self, request_id: str) -> str:
        return f"{self.sandbox.settings.public_url}/_sim/requests?id={request_id}"


RENEWED: dict[str, Any] = {}
"""Per kind of v2 object: how to read it anew for the replay of a success. Filled by the resources."""


def object_problems(body: Json, *, v2: bool) -> list[str]:
    """What is wrong with an answer, or each item of a list, by the library's classes."""
    if isinstance(body.get("data"), list):
        return [problem for item in body["data"] for problem in object_problems(item, v2=v2)]
    name = body.get("object")
    if not isinstance(name, str) or name == "v2.core.event" or set(body) - {"deleted"} == {"id", "object"}:
        return []  # a type of its own per event; a stub says only that the object is gone
    return check_object(get_object_class("V2" if v2 else "V1", name), body)


def _json(status: int, body: Json, headers: dict[str, str]) -> Response:
    content = orjson.dumps(body, option=orjson.OPT_INDENT_2)
    return Response(content, status, headers, "application/json")


def _internal_error(fault: Fault) -> ApiError:
    return ApiError(
        500,
        "api_error",
        "An unknown error occurred",
        keeps_changes=True,
        headers=fault.retry_headers(),
    )


async def _before(fault: Fault) -> Response | None:
    """What a fault does before anything executed; None when the request goes on."""
    if fault.kind == "timeout_before":
        await asyncio.sleep(fault.delay_s)
        return Dropped()
    if fault.kind == "bad_gateway":
        html = "<html><head><title>502 Bad Gateway</title></head><body><h1>502 Bad Gateway</h1></body></html>"
        return Response(html, 502, fault.retry_headers(), "text/html")
    refusals = {
        "error_500_before": ApiError(500, "api_error", "An unknown error occurred"),
        "conflict": ApiError(
            409,
            "idempotency_error",
            "There is currently another in-progress request using this Stripe-Idempotent-Key.",
            code="idempotency_key_in_use",
        ),
        "rate_limit": rate_limited(fault.reason),
        "lock_timeout": ApiError(
            429,
            "invalid_request_error",
            "This object cannot be accessed right now because another API request or Stripe process is currently"
            " accessing it. If you see this error intermittently, retry the request.",
            code="lock_timeout",
            headers={"Stripe-Should-Retry": "true"},
        ),
        "unauthorized": ApiError(401, "invalid_request_error", "Invalid API Key provided: sk_test_****"),
    }  # fmt: skip
    refusal = refusals.get(fault.kind)
    if refusal is not None:
        refusal.headers = {**refusal.headers, **fault.retry_headers()}
        raise refusal
    return None


def _authenticate(request: Request) -> None:
    """Raise 401 unless the request carries a test secret key as Bearer or Basic."""
    scheme, _, credentials = request.headers.get("authorization", "").partition(" ")
    key = credentials.strip()
    if scheme.lower() == "basic":
        try:
            key = base64.b64decode(key, validate=True).decode().partition(":")[0]
        except (binascii.Error, UnicodeDecodeError):
            key = ""
    if not key or scheme.lower() not in ("bearer", "basic"):
        raise ApiError(
            401,
            "invalid_request_error",
            "You did not provide an API key. You need to provide your API key in the Authorization header, using Bearer"
            " auth (e.g. 'Authorization: Bearer YOUR_SECRET_KEY').",
        )
    if is_live_key(key):
        raise ApiError(
            401,
            "invalid_request_error",
            "This is the Stripe sandbox, and the key is a LIVE key. It was refused and not stored. Use an sk_test_ key,"
            " and check which environment is pointed here.",
            code="livemode_mismatch",
        )
    if not key.startswith("sk_test_"):
        raise ApiError(401, "invalid_request_error", f"Invalid API Key provided: {key[:8]}****")


def _check_version(request: Request, operation: Operation) -> None:
    version = request.headers.get("stripe-version")
    if version is None and operation.is_v2:
        raise invalid("Please provide a Stripe-Version header: the v2 API requires one.", param="Stripe-Version")
    if version not in (None, API_VERSION):
        raise invalid(
            f"Invalid Stripe API version: {version}. The sandbox simulates {API_VERSION} only.", param="Stripe-Version"
        )


def _parse(request: Request, raw: str, operation: Operation) -> Json:
    try:
        if request.method != "POST":
            return _without_empty_query(forms.decode(request.url.query))
        if not operation.is_v2:
            return {**forms.decode(request.url.query), **forms.decode(raw)}
        body = orjson.loads(raw) if raw else {}
    except forms.MalformedFormError as error:
        raise invalid(f"Invalid parameter name: {error.args[0]}", param=str(error.args[0])) from None
    except orjson.JSONDecodeError as error:
        raise invalid(f"Invalid JSON: {error}") from None
    if not isinstance(body, dict):
        raise invalid("Invalid JSON: the body must be an object")
    return body


def _without_empty_query(query: Json) -> Json:
    return {name: value for name, value in query.items() if value != ""}


def _refuse_unmodelled(operation: Operation, params: Json) -> None:
    for name in params:
        if name not in operation.models:
            raise unsupported(name, f"{operation.method} {operation.path}")


Renew = Callable[[Context, str, Json], Json]


def reader(kind: str) -> Callable[[Renew], Renew]:
    """Register how a v2 object is read anew: `renew(ctx, id, params)`."""

    def register(renew: Renew) -> Renew:
        RENEWED[kind] = renew
        return renew

    return register
