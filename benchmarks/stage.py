"""A real broker and a real database server for one session, made fresh for each run: empty topics, a new database.

Both stay up from run to run: they are warm, as they are in production, for everybody alike.
"""

import logging
import os
import signal
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field

import httpx
import psycopg
from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from psycopg import sql

from benchmarks.contenders import DATABASE, Contender
from benchmarks.cpu import tree_seconds
from benchmarks.figures import Cpu
from benchmarks.peers.tables import metadata as peer_tables
from benchmarks.workload import Order, seed
from deploy.local.kafka import Jars, Kafka, create_topics
from deploy.local.layout import CHECKOUT, Layout
from deploy.local.ports import Ports
from deploy.local.postgres import Postgres, create_databases
from deploy.local.processes import Process, Processes
from schemas.catalogue import TOPICS, topic_named
from schemas.funding import FundMilestone
from services.runtime.database import migrate, open_engine
from tests.platform.local import temporary_root

_TEMPLATE = "bench_template"
_READY_LIMIT_S = 60.0
_TOPICS = ("funding.commands", "funding.events", "stripe.commands", "funding.dlq")
_HEAP_MB = 768
"""The broker's, as the product's local platform gives it."""


class BenchError(RuntimeError):
    """A run that says nothing: a contender that does not start, loses or repeats a command, or takes too long."""


@dataclass
class Running:
    """A contender that runs, ready and with all partitions assigned."""

    contender: Contender
    processes: list[Process]
    ports: list[int]
    stage: "Stage"

    @contextmanager
    def held(self) -> Iterator[None]:
        """Its processes do not run within: a topic can be loaded that none of them has begun to read.

        Both of two processes then begin at the same moment, with their partitions assigned. Short, so that the broker
        does not take them for dead (10 s).
        """
        for process in self.processes:
            _signal(process, signal.SIGSTOP)
        try:
            yield
        finally:
            for process in self.processes:
                _signal(process, signal.SIGCONT)

    def cpu(self) -> Cpu:
        """CPU seconds so far."""
        return Cpu(sum(tree_seconds(process.pid) for process in self.processes), *self.stage.backing_cpu())


@dataclass
class Stage:
    """Kafka and PostgreSQL, and the means to begin anew on them."""

    bootstrap: str
    server_url: str
    processes: Processes
    ports: Ports
    admin: AdminClient = field(init=False)

    def __post_init__(self) -> None:
        self.admin = AdminClient({"bootstrap.servers": self.bootstrap, "log_level": 0})

    @property
    def database_url(self) -> str:
        return f"{self.server_url}/{DATABASE}"

    def backing_cpu(self) -> tuple[float, float]:
        """CPU seconds so far of the database and of the broker."""
        found = [self.processes.find(name) for name in ("postgres", "kafka")]
        database, broker = (tree_seconds(process.pid) if process else 0.0 for process in found)
        return database, broker

    def prepare(self) -> None:
        """Once: the schema, made by the service's own migrations; a fresh database is a copy of it."""
        logging.getLogger("alembic").setLevel(logging.WARNING)
        create_databases(self.server_url, [_TEMPLATE])
        migrate(f"{self.server_url}/{_TEMPLATE}", CHECKOUT / "services" / "funding")
        engine = open_engine(f"{self.server_url}/{_TEMPLATE}")
        peer_tables.create_all(engine)
        engine.dispose()
        create_topics(self.bootstrap, TOPICS)

    def fresh(self, orders: list[Order]) -> None:
        """Empty topics and a database that holds nothing but what the orders are about."""
        self._fresh_topics()
        with psycopg.connect(f"{self.server_url}/postgres", autocommit=True) as connection:
            name, template = sql.Identifier(DATABASE), sql.Identifier(_TEMPLATE)
            connection.execute(sql.SQL("DROP DATABASE IF EXISTS {} WITH (FORCE)").format(name))
            connection.execute(sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(name, template))
        seed(self.database_url, orders)

    def _fresh_topics(self) -> None:
        for future in self.admin.delete_topics(list(_TOPICS), operation_timeout=30).values():
            future.result()
        give_up = time.monotonic() + _READY_LIMIT_S
        while set(_TOPICS) & self.admin.list_topics(timeout=10).topics.keys():
            _not_for_ever(give_up, "the old topics do not go away")
        create_topics(self.bootstrap, [topic_named(name) for name in _TOPICS])
        while not all(self._has_leaders(name) for name in _TOPICS):
            _not_for_ever(give_up, "the new topics have no leaders")

    def _has_leaders(self, name: str) -> bool:
        topic = self.admin.list_topics(name, timeout=10).topics[name]
        partitions = topic.partitions.values()
        return len(partitions) == topic_named(name).partitions and all(p.leader >= 0 for p in partitions)

    @contextmanager
    def running(self, contender: Contender, sampled_to: str | None = None) -> Iterator[Running]:
        """The contender's processes, ready; ended, politely where they listen, when done.

        Raises BenchError when one of them does not start or ends by itself.
        """
        names = [f"{contender.name}-{number}" for number in range(contender.processes)]
        ports = [self.ports.ensure(name, running=False) for name in names]
        try:
            started = [
                self.processes.start(
                    name,
                    contender.start_command(sampled_to),
                    contender.environment(self.bootstrap, self.server_url, port),
                    cwd=CHECKOUT,
                )
                for name, port in zip(names, ports, strict=True)
            ]
            self._await(contender, names, ports)
            yield Running(contender, started, ports, self)
        finally:
            with ThreadPoolExecutor() as together:
                list(together.map(lambda name: self.processes.stop(name, 20), names))
            for name in names:  # one log for each run: what it says is about this run
                self.processes.log(name).unlink(missing_ok=True)

    def _await(self, contender: Contender, names: list[str], ports: list[int]) -> None:
        give_up = time.monotonic() + _READY_LIMIT_S
        while not self._is_assigned(contender) or not (contender.is_peer or all(map(_is_ready, ports))):
            for name in names:
                if self.processes.find(name) is None:
                    raise BenchError(f"{name} ended while it started: {self.processes.log_tail(name, lines=8)}")
            _not_for_ever(give_up, f"{contender.name} is not ready: {self.processes.log_tail(names[0])}")

    def _is_assigned(self, contender: Contender) -> bool:
        """Every consumer of the group has a part of the commands' partitions, and all of them are assigned."""
        with suppress(KafkaException):
            group = self.admin.describe_consumer_groups([contender.group])[contender.group].result()
            counts = [
                sum(place.topic == FundMilestone.topic for place in member.assignment.topic_partitions)
                for member in group.members
            ]
            wanted = topic_named(FundMilestone.topic).partitions
            return len(counts) == contender.members and all(counts) and sum(counts) == wanted
        return False

    def count(self, statement: str) -> int:
        """The one number that a statement gives, from the contender's database."""
        with psycopg.connect(self.database_url) as connection:
            row = connection.execute(statement.encode()).fetchone()
            return int(row[0]) if row else 0


@contextmanager
def open_stage(*, durable: bool = True) -> Iterator[Stage]:
    """A stage in a temporary folder; however the session ends, no process and no file of it is left.

    `durable=False` does not wait for the disk: for the smoke test only, its figures mean nothing.
    """
    with temporary_root(in_memory=not durable) as root:
        layout = Layout(root)
        ports, processes = layout.ports(), layout.processes()
        kafka = Kafka(
            home=layout.kafka,
            jars=Jars(layout.tools),
            ports=ports,
            processes=processes,
            heap_mb=_HEAP_MB,
            short_lived=not durable,
        )
        postgres = Postgres(home=layout.postgres, tools=layout.tools, ports=ports, processes=processes, durable=durable)
        with ThreadPoolExecutor() as both:
            bootstrap, url = both.submit(kafka.start), both.submit(postgres.start)
        stage = Stage(bootstrap.result(), url.result(), processes, ports)
        stage.prepare()
        yield stage


def _is_ready(port: int) -> bool:
    try:
        return httpx.get(f"http://127.0.0.1:{port}/health/ready", timeout=2, trust_env=False).is_success
    except httpx.HTTPError:
        return False


def _signal(process: Process, number: int) -> None:
    with suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _not_for_ever(give_up: float, trouble: str) -> None:
    if time.monotonic() > give_up:
        raise BenchError(trouble)
    time.sleep(0.05)
