"""Fixtures that every test may use: the real Kafka and PostgreSQL, and the whole platform."""

import os
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, settings

from deploy.local.platform import ExternalBacking
from tests.platform import containers
from tests.platform.backing import Backing
from tests.platform.local import local_backing
from tests.platform.running import RunningPlatform
from tests.platform.running import running_platform as start_platform

settings.register_profile("tranche", deadline=None, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("tranche")  # how long an example takes is the machine's affair: timings decide no test

_MARKERS = {"platform": "integration", "running_platform": "e2e"}
"""What a test is when it uses the fixture: it need not say so itself."""


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--containers",
        action="store_true",
        default=os.environ.get("TRANCHE_TEST_PLATFORM") == "containers",
        help="Kafka and PostgreSQL in containers instead of local processes (needs an engine and the images)",
    )


def pytest_configure(config: pytest.Config) -> None:
    if config.getoption("--containers") and (trouble := containers.why_not()):
        raise pytest.UsageError(f"--containers: {trouble}")


@pytest.hookimpl(tryfirst=True)  # before -m selects by the markers
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        for fixture, marker in _MARKERS.items():
            if fixture in getattr(item, "fixturenames", ()):
                item.add_marker(marker)


@pytest.fixture(scope="session")
def platform(request: pytest.FixtureRequest) -> Iterator[Backing]:
    """A real Kafka and a real PostgreSQL: `.kafka_bootstrap`, `.database_url`, `.new_database()`, `.new_topic()`.

    Shared by the session: use names of your own. A test that uses it is marked `integration`.
    """
    in_containers = request.config.getoption("--containers")
    with containers.container_backing() if in_containers else local_backing() as backing:
        yield backing


@pytest.fixture(scope="module")
def running_platform(request: pytest.FixtureRequest) -> Iterator[RunningPlatform]:
    """Every service, up and ready, by a Kafka and a PostgreSQL that no other file's tests use.

    Shared by a file: use parties and contracts of your own, start again what you kill, and expect the clock to have
    been moved. What belongs to all, Stripe's balance and the clock, no other file has touched. A file that says
    `AUDITING = {...}` has the auditor run as well, with these settings. A test that uses it is marked `e2e`.
    """
    auditing = getattr(request.module, "AUDITING", None)
    if request.config.getoption("--containers"):
        with containers.container_backing() as found:
            backing = ExternalBacking(found.kafka_bootstrap, found.database_url)
            with start_platform(backing, auditing) as running:
                yield running
    else:
        with start_platform(auditing=auditing) as running:
            yield running
