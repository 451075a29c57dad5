"""The gateway on a database of its own, beside a sandbox that it calls and that calls it back."""

import threading
import time
from collections import Counter
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any, TypeVar

import httpx
import psycopg
import uvicorn
from psycopg import sql

from schemas.base import Message
from schemas.envelope import Envelope, read_body
from services.runtime.clock import MovableClock
from services.runtime.database import migrate, open_engine
from services.runtime.decisions import Outcome
from services.runtime.http import Gate, build_app
from services.runtime.ids import IdSource
from services.runtime.lanes import lane_of
from services.runtime.postgres import Postgres
from services.runtime.processor import Batch, Processor
from services.runtime.records import Delivery, Record
from services.runtime.service import Runtime
from services.runtime.tokens import HostedLink, HostedPage, sign_link
from services.stripe_gateway.desk import Desk
from services.stripe_gateway.service import SERVICE
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_sandbox.testing import SandboxServer, free_port
from services.stripe_sandbox.visitor import Visitor
from tests.platform.backing import Backing

T = TypeVar("T")

SECRET = "a-secret-for-tests-of-at-least-32-bytes"
PLATFORM_SECRET = "whsec_platform"
CONNECT_SECRET = "whsec_connect"
_PATIENCE_S = 15.0
_LANES = frozenset(range(12))


class Bench:
    """A gateway at work. Tests hand it commands, and see what it says and what Stripe has."""

    def __init__(self, platform: Backing, folder: Path, **settings: Any) -> None:
        port = free_port()
        self.url = f"http://127.0.0.1:{port}"
        clock_file = folder / "clock"
        self.clock = MovableClock(clock_file)
        self.sandbox = SandboxServer(
            clock_file=clock_file,
            sandbox_webhook_url=f"{self.url}/webhooks/stripe",
            sandbox_connect_webhook_url=f"{self.url}/webhooks/stripe/connect",
            stripe_webhook_secret=PLATFORM_SECRET,
            stripe_connect_webhook_secret=CONNECT_SECRET,
            sandbox_onboarding_review_s=0,
        )
        given = {
            "auth_secret": SECRET,
            "public_url": self.url,
            "stripe_api_key": "sk_test_gateway",
            "stripe_api_base": self.sandbox.url,
            "stripe_webhook_secret": f"whsec_old, {PLATFORM_SECRET}",
            "stripe_connect_webhook_secret": CONNECT_SECRET,
            "stripe_backoff_first_s": 0.02,
            "stripe_backoff_most_s": 0.1,
            "hosted_wait_s": 5.0,
            "stripe_poll_s": 0,  # what webhooks and answers tell is tried alone; test_poller.py turns it on
            **settings,
        }
        self.settings = GatewaySettings(**given)
        self.database = platform.new_database("stripe_gateway")
        migrate(self.database, SERVICE.folder)
        self.engine = open_engine(self.database)
        self.processor = Processor(SERVICE.name, SERVICE.handlers, Postgres(self.engine), self.clock, IdSource())
        self.lanes = _LANES
        self.runtime = Runtime(self.settings, self.engine, self.clock, self.processor, lambda: self.lanes)
        self.desk = Desk(self.runtime, self.settings)
        self.app = build_app(SERVICE.name, Gate(self.processor, self.engine, self.settings), dict)
        for router in SERVICE.routes:
            self.app.include_router(router)
        config = uvicorn.Config(
            self.app, host="127.0.0.1", port=port, log_level="warning", lifespan="off", timeout_graceful_shutdown=1
        )
        self._server = uvicorn.Server(config)
        self._serving = threading.Thread(target=self._server.run, daemon=True)
        self.http = httpx.Client(base_url=self.url, trust_env=False, timeout=_PATIENCE_S)
        self.visitor = Visitor()
        self._offsets: Counter[int] = Counter()
        self._names = iter(range(1_000_000))

    # -- its life ------------------------------------------------------------------------------------------

    def start(self) -> None:
        self.sandbox.__enter__()
        self.app.state.parts = [self.desk]
        self._serving.start()
        eventually(lambda: self._server.started or None, "the gateway listens")

    def close(self) -> None:
        self.close_desk()
        self.http.close()
        self.visitor.__exit__(None, None, None)
        self._server.should_exit = True
        self._serving.join(_PATIENCE_S)
        self.sandbox.__exit__(None, None, None)
        self.engine.dispose()

    def open_desk(self) -> None:
        """Begin to work, as after a start of the process: nothing is known but what the database has."""
        self.desk = Desk(self.runtime, self.settings)
        self.app.state.parts = [self.desk]
        self.desk.start()
        assert self.desk.opened.wait(_PATIENCE_S)

    def close_desk(self) -> None:
        if self.desk.is_alive():
            self.desk.stop()
            self.desk.join(_PATIENCE_S)
            assert not self.desk.is_alive()
        assert self.desk.failure is None, self.desk.failure

    @contextmanager
    def working_with(self, **settings: Any) -> Iterator[None]:
        """At work with other settings, and afterwards anew with the usual ones."""
        usual = self.settings
        self.close_desk()
        self.settings = usual.model_copy(update=settings)
        try:
            self.open_desk()
            yield
        finally:
            self.close_desk()
            self.settings = usual
            self.open_desk()

    @contextmanager
    def no_database(self) -> Iterator[None]:
        """Nobody can reach the database, and whoever is connected is cut off."""
        server, _, name = self.database.rpartition("/")
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS false')
            try:
                cut = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = %s"
                connection.execute(cut, (name,))
                yield
            finally:
                connection.execute(f'ALTER DATABASE "{name}" ALLOW_CONNECTIONS true')

    # -- in and out ----------------------------------------------------------------------------------------

    def name(self, prefix: str) -> str:
        """An id that no other test uses."""
        return f"{prefix}_{next(self._names):04d}"

    def hear(
        self, *messages: Message, identifier: str | None = None, given_at: datetime | None = None
    ) -> list[Outcome]:
        """Take messages as they come from Kafka, in one batch; `given_at`: when they were said, if not now."""
        at = given_at or self.clock.now()
        return self.processor.run(Batch([self._delivery(message, identifier, at) for message in messages]))

    def _delivery(self, message: Message, identifier: str | None, at: datetime) -> Delivery:
        identifier = identifier or self.processor.ids.new("cmd", self.clock.now())
        envelope = Envelope(identifier, message.type_name, "funding", message.subject, at, f"story_{message.key}", "")
        lane = lane_of(message.key)
        record = Record(message.topic, lane, self._offsets[lane], message.key.encode(), [], b"")
        self._offsets[lane] += 1
        return Delivery(envelope, message.key, message, record)

    def said(self, key: str) -> list[Any]:
        """Everything the gateway said about a key, in order."""
        rows = self.rows("SELECT type, body FROM event_log WHERE key = %s ORDER BY sequence", key)
        return [read_body(row["type"], row["body"].encode()) for row in rows]

    def told(self, key: str) -> list[str]:
        """The types of all it said, without service and version."""
        return [message.type_name.split(".")[1] for message in self.said(key)]

    def hears(self, key: str, kind: str, count: int = 1) -> Any:
        """The last message of a kind about a key, once there are so many."""

        def look() -> Any:
            found = [message for message in self.said(key) if message.type_name == f"stripe.{kind}.v1"]
            return found[-1] if len(found) >= count else None

        return eventually(look, f"{kind} about {key}; said were {self.told(key)}")

    def rows(self, sql: str, *values: Any) -> list[dict[str, Any]]:
        with psycopg.connect(self.database, row_factory=psycopg.rows.dict_row) as connection:
            return connection.execute(sql, values).fetchall()

    def forget(self, table: str, column: str, value: str) -> None:
        """Take a row away, as if the database were of an earlier time."""
        with psycopg.connect(self.database) as connection:
            connection.execute(
                sql.SQL("DELETE FROM {} WHERE {} = %s").format(*map(sql.Identifier, (table, column))), (value,)
            )

    def attempts(self, about: str) -> list[dict[str, Any]]:
        """The calls about a thing, in order."""
        return self.rows("SELECT * FROM attempts WHERE about = %s ORDER BY arrival", about)

    def webhooks(self, state: str) -> list[dict[str, Any]]:
        return self.rows("SELECT * FROM webhooks WHERE state = %s ORDER BY arrival", state)

    def quiet(self) -> None:
        """Wait until all that Stripe sent has come and been looked into, and no call is open."""

        def look() -> bool | None:
            idle = self.sandbox.control("GET", "webhooks/idle")["idle"]
            waiting = self.webhooks("received") or self.rows("SELECT 1 FROM attempts WHERE state = 'open'")
            return True if idle and not waiting else None

        eventually(look, "quiet")

    # -- Stripe --------------------------------------------------------------------------------------------

    def at_stripe(self, kind: str) -> list[dict[str, Any]]:
        """Everything of a kind that the sandbox has."""
        found: list[dict[str, Any]] = self.sandbox.control("GET", f"objects/{kind}")
        return found

    def fault(self, kind: str, **rule: Any) -> None:
        """Let Stripe have a bad moment."""
        self.sandbox.control("POST", "faults", {"kind": kind, **rule})

    def policy(self, **policy: Any) -> None:
        """Let the network treat webhooks so."""
        self.sandbox.control("PUT", "webhooks/policy", policy)

    def requests(self, path: str) -> list[dict[str, Any]]:
        found: list[dict[str, Any]] = self.sandbox.control("GET", f"requests?path={path}")
        return found

    def advance(self, **by: float) -> None:
        self.clock.advance(timedelta(**by))

    def pass_thirty_hours(self) -> None:
        """Longer than Stripe remembers a key, seen by the sandbox and by the gateway's own clock before it goes on."""
        self.sandbox.advance(days=30 / 24)
        self.clock.advance(timedelta(0))  # reads the file anew, where a look a moment ago would still be believed

    # -- people --------------------------------------------------------------------------------------------

    def click(self, page: HostedPage, party: str, about: str, **headers: str) -> httpx.Response:
        """Follow one of our links, no further than its answer."""
        token = sign_link(SECRET, HostedLink(page, party, about), datetime.now(UTC))
        return self.http.get(f"/v1/hosted/{token}", headers=headers)


def eventually(look: Callable[[], T | None], what: str) -> T:
    """What `look` finds, as soon as it finds something."""
    until = time.monotonic() + _PATIENCE_S
    while (found := look()) is None:
        assert time.monotonic() < until, f"never seen: {what}"
        time.sleep(0.02)
    return found
