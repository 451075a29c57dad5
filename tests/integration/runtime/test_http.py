"""A repeated Idempotency-Key has one effect and one answer."""

from concurrent.futures import ThreadPoolExecutor

from tests.integration.runtime.world import World


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
