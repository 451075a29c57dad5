"""The `tranche` command as it is typed."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path

import jwt
import pytest
from confluent_kafka import Producer

from deploy.local.layout import CHECKOUT
from schemas.catalogue import TOPICS
from schemas.envelope import Envelope, write_headers
from tests.platform.backing import Backing
from tests.platform.local import temporary_root

Tranche = Callable[..., "subprocess.CompletedProcess[str]"]


@pytest.fixture
def root() -> Iterator[Path]:
    with temporary_root() as root:
        yield root


@pytest.fixture
def tranche(root: Path) -> Tranche:
    """Types `tranche ...` for a platform in a root of the test's own."""

    def type_it(*words: str, **env: str) -> "subprocess.CompletedProcess[str]":
        return subprocess.run(
            [sys.executable, "-m", "deploy.local.cli", *words],
            cwd=CHECKOUT,
            env={**os.environ, "TRANCHE_LOCAL_ROOT": str(root), **env},
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )

    return type_it


def _fails_in_one_line(done: "subprocess.CompletedProcess[str]", *words: str) -> None:
    assert done.returncode == 1
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1
    for word in words:
        assert word in done.stderr


def test_status_says_that_nothing_runs(tranche: Tranche) -> None:
    assert "tranche up --detach" in tranche("status").stdout


def test_down_of_nothing_is_no_mistake(tranche: Tranche) -> None:
    done = tranche("down")
    assert (done.returncode, done.stdout) == (0, "nothing was running\n")


def test_topics_lists_the_whole_catalogue(tranche: Tranche) -> None:
    lines = tranche("topics").stdout.splitlines()
    assert [line for line in lines if line and not line.startswith(" ")] == [topic.name for topic in TOPICS]


def test_a_token_names_its_party_and_is_signed_with_the_secret(tranche: Tranche) -> None:
    secret = "s" * 32
    done = tranche("token", "--role", "employer", "--party", "emp_1", TRANCHE_AUTH_SECRET=secret)
    claims = jwt.decode(done.stdout.strip(), secret, ["HS256"])
    assert (claims["role"], claims["sub"], claims["exp"] - claims["iat"]) == ("employer", "emp_1", 12 * 3600)


def test_a_token_without_a_platform_says_what_to_do(tranche: Tranche) -> None:
    _fails_in_one_line(tranche("token", "--role", "employer", "--party", "emp_1"), "tranche up --detach")


def test_a_token_of_an_unknown_role_is_refused(tranche: Tranche) -> None:
    _fails_in_one_line(tranche("token", "--role", "king", "--party", "emp_1"), "no role king")


def test_the_clock_moves_forward_and_stays_there(tranche: Tranche) -> None:
    tranche("clock", "advance", "14d")
    shown = datetime.fromisoformat(tranche("clock", "now").stdout.split()[0])
    assert 13.99 < (shown - datetime.now(UTC)).total_seconds() / 86_400 < 14.01


def test_a_wrong_duration_is_one_line(tranche: Tranche) -> None:
    _fails_in_one_line(tranche("clock", "advance", "soon"), "'soon' is no duration")


def test_an_unknown_service_is_one_line(tranche: Tranche) -> None:
    _fails_in_one_line(tranche("run", "nothing"), "there is no service nothing", "funding")


def test_a_wrong_word_is_one_line(tranche: Tranche) -> None:
    done = tranche("fly")
    assert done.returncode == 2
    assert done.stderr == "tranche: No such command 'fly'.\n"


def test_tail_before_up_says_what_to_do(tranche: Tranche) -> None:
    _fails_in_one_line(tranche("tail"), "tranche up --detach")


def test_tail_of_an_unknown_topic_is_one_line(tranche: Tranche, platform: Backing) -> None:
    done = tranche("tail", "no.such.topic", TRANCHE_KAFKA_BOOTSTRAP=platform.kafka_bootstrap)
    _fails_in_one_line(done, "there is no topic no.such.topic")


def test_tail_shows_what_is_there_in_order_of_time(tranche: Tranche, platform: Backing) -> None:
    first, second = platform.new_topic("first"), platform.new_topic("second")
    for number, topic in enumerate((second, first, second, first)):
        _produce(platform, topic, f"con_{number}")
    done = tranche("tail", first, second, "--from-start", "--once", TRANCHE_KAFKA_BOOTSTRAP=platform.kafka_bootstrap)
    assert [line.split()[5] for line in done.stdout.splitlines()] == ["con_0", "con_1", "con_2", "con_3"]


def test_tail_of_one_contract_leaves_the_others_out(tranche: Tranche, platform: Backing) -> None:
    topic = platform.new_topic()
    for key in ("con_1", "con_2", "con_1"):
        _produce(platform, topic, key)
    done = tranche(
        "tail",
        topic,
        "--from-start",
        "--once",
        "--contract",
        "con_2",
        TRANCHE_KAFKA_BOOTSTRAP=platform.kafka_bootstrap,
    )
    assert [line.split()[5] for line in done.stdout.splitlines()] == ["con_2"]


def test_tail_follows_what_comes_and_ends_after_max(root: Path, platform: Backing) -> None:
    topic = platform.new_topic()
    _produce(platform, topic, "con_old")
    with subprocess.Popen(
        [sys.executable, "-m", "deploy.local.cli", "tail", topic, "--max", "1"],
        cwd=CHECKOUT,
        env={**os.environ, "TRANCHE_LOCAL_ROOT": str(root), "TRANCHE_KAFKA_BOOTSTRAP": platform.kafka_bootstrap},
        stdout=subprocess.PIPE,
        text=True,
    ) as tailing:
        while tailing.poll() is None:  # it starts at the end of the topic, whenever it has started
            _produce(platform, topic, "con_new")
            time.sleep(0.2)
        assert tailing.stdout is not None
        assert tailing.stdout.read().split()[5] == "con_new"


def test_an_unreadable_record_does_not_end_tail(tranche: Tranche, platform: Backing) -> None:
    topic = platform.new_topic(partitions=1)
    producer = Producer({"bootstrap.servers": platform.kafka_bootstrap})
    producer.produce(topic, value=b"\xff\x00")
    producer.flush(10)
    _produce(platform, topic, "con_1")
    done = tranche("tail", topic, "--from-start", "--once", TRANCHE_KAFKA_BOOTSTRAP=platform.kafka_bootstrap)
    assert "unreadable" in done.stdout.splitlines()[0]
    assert "con_1" in done.stdout.splitlines()[1]


def test_containers_that_cannot_be_used_are_said_in_one_line(tranche: Tranche) -> None:
    done = tranche("up", "--containers", "--detach", DOCKER_HOST="tcp://127.0.0.1:1")
    _fails_in_one_line(done, "containers cannot be used", "--containers")


@pytest.mark.parametrize("words", [("demo",), ("up", "--detach")])
def test_what_needs_local_processes_says_so_while_containers_run(
    tranche: Tranche, root: Path, words: tuple[str, ...]
) -> None:
    (root / "compose").write_text("tranche-of-a-test\n")  # as `tranche up --containers` leaves it
    _fails_in_one_line(tranche(*words), "runs in containers here", "tranche down")


def _produce(platform: Backing, topic: str, key: str) -> None:
    envelope = Envelope("evt_1", "funding.milestone_funded.v1", "funding", "mil_1", datetime.now(UTC), "evt_1", "")
    producer = Producer({"bootstrap.servers": platform.kafka_bootstrap, "acks": "all"})
    producer.produce(topic, key=key, value=b"{}", headers=write_headers(envelope))
    assert producer.flush(10) == 0
    time.sleep(0.002)  # record times are in milliseconds
