"""Approvals at work, on a database of the module's own."""

from collections.abc import Iterator
from itertools import count

import pytest

from services.approvals.service import SERVICE
from tests.integration.approvals.work import Work
from tests.integration.bench import Bench
from tests.platform.backing import Backing

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def bench(platform: Backing) -> Iterator[Bench]:
    """The service, without its worker and relay: tests hand it what it is to hear."""
    bench = Bench(SERVICE, platform)
    yield bench
    bench.close()


@pytest.fixture
def work(bench: Bench) -> Work:
    """A milestone of its own that was added and not funded."""
    return Work(bench, f"a{next(_NUMBERS)}").added()
