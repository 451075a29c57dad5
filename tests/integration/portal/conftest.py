"""The front door before five small services."""

from collections.abc import Iterator

import httpx
import pytest

from services.portal.upstreams import Upstream
from tests.integration.portal import toys
from tests.integration.portal.serving import Server, front_door


@pytest.fixture(scope="module")
def door() -> Iterator[httpx.Client]:
    """A client at a door with everybody behind it."""
    apps = {
        "contracts": toys.contracts(),
        "funding": toys.a_service("funding"),
        "stripe_gateway": toys.gateway(),
    }
    servers = {name: Server(app) for name, app in apps.items()}
    with (
        front_door(*(Upstream(name, server.url) for name, server in servers.items())) as url,
        httpx.Client(base_url=url, trust_env=False, timeout=20) as client,
    ):
        yield client
    for server in servers.values():
        server.stop()
