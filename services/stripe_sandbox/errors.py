"""Errors as Stripe words them: one envelope, a type, a code, the parameter that is wrong.

Source: https://docs.stripe.com/api/errors and https://docs.stripe.com/error-codes (STRIPE.md 2.5).
"""

from collections.abc import Collection, Iterable
from dataclasses import dataclass, field
from typing import Any

Json = dict[str, Any]

DOC_URL = "https://docs.stripe.com/error-codes/"
UNDOCUMENTED_CODES = {"sandbox_unsupported_parameter", "sandbox_defect"}


@dataclass
class ApiError(Exception):
    """A refusal that is answered with `status` and Stripe's error envelope.

    `keeps_changes` is true where Stripe records the attempt although it answers with an error: a declined card
    leaves a failed charge behind.
    """

    status: int
    type: str
    message: str
    code: str | None = None
    param: str | None = None
    decline_code: str | None = None
    advice_code: str | None = None
    details: Json = field(default_factory=dict)
    keeps_changes: bool = False
    headers: dict[str, str] = field(default_factory=dict)

    def __str__(self) -> str:
        return f"{self.status} {self.code or self.type}: {self.message}"

    def envelope(self, request_log_url: str) -> Json:
        """The body of the answer."""
        error: Json = {"message": self.message, "type": self.type, "request_log_url": request_log_url}
        for name in ("code", "param", "decline_code", "advice_code"):
            value = getattr(self, name)
            if value is not None:
                error[name] = value
        if self.code and self.code not in UNDOCUMENTED_CODES:
            error["doc_url"] = DOC_URL + self.code.replace("_", "-")
        error.update(self.details)
        return {"error": error}


def invalid(message: str, *, code: str | None = None, param: str | None = None, **details: object) -> ApiError:
    """400 invalid_request_error."""
    return ApiError(400, "invalid_request_error", message, code=code, param=param, details=dict(details))


def parameter_missing(param: str) -> ApiError:
    """400 for a required parameter that was not sent."""
    return invalid(f"Missing required param: {param}.", code="parameter_missing", param=param)


def parameter_unknown(param: str) -> ApiError:
    """400 for a parameter that the operation does not have in this API version."""
    return invalid(f"Received unknown parameter: {param}", code="parameter_unknown", param=param)


def unsupported(param: str, operation: str = "") -> ApiError:
    """400 for what Stripe knows and the sandbox does not model."""
    return invalid(
        f"Stripe knows the parameter `{param}`{operation and f' of {operation}'}, but this sandbox does not model it,"
        " and would rather say so than ignore it.",
        code="sandbox_unsupported_parameter",
        param=param,
    )


def check_modelled(given: Iterable[str], modelled: Collection[str], path: str) -> None:
    """Raise 400 for the first part of the parameter at `path` that the sandbox does not model."""
    for name in given:
        if name not in modelled:
            raise unsupported(f"{path}[{name}]")


def no_such(label: str, identifier: str, param: str | None = None) -> ApiError:
    """resource_missing: 404 for an object named in the path, 400 for one named by a parameter."""
    return ApiError(
        404 if param is None else 400,
        "invalid_request_error",
        f"No such {label}: '{identifier}'",
        code="resource_missing",
        param=param or "id",
    )
