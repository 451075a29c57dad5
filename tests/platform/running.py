"""The whole platform for end-to-end tests: every service, in a root folder of the session's own."""

from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from datetime import UTC, datetime
from pathlib import Path
from typing import get_args

import httpx

from deploy.local.errors import LocalError
from deploy.local.layout import Layout
from deploy.local.plain_http import plain_client
from deploy.local.platform import ExternalBacking, Platform
from deploy.local.postgres import NAME as POSTGRES
from deploy.local.services import AUDITOR, FRONT_DOOR, SANDBOX, SERVICES, shell_without_secrets
from schemas.base import Role
from services.runtime.clock import MovableClock
from services.runtime.tokens import issue
from tests.platform.local import temporary_root


class RunningPlatform:
    """Every service, Kafka, PostgreSQL and the sandbox, up and ready."""

    def __init__(self, platform: Platform) -> None:
        around = platform.surroundings()
        self.kafka_bootstrap = around.kafka_bootstrap
        self.database_url = around.database_url
        """The server; a service's tables are in `tranche_<service>`."""
        self.front_door = around.url_of(FRONT_DOOR)
        """Base URL; calls go to `{front_door}/v1/...`."""
        self.sandbox = around.url_of(SANDBOX)
        self.clock = MovableClock(Path(around.clock_file))
        """`now()`, and `advance(timedelta)` for every process at once."""
        self.logs = platform.layout.logs
        self.stripe_key = around.secret("TRANCHE_STRIPE_API_KEY")
        self._platform = platform
        self._around = around

    def token(self, role: str, party_id: str) -> str:
        """A bearer token for this party."""
        assert role in get_args(Role), f"no such role: {role}"
        secret = self._around.secret("TRANCHE_AUTH_SECRET")
        return issue(secret, role, party_id, datetime.now(UTC))  # type: ignore[arg-type]

    def client(self, role: str, party_id: str) -> httpx.Client:
        """An HTTP client at the front door with this party's token; close it."""
        return plain_client(f"{self.front_door}/v1", self.token(role, party_id), timeout_s=15)

    def url_of(self, service: str) -> str:
        """Base URL of one service's own HTTP (health, metrics)."""
        return self._around.url_of(service)

    def kill(self, service: str) -> None:
        """kill -9, as a crash would: one of the services, `kafka` or `postgres`."""
        assert self._platform.processes.find(service), f"{service} does not run here, so it cannot be killed"
        self._platform.processes.kill(service)

    def down(self) -> list[str]:
        """Stop everything politely, as `tranche down` does; returns what was running. Nothing can follow."""
        return self._platform.down()

    def start(self, service: str) -> None:
        """Start what was killed and wait until it is ready."""
        self._platform.start_service(service)


@contextmanager
def running_platform(
    backing: ExternalBacking | None = None, auditing: Mapping[str, str] | None = None
) -> Iterator[RunningPlatform]:
    """The platform for as long as the block runs, by its own Kafka and PostgreSQL or by those of `backing`.

    `auditing`: settings with which the auditor runs as well. It does not where they are None: it would find what a
    test makes wrong on purpose, and act upon it.
    """
    absent = [service.name for service in SERVICES if not service.exists]
    if absent:  # a story would wait for them step by step, for minutes
        raise LocalError(f"not in this checkout: {', '.join(absent)}")
    with temporary_root() as root:
        platform = Platform(
            Layout(root),
            durable=False,
            front_door_port=None,
            backing=backing,
            services=[service for service in SERVICES if service.name != AUDITOR or auditing is not None],
            shell=lambda: {**shell_without_secrets(), **(auditing or {})},
        )
        platform.up()
        yield RunningPlatform(platform)
        # Nobody uses it any more, and an orderly end costs as much as a tenth of the start: only PostgreSQL, which is
        # stopped with the root, would leave something on the machine (its shared memory).
        for name in platform.processes.names():
            if name != POSTGRES:
                platform.processes.kill(name)
