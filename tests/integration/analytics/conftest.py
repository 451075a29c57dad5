"""A broker of these tests' own: they publish as `funding`, and put on its topic what no service would."""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from deploy.local.kafka import Jars, Kafka
from deploy.local.layout import Layout
from tests.integration.analytics.world import World
from tests.platform import containers
from tests.platform.backing import Backing
from tests.platform.local import temporary_root


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if "world" in getattr(item, "fixturenames", ()):
            item.add_marker("integration")


@pytest.fixture(scope="session")
def broker(request: pytest.FixtureRequest) -> Iterator[Backing]:
    """A real Kafka, by the same ways as the `platform` fixture's."""
    with containers.container_backing() if request.config.getoption("--containers") else _local() as backing:
        yield backing


@pytest.fixture(scope="session")
def world(broker: Backing, tmp_path_factory: pytest.TempPathFactory) -> Iterator[World]:
    """The platform's topics on it. Shared by all tests here: they use currencies of their own."""
    found = World(broker, tmp_path_factory.mktemp("analytics"))
    yield found
    found.close()


@contextmanager
def _local() -> Iterator[Backing]:
    with temporary_root() as root:
        layout = Layout(root)
        ports, processes = layout.ports(), layout.processes()
        kafka = Kafka(home=Path(layout.kafka), jars=Jars(layout.tools), ports=ports, processes=processes, heap_mb=512)
        yield Backing(kafka.start(), "")
