"""The story of one milestone on the whole platform, fresh parties for each test."""

from collections.abc import Callable, Iterator

import pytest

from deploy.local.story import Place, Story
from services.auditor.audit import database_urls
from services.auditor.reconcile.findings import Reconciliation
from services.auditor.reconcile.look import Surroundings, reconcile
from services.auditor.reconcile.stripe_side import open_library
from tests.platform.running import RunningPlatform


@pytest.fixture(scope="module")
def place(running_platform: RunningPlatform) -> Place:
    """Where a story happens."""
    return Place(
        front_door=running_platform.front_door,
        sandbox=running_platform.sandbox,
        stripe_key=running_platform.stripe_key,
        clock=running_platform.clock,
        token=running_platform.token,
    )


@pytest.fixture
def story(place: Place) -> Iterator[Story]:
    """A story of its own parties."""
    told = Story(place)
    yield told
    told.close()


@pytest.fixture
def look(running_platform: RunningPlatform) -> Iterator[Callable[[], Reconciliation]]:
    """Reconciles the running platform."""
    with open_library(running_platform.stripe_key, running_platform.sandbox) as stripe:
        around = Surroundings(database_urls(running_platform.database_url), running_platform.kafka_bootstrap, stripe)
        yield lambda: reconcile(around, running_platform.clock.now, looks=4, pause_s=0.7)


@pytest.fixture
def tell(story: Story) -> Callable[[str], None]:
    """Tell the story up to and with the step of this name."""

    def up_to(last: str) -> None:
        for step in story.steps():
            step.act()
            if step.name == last:
                return
        pytest.fail(f"the story has no step {last}")

    return up_to
