"""Delivery of events to webhook endpoints: signed, at least once, in no promised order, retried by the
sandbox's clock.

A delivery is a row in the store from the moment its event is, so none is lost when the process dies. Attempts
run beside the requests and never hold one up. Live Stripe retries for three days; the waits here sum to about
that, and begin short, because a service under test is restarted within seconds.
"""

import asyncio
import hashlib
import hmac
import random
from collections import Counter
from dataclasses import dataclass, field
from functools import partial
from typing import TYPE_CHECKING, Any

import httpx
import orjson

from services.stripe_sandbox.ids import new_id

if TYPE_CHECKING:
    from services.stripe_sandbox.sandbox import Context, Sandbox

Json = dict[str, Any]

RETRY_AFTER_S = (1, 2, 4, 8, 15, 30, 60, 300, 900, 3600, 3 * 3600, 6 * 3600, 12 * 3600, 24 * 3600, 24 * 3600)
TIMEOUT_S = 10.0
DESTINATION = "v2.core.event_destination"
MAX_PARALLEL = 16
"""Attempts at once per endpoint, so that one which hangs takes no place of another's."""


@dataclass
class Policy:
    """What the network does to deliveries. The defaults are a good day."""

    delay_s: float = 0.0
    """Seconds by the sandbox's clock before the first attempt."""
    duplicate: int = 0
    """How many more times each event is delivered (same id)."""
    duplicate_with_new_id: bool = False
    """Also make a second event with another id for the same change, which Stripe may do."""
    drop: list[str] = field(default_factory=list)
    """Types that are never delivered, `*` for all; events.list finds them with delivery_success=false."""
    reorder_window_s: float = 0.0
    """Each first attempt waits a random part of this, so events overtake each other."""
    thin_scope: str = "both"
    """Which endpoint thin account events go to: `self` (the platform's), `accounts` (connect) or `both`."""
    paused: bool = False
    """Nothing is attempted while true; deliveries wait."""
    before_answer: bool = False
    """A request is answered only after the first attempt at each delivery that it caused: the webhook is first."""


def signature_header(payload: bytes, secret: str, timestamp_s: int) -> str:
    """The Stripe-Signature header: `t=…,v1=…`, HMAC-SHA256 over `t.body`."""
    signed = str(timestamp_s).encode() + b"." + payload
    return f"t={timestamp_s},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"


class Webhooks:
    """Queues deliveries with their events and sends what is due."""

    def __init__(self, sandbox: "Sandbox") -> None:
        self._sandbox = sandbox
        self._client: httpx.AsyncClient | None = None
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._busy: Counter[str] = Counter()
        self._waiting: dict[str, tuple[float, str]] = {}
        # Not for secrets: a fixed seed makes a reordering repeatable.
        self._random = random.Random(20261124)  # noqa: S311
        self.policy = Policy()
        self._load()

    def _load(self) -> None:
        self._waiting = {
            delivery["id"]: (delivery["due"], delivery["endpoint"])
            for delivery in self._sandbox.store.newest_first("_delivery")
            if delivery["status"] == "waiting"
        }

    def reset(self) -> None:
        """Forget all deliveries and go back to the good day."""
        self.policy = Policy()
        self._waiting.clear()

    # -- queueing

    def enqueue(self, ctx: "Context", event: Json) -> int:
        """Queue the deliveries of an event; gives how many endpoints wait for it."""
        endpoints = [
            endpoint for endpoint in ctx.store.newest_first("webhook_endpoint") if self._wants(endpoint, ctx, event)
        ]
        endpoints += [
            destination for destination in ctx.store.newest_first(DESTINATION) if self._is_for(destination, ctx, event)
        ]
        return self.enqueue_for(ctx, event, endpoints)

    def enqueue_for(self, ctx: "Context", event: Json, endpoints: list[Json]) -> int:
        """Queue the deliveries of an event to these endpoints and destinations; gives how many they are."""
        for endpoint in endpoints:
            dropped = "*" in self.policy.drop or event["type"] in self.policy.drop
            for copy in range(1 + self.policy.duplicate):
                self._queue(ctx, event["id"], endpoint, primary=copy == 0, dropped=dropped)
        return len(endpoints)

    def _queue(self, ctx: "Context", event: str, endpoint: Json, *, primary: bool, dropped: bool) -> None:
        wait_s = self.policy.delay_s + self._random.random() * self.policy.reorder_window_s
        delivery = {
            "id": new_id("whd"),
            "event": event,
            "endpoint": endpoint["id"],
            "status": "dropped" if dropped else "waiting",
            "primary": primary,
            "attempts": 0,
            "due": self._sandbox.clock.now().timestamp() + wait_s,
            "last_error": None,
        }
        ctx.store.put("_delivery", endpoint["_owner"], delivery)
        if not dropped:
            self._waiting[delivery["id"]] = (delivery["due"], delivery["endpoint"])

    def _wants(self, endpoint: Json, ctx: "Context", event: Json) -> bool:
        if endpoint["status"] != "enabled":
            return False
        if event["object"] == "v2.core.event":
            scopes = {"self": {False}, "accounts": {True}, "both": {True, False}}[self.policy.thin_scope]
            return bool(endpoint["_thin"]) and endpoint["_connect"] in scopes
        if not {"*", event["type"]} & set(endpoint["enabled_events"]):
            return False
        if endpoint["_connect"]:
            return not ctx.is_platform
        return bool(endpoint["_owner"] == ctx.account)

    def _is_for(self, destination: Json, ctx: "Context", event: Json) -> bool:
        thin = event["object"] == "v2.core.event"
        if destination["status"] != "enabled" or thin != (destination["event_payload"] == "thin"):
            return False
        if not {"*", event["type"]} & set(destination["enabled_events"]):
            return False
        scopes = {"@self"} if ctx.account == destination["_owner"] else {"@accounts"}
        if thin:
            scopes = {"self": {"@self"}, "accounts": {"@accounts"}, "both": {"@self", "@accounts"}}[
                self.policy.thin_scope
            ]
        return bool(scopes & set(destination["events_from"]))

    # -- sending

    def pump(self) -> None:
        """Start the attempts that are due."""
        if self.policy.paused:
            return
        now = self._sandbox.clock.now().timestamp()
        for identifier, (due, endpoint) in list(self._waiting.items()):
            if due <= now and identifier not in self._tasks and self._busy[endpoint] < MAX_PARALLEL:
                self._busy[endpoint] += 1
                task = asyncio.create_task(self._attempt(identifier))
                self._tasks[identifier] = task
                task.add_done_callback(partial(self._finished, identifier, endpoint))

    @property
    def waiting(self) -> set[str]:
        """The deliveries that are not made yet."""
        return set(self._waiting)

    async def first_attempts(self, deliveries: set[str]) -> None:
        """Wait until each of these deliveries that is due was attempted once."""
        started = [task for identifier, task in self._tasks.items() if identifier in deliveries]
        await asyncio.gather(*started, return_exceptions=True)

    def _finished(self, identifier: str, endpoint: str, task: "asyncio.Task[None]") -> None:
        self._tasks.pop(identifier, None)
        self._busy[endpoint] -= 1
        if self._busy[endpoint] == MAX_PARALLEL - 1 and not task.cancelled():  # it was full: others may be waiting
            self.pump()

    async def _attempt(self, identifier: str) -> None:
        store = self._sandbox.store
        delivery = store.get("_delivery", identifier)
        endpoint = self._endpoint(delivery["endpoint"]) if delivery else None
        event = self._event(delivery["event"]) if delivery else None
        if delivery is None or endpoint is None or event is None or endpoint["status"] != "enabled":
            self._waiting.pop(identifier, None)
            return
        error = await self._post(endpoint, event)
        self._record(identifier, error)

    def _endpoint(self, identifier: str) -> Json | None:
        return self._sandbox.store.get("webhook_endpoint", identifier) or self._sandbox.store.get(
            DESTINATION, identifier
        )

    def _event(self, identifier: str) -> Json | None:
        return self._sandbox.store.get("event", identifier) or self._sandbox.store.get("v2.core.event", identifier)

    async def _post(self, endpoint: Json, event: Json) -> str | None:
        """Send once; gives None when the receiver took it, else what went wrong."""
        hidden = {"data", "changes"} if event["object"] == "v2.core.event" else set()
        body = {name: value for name, value in event.items() if not name.startswith("_") and name not in hidden}
        payload = orjson.dumps(body, option=orjson.OPT_INDENT_2)
        headers = {
            "Content-Type": "application/json; charset=utf-8",
            "User-Agent": "Stripe/1.0 (+https://stripe.com/docs/webhooks)",
            "Stripe-Signature": signature_header(payload, endpoint["_secret"], self._sandbox.now_s()),
        }
        try:
            answer = await self._http().post(endpoint.get("_url") or endpoint["url"], content=payload, headers=headers)
        except (httpx.HTTPError, httpx.InvalidURL) as error:
            return f"{type(error).__name__}: {error}"
        return None if answer.is_success else f"HTTP {answer.status_code}"

    def _record(self, identifier: str, error: str | None) -> None:
        store = self._sandbox.store
        delivery = store.get("_delivery", identifier)
        if delivery is None:  # the sandbox was reset meanwhile
            self._waiting.pop(identifier, None)
            return
        delivery["attempts"] += 1
        delivery["last_error"] = error
        self._sandbox.metrics.deliveries.labels("failed" if error else "delivered").inc()
        if error is None:
            delivery["status"] = "delivered"
        elif delivery["attempts"] > len(RETRY_AFTER_S):
            delivery["status"] = "failed"
        else:
            delivery["due"] = self._sandbox.clock.now().timestamp() + RETRY_AFTER_S[delivery["attempts"] - 1]
        if delivery["status"] == "waiting":
            self._waiting[identifier] = (delivery["due"], delivery["endpoint"])
        else:
            self._waiting.pop(identifier, None)
        store.put("_delivery", store.owner("_delivery", identifier) or "", delivery)
        if error is None and delivery["primary"]:
            self._count_down(delivery["event"])
        store.commit()

    def _count_down(self, identifier: str) -> None:
        store = self._sandbox.store
        for kind, name in (("event", "pending_webhooks"), ("v2.core.event", "_pending")):
            event = store.get(kind, identifier)
            if event is not None:
                event[name] = max(0, event[name] - 1)
                store.put(kind, store.owner(kind, identifier) or "", event)

    def resend(self, event: str) -> int:
        """Deliver an event once more to each endpoint that it was queued for; gives how many."""
        store = self._sandbox.store
        seen: set[str] = set()
        for delivery in list(store.newest_first("_delivery", by=("event", event))):
            if delivery["endpoint"] in seen:
                continue
            seen.add(delivery["endpoint"])
            delivery |= {"status": "waiting", "attempts": 0, "due": self._sandbox.clock.now().timestamp()}
            store.put("_delivery", store.owner("_delivery", delivery["id"]) or "", delivery)
            self._waiting[delivery["id"]] = (delivery["due"], delivery["endpoint"])
        store.commit()
        return len(seen)

    @property
    def idle(self) -> bool:
        """Whether nothing is being sent and nothing is due."""
        now = self._sandbox.clock.now().timestamp()
        return not self._tasks and not any(due <= now for due, _ in self._waiting.values())

    def _http(self) -> httpx.AsyncClient:
        if self._client is None:
            self._client = httpx.AsyncClient(timeout=TIMEOUT_S, follow_redirects=False, trust_env=False)
        return self._client

    async def close(self) -> None:
        """End the attempts under way; they are repeated at the next start."""
        for task in list(self._tasks.values()):
            task.cancel()
        await asyncio.gather(*self._tasks.values(), return_exceptions=True)
        if self._client is not None:
            await self._client.aclose()
            self._client = None
