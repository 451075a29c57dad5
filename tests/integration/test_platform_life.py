"""The local platform's life: up, down, crashes and neighbours, with a toy in place of the services."""

import json
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import httpx
import psycopg
import pytest
from confluent_kafka.admin import AdminClient, ConfigResource

from deploy.local.errors import LocalError
from deploy.local.layout import CHECKOUT, Layout
from deploy.local.platform import ExternalBacking, Platform
from deploy.local.ports import free_port, is_free
from deploy.local.processes import start_moment
from deploy.local.services import LocalService
from schemas.catalogue import TOPICS, topic_named
from tests.platform.backing import Backing
from tests.platform.local import temporary_root

TOYS = (
    LocalService("stripe_sandbox", has_database=False, package="tests.platform.toy_service"),
    LocalService("contracts", package="tests.platform.toy_service"),
    LocalService("portal", package="tests.platform.toy_service"),
)


@pytest.fixture
def toys(platform: Backing) -> Iterator[Platform]:
    """A platform of toys on the session's Kafka and PostgreSQL; not up yet."""
    with temporary_root() as root:
        yield _toys(root, platform)


def _toys(root: Path, backing: Backing, front_door_port: int | None = None) -> Platform:
    return Platform(
        Layout(root),
        front_door_port=front_door_port,
        backing=ExternalBacking(backing.kafka_bootstrap, backing.database_url),
        services=TOYS,
    )


def _settings(platform: Platform, service: str) -> dict[str, str]:
    url = platform.surroundings().url_of(service)
    settings: dict[str, str] = json.loads(httpx.get(url, trust_env=False).text)
    return settings


def _ended(platform: Platform, service: str) -> None:
    give_up = time.monotonic() + 20
    while platform.processes.find(service) is not None:
        assert time.monotonic() < give_up, f"{service} has not ended"
        time.sleep(0.02)


def _pids(platform: Platform) -> dict[str, int | None]:
    return {status.name: status.pid for status in platform.status()}


def test_up_creates_the_topics_of_the_catalogue(toys: Platform, platform: Backing) -> None:
    toys.up()
    topics = AdminClient({"bootstrap.servers": platform.kafka_bootstrap}).list_topics(timeout=10).topics
    assert {t.name: t.partitions for t in TOPICS}.items() <= {n: len(t.partitions) for n, t in topics.items()}.items()


@pytest.mark.parametrize("name", ["contracts.events", "contracts.commands"])
def test_a_topic_keeps_its_records_as_long_as_the_catalogue_says(toys: Platform, platform: Backing, name: str) -> None:
    toys.up()
    asked = ConfigResource(ConfigResource.Type.TOPIC, name)
    admin = AdminClient({"bootstrap.servers": platform.kafka_bootstrap})
    config = admin.describe_configs([asked])[asked].result(10)
    assert int(config["retention.ms"].value) == topic_named(name).retention_ms


def test_up_creates_a_database_for_each_service_that_has_one(toys: Platform, platform: Backing) -> None:
    toys.up()
    with psycopg.connect(f"{platform.database_url}/tranche") as connection:
        names = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
    assert {"tranche_contracts", "tranche_portal"} <= names
    assert "tranche_stripe_sandbox" not in names


def test_a_second_up_changes_nothing(toys: Platform) -> None:
    assert toys.up() is True
    before = _pids(toys)
    assert toys.up() is False
    assert _pids(toys) == before


def test_up_starts_again_what_was_killed_and_nothing_else(toys: Platform) -> None:
    toys.up()
    before = _pids(toys)
    toys.processes.kill("contracts")
    assert {s.name: s.state for s in toys.status()}["contracts"] == "ended"
    toys.up()
    after = _pids(toys)
    assert after["contracts"] not in (None, before["contracts"])
    assert {**after, "contracts": None} == {**before, "contracts": None}


def test_a_killed_service_comes_back_at_the_same_address(toys: Platform) -> None:
    toys.up()
    before = toys.surroundings().ports
    toys.processes.kill("contracts")
    toys.start_service("contracts")
    assert toys.surroundings().ports == before
    assert {s.name: s.state for s in toys.status()}["contracts"] == "ready"


def test_a_changed_setting_restarts_the_services(toys: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    toys.up()
    monkeypatch.setenv("TRANCHE_LOG_LEVEL", "DEBUG")
    assert toys.up() is True
    assert _settings(toys, "contracts")["TRANCHE_LOG_LEVEL"] == "DEBUG"


def test_where_things_are_is_not_the_shells_to_say(toys: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANCHE_DATABASE_URL", "postgresql://elsewhere")
    toys.up()
    assert _settings(toys, "contracts")["TRANCHE_DATABASE_URL"] == toys.surroundings().database_url


def test_a_variable_of_the_shell_goes_before_a_development_secret(
    toys: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANCHE_STRIPE_API_KEY", "sk_test_mine")
    toys.up()
    assert _settings(toys, "contracts")["TRANCHE_STRIPE_API_KEY"] == "sk_test_mine"


def test_the_front_door_knows_where_the_services_are(toys: Platform) -> None:
    toys.up()
    around = toys.surroundings()
    assert _settings(toys, "portal")["TRANCHE_UPSTREAM_CONTRACTS"] == around.url_of("contracts")


def test_the_sandbox_sends_its_webhooks_through_the_front_door(toys: Platform) -> None:
    toys.up()
    door = toys.surroundings().url_of("portal")
    assert _settings(toys, "stripe_sandbox")["TRANCHE_SANDBOX_WEBHOOK_URL"] == f"{door}/webhooks/stripe"


def test_secrets_stay_the_same_and_are_for_their_owner_alone(toys: Platform) -> None:
    toys.up()
    kept = toys.layout.secrets.read_text()
    toys.down()
    toys.up()
    assert toys.layout.secrets.read_text() == kept
    assert toys.layout.secrets.stat().st_mode & 0o777 == 0o600


def test_down_leaves_no_process(toys: Platform) -> None:
    toys.up()
    pids = [pid for pid in _pids(toys).values() if pid]
    assert sorted(toys.down()) == ["contracts", "portal", "stripe_sandbox"]
    assert [start_moment(pid) for pid in pids] == [None] * 3
    assert toys.down() == []


def test_remove_leaves_no_file(toys: Platform) -> None:
    toys.up()
    toys.down()
    toys.remove()
    assert not toys.layout.root.exists()


def test_a_service_that_ends_at_once_is_told_with_its_own_words(
    toys: Platform, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("TRANCHE_TOY", "crash")
    with pytest.raises(LocalError, match="ended while it started: the toy was told to crash"):
        toys.up()
    _ended(toys, "contracts")  # the first that ends is told at once: the others may only be on their way to it
    assert {status.name: status.last_words for status in toys.status()}["contracts"] == "the toy was told to crash"


def test_a_service_that_does_not_listen_to_sigterm_is_killed(toys: Platform, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("deploy.local.platform._STOP_LIMIT_S", 0.3)
    monkeypatch.setenv("TRANCHE_TOY", "stubborn")
    toys.up()
    pids = [pid for pid in _pids(toys).values() if pid]
    toys.down()
    assert [start_moment(pid) for pid in pids] == [None] * 3


def test_the_front_door_takes_another_port_when_the_preferred_one_is_busy(platform: Backing) -> None:
    with socket.create_server(("127.0.0.1", 0)) as busy, temporary_root() as root:
        preferred = busy.getsockname()[1]
        toys = _toys(root, platform, front_door_port=preferred)
        toys.up()
        assert toys.surroundings().ports["portal"] != preferred


def test_the_front_door_moves_when_its_port_was_taken_while_it_was_down(toys: Platform) -> None:
    toys.up()
    before = toys.surroundings().ports["portal"]
    toys.processes.kill("portal")
    with socket.create_server(("127.0.0.1", before)):
        toys.up()
        after = toys.surroundings()
        assert after.ports["portal"] != before
        assert _settings(toys, "contracts")["TRANCHE_PUBLIC_URL"] == after.public_url


def test_two_platforms_side_by_side_share_nothing_but_the_tools(toys: Platform, platform: Backing) -> None:
    with temporary_root() as root:
        other = _toys(root, platform)
        toys.up()
        other.up()
        assert not set(toys.surroundings().ports.values()) & set(other.surroundings().ports.values())
        assert toys.layout.secrets.read_text() != other.layout.secrets.read_text()
        other.down()
        assert {status.state for status in toys.status()} == {"ready"}


def test_two_platforms_that_start_at_once_and_want_the_same_front_door_both_come_up(platform: Backing) -> None:
    preferred = free_port()
    with temporary_root() as root, temporary_root() as other_root, ThreadPoolExecutor() as at_once:
        both = [_toys(one, platform, front_door_port=preferred) for one in (root, other_root)]
        assert list(at_once.map(Platform.up, both)) == [True, True]
        assert len({toys.surroundings().ports["portal"] for toys in both}) == 2
        for toys in both:
            assert _settings(toys, "portal")["TRANCHE_CLOCK_FILE"] == str(toys.layout.clock)


def test_a_record_of_a_process_whose_id_was_given_to_another_is_never_killed(toys: Platform) -> None:
    toys.up()
    record = toys.layout.root / "run" / "contracts.json"
    ours = json.loads(record.read_text())
    toys.processes.kill("contracts")
    record.write_text(json.dumps({**ours, "pid": os.getpid()}))
    toys.processes.kill("contracts")  # would end this very test run
    assert toys.processes.find("contracts") is None


def test_a_real_kafka_and_postgresql_survive_kill_9() -> None:
    with temporary_root() as root:
        real = Platform(Layout(root), durable=False, front_door_port=None, services=TOYS)
        real.up()
        around = real.surroundings()
        with psycopg.connect(f"{around.database_url}/tranche", autocommit=True) as connection:
            connection.execute("CREATE TABLE kept AS SELECT 1 AS one")
        real.processes.kill("kafka")
        real.processes.kill("postgres")
        real.up()
        with psycopg.connect(f"{around.database_url}/tranche") as connection:
            assert connection.execute("SELECT one FROM kept").fetchone() == (1,)
        admin = AdminClient({"bootstrap.servers": around.kafka_bootstrap, "log_level": 0})
        assert "contracts.events" in admin.list_topics(timeout=10).topics
        assert real.surroundings() == around
        ports = [real.ports.get(name) for name in ("kafka", "postgres")]
        real.down()
        assert all(port and is_free(port) for port in ports)


_KILLED_SESSION = """
import os, time
from deploy.local.layout import CHECKOUT, Layout
from tests.platform.local import temporary_root
with temporary_root() as root:
    process = Layout(root).processes().start("sleeper", ["sleep", "60"], {"PATH": os.environ["PATH"]}, cwd=root)
    print(root, process.pid, flush=True)
    time.sleep(60)
"""


def test_what_a_killed_session_started_is_ended_by_its_guard() -> None:
    with subprocess.Popen(
        [sys.executable, "-c", _KILLED_SESSION], cwd=CHECKOUT, stdout=subprocess.PIPE, text=True
    ) as session:
        assert session.stdout is not None
        root, pid = session.stdout.readline().split()
        assert start_moment(int(pid)) is not None
        session.kill()
    give_up = time.monotonic() + 20
    while (start_moment(int(pid)) or Path(root).exists()) and time.monotonic() < give_up:
        time.sleep(0.05)
    assert start_moment(int(pid)) is None
    assert not Path(root).exists()
