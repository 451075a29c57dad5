"""Refusals as problem documents: the one map from a refusal's kind to a status."""

import asyncio

import httpx
import psycopg
import pytest
import sqlalchemy.exc
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


def answer_of(app: FastAPI, method: str, content: str = "") -> httpx.Response:
    async def call() -> httpx.Response:
        transport = httpx.ASGITransport(app, raise_app_exceptions=False)
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.request(
                method, "/things", content=content, headers={"content-type": "application/json"}
            )

    return asyncio.run(call())


def test_a_body_that_is_no_json_is_told_so_with_the_place() -> None:
    app = FastAPI()
    install(app)

    @app.post("/things")
    def things(body: dict[str, int]) -> None: ...

    refused = answer_of(app, "POST", "{,")
    assert refused.status_code == 422
    assert refused.json()["detail"] == "body: not JSON: Expecting property name enclosed in double quotes (character 1)"
    assert refused.json()["errors"][0]["field"] == "body"


@pytest.mark.parametrize(
    ("error", "status"),
    [
        (psycopg.OperationalError("connection refused"), 503),
        (sqlalchemy.exc.OperationalError("SELECT", {}, Exception("connection refused")), 503),
        (psycopg.errors.ProgramLimitExceeded("index row size"), 500),
        (KeyError("ours"), 500),
    ],
)
def test_a_database_that_is_away_is_told_so_and_a_fault_of_ours_is_not_taken_for_it(
    error: Exception, status: int
) -> None:
    app = FastAPI()
    install(app)

    @app.get("/things")
    def things() -> None:
        raise error

    answered = answer_of(app, "GET")
    assert answered.status_code == status
    assert ("Retry-After" in answered.headers) is (status == 503)
    assert "try again" in answered.json()["detail"]
