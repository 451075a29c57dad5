"""People and operators at the front door, as their programs would call it: with Idempotency-Keys, trying again."""

import time
import uuid
from collections.abc import Callable
from typing import Any, TypeVar

import httpx

from deploy.local.errors import LocalError
from deploy.local.plain_http import plain_client

T = TypeVar("T")

PATIENCE_S = 45.0
"""Longest wait for anything in the story: a service that was killed is back well within it."""
_POLL_S = 0.05
_NOT_NOW = (502, 503, 504)


class StoryError(LocalError):
    """The story did not go as it should; the text says where."""


def eventually(look: Callable[[], T | None], what: str) -> T:
    """Look until there is something. Raises StoryError naming what did not happen."""
    until = time.monotonic() + PATIENCE_S
    while (found := look()) is None:
        if time.monotonic() > until:
            raise StoryError(f"waited {PATIENCE_S:.0f} s in vain: {what}")
        time.sleep(_POLL_S)
    return found


class Party:
    """An employer, a trainer or an operator with a bearer token."""

    def __init__(self, front_door: str, role: str, party_id: str, token: str) -> None:
        self.role = role
        self.id = party_id
        self._http = plain_client(f"{front_door}/v1", token, timeout_s=15)

    def close(self) -> None:
        """Give the connections back."""
        self._http.close()

    def get(self, path: str, expect: int = 200) -> dict[str, Any]:
        """GET; raises StoryError when the answer is another than expected."""
        return self._call("GET", path, None, expect)

    def post(self, path: str, body: dict[str, Any] | None = None, expect: int = 202) -> dict[str, Any]:
        """POST with an Idempotency-Key; a service that is away is asked again with the same key."""
        return self._call("POST", path, {} if body is None else body, expect)

    def link(self, url: str) -> str:
        """Where a link of ours to a hosted page leads: the address at Stripe."""

        def ask() -> str | None:
            try:
                answer = self._http.get(url)
            except httpx.TransportError:
                return None
            return answer.headers.get("location") if answer.is_redirect else None

        return eventually(ask, f"{url.rsplit('/', 1)[0]}/… leads to Stripe's page")

    def _call(self, method: str, path: str, body: dict[str, Any] | None, expect: int) -> dict[str, Any]:
        headers = {"Idempotency-Key": uuid.uuid4().hex} if method == "POST" else {}

        def ask() -> httpx.Response | None:
            try:
                answer = self._http.request(method, path, json=body, headers=headers)
            except httpx.TransportError:
                return None
            return None if answer.status_code in _NOT_NOW else answer

        answer = eventually(ask, f"{method} {path} answers")
        if answer.status_code != expect:
            raise StoryError(f"{method} {path} as {self.role}: {answer.status_code} {answer.text[:500]}")
        found: dict[str, Any] = answer.json()
        return found
