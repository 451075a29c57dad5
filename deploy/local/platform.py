"""The whole platform on this machine: Kafka, PostgreSQL and every service, as processes of one root folder."""

import shutil
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass

import httpx

from deploy.local import kafka as kafka_module
from deploy.local import postgres as postgres_module
from deploy.local.development_secrets import ensure_secrets
from deploy.local.errors import LocalError
from deploy.local.kafka import Jars, Kafka, create_topics
from deploy.local.layout import CHECKOUT, Layout
from deploy.local.locks import only_one
from deploy.local.plain_http import NO_TLS
from deploy.local.ports import is_free
from deploy.local.postgres import Postgres, create_databases
from deploy.local.processes import Process, fingerprint, listens
from deploy.local.services import FRONT_DOOR, SERVICES, LocalService, Surroundings, environment, shell

FRONT_DOOR_PORT = 8000
_READY_LIMIT_S = 90
_STOP_LIMIT_S = 25
"""A service takes at most 20 s to drain and flush."""
_PORT_TRIES = 3

Say = Callable[[str], None]


@dataclass(frozen=True)
class ExternalBacking:
    """A Kafka and a PostgreSQL that somebody else started, e.g. in containers."""

    kafka_bootstrap: str
    database_url: str


@dataclass(frozen=True)
class ProcessStatus:
    """One process of the platform as it is now."""

    name: str
    state: str
    """`ready`, `starting`, `ended` (it should run and does not) or `stopped`."""
    pid: int | None
    address: str | None
    last_words: str = ""
    """Of one that ended: the last line that it printed. A kill -9 leaves it no time for one about its end."""


class _PortTakenError(Exception):
    """Somebody else listens where a service was to listen."""


class Platform:
    """One platform. Everything it makes is under `layout.root`.

    `durable=False`, for tests: PostgreSQL does not wait for the disk, and the broker is a short-lived one.
    `front_door_port` is where the front door listens if that is free; None: anywhere.
    """

    def __init__(
        self,
        layout: Layout,
        *,
        durable: bool = True,
        front_door_port: int | None = FRONT_DOOR_PORT,
        backing: ExternalBacking | None = None,
        services: Sequence[LocalService] = SERVICES,
        shell: Callable[[], Mapping[str, str]] = shell,
    ) -> None:
        self.layout = layout
        self.ports = layout.ports()
        self.processes = layout.processes()
        self._backing = backing
        self._services = services
        self._shell = shell
        self._front_door_port = front_door_port
        self.kafka = Kafka(
            home=layout.kafka,
            jars=Jars(layout.tools),
            ports=self.ports,
            processes=self.processes,
            short_lived=not durable,
        )
        self.postgres = Postgres(
            home=layout.postgres,
            tools=layout.tools,
            ports=self.ports,
            processes=self.processes,
            durable=durable,
        )

    def up(self, say: Say = lambda line: None) -> bool:
        """Bring up what is missing and wait until all of it is ready. False when all of it ran already.

        A service whose settings changed is started anew. Raises LocalError naming what did not come up; what did come
        up stays.
        """
        with self._alone():
            before = {name: self.processes.find(name) for name in self.processes.names()}
            around = self._backing_up(say)
            for attempt in range(1, _PORT_TRIES + 1):
                try:
                    self._services_up(around, say)
                    break
                except _PortTakenError as taken:
                    if attempt == _PORT_TRIES:
                        raise LocalError(f"{taken}: try again") from taken
                    around = self._surroundings(around.kafka_bootstrap, around.database_url)
            return any(self.processes.find(name) != before.get(name) for name in self.processes.names())

    def down(self, say: Say = lambda line: None) -> list[str]:
        """Stop everything, services first; returns what was running. No process is left."""
        with self._alone():
            running = [name for name in self.processes.names() if self.processes.find(name)]
            backing = {kafka_module.NAME, postgres_module.NAME}
            services = [name for name in self.processes.names() if name not in backing]
            if running:
                say(f"stopping {', '.join(running)}")
            with ThreadPoolExecutor(max_workers=16) as together:
                list(together.map(lambda name: self.processes.stop(name, _STOP_LIMIT_S), services))
                list(together.map(lambda part: part.stop(), (self.kafka, self.postgres)))
            return running

    def remove(self) -> None:
        """Remove every file of this platform, tools too where they lie in its root. Its processes must be down."""
        self.postgres.remove()
        shutil.rmtree(self.layout.root, ignore_errors=True)

    def start_service(self, name: str) -> None:
        """Start one process of a platform that was up (after a kill), and wait until it is ready."""
        with self._alone():
            around = self._backing_up(lambda line: None) if self._is_backing(name) else self.surroundings()
            service = next((service for service in self._services if service.name == name), None)
            if service:
                self._launch(service, around)
                self._await_ready({service: around})

    def status(self) -> list[ProcessStatus]:
        """What runs and where it listens, in start order."""
        states = []
        if self._backing is None:
            for name, address in (
                (kafka_module.NAME, self.kafka.bootstrap),
                (postgres_module.NAME, self.postgres.url),
            ):
                states.append(self._status(name, address, listens))
        for service in self._services:
            if service.exists:
                port = self.ports.get(service.name)
                host = "localhost" if service.name == FRONT_DOOR else "127.0.0.1"
                states.append(self._status(service.name, f"http://{host}:{port}" if port else None, _is_ready))
        return states

    def surroundings(self) -> Surroundings:
        """What the services of the running platform are told. Raises LocalError when it was never up."""
        backing = self._backing
        bootstrap = backing.kafka_bootstrap if backing else self.kafka.bootstrap
        url = backing.database_url if backing else self.postgres.url
        if bootstrap is None or url is None or self.ports.get(FRONT_DOOR) is None:
            raise LocalError("no platform was started here: run `tranche up --detach`")
        return self._surroundings(bootstrap, url)

    def environment_of(self, service: LocalService, around: Surroundings) -> dict[str, str]:
        """The whole environment of a service's process."""
        return environment(service, around)

    @contextmanager
    def _alone(self) -> Iterator[None]:
        with only_one(self.layout.lock):
            yield

    def _is_backing(self, name: str) -> bool:
        return name in (kafka_module.NAME, postgres_module.NAME)

    def _backing_up(self, say: Say) -> Surroundings:
        if self._backing is not None:
            bootstrap, url = self._backing.kafka_bootstrap, self._backing.database_url
        else:
            missing = [part for part in (self.kafka, self.postgres) if part.find() is None]
            if missing:
                say("starting Kafka and PostgreSQL")
            with ThreadPoolExecutor() as both:
                kafka, postgres = both.submit(self.kafka.start), both.submit(self.postgres.start)
            bootstrap, url = kafka.result(), postgres.result()
        # Imported here: what the catalogue says is not needed to stop or to look.
        from schemas.catalogue import TOPICS  # noqa: PLC0415

        create_topics(bootstrap, TOPICS)
        create_databases(url, [f"tranche_{service.name}" for service in self._services if service.has_database])
        return self._surroundings(bootstrap, url)

    def _surroundings(self, bootstrap: str, url: str) -> Surroundings:
        ports = {
            service.name: self.ports.ensure(
                service.name,
                running=self.processes.find(service.name) is not None,
                preferred=self._front_door_port if service.name == FRONT_DOOR else None,
            )
            for service in self._services
        }
        return Surroundings(
            kafka_bootstrap=bootstrap,
            database_url=url,
            clock_file=str(self.layout.clock),
            sandbox_state=str(self.layout.sandbox_state),
            analytics_data=str(self.layout.analytics),
            ports=ports,
            secrets=ensure_secrets(self.layout.secrets),
            shell=self._shell(),
        )

    def _services_up(self, around: Surroundings, say: Say) -> None:
        absent = [service.name for service in self._services if not service.exists]
        if absent:
            say(f"not in this checkout, so not started: {', '.join(absent)}")
        waiting: dict[LocalService, Surroundings] = {}
        for service in self._services:
            if service.exists:
                if self._launch(service, around):
                    say(f"starting {service.name}")
                waiting[service] = around
        self._await_ready(waiting)

    def _launch(self, service: LocalService, around: Surroundings) -> bool:
        """Start the service unless it runs with these very settings. True when it was started."""
        command = [sys.executable, "-m", service.module]
        env = self.environment_of(service, around)
        process = self.processes.find(service.name)
        if process is not None:
            if process.fingerprint == fingerprint(command, env):
                return False
            self.processes.stop(service.name, _STOP_LIMIT_S)
        self.processes.start(service.name, command, env, cwd=CHECKOUT)
        return True

    def _await_ready(self, services: Mapping[LocalService, Surroundings]) -> None:
        waiting = dict(services)
        give_up = time.monotonic() + _READY_LIMIT_S
        while waiting:
            for service, around in list(waiting.items()):
                port = around.ports[service.name]
                process = self.processes.find(service.name)
                if process is None:
                    log = self.processes.log(service.name)
                    if not is_free(port):
                        raise _PortTakenError(f"port {port} of {service.name} was taken by another program meanwhile")
                    raise LocalError(
                        f"{service.name} ended while it started: {self.processes.log_tail(service.name)} (log: {log})"
                    )
                if _is_ready(process, port):
                    del waiting[service]
            if waiting and time.monotonic() > give_up:
                names = ", ".join(service.name for service in waiting)
                raise LocalError(f"not ready after {_READY_LIMIT_S} s: {names} (logs: {self.layout.logs})")
            if waiting:
                time.sleep(0.05)

    def _status(self, name: str, address: str | None, is_ready: Callable[[Process, int], bool]) -> ProcessStatus:
        process = self.processes.find(name)
        port = self.ports.get(name)
        if process is None:
            ended = name in self.processes.names()
            words = self.processes.log_tail(name, lines=1) if ended else ""
            return ProcessStatus(name, "ended" if ended else "stopped", None, address, words)
        state = "ready" if port and is_ready(process, port) else "not ready"
        return ProcessStatus(name, state, process.pid, address)


def _is_ready(process: Process, port: int) -> bool:
    address = f"http://127.0.0.1:{port}/health/ready"
    try:
        ready = httpx.get(address, timeout=2, verify=NO_TLS, trust_env=False).is_success
    except httpx.HTTPError:
        return False
    return ready and listens(process, port)  # asked last: it reads all of the machine's connections
