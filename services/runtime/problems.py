"""Errors over HTTP: RFC 9457 problem documents with a stable `code`. The one place that maps refusals to statuses."""

from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from fastapi.responses import JSONResponse
from psycopg import OperationalError as PsycopgOperationalError
from psycopg.errors import ProgramLimitExceeded
from sqlalchemy.exc import OperationalError as SqlalchemyOperationalError
from starlette.exceptions import HTTPException

from services.runtime.decisions import Refused

_STATUS = {"not_found": 404, "forbidden": 403, "conflict": 409, "invalid": 422}
_TITLES = {
    400: "Bad request",
    401: "Not authenticated",
    403: "Not allowed",
    404: "Not found",
    405: "Method not allowed",
    409: "Conflict",
    413: "Too large",
    422: "Invalid",
    429: "Too many requests",
    500: "Internal error",
    502: "A service did not answer",
    503: "Not available",
}
MEDIA_TYPE = "application/problem+json"
_RETRY_AFTER_S = "2"
"""A database that restarts is back within seconds."""


class Problem(Exception):  # noqa: N818 - the field's name for it
    """An HTTP answer that says what is wrong and what to do."""

    def __init__(self, status: int, code: str, detail: str, **extra: Any) -> None:
        super().__init__(detail)
        self.status = status
        self.document = problem_document(status, code, detail, extra)

    @classmethod
    def of(cls, refused: Refused) -> "Problem":
        """A decision's refusal."""
        return cls(_STATUS[refused.kind], refused.code, refused.detail, **refused.extra)


def problem_document(status: int, code: str, detail: str, extra: dict[str, Any] | None = None) -> dict[str, Any]:
    """The members of a problem document."""
    return {
        "type": f"https://tranche.dev/problems/{code}",
        "title": _TITLES.get(status, "Error"),
        "status": status,
        "code": code,
        "detail": detail,
        **(extra or {}),
    }


def answer(problem: Problem, headers: dict[str, str] | None = None) -> JSONResponse:
    """A problem as a response."""
    return JSONResponse(problem.document, problem.status, headers=headers, media_type=MEDIA_TYPE)


def install(app: FastAPI) -> None:
    """Make every error of an application a problem document."""

    @app.exception_handler(Problem)
    async def _problem(_: Request, problem: Problem) -> JSONResponse:
        headers = {"WWW-Authenticate": "Bearer"} if problem.status == 401 else None
        return answer(problem, headers)

    @app.exception_handler(RequestValidationError)
    async def _invalid(_: Request, error: RequestValidationError) -> JSONResponse:
        fields = [_field_error(found) for found in error.errors()]
        detail = "; ".join(f"{found['field']}: {found['message']}" for found in fields)
        return answer(Problem(422, "invalid_request", detail, errors=fields))

    @app.exception_handler(HTTPException)
    async def _http(_: Request, error: HTTPException) -> JSONResponse:
        code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "error")
        return answer(Problem(error.status_code, code, str(error.detail)), dict(error.headers or {}))

    async def _unavailable(_: Request, __: Exception) -> JSONResponse:
        detail = "the service does not reach its database now; nothing was half done, so try again, with the same "
        return answer(Problem(503, "unavailable", detail + "Idempotency-Key"), {"Retry-After": _RETRY_AFTER_S})

    for away in (PsycopgOperationalError, SqlalchemyOperationalError):
        app.add_exception_handler(away, _unavailable)

    @app.exception_handler(ProgramLimitExceeded)  # by its class trouble of the database, but the request's fault
    @app.exception_handler(Exception)
    async def _internal(_: Request, __: Exception) -> JSONResponse:
        # What went wrong is in the log; a caller learns that trying again is safe.
        detail = "something went wrong on our side; nothing was half done, so try again with the same Idempotency-Key"
        return answer(Problem(500, "internal_error", detail))


def _field_error(found: dict[str, Any]) -> dict[str, str]:
    if found["type"] == "json_invalid":  # its location is a place in the text, not a field
        return {"field": "body", "message": f"not JSON: {found['ctx']['error']} (character {found['loc'][-1]})"}
    field = ".".join(str(part) for part in found["loc"] if part not in ("body", "query", "path")) or "body"
    return {"field": field, "message": str(found["msg"]).removeprefix("Value error, ")}
