"""A service that is away, late or dying: what a caller is told, and what is never done twice."""

import asyncio
import time
from collections.abc import Iterator
from contextlib import contextmanager

import httpx
import pytest

from services.portal.upstreams import Upstream
from tests.integration.portal import toys
from tests.integration.portal.serving import RawServer, Server, eventually, front_door


@contextmanager
def client(*upstreams: Upstream) -> Iterator[httpx.Client]:
    with front_door(*upstreams) as url, httpx.Client(base_url=url, trust_env=False, timeout=20) as found:
        yield found


@contextmanager
def dying(on_request: object) -> Iterator[tuple[httpx.Client, RawServer]]:
    """A service that said what it answers, and since then does this with every call."""
    app = toys.a_service("funding")
    for method in ("GET", "POST"):
        app.add_api_route("/v1/broken", lambda: None, methods=[method])
    server = Server(app)
    with client(Upstream("funding", server.url)) as http:
        server.stop()
        raw = RawServer(on_request, server.port)  # type: ignore[arg-type]
        try:
            yield http, raw
        finally:
            raw.stop()


def is_unavailable(answer: httpx.Response) -> bool:
    assert (answer.status_code, answer.json()["code"]) == (503, "service_unavailable"), answer.text
    assert int(answer.headers["retry-after"]) >= 1
    return True


def test_a_service_that_is_away_is_503_and_the_others_go_on() -> None:
    away, there = Server(toys.a_service("funding")), Server(toys.a_service("contracts"))
    with client(Upstream("funding", away.url), Upstream("contracts", there.url)) as http:
        away.stop()
        answer = http.get("/v1/funding/known")
        assert is_unavailable(answer)
        assert "funding" in answer.json()["detail"]
        assert http.get("/v1/contracts/known").json() == {"service": "contracts"}
    there.stop()


def test_a_service_that_comes_back_answers_again() -> None:
    server = Server(toys.a_service("funding"))
    with client(Upstream("funding", server.url)) as http:
        server.stop()
        assert is_unavailable(http.get("/v1/funding/known"))
        server.start()
        assert http.get("/v1/funding/known").status_code == 200
    server.stop()


def test_a_service_that_was_not_up_yet_is_503_until_its_routes_are_known() -> None:
    there, late = Server(toys.a_service("contracts")), Server(toys.a_service("funding"))
    late.stop()
    with client(Upstream("contracts", there.url), Upstream("funding", late.url)) as http:
        assert is_unavailable(http.get("/v1/funding/known"))
        assert http.get("/health/ready").status_code == 503
        assert http.get("/v1/contracts/known").status_code == 200
        late.start()
        eventually(lambda: http.get("/v1/funding/known").status_code == 200, "its routes")
        assert http.get("/health/ready").status_code == 200
        assert "/v1/funding/known" in http.get("/v1/openapi.json").json()["paths"]
        assert http.get("/v1/nothing").status_code == 404
    for server in (there, late):
        server.stop()


def test_a_service_that_is_not_required_keeps_no_door_shut() -> None:
    there = Server(toys.a_service("contracts"))
    with client(Upstream("contracts", there.url), Upstream("analytics", "http://127.0.0.1:9", required=False)) as http:
        ready = http.get("/health/ready")
        assert (ready.status_code, ready.json()["services"]) == (200, {"contracts": True, "analytics": False})
        assert http.get("/v1/nothing").status_code == 404
    there.stop()


def test_a_service_that_is_away_for_a_moment_does_not_make_the_door_unready() -> None:
    server = Server(toys.a_service("contracts"))
    with client(Upstream("contracts", server.url)) as http:
        server.stop()
        eventually(lambda: http.get("/health/ready").json()["services"] == {"contracts": False}, "that it is away")
        assert http.get("/health/ready").status_code == 200


def test_a_webhook_while_the_gateway_never_was_up_is_503_so_that_stripe_comes_again() -> None:
    with client(Upstream("stripe_gateway", "http://127.0.0.1:9")) as http:
        assert is_unavailable(http.post("/webhooks/stripe", content=b"{}"))
        assert is_unavailable(http.get("/v1/hosted/abc"))


def close(writer: asyncio.StreamWriter) -> None:
    """Nothing is said at all."""


def half(writer: asyncio.StreamWriter) -> None:
    writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\nhalf of it")


def test_a_post_that_reached_a_dying_service_is_not_sent_again_by_us() -> None:
    with dying(close) as (http, raw):
        answer = http.post("/v1/broken", content=b"{}")
        assert is_unavailable(answer)
        assert "same Idempotency-Key" in answer.json()["detail"]
        assert raw.requests == 1


def test_a_get_that_reached_a_dying_service_is_asked_once_more() -> None:
    with dying(close) as (http, raw):
        assert is_unavailable(http.get("/v1/broken"))
        assert raw.requests == 2


def test_a_part_of_an_answer_is_never_taken_for_the_whole() -> None:
    with dying(half) as (http, _), pytest.raises(httpx.RemoteProtocolError):
        http.get("/v1/broken")


def test_a_post_to_a_service_that_is_just_restarting_reaches_it() -> None:
    server = Server(toys.contracts())
    with client(Upstream("contracts", server.url)) as http:
        for _ in range(3):
            server.stop()
            server.start()
            answer = http.post("/v1/contracts", content=b"{}")
            assert (answer.status_code, answer.json()["length"]) == (201, 2)
    server.stop()


def test_two_services_that_answer_the_same_call_leave_the_door_as_it_was() -> None:
    first, second = Server(toys.a_service("contracts")), Server(toys.a_service("contracts"))
    second.stop()
    with client(Upstream("contracts", first.url), Upstream("funding", second.url)) as http:
        second.start()
        time.sleep(1.2)  # it has been looked at twice by now
        assert http.get("/v1/contracts/known").status_code == 200
        assert http.get("/health/ready").json()["unknown"] == ["funding"]
    for server in (first, second):
        server.stop()
