"""A real Apache Kafka on this machine, as one JVM process: broker and controller in one (KRaft).

Its jars come from Maven Central at the versions in pins/kafka/pom.xml, and each must have the SHA-256 sum that is
committed in pins/kafka/checksums.sha256.
"""

import base64
import hashlib
import os
import re
import shutil
import subprocess
import tempfile
import time
import uuid
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

from confluent_kafka import KafkaException
from confluent_kafka.admin import AdminClient
from confluent_kafka.cimpl import NewTopic

from deploy.local.errors import LocalError
from deploy.local.locks import only_one
from deploy.local.ports import Ports
from deploy.local.processes import Process, Processes, listens

NAME = "kafka"
_PINS = Path(__file__).parent / "pins" / "kafka"
_OLDEST_JAVA = 17
_START_LIMIT_S = 60
_STOP_LIMIT_S = 20
_MAVEN_LIMIT_S = 600

# Small where a default serves hundreds of brokers: every partition of an internal topic costs time at each start.
_SETTINGS = """\
process.roles=broker,controller
node.id=1
controller.quorum.voters=1@127.0.0.1:{controller_port}
listeners=PLAINTEXT://127.0.0.1:{port},CONTROLLER://127.0.0.1:{controller_port}{listeners}
advertised.listeners=PLAINTEXT://127.0.0.1:{port}{advertised}
listener.security.protocol.map=PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT{protocols}
controller.listener.names=CONTROLLER
inter.broker.listener.name=PLAINTEXT
log.dirs={data}
num.partitions=1
default.replication.factor=1
min.insync.replicas=1
offsets.topic.replication.factor=1
offsets.topic.num.partitions=4
transaction.state.log.replication.factor=1
transaction.state.log.min.isr=1
transaction.state.log.num.partitions=2
share.coordinator.state.topic.replication.factor=1
share.coordinator.state.topic.min.isr=1
share.coordinator.state.topic.num.partitions=1
# How long the next life of what was killed is kept waiting, because its former one still counts as alive: six
# heartbeats.
broker.session.timeout.ms=3000
broker.heartbeat.interval.ms=500
group.initial.rebalance.delay.ms=0
group.coordinator.rebalance.protocols=classic,consumer
group.consumer.min.heartbeat.interval.ms=100
group.consumer.heartbeat.interval.ms=500
group.consumer.min.session.timeout.ms=1000
group.consumer.session.timeout.ms=3000
group.min.session.timeout.ms=1000
# Topics are made from the catalogue: a misspelt name must fail, not become a topic.
auto.create.topics.enable=false
# Facts are kept for ever unless the catalogue says otherwise.
log.retention.ms=-1
log.cleaner.dedupe.buffer.size=16777216
"""


class CatalogueTopic(Protocol):
    """What is asked of an entry of `schemas.catalogue.TOPICS`."""

    @property
    def name(self) -> str: ...
    @property
    def partitions(self) -> int: ...
    @property
    def retention_ms(self) -> int: ...


@dataclass(frozen=True)
class Door:
    """A further way in: whoever comes by `port` is sent on to `advertised`, e.g. a proxy before it."""

    port: int
    advertised: int


class Kafka:
    """The broker of one platform. Its data is in `home`; the jars are shared by all platforms of the checkout.

    `doors`: further listeners, by a name of letters and `_`. `short_lived`: for minutes, not for load: its code is
    compiled lightly, which halves what its start costs.
    """

    def __init__(
        self,
        *,
        home: Path,
        jars: "Jars",
        ports: Ports,
        processes: Processes,
        heap_mb: int = 768,
        doors: Mapping[str, Door] | None = None,
        short_lived: bool = False,
    ) -> None:
        self._home = home
        self._jars = jars
        self._ports = ports
        self._processes = processes
        self._heap_mb = heap_mb
        self._short_lived = short_lived
        self._doors = {name.upper(): door for name, door in (doors or {}).items()}

    @property
    def bootstrap(self) -> str | None:
        """host:port for clients; None before the first start."""
        port = self._ports.get(NAME)
        return f"127.0.0.1:{port}" if port else None

    def find(self) -> Process | None:
        """The broker's process while it is alive."""
        return self._processes.find(NAME)

    def start(self) -> str:
        """Start the broker unless it runs, wait until it answers, and return host:port for clients.

        Raises LocalError when Java or the jars are missing or the broker does not come up.
        """
        process = self.find()
        if process is None:
            java = find_java()
            jars = self._jars.ready()
            port = self._ports.ensure(NAME, running=False)
            controller_port = self._ports.ensure("kafka-controller", running=False)
            settings = self._write_settings(port, controller_port)
            self._format(java, jars, settings)
            process = self._processes.start(
                NAME,
                [
                    java,
                    "-Xms256m",
                    f"-Xmx{self._heap_mb}m",
                    "-XX:+UseG1GC",
                    "-XX:MaxGCPauseMillis=20",
                    *(["-XX:TieredStopAtLevel=1"] if self._short_lived else []),
                    "-Djava.awt.headless=true",
                    "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                    "-Dorg.slf4j.simpleLogger.showDateTime=true",
                    "-Dorg.slf4j.simpleLogger.dateTimeFormat=yyyy-MM-dd'T'HH:mm:ss.SSSXXX",
                    "-cp",
                    f"{jars}/*",
                    "kafka.Kafka",
                    str(settings),
                ],
                _java_environment(),
                cwd=self._home,
            )
        self._wait(process)
        return f"127.0.0.1:{self._ports.get(NAME)}"

    def stop(self) -> None:
        """Stop the broker and wait for its end."""
        self._processes.stop(NAME, _STOP_LIMIT_S)

    def _write_settings(self, port: int, controller_port: int) -> Path:
        self._home.mkdir(parents=True, exist_ok=True)
        path = self._home / "server.properties"
        data = self._home / "data"
        doors = self._doors.items()
        path.write_text(
            _SETTINGS.format(
                port=port,
                controller_port=controller_port,
                data=data,
                listeners="".join(f",{name}://127.0.0.1:{door.port}" for name, door in doors),
                advertised="".join(f",{name}://127.0.0.1:{door.advertised}" for name, door in doors),
                protocols="".join(f",{name}:PLAINTEXT" for name, _ in doors),
            )
        )
        return path

    def _format(self, java: str, jars: Path, settings: Path) -> None:
        if (self._home / "data" / "meta.properties").exists():
            return
        cluster_id = base64.urlsafe_b64encode(uuid.uuid4().bytes).decode().rstrip("=")
        done = subprocess.run(
            [
                java,
                "-Xmx128m",
                "-XX:TieredStopAtLevel=1",
                "-Dorg.slf4j.simpleLogger.defaultLogLevel=warn",
                "-cp",
                f"{jars}/*",
                "kafka.tools.StorageTool",
                "format",
                "--ignore-formatted",
                f"--cluster-id={cluster_id}",  # one word: one id in 64 begins with a dash
                "--config",
                str(settings),
            ],
            env=_java_environment(),
            cwd=self._home,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            raise LocalError(f"Kafka's storage could not be prepared: {_last_line(done.stderr or done.stdout)}")

    def _wait(self, process: Process) -> None:
        port = self._ports.get(NAME) or 0
        give_up = time.monotonic() + _START_LIMIT_S
        while not answers(f"127.0.0.1:{port}") or not listens(process, port):
            if self.find() is None:
                raise LocalError(
                    f"Kafka ended while it started: {self._processes.log_tail(NAME)} "
                    f"(all of it: {self._processes.log(NAME)})"
                )
            if time.monotonic() > give_up:
                raise LocalError(f"Kafka does not answer after {_START_LIMIT_S} s: see {self._processes.log(NAME)}")
            time.sleep(0.05)


class Jars:
    """The broker's jars, fetched once per checkout and verified each time they are used."""

    def __init__(self, tools: Path) -> None:
        self._libs = tools / "kafka-libs"
        self._maven = tools / "maven"
        self._lock = tools / "kafka-libs.lock"

    def ready(self) -> Path:
        """The folder of the verified jars; fetched by Maven when missing.

        Raises LocalError when Maven is missing, cannot fetch, or a jar is not the pinned one.
        """
        with only_one(self._lock):
            if not self._libs.is_dir():
                self._fetch()
            verify(self._libs, (_PINS / "checksums.sha256").read_text())
        return self._libs

    def _fetch(self) -> None:
        maven = shutil.which("mvn")
        if maven is None:
            raise LocalError("Maven is missing, which fetches Kafka's jars: apt-get install maven")
        self._libs.parent.mkdir(parents=True, exist_ok=True)
        aside = Path(tempfile.mkdtemp(dir=self._libs.parent, prefix="kafka-libs."))
        try:
            done = subprocess.run(
                [
                    maven,
                    "--batch-mode",
                    "--quiet",
                    "-Dstyle.color=never",
                    "--file",
                    str(_PINS / "pom.xml"),
                    f"-Dmaven.repo.local={self._maven}",
                    "dependency:copy-dependencies",
                    f"-DoutputDirectory={aside}",
                ],
                stdin=subprocess.DEVNULL,
                capture_output=True,
                text=True,
                timeout=_MAVEN_LIMIT_S,
                check=False,
            )
            if done.returncode != 0:
                said = next((line for line in done.stdout.splitlines() if "[ERROR]" in line), "")
                raise LocalError(f"Maven could not fetch Kafka's jars: {said.strip() or _last_line(done.stdout)}")
            verify(aside, (_PINS / "checksums.sha256").read_text())
            aside.replace(self._libs)
        except subprocess.TimeoutExpired as error:
            raise LocalError(f"Maven did not fetch Kafka's jars in {_MAVEN_LIMIT_S} s: try again") from error
        finally:
            shutil.rmtree(aside, ignore_errors=True)


def verify(libs: Path, checksums: str) -> None:
    """Check that `libs` holds exactly the jars of `checksums` (lines of `sha256sum`), each with its sum.

    Raises LocalError that names the first jar which is missing, different or not listed.
    """
    wanted = {name: digest for digest, name in (line.split() for line in checksums.splitlines())}
    found = {path.name for path in libs.glob("*.jar")}
    for name in sorted(found - wanted.keys()):
        raise LocalError(f"{libs / name} is not a jar that we pinned: remove {libs} and try again")
    for name, digest in wanted.items():
        if name not in found:
            raise LocalError(f"{libs / name} is missing: remove {libs} and try again")
        if hashlib.sha256((libs / name).read_bytes()).hexdigest() != digest:
            raise LocalError(f"{libs / name} is not the jar that we pinned (its SHA-256 differs): do not run it")


def find_java() -> str:
    """The `java` command, of JAVA_HOME or PATH, at least version 17. Raises LocalError when there is none."""
    home = os.environ.get("JAVA_HOME")
    java = str(Path(home) / "bin" / "java") if home else shutil.which("java")
    if java is None or not Path(java).exists():
        raise LocalError("Java is missing, which runs Kafka: apt-get install openjdk-17-jre-headless")
    said = subprocess.run([java, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(?:1\.)?(\d+)', said)
    if version is None or int(version[1]) < _OLDEST_JAVA:
        raise LocalError(f"{java} is too old for Kafka, which needs 17: apt-get install openjdk-17-jre-headless")
    return java


def answers(bootstrap: str, timeout_s: float = 0.5) -> bool:
    """Whether a broker answers there and knows itself as part of its cluster."""
    admin = _admin(bootstrap)
    try:
        return bool(admin.list_topics(timeout=timeout_s).brokers)
    except KafkaException:
        return False


def create_topics(bootstrap: str, topics: Iterable[CatalogueTopic]) -> list[str]:
    """Create those of `topics` that do not exist and return their names. Raises LocalError when one cannot be made.

    A topic that exists with another number of partitions is refused: keys would move between partitions.
    """
    admin = _admin(bootstrap)
    existing = admin.list_topics(timeout=10).topics
    missing = []
    for topic in topics:
        if topic.name not in existing:
            missing.append(topic)
        elif len(existing[topic.name].partitions) != topic.partitions:
            raise LocalError(
                f"topic {topic.name} has {len(existing[topic.name].partitions)} partitions, not {topic.partitions}: "
                "set TRANCHE_PARTITIONS as it was, or run `make clean` to start anew"
            )
    news = [
        NewTopic(
            topic.name,
            num_partitions=topic.partitions,
            replication_factor=1,
            config={"retention.ms": str(topic.retention_ms)},
        )
        for topic in missing
    ]
    for name, made in (admin.create_topics(news, operation_timeout=30) if news else {}).items():
        try:
            made.result()
        except KafkaException as error:
            raise LocalError(f"topic {name} could not be created: {error.args[0].str()}") from error
    return [topic.name for topic in missing]


def _admin(bootstrap: str) -> AdminClient:
    # Its own complaints about a broker that is not there yet are what we are asking about: not to be printed.
    return AdminClient({"bootstrap.servers": bootstrap, "log_level": 0, "socket.timeout.ms": 10_000})


def _java_environment() -> dict[str, str]:
    kept = ("PATH", "HOME", "LANG", "LC_ALL", "TZ", "TMPDIR", "JAVA_HOME", "LD_LIBRARY_PATH")
    return {name: os.environ[name] for name in kept if name in os.environ}


def _last_line(text: str) -> str:
    return next((line.strip() for line in reversed(text.splitlines()) if line.strip()), "it said nothing")
