"""Idempotency keys as Stripe keeps them (STRIPE.md 2.3).

v1: the answer is stored once the operation began to execute, whatever its status, and replayed for 24 hours
with `Idempotent-Replayed: true`; other parameters under the same key are refused; a key in flight answers 409.
What was refused before executing (validation, 401, 409, 429) is not stored. v2: a success is not repeated
within 30 days and answers with the object as it is now; a failure is executed again.
"""

import hashlib
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

import orjson

from services.stripe_sandbox.errors import ApiError, invalid
from services.stripe_sandbox.sandbox import Sandbox

Json = dict[str, Any]
V1_LIFE = timedelta(hours=24)
V2_LIFE = timedelta(days=30)
MAX_KEY_LENGTH = 255


@dataclass(frozen=True)
class Stored:
    """An answer kept under a key."""

    status: int
    body: Json
    object_kind: str | None
    object_id: str | None
    request_id: str


class IdempotencyKeys:
    """The keys of all accounts."""

    def __init__(self, sandbox: Sandbox) -> None:
        self._sandbox = sandbox
        self._in_flight: set[str] = set()

    @staticmethod
    def scope(account: str, version: str, key: str) -> str:
        """Where a key counts: one account, one generation of the API. Raises 400 for a key too long."""
        if len(key) > MAX_KEY_LENGTH:
            raise invalid(f"Idempotency keys may be at most {MAX_KEY_LENGTH} characters long", param="Idempotency-Key")
        return f"{version}:{account}:{key}"

    @staticmethod
    def fingerprint(method: str, path: str, params: Json) -> str:
        """What must be equal for two requests to be the same request."""
        canonical = orjson.dumps([method, path, params], option=orjson.OPT_SORT_KEYS)
        return hashlib.sha256(canonical).hexdigest()

    def begin(self, scope: str, fingerprint: str, path: str) -> Stored | None:
        """The stored answer, or None when the request is to be executed now; then `end` must follow.

        Raises 409 idempotency_key_in_use and 400 idempotency_error.
        """
        if scope in self._in_flight:
            raise ApiError(
                409,
                "idempotency_error",
                "There is currently another in-progress request using this Stripe-Idempotent-Key (that probably means"
                " you submitted twice, and the other request is still going through). Please try again later.",
                code="idempotency_key_in_use",
            )
        record = self._sandbox.store.get("_idempotency", scope)
        if record is not None and record["expires"] > self._sandbox.clock.now().timestamp():
            if record["fingerprint"] != fingerprint:
                raise ApiError(
                    400,
                    "idempotency_error",
                    "Keys for idempotent requests can only be used for the same endpoint and the same parameters they"
                    f" were first used with ('{record['path']}' vs '{path}'). Try using a key other than"
                    f" '{scope.split(':', 2)[2]}' if you meant to execute a different request.",
                )
            return Stored(
                record["status"], record["body"], record["object_kind"], record["object_id"], record["request_id"]
            )
        self._in_flight.add(scope)
        return None

    def keep(
        self, scope: str, fingerprint: str, path: str, status: int, body: Json, *, request_id: str, v2: bool
    ) -> None:
        """Store an answer, in the transaction that made it."""
        life = V2_LIFE if v2 else V1_LIFE
        self._sandbox.store.put(
            "_idempotency",
            scope.split(":")[1],
            {
                "id": scope,
                "fingerprint": fingerprint,
                "path": path,
                "status": status,
                "body": body,
                "object_kind": body.get("object"),
                "object_id": body.get("id"),
                "request_id": request_id,
                "expires": (self._sandbox.clock.now() + life).timestamp(),
            },
        )

    def prune(self) -> int:
        """Remove the keys whose time is over by the sandbox's clock; gives how many."""
        now = self._sandbox.clock.now().timestamp()
        old = [key["id"] for key in self._sandbox.store.newest_first("_idempotency") if key["expires"] <= now]
        for identifier in old:
            self._sandbox.store.delete("_idempotency", identifier)
        self._sandbox.store.commit()
        return len(old)

    def end(self, scope: str) -> None:
        """The request under a key is over."""
        self._in_flight.discard(scope)
