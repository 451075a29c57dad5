"""The HTTP side of a service: routes build the same commands as the topics carry and run the same decisions.

A route takes one `Call`: who asks, a way to wait for a row, a way to run a command in one transaction. The answer
to a POST with an Idempotency-Key is stored in that same transaction.
"""

import math
import time
from collections.abc import Awaitable, Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from hashlib import sha256
from typing import Annotated, Any, NamedTuple, Protocol, TypeVar, runtime_checkable

import orjson
from fastapi import Depends, FastAPI, Request
from fastapi.responses import Response
from prometheus_client import generate_latest
from psycopg import errors
from pydantic import BaseModel
from sqlalchemy import Connection, Engine
from sqlalchemy.exc import OperationalError

from schemas.base import Actor, Command
from services.runtime import metrics, tokens
from services.runtime.bulk import Entity
from services.runtime.database import borrowed, driven, snapshot
from services.runtime.decisions import Outcome, Refused, View
from services.runtime.ids import derived_id, is_older_than
from services.runtime.problems import MEDIA_TYPE, Problem, install
from services.runtime.processor import PARKED, Batch, Processor
from services.runtime.settings import Settings
from services.runtime.storage import Answer, Transaction
from services.runtime.tokens import Caller, HostedLink, HostedPage

R = TypeVar("R", bound=NamedTuple)

Hints = Mapping[str, Callable[[], dict[str, Any]]]
"""More members of a refusal's problem document, by its code: what only a route can know, e.g. an address."""

_POLL_S = 0.02
_KEY_LENGTH = 255


@dataclass(frozen=True, slots=True)
class Gate:
    """What every route of a service shares."""

    processor: Processor
    engine: Engine
    settings: Settings


@dataclass(frozen=True, slots=True)
class Snapshot:
    """What is committed at one moment, for an answer that is put together from several tables."""

    connection: Connection

    def find(self, entity: Entity[R], column: str, value: str) -> list[R]:
        """Rows by a text column."""
        return entity.select(driven(self.connection), column, (value,))


@dataclass(frozen=True, slots=True)
class Call:
    """One HTTP call."""

    gate: Gate
    caller: Caller
    idempotency_key: str | None
    request_hash: str
    traceparent: str

    @property
    def actor(self) -> Actor:
        """Who asks, as commands carry it."""
        return Actor(role=self.caller.role, party_id=self.caller.party_id)

    @property
    def now(self) -> datetime:
        """The platform's time, UTC."""
        return self.gate.processor.clock.now()

    def new_id(self, prefix: str) -> str:
        """A fresh id; the same again when the call is repeated with its Idempotency-Key."""
        if self.idempotency_key is None:
            return self.gate.processor.ids.new(prefix, self.now)
        return derived_id(prefix, self._party, self.idempotency_key)

    def wait_for(self, entity: Entity[R], identifier: str, what: str) -> R:
        """The row with this primary key; waits a little for one that is still on its way. Raises a 404 Problem."""
        return self.wait_until(lambda: self.find(entity, entity.key_names[0], identifier), identifier, what)[0]

    def wait_until(self, look: Callable[[], list[R]], identifier: str, what: str) -> list[R]:
        """Look until there is something. Raises a 404 Problem after `projection_wait_s`, at once for an old id."""
        until = time.monotonic() + self.gate.settings.projection_wait_s
        while not (found := look()):
            if time.monotonic() >= until or is_older_than(identifier, self.now, 60):
                raise Problem(404, "not_found", f"there is no {what} {identifier}")
            time.sleep(_POLL_S)
        return found

    def find(self, entity: Entity[R], column: str, value: str) -> list[R]:
        """Rows by a text column, as committed. For one look; what several tables say together: `snapshot`."""
        return self.gate.processor.database.rows(entity, column, (value,))

    @contextmanager
    def snapshot(self) -> Iterator[Snapshot]:
        """Every look in this block shows the same moment."""
        with snapshot(self.gate.engine) as connection:
            yield Snapshot(connection)

    def link_to(self, page: HostedPage, party_id: str, about: str) -> str:
        """The address that leads this party to a page that Stripe hosts."""
        settings = self.gate.settings
        token = tokens.sign_link(
            settings.auth_secret.get_secret_value(), HostedLink(page, party_id, about), datetime.now(UTC)
        )
        return f"{settings.public_url}/v1/hosted/{token}"

    def run(
        self, command: Command, status: int = 202, hints: Hints | None = None, shown: View | None = None
    ) -> Response:
        """Run a command; answers `status` with the decision's view once it is committed, or the problem of a refusal.

        `hints` adds members to the problem of a refusal, by its code. `shown` takes the place of the decision's view:
        what only a route can make, e.g. a signed address. A repeated Idempotency-Key gets the first answer again.
        """
        if (replay := self._replay()) is not None:
            return replay
        processor = self.gate.processor
        identifier = self.new_id("cmd")
        delivery = processor.delivery(command, identifier, traceparent=self.traceparent)
        answered: list[tuple[int, bytes]] = []

        def keep(transaction: Transaction, outcomes: list[Outcome]) -> None:
            answered.append(_answer(outcomes[0], status, hints or {}, shown))
            if outcomes[0] is not PARKED:
                self._keep(transaction, *answered[0])

        try:
            outcomes = processor.run(Batch([delivery]), keep)
        except errors.UniqueViolation:
            # The same key ran at the same moment in another thread or replica: its answer is there now.
            if (replay := self._replay()) is not None:
                return replay
            raise
        metrics.outcome(command.type_name, outcomes[0])
        return _response(*answered[0])

    def _keep(self, transaction: Transaction, status: int, body: bytes) -> None:
        if self.idempotency_key is not None:
            answer = Answer(self.request_hash, status, body.decode())
            transaction.keep_answer(self._party, self.idempotency_key, answer, self.now)

    def _replay(self) -> Response | None:
        if self.idempotency_key is None:
            return None
        answer = self.gate.processor.database.answer(self._party, self.idempotency_key)
        if answer is None:
            return None
        if answer.request_hash != self.request_hash:
            raise Problem(
                422, "idempotency_key_reused", "this Idempotency-Key was used for another request; use a fresh one"
            )
        response = _response(answer.status, answer.body.encode())
        response.headers["Idempotency-Replayed"] = "true"
        return response

    @property
    def _party(self) -> str:
        return f"{self.caller.role}:{self.caller.party_id}"


async def _call(request: Request) -> Call:
    gate: Gate = request.app.state.gate
    caller = tokens.read_bearer(gate.settings.auth_secret.get_secret_value(), request.headers.get("Authorization"))
    key = request.headers.get("Idempotency-Key") if request.method == "POST" else None
    if key is not None and not 0 < len(key) <= _KEY_LENGTH:
        raise Problem(422, "invalid_request", f"Idempotency-Key: 1 to {_KEY_LENGTH} characters")
    body = await request.body()
    digest = sha256(f"{request.method} {request.url.path}\n".encode() + body).hexdigest()
    return Call(gate, caller, key, digest, request.headers.get("traceparent", ""))


CallOf = Annotated[Call, Depends(_call)]
"""A route's parameter: `call: CallOf`."""


def _answer(outcome: Outcome, status: int, hints: Hints, shown: View | None) -> tuple[int, bytes]:
    match outcome:
        case Refused():
            problem = Problem.of(outcome)
            hint = hints.get(outcome.code, dict)
            return problem.status, orjson.dumps({**problem.document, **hint()})
        case None:
            return status, b"{}"
        case _:
            view = shown or outcome.view
            return status, to_json(view() if view else {})


def to_json(view: Any) -> bytes:
    """A view (a pydantic model, or what orjson takes) as JSON."""
    if isinstance(view, BaseModel):
        return view.model_dump_json().encode()
    return orjson.dumps(view, default=_model)


def _model(value: Any) -> Any:
    if isinstance(value, BaseModel):
        return value.model_dump(mode="json")
    raise TypeError(f"{type(value).__name__} is not JSON")


def _response(status: int, body: bytes) -> Response:
    return Response(body, status, media_type=MEDIA_TYPE if status >= 400 else "application/json")


@runtime_checkable
class Notes(Protocol):
    """A part of a service that has something to say about how it is."""

    def notes(self) -> dict[str, str]:
        """Short, by name: `{"stripe": "answers"}`."""
        ...


def build_app(title: str, gate: Gate, ready: Callable[[], dict[str, bool]]) -> FastAPI:
    """An application with what every service has: health, metrics, problem documents, its OpenAPI document.

    `ready` names what must hold for the service to take work. What its own parts note (`app.state.parts`) stands
    beside it, for people: it makes nobody unready.
    """
    app = FastAPI(title=f"Tranche: {title}", version="1", docs_url=None, redoc_url=None)
    app.state.gate = gate
    install(app)

    @app.middleware("http")
    async def _measure(request: Request, go_on: Callable[[Request], Awaitable[Response]]) -> Response:
        began = time.perf_counter()
        response = await go_on(request)
        route = getattr(request.scope.get("route"), "path", "none")
        metrics.HTTP_TIME.labels(request.method, route, response.status_code).observe(time.perf_counter() - began)
        return response

    @app.get("/health/live", include_in_schema=False)
    async def _live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/health/ready", include_in_schema=False)
    async def _ready() -> Response:
        parts = ready()
        noted: dict[str, str] = {}
        for part in getattr(app.state, "parts", ()):
            if isinstance(part, Notes):
                noted |= part.notes()
        status = 200 if all(parts.values()) else 503
        return Response(orjson.dumps({**parts, **noted}), status, media_type="application/json")

    @app.get("/metrics", include_in_schema=False)
    def _metrics() -> Response:
        _observe_parked(gate.engine)
        return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app


def _observe_parked(engine: Engine) -> None:
    """Asked when it is scraped: a key may be parked, redriven or given up by any replica or by an operator."""
    try:
        with borrowed(engine) as connection:
            row = connection.execute("SELECT count(DISTINCT key), count(*) FROM parked_messages").fetchone()
            connection.rollback()
    except (OperationalError, errors.OperationalError):
        row = (math.nan, math.nan)  # not known, which is not 0
    keys, messages = row or (0, 0)
    metrics.PARKED_KEYS.set(keys)
    metrics.PARKED_MESSAGES.set(messages)
