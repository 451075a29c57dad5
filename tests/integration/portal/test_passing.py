"""A call through the front door: what arrives, and what comes back."""

import os
import re
from hashlib import sha256
from typing import Any

import httpx
import pytest

from services.portal.proxy import BODY_LIMIT_BYTES


def arrived(answer: httpx.Response) -> dict[str, str]:
    """The headers that reached the service; none of them twice."""
    pairs: list[tuple[str, str]] = answer.json()["headers"]
    headers = dict(pairs)
    assert len(headers) == len(pairs), pairs
    return headers


def problem(answer: httpx.Response) -> tuple[int, Any]:
    assert answer.headers["content-type"] == "application/problem+json"
    return answer.status_code, answer.json()["code"]


# -- there -------------------------------------------------------------------------------------------------


def test_body_path_and_query_arrive_as_they_were_sent(door: httpx.Client) -> None:
    body = b'{"amount":  1.0 ,\n"x":"\xc3\xa9"}'
    answer = door.post("/v1/contracts?a=1&b=%20x%2By&c", content=body)
    seen = answer.json()
    assert (seen["method"], seen["path"], seen["query"]) == ("POST", "/v1/contracts", "a=1&b=%20x%2By&c")
    assert (seen["length"], seen["sha256"]) == (len(body), sha256(body).hexdigest())


def test_what_a_caller_says_of_itself_arrives(door: httpx.Client) -> None:
    given = {
        "Authorization": "Bearer abc",
        "Idempotency-Key": "k 1",
        "Content-Type": "application/json",
        "Accept": "*/*",
    }
    headers = arrived(door.post("/v1/contracts", content=b"{}", headers=given))
    assert {name: headers[name.lower()] for name in given} == given


def test_what_concerns_one_connection_alone_stays_behind(door: httpx.Client) -> None:
    sent = {"Connection": "keep-alive, X-Mine", "X-Mine": "1", "Keep-Alive": "5", "TE": "trailers", "Upgrade": "h2c"}
    headers = arrived(door.get("/v1/contracts/ctr_1", headers=sent))
    assert not {"x-mine", "keep-alive", "te", "upgrade", "proxy-authorization"} & set(headers)


def test_the_service_learns_who_called_and_where(door: httpx.Client) -> None:
    headers = arrived(door.get("/v1/contracts/ctr_1", headers={"Host": "pay.example"}))
    assert (headers["x-forwarded-for"], headers["x-forwarded-host"]) == ("127.0.0.1", "pay.example")
    assert headers["x-forwarded-proto"] == "http"


def test_a_caller_behind_a_proxy_of_ours_is_still_the_caller(door: httpx.Client) -> None:
    headers = arrived(door.get("/v1/contracts/ctr_1", headers={"X-Forwarded-For": "203.0.113.9"}))
    assert headers["x-forwarded-for"] == "203.0.113.9"


def test_a_trace_goes_on(door: httpx.Client) -> None:
    trace = "00-1fea1e2c70353d2436d53679376b7d9e-2e44a6b95d61ce1e-01"
    assert arrived(door.get("/v1/contracts/ctr_1", headers={"traceparent": trace}))["traceparent"] == trace


@pytest.mark.parametrize("given", ["", "nonsense", f"00-{'0' * 32}-2e44a6b95d61ce1e-01"])
def test_a_trace_is_begun_where_there_is_none(door: httpx.Client, given: str) -> None:
    begun = [
        arrived(door.get("/v1/contracts/ctr_1", headers={"traceparent": given} if given else {}))["traceparent"]
        for _ in range(2)
    ]
    assert all(re.fullmatch(r"00-[0-9a-f]{32}-[0-9a-f]{16}-01", trace) for trace in begun)
    assert begun[0] != begun[1]


def test_a_request_has_an_id_that_both_sides_see(door: httpx.Client) -> None:
    answer = door.get("/v1/contracts/ctr_1")
    assert arrived(answer)["x-request-id"] == answer.headers["x-request-id"]
    assert answer.headers["x-request-id"].startswith("req_")


def test_a_callers_own_request_id_is_kept_unless_it_is_odd(door: httpx.Client) -> None:
    assert door.get("/v1/contracts/ctr_1", headers={"X-Request-Id": "mine_1"}).headers["x-request-id"] == "mine_1"
    odd = door.get("/v1/contracts/ctr_1", headers={"X-Request-Id": "a b\tc"})
    assert odd.headers["x-request-id"].startswith("req_")


@pytest.mark.parametrize("path", ["/webhooks/stripe", "/webhooks/stripe/connect"])
def test_a_webhook_arrives_to_the_byte_with_its_signature(door: httpx.Client, path: str) -> None:
    body = os.urandom(70_000)
    answer = door.post(path, content=body, headers={"Stripe-Signature": "t=1,v1=ab", "Content-Type": "text/plain"})
    assert (answer.json()["length"], answer.json()["sha256"]) == (len(body), sha256(body).hexdigest())
    assert arrived(answer)["stripe-signature"] == "t=1,v1=ab"


def test_a_body_in_chunks_arrives_whole(door: httpx.Client) -> None:
    answer = door.post("/v1/contracts", content=iter([b"a" * 1000, b"b" * 1000]))
    assert answer.json()["sha256"] == sha256(b"a" * 1000 + b"b" * 1000).hexdigest()


def test_the_largest_body_arrives(door: httpx.Client) -> None:
    assert door.post("/v1/contracts", content=b"x" * BODY_LIMIT_BYTES).json()["length"] == BODY_LIMIT_BYTES


@pytest.mark.parametrize("chunked", [False, True])
def test_a_larger_body_is_refused(door: httpx.Client, chunked: bool) -> None:
    body = b"x" * (BODY_LIMIT_BYTES + 1)
    answer = door.post("/v1/contracts", content=iter([body[:9], body[9:]]) if chunked else body)
    assert problem(answer) == (413, "body_too_large")


# -- and back ----------------------------------------------------------------------------------------------


def test_status_and_headers_come_back(door: httpx.Client) -> None:
    answer = door.post("/v1/contracts", content=b"{}")
    assert (answer.status_code, answer.headers["idempotency-replayed"]) == (201, "true")
    assert answer.headers.get_list("set-cookie") == ["a=1", "b=2"]
    assert "x-private" not in answer.headers
    assert len(answer.headers.get_list("date")) == len(answer.headers.get_list("content-length")) == 1


def test_a_problem_of_a_service_comes_back_as_it_is(door: httpx.Client) -> None:
    answer = door.get("/v1/contracts/ctr_nobody")
    assert problem(answer) == (404, "not_found")
    assert answer.json()["detail"] == "there is no contract ctr_nobody"


def test_an_answer_without_a_body_comes_back(door: httpx.Client) -> None:
    answer = door.delete("/v1/contracts/ctr_1")
    assert (answer.status_code, answer.content) == (204, b"")


def test_a_long_answer_streams(door: httpx.Client) -> None:
    with door.stream("GET", "/v1/long") as answer:
        chunks = list(answer.iter_raw())
    assert len(chunks) > 10
    assert sum(len(chunk) for chunk in chunks) == sum(len(b"%d\n" % number) * 10_000 for number in range(50))


def test_a_redirect_is_the_callers_to_follow(door: httpx.Client) -> None:
    answer = door.get("/v1/hosted/abc.def.ghi")
    assert (answer.status_code, answer.headers["location"]) == (303, "https://connect.stripe.com/setup/abc.def.ghi")


# -- nowhere -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("path", ["/v1/nothing", "/nothing", "/v1/contracts/", "/webhooks/other", "/openapi.json"])
def test_an_unknown_path_is_404(door: httpx.Client, path: str) -> None:
    answer = door.get(path)
    assert problem(answer) == (404, "not_found")
    assert "x-request-id" in answer.headers


def test_a_method_that_nobody_takes_is_405_and_names_those_there_are(door: httpx.Client) -> None:
    answer = door.put("/v1/contracts/ctr_1", content=b"{}")
    assert problem(answer) == (405, "method_not_allowed")
    assert answer.headers["allow"] == "DELETE, GET"
