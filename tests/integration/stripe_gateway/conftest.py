"""One gateway beside one sandbox for each module; tests keep apart by names."""

from collections.abc import Iterator

import pytest

from tests.integration.stripe_gateway.bench import Bench
from tests.integration.stripe_gateway.parties import Employer, Trainer
from tests.platform.backing import Backing


@pytest.fixture(scope="module")
def running_bench(
    request: pytest.FixtureRequest, platform: Backing, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[Bench]:
    """With the settings that the module names in `SETTINGS`, where it does."""
    bench = Bench(platform, tmp_path_factory.mktemp("gateway"), **getattr(request.module, "SETTINGS", {}))
    bench.start()
    bench.open_desk()
    yield bench
    bench.close()


@pytest.fixture
def bench(running_bench: Bench) -> Iterator[Bench]:
    """The module's gateway, at work, on a good day."""
    if not running_bench.desk.is_alive():
        running_bench.open_desk()
    yield running_bench
    running_bench.sandbox.control("DELETE", "faults")
    running_bench.policy()


@pytest.fixture
def employer(bench: Bench) -> Employer:
    """An employer with a good card."""
    return Employer(bench).save_card("4242424242424242")


@pytest.fixture
def trainer(bench: Bench) -> Trainer:
    """A trainer whose payout account is ready."""
    return Trainer(bench).open_account().complete_onboarding()


@pytest.fixture
def deaf(bench: Bench, employer: Employer) -> Iterator[None]:
    """No webhook comes once the card is saved: only the answers to our calls, and our own looks, tell what happened."""
    bench.quiet()
    bench.policy(drop=["*"])
    yield
    bench.policy()
