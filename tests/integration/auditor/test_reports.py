"""The reports that the auditor keeps, in a real database."""

from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services import auditor
from services.auditor.nightly.plan import Kept
from services.auditor.nightly.reports import Reports
from services.runtime.database import migrate, open_engine
from tests.platform.backing import Backing

NIGHT = datetime(2026, 1, 5, 3, tzinfo=UTC)
REPORT = Kept(
    night=NIGHT,
    at=NIGHT + timedelta(minutes=9),
    looks=4,
    agrees=False,
    differences=[("facts and ledger", "charge", "ch_1", "usd", 700)],
    short={"usd": 500},
    alarms=["swept"],
    frozen=["mst_1"],
    lines=["DIFFERENT facts and ledger: 1"],
)


@pytest.fixture(scope="module")
def url(platform: Backing) -> str:
    found = platform.new_database("auditor")
    migrate(found, Path(auditor.__path__[0]))
    return found


@pytest.fixture
def replicas(url: str) -> Iterator[tuple[Reports, Reports]]:
    """Two replicas of the auditor, as far as its database goes."""
    engines = [open_engine(url, pool_size=2) for _ in range(2)]
    yield Reports(engines[0]), Reports(engines[1])
    for engine in engines:
        engine.dispose()


@pytest.mark.scenario(76)
def test_one_replica_at_a_time_reconciles(replicas: tuple[Reports, Reports]) -> None:
    one, other = replicas
    with one.alone() as first, other.alone() as second:
        assert (first, second) == (True, False)
    with other.alone() as first, one.alone() as second:
        assert (first, second) == (True, False)


def test_the_last_report_is_read_as_it_was_kept_and_a_night_has_one(replicas: tuple[Reports, Reports]) -> None:
    one, other = replicas
    assert one.last() is None

    one.keep(REPORT)
    other.keep(replace(REPORT, agrees=True))
    assert other.last() == REPORT

    next_night = replace(REPORT, night=NIGHT + timedelta(days=1), agrees=True, differences=[], short={}, frozen=[])
    other.keep(next_night)
    assert one.last() == next_night
