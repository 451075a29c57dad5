"""A service built anew from the topics is the same as the live one; what was changed past its code is named."""

from collections.abc import Iterator

import psycopg
import pytest

from deploy.local.replaying import subject_of
from deploy.local.story import Place, Story
from services.auditor.replay.replay import Replayed, replay
from services.auditor.replay.telling import tell
from tests.platform.running import RunningPlatform

SERVICES = ("contracts", "approvals", "funding", "payouts")


@pytest.fixture(scope="module")
def told(running_platform: RunningPlatform) -> Iterator[Story]:
    """A story that was told to its end."""
    story = Story(
        Place(
            front_door=running_platform.front_door,
            sandbox=running_platform.sandbox,
            stripe_key=running_platform.stripe_key,
            clock=running_platform.clock,
            token=running_platform.token,
        )
    )
    for step in story.steps():
        step.act()
    yield story
    story.close()


def _replay(running_platform: RunningPlatform, service: str) -> Replayed:
    return replay(subject_of(service), running_platform.database_url, running_platform.kafka_bootstrap)


@pytest.mark.parametrize("service", SERVICES)
@pytest.mark.usefixtures("told")
def test_a_service_rebuilt_from_the_topics_is_the_same(service: str, running_platform: RunningPlatform) -> None:
    report = _replay(running_platform, service)

    assert report.same, "\n".join(tell(report))
    assert report.left_out == {}
    assert report.inputs > 5
    assert report.rows > 0
    assert report.facts > 0


def test_a_row_that_was_changed_past_the_code_is_named(told: Story, running_platform: RunningPlatform) -> None:
    url = f"{running_platform.database_url}/tranche_contracts"
    with psycopg.connect(url, autocommit=True) as connection:
        change = "UPDATE milestones SET held_minor = held_minor + %s WHERE milestone_id = %s"
        connection.execute(change, (5, told.second))
        report = _replay(running_platform, "contracts")
        connection.execute(change, (-5, told.second))

    (found,) = report.mismatches
    assert (found.what, found.id) == ("row of milestones", told.second)
    assert (found.live, found.rebuilt) == ("held_minor 80005", "held_minor 80000")
    assert not report.same


@pytest.mark.usefixtures("told")
def test_nothing_is_left_of_the_rebuild(running_platform: RunningPlatform) -> None:
    _replay(running_platform, "approvals")

    with psycopg.connect(f"{running_platform.database_url}/postgres", autocommit=True) as connection:
        left = connection.execute("SELECT datname FROM pg_database WHERE datname LIKE 'replay%'").fetchall()
    assert left == []
