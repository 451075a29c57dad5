"""Payouts at work, on a database of the module's own."""

from collections.abc import Iterator
from itertools import count

import pytest

from services.payouts.service import SERVICE
from tests.integration.bench import Bench
from tests.integration.payouts.trainer import Trainer
from tests.platform.backing import Backing

_NUMBERS = count(1)


@pytest.fixture(scope="module")
def bench(platform: Backing) -> Iterator[Bench]:
    """The service, without its worker and relay: tests hand it what it is to hear."""
    bench = Bench(SERVICE, platform)
    yield bench
    bench.close()


@pytest.fixture
def trainer(bench: Bench) -> Trainer:
    """A trainer with one released milestone that nobody else uses."""
    return Trainer(bench, f"p{next(_NUMBERS)}")
