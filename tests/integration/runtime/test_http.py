"""The HTTP side of every service: who is let in, what problems look like, Idempotency-Keys, waiting for projections."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from services.runtime.processor import Batch
from services.runtime.tokens import issue
from tests.integration.runtime.world import SECRET, World


def test_the_same_key_and_body_get_the_first_answer_again(world: World) -> None:
    key = world.new_key()
    with world.serving() as http:
        answers = [http.post(f"/counters/{key}", json={}, headers={"Idempotency-Key": "one"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()) for answer in answers] == [(202, {"count": 1})] * 2
    assert [answer.headers.get("Idempotency-Replayed") for answer in answers] == [None, "true"]
    assert world.counts() == {key: 1}


def test_a_refusal_is_repeated_too(world: World) -> None:
    key = world.new_key()
    with world.serving() as http:
        body = {"method": "refuse"}
        answers = [http.post(f"/counters/{key}", json=body, headers={"Idempotency-Key": "no"}) for _ in range(2)]
    assert [(answer.status_code, answer.json()["code"]) for answer in answers] == [(409, "not_now")] * 2
    assert answers[1].headers["Idempotency-Replayed"] == "true"


def test_the_same_key_with_another_body_is_refused(world: World) -> None:
    key = world.new_key()
    with world.serving() as http:
        http.post(f"/counters/{key}", json={}, headers={"Idempotency-Key": "two"})
        other = http.post(f"/counters/{key}", json={"method": "more"}, headers={"Idempotency-Key": "two"})
    assert (other.status_code, other.json()["code"]) == (422, "idempotency_key_reused")
    assert world.counts() == {key: 1}


def test_the_same_key_from_many_threads_at_once_has_one_effect(world: World) -> None:
    key = world.new_key()
    with world.serving() as http, ThreadPoolExecutor(8) as threads:
        for turn in range(5):
            headers = {"Idempotency-Key": f"at-once-{turn}"}
            asked = [threads.submit(http.post, f"/counters/{key}", json={}, headers=headers) for _ in range(8)]
            answers = [(call.result().status_code, call.result().json()) for call in asked]
            assert answers == [(202, {"count": turn + 1})] * 8
    assert world.counts() == {key: 5}


def test_the_same_key_at_once_about_two_lanes_has_one_effect(world: World) -> None:
    keys = [world.new_key(1), world.new_key(2)]
    with world.serving() as http, ThreadPoolExecutor(2) as threads:
        for turn in range(5):
            headers = {"Idempotency-Key": f"two-lanes-{turn}"}
            asked = [threads.submit(http.post, f"/counters/{key}", json={}, headers=headers) for key in keys]
            assert sorted(call.result().status_code for call in asked) == [202, 422]
    assert sum(world.counts().values()) == 5


def test_without_a_key_each_call_counts(world: World) -> None:
    key = world.new_key()
    with world.serving() as http:
        assert [http.post(f"/counters/{key}", json={}).json()["count"] for _ in range(2)] == [1, 2]


def test_another_partys_key_of_the_same_name_is_another_key(world: World) -> None:
    key = world.new_key()
    other = {"Authorization": f"Bearer {issue(SECRET, 'employer', 'emp_1', datetime.now(UTC))}"}
    with world.serving() as http:
        for headers in ({}, other):
            answer = http.post(f"/counters/{key}", json={}, headers={"Idempotency-Key": "mine", **headers})
            assert "Idempotency-Replayed" not in answer.headers
    assert world.counts() == {key: 2}


@pytest.mark.parametrize("given", ["", "k" * 256])
def test_a_key_that_is_none_is_refused(world: World, given: str) -> None:
    key = world.new_key()
    with world.serving() as http:
        answer = http.post(f"/counters/{key}", json={}, headers={"Idempotency-Key": given})
    assert (answer.status_code, answer.json()["code"]) == (422, "invalid_request")
    assert world.counts() == {}


# -- problems ----------------------------------------------------------------------------------------------


def _problem(answer: httpx.Response) -> tuple[int, str]:
    document = answer.json()
    assert answer.headers["content-type"] == "application/problem+json"
    assert document["status"] == answer.status_code
    assert document["type"].endswith(document["code"])
    assert document["title"]
    assert document["detail"]
    return answer.status_code, document["code"]


@pytest.mark.parametrize(
    "header", ["", "Basic abc", "Bearer nonsense", f"Bearer {issue('x' * 32, 'service', 'svc_1', datetime.now(UTC))}"]
)
def test_without_a_token_of_ours_nobody_is_let_in(world: World, header: str) -> None:
    key = world.new_key()
    with world.serving() as http:
        answer = http.post(f"/counters/{key}", json={}, headers={"Authorization": header})
    assert _problem(answer) == (401, "unauthenticated")
    assert answer.headers["WWW-Authenticate"] == "Bearer"
    assert world.counts() == {}


def test_a_body_that_is_wrong_names_its_field(world: World) -> None:
    with world.serving() as http:
        answer = http.post(f"/counters/{world.new_key()}", json={"method": 7})
    assert _problem(answer) == (422, "invalid_request")
    assert [found["field"] for found in answer.json()["errors"]] == ["method"]


def test_a_path_and_a_method_that_are_not_there_are_problems_too(world: World) -> None:
    with world.serving() as http:
        assert _problem(http.get("/nothing")) == (404, "not_found")
        assert _problem(http.put(f"/counters/{world.new_key()}", json={})) == (405, "method_not_allowed")


def test_what_goes_wrong_on_our_side_changes_nothing_and_may_be_tried_again(world: World) -> None:
    key = world.new_key()
    with world.serving() as http:
        headers = {"Idempotency-Key": "again"}
        answer = http.post(f"/counters/{key}", json={"method": "boom"}, headers=headers)
    assert _problem(answer) == (500, "internal_error")
    assert "told to break" not in answer.text
    assert world.rows("SELECT count(*) FROM http_requests") == [(0,)]
    assert world.rows("SELECT count(*) FROM event_log") == [(0,)]


# -- waiting for what is on its way ------------------------------------------------------------------------


def test_a_row_that_is_on_its_way_is_waited_for(world: World) -> None:
    key = world.new_key()

    def arrive() -> None:
        time.sleep(0.3)
        world.processor.run(Batch([world.delivery(world.command(key))]))

    arriving = threading.Thread(target=arrive)
    with world.serving() as http:
        arriving.start()
        answer = http.get(f"/counters/{key}")
        arriving.join()
    assert (answer.status_code, answer.json()) == (200, {"count": 1})


def test_a_row_that_never_comes_is_not_found_after_the_wait(world: World) -> None:
    world.settings.projection_wait_s = 0.5
    with world.serving() as http:
        began = time.monotonic()
        answer = http.get(f"/counters/{world.new_key()}")
        assert time.monotonic() - began >= 0.5
    assert _problem(answer) == (404, "not_found")


def test_an_id_made_long_ago_is_not_waited_for(world: World) -> None:
    world.settings.projection_wait_s = 600
    old = world.processor.ids.new("ctr", datetime.now(UTC) - timedelta(minutes=2))
    with world.serving() as http:
        assert _problem(http.get(f"/counters/{old}")) == (404, "not_found")
