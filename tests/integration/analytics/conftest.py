"""A broker of these tests' own: they publish as `funding`, and put on its topic what no service would."""

from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from deploy.local.layout import Layout
from tests.integration.analytics.world import World
from tests.platform import containers
from tests.platform.backing import Backing
from tests.platform.local import short_lived_kafka, temporary_root


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "world" in getattr(item, "fixturenames", ()):
            item.add_marker("integration")


@pytest.fixture(scope="module")
def broker(request: pytest.FixtureRequest) -> Iterator[Backing]:
    """A real Kafka, by the same ways as the `platform` fixture's."""
    with containers.container_backing() if request.config.getoption("--containers") else _local() as backing:
        yield backing


@pytest.fixture(scope="module")
def world(broker: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The platform's topics on it. Shared by the tests of a file: they use currencies of their own."""
    found = World(broker, tmp_path_factory.mktemp("analytics"))
    yield found
    found.close()


@contextmanager
def _local() -> Iterator[Backing]:
    with temporary_root() as root:
        yield Backing(short_lived_kafka(Layout(root)).start(), "")
