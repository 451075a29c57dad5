"""Figures over HTTP: who may see them, what is asked, what is answered."""

import asyncio
from datetime import UTC, datetime
from typing import Any

import httpx
import pytest
from fastapi import FastAPI

from schemas.base import Role
from services.analytics.api import build_api
from services.analytics.book import Book
from services.analytics.figures import Sums, Window
from services.runtime.tokens import issue

SECRET = "a-secret-for-tests-of-at-least-32-bytes"
PATHS = ("/v1/analytics/figures", "/v1/analytics/totals")


class Stream:
    def __init__(self) -> None:
        self.book = Book()
        self.ready = True

    def health(self) -> dict[str, bool]:
        return {"partitions": True, "caught_up": self.ready}

    def lags(self) -> dict[tuple[str, int], int]:
        return {("funding.events", 3): 17}


@pytest.fixture
def stream() -> Stream:
    return Stream()


class Client:
    """Asks the application without a socket."""

    def __init__(self, app: FastAPI) -> None:
        self._app = app

    def get(self, path: str, headers: dict[str, str] | None = None) -> httpx.Response:
        async def ask() -> httpx.Response:
            transport = httpx.ASGITransport(app=self._app)
            async with httpx.AsyncClient(transport=transport, base_url="http://analytics") as client:
                return await client.get(path, headers=headers)

        return asyncio.run(ask())


@pytest.fixture
def client(stream: Stream) -> Client:
    return Client(build_api(stream, SECRET))


def bearer(role: Role) -> dict[str, str]:
    return {"Authorization": f"Bearer {issue(SECRET, role, 'someone', datetime.now(UTC))}"}


def get(client: Client, path: str) -> dict[str, Any]:
    answer = client.get(path, headers=bearer("operator"))
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["operator", "service"])
def test_operators_and_services_may_see_figures(client: Client, path: str, role: Role) -> None:
    assert client.get(path, headers=bearer(role)).status_code == 200


@pytest.mark.parametrize("path", PATHS)
@pytest.mark.parametrize("role", ["employer", "trainer"])
def test_parties_may_not(client: Client, path: str, role: Role) -> None:
    answer = client.get(path, headers=bearer(role))

    assert answer.status_code == 403
    assert answer.headers["content-type"] == "application/problem+json"
    assert answer.json()["code"] == "forbidden"


@pytest.mark.parametrize("path", PATHS)
def test_without_a_token_it_is_401(client: Client, path: str) -> None:
    assert client.get(path).status_code == 401


@pytest.mark.parametrize("path", PATHS)
def test_figures_that_are_not_whole_are_not_shown(client: Client, stream: Stream, path: str) -> None:
    stream.ready = False

    answer = client.get(path, headers=bearer("operator"))

    assert answer.status_code == 503
    assert answer.json()["code"] == "not_ready"


@pytest.mark.parametrize(
    ("query", "field"),
    [
        ("currency=xyz", "currency"),
        ("currency=USD", "currency"),
        ("from=yesterday", "from"),
        ("from=2026-03-01T10:00:00", "from"),
        ("to=0001-01-01T00:00:00%2B14:00", "to"),
        ("limit=0", "limit"),
        ("limit=101", "limit"),
        ("cursor=somewhere", "cursor"),
    ],
)
def test_a_query_out_of_bounds_is_422_naming_the_field(client: Client, query: str, field: str) -> None:
    answer = client.get(f"/v1/analytics/figures?{query}", headers=bearer("operator"))

    assert answer.status_code == 422
    assert answer.json()["detail"].startswith(f"{field}: ")


def test_totals_are_one_line_a_currency(client: Client, stream: Stream) -> None:
    stream.book.add(Window("2026-03-01T10:05:00Z", "usd"), Sums(100, 30, 20, 5, 7, 1))
    stream.book.add(Window("2026-03-01T10:06:00Z", "usd"), Sums(1))

    assert get(client, "/v1/analytics/totals") == {
        "data": [
            {
                "currency": "usd",
                "funded_minor": 101,
                "held_minor": 46,
                "released_minor": 30,
                "refunded_minor": 20,
                "charged_back_minor": 5,
                "fees_minor": 7,
                "declines": 1,
            }
        ]
    }


def test_figures_page_without_a_gap_or_a_repetition(client: Client, stream: Stream) -> None:
    windows = [Window(f"2026-03-01T10:0{minute}:00Z", code) for minute in range(3) for code in ("eur", "usd")]
    for window in windows:
        stream.book.add(window, Sums(funded_minor=1))

    seen, cursor = [], ""
    for _ in range(4):
        page = get(client, f"/v1/analytics/figures?limit=4{cursor}")
        seen += [Window(line["minute"], line["currency"]) for line in page["data"]]
        if not page["has_more"]:
            break
        cursor = f"&cursor={page['next_cursor']}"

    assert seen == windows
    assert page["next_cursor"] is None


def test_from_is_in_and_to_is_not(client: Client, stream: Stream) -> None:
    for minute in range(4):
        stream.book.add(Window(f"2026-03-01T10:0{minute}:00Z", "usd"), Sums(funded_minor=minute))

    found = get(client, "/v1/analytics/figures?from=2026-03-01T11:01:00%2B01:00&to=2026-03-01T10:03:00Z")["data"]

    assert [line["funded_minor"] for line in found] == [1, 2]


def test_readiness_names_what_is_missing(client: Client, stream: Stream) -> None:
    stream.ready = False

    answer = client.get("/health/ready")

    assert answer.status_code == 503
    assert answer.json() == {"partitions": True, "caught_up": False}


def test_it_lives_before_it_is_ready(client: Client, stream: Stream) -> None:
    stream.ready = False

    assert client.get("/health/live").status_code == 200


def test_the_lag_is_measured(client: Client) -> None:
    text = client.get("/metrics").text

    assert 'tranche_consumer_lag_records{partition="3",topic="funding.events"} 17.0' in text


def test_the_openapi_document_has_both_routes_and_no_others(client: Client) -> None:
    document = client.get("/openapi.json").json()

    assert sorted(document["paths"]) == sorted(PATHS)
