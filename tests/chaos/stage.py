"""The platform of one run: real processes with a wire before every way that one takes to another."""

import contextlib
import sys
import threading
import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import httpx

from deploy.local import kafka as kafka_module
from deploy.local import postgres as postgres_module
from deploy.local.errors import LocalError
from deploy.local.kafka import Door, Jars, Kafka
from deploy.local.layout import CHECKOUT, Layout
from deploy.local.platform import Platform
from deploy.local.postgres import Postgres
from deploy.local.services import (
    AUDITOR,
    FRONT_DOOR,
    SANDBOX,
    SERVICES,
    LocalService,
    Surroundings,
    environment,
    shell_without_secrets,
)
from services.runtime.clock import MovableClock
from services.runtime.tokens import issue
from tests.chaos import disk
from tests.chaos.network import Network

KAFKA, POSTGRES, GATEWAY = kafka_module.NAME, postgres_module.NAME, "stripe_gateway"
BACKING = (KAFKA, POSTGRES)
RUN = tuple(service for service in SERVICES if service.name != AUDITOR)
"""The auditor is not among them: it would freeze what a fault has made differ for longer than it waits."""
NAMES = tuple(service.name for service in RUN)
CONSUMERS = tuple(name for name in NAMES if name not in (SANDBOX, FRONT_DOOR))
DECIDING = tuple(service.name for service in RUN if service.name in CONSUMERS and service.name != "analytics")

_SETTINGS = {
    # A call that is cut off is found out about within the time of a run.
    "TRANCHE_STRIPE_TIMEOUT_S": "6",
    "TRANCHE_STRIPE_BACKOFF_MOST_S": "5",
}
_POSTGRES = {"max_wal_size": "192MB", "min_wal_size": "80MB", "shared_buffers": "128MB"}
"""Small enough for a small disk."""
_SUPERVISE_S = 0.3
_STOP_S = 25.0
_CONTROL_S = 40.0


class ChaosPlatform(Platform):
    """A platform whose processes reach each other by wires only."""

    def __init__(self, root: Path, network: Network) -> None:
        layout = Layout(root)
        super().__init__(layout, durable=False, front_door_port=None, services=RUN, shell=shell_without_secrets)
        self.network = network
        ports = self.ports
        self._kafka_wire: dict[str, int] = {}
        doors = {}
        for name in CONSUMERS:
            door = ports.ensure(f"kafka-{name}", running=False)
            self._kafka_wire[name] = network.lay(f"{name}-{KAFKA}", lambda door=door: door)  # type: ignore[misc]
            doors[name] = Door(door, self._kafka_wire[name])
        self._others = {
            wire: network.lay(wire, self._port(target))
            for wire, target in (
                *((f"{name}-{POSTGRES}", POSTGRES) for name in DECIDING),
                *((f"{FRONT_DOOR}-{name}", name) for name in CONSUMERS),
                (f"{GATEWAY}-stripe", SANDBOX),
                ("stripe-webhooks", FRONT_DOOR),
            )
        }
        self.kafka = Kafka(
            home=layout.kafka,
            jars=Jars(layout.tools),
            ports=ports,
            processes=self.processes,
            heap_mb=512,
            doors=doors,
        )
        self.postgres = Postgres(
            home=layout.postgres,
            tools=layout.tools,
            ports=ports,
            processes=self.processes,
            durable=False,
            settings=_POSTGRES,
        )

    def environment_of(self, service: LocalService, around: Surroundings) -> dict[str, str]:
        """As it is elsewhere, but every address is a wire's."""
        env = environment(service, around) | _SETTINGS
        name = service.name
        if name in self._kafka_wire:
            env["TRANCHE_KAFKA_BOOTSTRAP"] = f"127.0.0.1:{self._kafka_wire[name]}"
        if f"{name}-{POSTGRES}" in self._others:
            env["TRANCHE_DATABASE_URL"] = f"postgresql://tranche@127.0.0.1:{self._others[f'{name}-{POSTGRES}']}"
        if name == GATEWAY:
            env["TRANCHE_STRIPE_API_BASE"] = f"http://127.0.0.1:{self._others[f'{GATEWAY}-stripe']}"
        if name == FRONT_DOOR:
            for upstream in CONSUMERS:
                wire = self._others[f"{FRONT_DOOR}-{upstream}"]
                env[f"TRANCHE_UPSTREAM_{upstream.upper()}"] = f"http://127.0.0.1:{wire}"
        if name == SANDBOX:
            door = f"http://127.0.0.1:{self._others['stripe-webhooks']}"
            env["TRANCHE_SANDBOX_WEBHOOK_URL"] = f"{door}/webhooks/stripe"
            env["TRANCHE_SANDBOX_CONNECT_WEBHOOK_URL"] = f"{door}/webhooks/stripe/connect"
        return env

    def _port(self, name: str) -> Callable[[], int]:
        return lambda: self.ports.get(name) or 1


class Stage:
    """What faults and load act upon, and who starts again what ended, as an orchestrator would.

    `say`: where what happens is told.
    """

    def __init__(self, root: Path, say: Callable[[str], None]) -> None:
        self.root = root
        self.say = say
        self.no_disk = ""
        """Why there are no small disks; empty: there are."""
        self.ended: dict[str, int] = {}
        """How often which process ended though nobody ended it."""
        self.last_words: dict[str, str] = {}
        self._held: dict[str, int] = {}
        self._lock = threading.Lock()
        self._closing = threading.Event()
        self._killed: set[str] = set()
        layout = Layout(root)
        try:
            for name, folder in ((KAFKA, layout.kafka), (POSTGRES, layout.postgres)):
                disk.mount(folder, disk.SIZES_MB[name])
        except disk.NoDiskError as error:
            self.no_disk = str(error)
        self.network = Network()
        self.platform = ChaosPlatform(root, self.network)
        self.platform.up(say)
        self.around = self.platform.surroundings()
        self.clock = MovableClock(Path(self.around.clock_file))
        self.sandbox = self.around.url_of(SANDBOX)
        self.front_door = self.around.url_of(FRONT_DOOR)
        self.stripe_key = self.around.secret("TRANCHE_STRIPE_API_KEY")
        self._supervisors = [
            threading.Thread(target=self._supervise, args=(name,), name=f"supervisor-{name}", daemon=True)
            for name in (*BACKING, *NAMES)
        ]
        for supervisor in self._supervisors:
            supervisor.start()

    def close(self) -> None:
        """Stop everything in order."""
        self._closing.set()
        for supervisor in self._supervisors:
            supervisor.join(90)
        self.network.heal()
        self.platform.down(self.say)
        self.network.close()

    # -- what load and faults ask for ----------------------------------------------------------------------

    @property
    def kafka_bootstrap(self) -> str:
        """The broker's own address, without a wire."""
        return self.around.kafka_bootstrap

    @property
    def database_url(self) -> str:
        """The database server's own address, without a wire."""
        return self.around.database_url

    def token(self, role: str, party_id: str) -> str:
        """A bearer token for this party."""
        secret = self.around.secret("TRANCHE_AUTH_SECRET")
        return issue(secret, role, party_id, datetime.now(UTC))  # type: ignore[arg-type]

    def control(self, method: str, path: str, body: object = None) -> httpx.Response:
        """The sandbox's control interface. Raises httpx.HTTPError when it refuses, or is away for long."""
        until = time.monotonic() + _CONTROL_S
        while True:
            try:
                answer = httpx.request(method, f"{self.sandbox}/_sim/{path}", json=body, timeout=60, trust_env=False)
            except httpx.TransportError:  # another fault has its hands on it
                if time.monotonic() > until:
                    raise
                time.sleep(0.3)
            else:
                answer.raise_for_status()
                return answer

    def disk_of(self, name: str) -> Path:
        """Where the small disk of the broker or the database is mounted."""
        return {KAFKA: self.platform.layout.kafka, POSTGRES: self.platform.layout.postgres}[name]

    def kill(self, name: str) -> None:
        """kill -9."""
        self._killed.add(name)
        self.platform.processes.kill(name)

    def expect_end(self, name: str) -> None:
        """Its end, a moment ago or now, is a fault's doing."""
        self._killed.add(name)

    def end(self, name: str, stop_signal: int | None = None) -> None:
        """Ask a process to end (a service: SIGTERM) and wait; by force when it does not."""
        process = self.platform.processes.find(name)
        if process is None:
            return
        self._killed.add(name)
        with self.held_down(name):  # or its record is removed when the next one is started already
            if stop_signal is not None:
                self.platform.processes.signal(name, stop_signal)
            self.platform.processes.stop(name, _STOP_S)

    @contextlib.contextmanager
    def held_down(self, *names: str) -> Iterator[None]:
        """While the block runs nobody starts these again."""
        with self._lock:
            for name in names:
                self._held[name] = self._held.get(name, 0) + 1
        try:
            yield
        finally:
            with self._lock:
                for name in names:
                    self._held[name] -= 1

    def await_ready(self, names: tuple[str, ...], limit_s: float) -> list[str]:
        """Wait until these are up and ready; returns those that are not after `limit_s`."""
        until = time.monotonic() + limit_s
        while True:
            states = {status.name: status.state for status in self.platform.status()}
            missing = [name for name in names if states.get(name) != "ready"]
            if not missing or time.monotonic() > until or self._closing.is_set():
                return missing
            time.sleep(0.3)

    # -- second replicas -----------------------------------------------------------------------------------

    def start_replica(self, name: str, number: int) -> str:
        """One more process of a service beside the first; returns its name. It is not started again when it ends."""
        service = next(service for service in RUN if service.name == name)
        replica = f"{name}-{number}"
        port = self.platform.ports.ensure(replica, running=False)
        around = replace(self.around, ports=_with(self.around.ports, name, port))
        env = self.platform.environment_of(service, around)
        self.platform.processes.start(replica, _command(service), env, cwd=CHECKOUT)
        return replica

    # -- the orchestrator ----------------------------------------------------------------------------------

    def _supervise(self, name: str) -> None:
        while not self._closing.wait(_SUPERVISE_S):
            with self._lock:
                if self._held.get(name, 0) or self.platform.processes.find(name):
                    continue
            if name in self._killed:
                self._killed.discard(name)
            else:
                self.ended[name] = self.ended.get(name, 0) + 1
                self.last_words[name] = self.platform.processes.log_tail(name, lines=1)
                self.say(f"   {name} ended by itself: {self.last_words[name][:200]}")
            try:
                self._start(name)
            except LocalError as error:
                self.say(f"   {name} did not start: {error}"[:300])

    def _start(self, name: str) -> None:
        if name == KAFKA:
            self.platform.kafka.start()
        elif name == POSTGRES:
            self.platform.postgres.start()
        else:
            service = next(service for service in RUN if service.name == name)
            env = self.platform.environment_of(service, self.around)
            self.platform.processes.start(name, _command(service), env, cwd=CHECKOUT)


def _command(service: LocalService) -> list[str]:
    return [sys.executable, "-m", service.module]


def _with(ports: Mapping[str, int], name: str, port: int) -> dict[str, int]:
    return {**ports, name: port}
