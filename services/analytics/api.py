"""Figures over HTTP, for operators and services. It runs in the stream's own event loop and so needs no locks."""

import time
from collections.abc import Awaitable, Callable, Mapping
from datetime import datetime
from typing import Annotated, Protocol

import orjson
from fastapi import Depends, FastAPI, Query, Request
from fastapi.responses import Response
from prometheus_client import generate_latest
from pydantic import AwareDatetime, BaseModel

from schemas.envelope import UnreadableRecordError
from schemas.money import CurrencyCode
from services.analytics.book import Book
from services.analytics.figures import Figure, Total, Window, figure_of, minute_of, total_of
from services.runtime import metrics, problems, tokens
from services.runtime.problems import Problem

_ROLES = ("operator", "service")


class FigureList(BaseModel):
    """A page of figures, the oldest first. `next_cursor` leads to the next page."""

    data: list[Figure]
    next_cursor: str | None
    has_more: bool


class TotalList(BaseModel):
    """A total for each currency in which anything ever happened, by its code."""

    data: list[Total]


class Stream(Protocol):
    """What is asked of the stream."""

    book: Book

    def health(self) -> dict[str, bool]:
        """What must hold for the figures to be whole and up to date."""

    def lags(self) -> Mapping[tuple[str, int], int]:
        """Records that are not counted yet, by topic and partition."""


def build_api(stream: Stream, auth_secret: str) -> FastAPI:
    """The service's application."""
    app = FastAPI(title="Tranche: analytics", version="1", docs_url=None, redoc_url=None)
    problems.install(app)

    async def _book(request: Request) -> Book:
        caller = tokens.read_bearer(auth_secret, request.headers.get("Authorization"))
        if caller.role not in _ROLES:
            raise Problem(403, "forbidden", f"figures are for {' and '.join(_ROLES)}, not for the role {caller.role}")
        if not all(stream.health().values()):
            raise Problem(503, "not_ready", "the figures are being brought up to date; try again in a few seconds")
        return stream.book

    ready_book = Annotated[Book, Depends(_book)]

    @app.get("/v1/analytics/figures")
    async def list_figures(
        book: ready_book,
        currency: CurrencyCode | None = None,
        from_: Annotated[AwareDatetime | None, Query(alias="from", description="From this minute on.")] = None,
        to: Annotated[AwareDatetime | None, Query(description="Up to before this minute.")] = None,
        limit: Annotated[int, Query(ge=1, le=100)] = 100,
        cursor: Annotated[str | None, Query(max_length=100)] = None,
    ) -> FigureList:
        """What happened, per minute and currency, the oldest first; minutes in which nothing did are left out."""
        start = _read_cursor(cursor) if cursor is not None else _window("from", from_)
        found = book.between(currency, start, _window("to", to), limit + 1)
        more = found[limit:]
        return FigureList(
            data=[figure_of(window, sums) for window, sums in found[:limit]],
            next_cursor=more[0][0].key if more else None,
            has_more=bool(more),
        )

    @app.get("/v1/analytics/totals")
    async def list_totals(book: ready_book) -> TotalList:
        """All minutes together, per currency; `held_minor` is what is held now."""
        return TotalList(data=[total_of(currency, sums) for currency, sums in book.totals()])

    _add_health(app, stream)
    return app


def _add_health(app: FastAPI, stream: Stream) -> None:
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
        health = stream.health()
        return Response(orjson.dumps(health), 200 if all(health.values()) else 503, media_type="application/json")

    @app.get("/metrics", include_in_schema=False)
    async def _metrics() -> Response:
        for (topic, partition), lag in stream.lags().items():
            metrics.LAG.labels(topic, partition).set(lag)
        return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")


def _window(name: str, moment: datetime | None) -> Window | None:
    if moment is None:
        return None
    try:
        return Window(minute_of(moment), "")
    except UnreadableRecordError:
        raise Problem(422, "invalid_request", f"{name}: a moment between the years 1 and 9999") from None


def _read_cursor(cursor: str) -> Window:
    minute, _, currency = cursor.partition("|")
    try:
        datetime.fromisoformat(minute)
    except ValueError:
        raise Problem(422, "invalid_request", "cursor: give back the next_cursor of a page, unchanged") from None
    return Window(minute, currency)
