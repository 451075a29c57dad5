"""Refusals as problem documents: the one map from a refusal's kind to a status."""

import pytest

from services.runtime.decisions import RefusalKind, Refused, not_found
from services.runtime.problems import Problem, answer


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
