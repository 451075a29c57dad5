"""Refusals as problem documents: the one map from a refusal's kind to a status."""

import asyncio

import httpx
import pytest
from fastapi import FastAPI

from services.runtime.decisions import RefusalKind, Refused, not_found
from services.runtime.problems import Problem, answer, install


@pytest.mark.parametrize(
    ("kind", "status"), [("not_found", 404), ("forbidden", 403), ("conflict", 409), ("invalid", 422)]
)
def test_each_kind_of_refusal_has_its_status(kind: RefusalKind, status: int) -> None:
    assert Problem.of(Refused(kind, "code", "detail")).document["status"] == status


def test_a_problem_says_what_where_and_more() -> None:
    problem = Problem.of(Refused("conflict", "no_method", "add one first", {"setup_url": "https://x"}))
    assert problem.document == {
        "type": "https://tranche.dev/problems/no_method", "title": "Conflict",
        "status": 409, "code": "no_method", "detail": "add one first", "setup_url": "https://x",
    }  # fmt: skip


def test_what_does_not_exist_and_what_is_anothers_are_told_alike() -> None:
    assert not_found("milestone", "mls_1") == Refused("not_found", "not_found", "there is no milestone mls_1")


def test_an_answer_has_the_media_type_of_problems() -> None:
    response = answer(Problem(503, "away", "later"), {"Retry-After": "5"})
    assert (response.status_code, response.media_type) == (503, "application/problem+json")
    assert response.headers["Retry-After"] == "5"


def test_a_body_that_is_no_json_is_told_so_with_the_place() -> None:
    app = FastAPI()
    install(app)

    @app.post("/things")
    def things(body: dict[str, int]) -> None: ...

    async def post() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test") as client:
            return await client.post("/things", content="{,", headers={"content-type": "application/json"})

    refused = asyncio.run(post())
    assert refused.status_code == 422
    assert refused.json()["detail"] == "body: not JSON: Expecting property name enclosed in double quotes (character 1)"
    assert refused.json()["errors"][0]["field"] == "body"
