"""The services' OpenAPI documents joined into one. Pure: documents in, a document out."""

import json
from collections.abc import Mapping
from copy import deepcopy
from typing import Any

from services.portal.routing import METHODS, PUBLIC

Document = Mapping[str, Any]

_REF = "#/components/schemas/"
_VALIDATION = {"HTTPValidationError", "ValidationError"}
"""FastAPI's own shapes of an error, which no service of ours answers with."""

_DESCRIPTION = """\
Milestone payments for a marketplace: an employer funds a milestone up front, a trainer does the work and asks for its
release, the employer approves, and Stripe pays the trainer's bank.

Amounts are integers in minor units with their currency, times are RFC 3339 in UTC. Errors are problem documents
(RFC 9457) with a stable `code`. Every POST takes an `Idempotency-Key`: the same key with the same body answers the
same. `202` means that it is decided and that effects elsewhere follow.
"""

_TAGS = {
    "contracts": "Hires, milestones and the status everybody sees.",
    "funding": "Payment methods, charges and the ledger of held money.",
    "approvals": "The review: request release, ask for changes, approve.",
    "payouts": "Trainers' payout accounts, and each release's way to the bank.",
    "stripe_gateway": "The way to the pages that Stripe hosts.",
    "analytics": "Figures over the stream of events.",
}

_COMPONENTS: dict[str, Any] = {
    "securitySchemes": {
        "bearer": {
            "type": "http",
            "scheme": "bearer",
            "bearerFormat": "JWT",
            "description": "Says the role (employer, trainer, operator or service) and the party's id. "
            "For development: `tranche token --role employer --party emp_acme`.",
        }
    },
    "parameters": {
        "IdempotencyKey": {
            "name": "Idempotency-Key",
            "in": "header",
            "required": False,
            "description": "Makes a repetition safe: the same key with the same body answers the same, with "
            "`Idempotency-Replayed: true`.",
            "schema": {"type": "string", "minLength": 1, "maxLength": 255},
        }
    },
    "responses": {
        "Problem": {
            "description": "What is wrong, and what to do.",
            "content": {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}},
        },
        "Unavailable": {
            "description": "A service does not answer; nothing is lost. Try again with the same Idempotency-Key.",
            "headers": {"Retry-After": {"description": "Seconds to wait.", "schema": {"type": "integer"}}},
            "content": {"application/problem+json": {"schema": {"$ref": f"{_REF}Problem"}}},
        },
    },
}

PROBLEM: dict[str, Any] = {
    "type": "object",
    "title": "Problem",
    "description": "RFC 9457. Further members depend on the code, e.g. `setup_url`.",
    "required": ["type", "title", "status", "code", "detail"],
    "properties": {
        "type": {"type": "string", "format": "uri"},
        "title": {"type": "string"},
        "status": {"type": "integer"},
        "code": {"type": "string", "description": "Stable, for programs.", "examples": ["milestone_not_fundable"]},
        "detail": {"type": "string", "description": "For people: what is wrong and what to do."},
        "errors": {
            "type": "array",
            "description": "The fields that are wrong, of a 422 `invalid_request`.",
            "items": {
                "type": "object",
                "properties": {"field": {"type": "string"}, "message": {"type": "string"}},
            },
        },
    },
}


def join(documents: Mapping[str, Document]) -> dict[str, Any]:
    """One document of all public calls. `documents`: by service, in the order to show them.

    A schema that two services call by one name is kept once where it is the same, and else gets the service's name.
    """
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": PROBLEM}
    meanings: dict[str, str] = {}
    operation_ids: set[str] = set()
    for service, document in documents.items():
        names = _names(service, document, meanings)
        for name, schema in _schemas(document).items():
            schemas[names[name]] = _renamed(schema, names)
        for path, item in document.get("paths", {}).items():
            if not path.startswith(PUBLIC):
                continue
            for method, operation in item.items():
                if method.upper() in METHODS:
                    joined = _operation(service, method, _renamed(operation, names), operation_ids)
                    paths.setdefault(path, {})[method] = joined
    return {
        "openapi": "3.1.0",
        "info": {"title": "Tranche", "version": "1", "description": _DESCRIPTION},
        "servers": [{"url": "/"}],
        "security": [{"bearer": []}],
        "tags": [{"name": service, "description": _TAGS.get(service, "")} for service in documents],
        "paths": dict(sorted(paths.items())),
        "components": {**_COMPONENTS, "schemas": dict(sorted(schemas.items()))},
    }


def _operation(service: str, method: str, operation: dict[str, Any], taken: set[str]) -> dict[str, Any]:
    operation["tags"] = [service]
    operation["operationId"] = _operation_id(service, operation, taken)
    if method == "post":
        operation["parameters"] = [
            *operation.get("parameters", []),
            {"$ref": "#/components/parameters/IdempotencyKey"},
        ]
    responses = {status: answer for status, answer in operation.get("responses", {}).items() if status != "422"}
    responses["4XX"] = {"$ref": "#/components/responses/Problem"}
    responses["503"] = {"$ref": "#/components/responses/Unavailable"}
    operation["responses"] = responses
    return operation


def _operation_id(service: str, operation: Mapping[str, Any], taken: set[str]) -> str:
    given = str(operation.get("operationId", "call"))
    # FastAPI adds path and method to the function's name; a client library wants the short one.
    short = f"{service}_{given.partition('_v1_')[0]}"
    chosen = short if short not in taken else f"{service}_{given}"
    taken.add(chosen)
    return chosen


def _schemas(document: Document) -> dict[str, Any]:
    found = document.get("components", {}).get("schemas", {})
    return {name: schema for name, schema in found.items() if name not in _VALIDATION}


def _names(service: str, document: Document, meanings: dict[str, str]) -> dict[str, str]:
    """What each schema of a document is called in the joined one."""
    names = {}
    for name in _schemas(document):
        meaning = json.dumps(_expanded({"$ref": _REF + name}, document, ()), sort_keys=True)
        chosen = name
        if name == "Problem" or meanings.get(name, meaning) != meaning:
            chosen = f"{''.join(part.title() for part in service.split('_'))}{name}"
        meanings[chosen] = meaning
        names[name] = chosen
    return names


def _expanded(value: Any, document: Document, inside: tuple[str, ...]) -> Any:
    """A schema with everything that it refers to in it: what it means, whatever the parts are called."""
    if isinstance(value, list):
        return [_expanded(item, document, inside) for item in value]
    if not isinstance(value, dict):
        return value
    target = value.get("$ref")
    if isinstance(target, str) and target.startswith(_REF):
        name = target.removeprefix(_REF)
        if name in inside:
            return {"again": name}
        return _expanded(document["components"]["schemas"].get(name), document, (*inside, name))
    return {key: _expanded(item, document, inside) for key, item in value.items()}


def _renamed(value: Any, names: Mapping[str, str]) -> Any:
    """A deep copy in which references carry the names of the joined document."""
    if isinstance(value, list):
        return [_renamed(item, names) for item in value]
    if not isinstance(value, dict):
        return deepcopy(value)
    copied = {key: _renamed(item, names) for key, item in value.items()}
    target = copied.get("$ref")
    if isinstance(target, str) and target.startswith(_REF):
        name = target.removeprefix(_REF)
        copied["$ref"] = _REF + names.get(name, name)
    return copied
