"""Funding at work, on a database of the module's own."""

from collections.abc import Iterator
from itertools import count

import pytest

from services.funding.service import SERVICE
from tests.integration.bench import Bench
from tests.integration.funding.charges import Charge
from tests.platform.backing import Backing

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def bench(platform: Backing) -> Iterator[Bench]:
    """The service, without its worker and relay: tests hand it what it is to hear."""
    bench = Bench(SERVICE, platform)
    yield bench
    bench.close()


@pytest.fixture
def charge(bench: Bench) -> Charge:
    """Parties and a milestone that nobody else uses; `charge.added()` tells funding of it."""
    return Charge(bench, f"f{next(_NUMBERS)}")
