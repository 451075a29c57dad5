"""Kafka and PostgreSQL in containers, where an engine answers and the images are present."""

import os
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager

import psycopg

from deploy.local.containers import engine_trouble, missing_images
from deploy.local.kafka import answers
from deploy.local.ports import free_port
from tests.platform.backing import Backing

KAFKA_IMAGE = os.environ.get("TRANCHE_TEST_KAFKA_IMAGE", "apache/kafka:4.1.0")
POSTGRES_IMAGE = os.environ.get("TRANCHE_TEST_POSTGRES_IMAGE", "postgres:17.6")
_RYUK_IMAGE = "testcontainers/ryuk:0.8.1"
_START_LIMIT_S = 90


def why_not() -> str:
    """Why containers cannot be used here, in one line; empty when they can."""
    trouble = engine_trouble()
    if trouble:
        return trouble
    missing = missing_images([KAFKA_IMAGE, POSTGRES_IMAGE])
    return f"missing images: {', '.join(missing)} (docker pull, or docker compose build)" if missing else ""


@contextmanager
def container_backing() -> Iterator[Backing]:
    """A real broker and a real database server in containers for as long as the block runs."""
    # Testcontainers' own cleaner is one more image; where it is not there, only a killed session leaves containers.
    if missing_images([_RYUK_IMAGE]):
        os.environ.setdefault("TESTCONTAINERS_RYUK_DISABLED", "true")
    from testcontainers.core.container import DockerContainer  # noqa: PLC0415 - reads its settings when imported

    kafka_port = free_port()
    postgres_port = free_port(taken=[kafka_port])
    kafka = DockerContainer(KAFKA_IMAGE).with_bind_ports(9092, kafka_port)
    for name, value in _kafka_settings(f"127.0.0.1:{kafka_port}").items():
        kafka = kafka.with_env(name, value)
    postgres = (
        DockerContainer(POSTGRES_IMAGE)
        .with_bind_ports(5432, postgres_port)
        .with_env("POSTGRES_USER", "tranche")
        .with_env("POSTGRES_DB", "tranche")
        .with_env("POSTGRES_HOST_AUTH_METHOD", "trust")
        .with_command("postgres -c fsync=off -c full_page_writes=off -c max_connections=200")
    )
    backing = Backing(f"127.0.0.1:{kafka_port}", f"postgresql://tranche@127.0.0.1:{postgres_port}")
    with ExitStack() as running:
        running.enter_context(kafka)
        running.enter_context(postgres)
        _wait(backing)
        yield backing


def _kafka_settings(advertised: str) -> dict[str, str]:
    return {
        "KAFKA_NODE_ID": "1",
        "KAFKA_PROCESS_ROLES": "broker,controller",
        "KAFKA_LISTENERS": "PLAINTEXT://0.0.0.0:9092,CONTROLLER://127.0.0.1:9093",
        "KAFKA_ADVERTISED_LISTENERS": f"PLAINTEXT://{advertised}",
        "KAFKA_LISTENER_SECURITY_PROTOCOL_MAP": "PLAINTEXT:PLAINTEXT,CONTROLLER:PLAINTEXT",
        "KAFKA_CONTROLLER_LISTENER_NAMES": "CONTROLLER",
        "KAFKA_CONTROLLER_QUORUM_VOTERS": "1@127.0.0.1:9093",
        "KAFKA_OFFSETS_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_OFFSETS_TOPIC_NUM_PARTITIONS": "4",
        "KAFKA_TRANSACTION_STATE_LOG_REPLICATION_FACTOR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_MIN_ISR": "1",
        "KAFKA_TRANSACTION_STATE_LOG_NUM_PARTITIONS": "2",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_REPLICATION_FACTOR": "1",
        "KAFKA_SHARE_COORDINATOR_STATE_TOPIC_MIN_ISR": "1",
        "KAFKA_GROUP_INITIAL_REBALANCE_DELAY_MS": "0",
        "KAFKA_GROUP_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_GROUP_CONSUMER_MIN_SESSION_TIMEOUT_MS": "1000",
        "KAFKA_GROUP_CONSUMER_SESSION_TIMEOUT_MS": "5000",
        "KAFKA_GROUP_CONSUMER_MIN_HEARTBEAT_INTERVAL_MS": "100",
        "KAFKA_GROUP_CONSUMER_HEARTBEAT_INTERVAL_MS": "1000",
        "KAFKA_AUTO_CREATE_TOPICS_ENABLE": "false",
    }


def _wait(backing: Backing) -> None:
    give_up = time.monotonic() + _START_LIMIT_S
    while not (answers(backing.kafka_bootstrap) and _database_answers(backing.database_url)):
        if time.monotonic() > give_up:
            raise TimeoutError(f"{KAFKA_IMAGE} or {POSTGRES_IMAGE} does not answer after {_START_LIMIT_S} s")
        time.sleep(0.2)


def _database_answers(url: str) -> bool:
    try:
        with psycopg.connect(f"{url}/tranche", connect_timeout=2):
            return True
    except psycopg.OperationalError:
        return False
