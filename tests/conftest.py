"""Fixtures that every test may use: the real Kafka and PostgreSQL, and the whole platform."""

import os
from collections.abc import Iterator

import pytest

from tests.platform.backing import Backing
from tests.platform.local import local_backing

_MARKERS = {"platform": "integration"}


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--containers",
        action="store_true",
        default=os.environ.get("TRANCHE_TEST_PLATFORM") == "containers",
        help="Kafka and PostgreSQL in containers instead of local processes (needs an engine and the images)",
    )


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
    with local_backing() as backing:
        yield backing
