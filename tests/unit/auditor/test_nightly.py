"""When a night is due, what it freezes, what is kept of it and told."""

from collections.abc import Sequence
from contextlib import contextmanager
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from schemas.funding import FreezeFunds
from services.auditor import metrics
from services.auditor.nightly.nightly import Nightly
from services.auditor.nightly.plan import NEVER, Kept, due, headline, kept, to_freeze
from services.auditor.reconcile.findings import Cover, Difference, Reconciliation
from services.auditor.rounds import Pause
from tests.unit.auditor.builders import NOW

NIGHT = datetime(2026, 1, 5, 3, tzinfo=UTC)


def difference(milestone_id: str = "mst_1", amount_minor: int = 700, **more: Any) -> Difference:
    found = Difference(
        "facts and ledger", "charge", "ch_1", milestone_id, "ctr_1", "usd", amount_minor, "the ledger has more"
    )
    return replace(found, **more)


def report(*differences: Difference, alarms: Sequence[str] = (), short_minor: int = 0) -> Reconciliation:
    cover = Cover("usd", {"held": 10_000}, 10_000 - short_minor, 0, 0, 0)
    return Reconciliation(NOW, 4, [], differences, [cover], [], alarms)


# -- when ------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("now", "last", "found"),
    [
        (NIGHT, NIGHT - timedelta(days=1), NIGHT),
        (NIGHT - timedelta(seconds=1), NIGHT - timedelta(days=1), None),
        (NIGHT + timedelta(hours=5), NIGHT, None),
        (NIGHT + timedelta(hours=5), NIGHT - timedelta(days=1), NIGHT),
        (NIGHT + timedelta(hours=23, minutes=59), NIGHT, None),
        (NIGHT + timedelta(hours=24), NIGHT, NIGHT + timedelta(days=1)),
    ],
    ids=["on the hour", "just before", "done", "missed, made up later in the day", "the day after", "the next night"],
)
@pytest.mark.scenario(76)
def test_a_night_is_due_from_its_hour_on_until_it_is_reconciled(
    now: datetime, last: datetime, found: datetime | None
) -> None:
    assert due(now, 3, last) == found


@pytest.mark.scenario(76)
def test_of_several_missed_nights_the_latest_is_made_up() -> None:
    assert due(NIGHT + timedelta(days=9, hours=1), 3, NIGHT) == NIGHT + timedelta(days=9)


def test_the_very_first_start_is_late_for_a_night() -> None:
    assert due(NIGHT - timedelta(hours=1), 3, None) == NIGHT - timedelta(days=1)


def test_an_hour_of_never_is_never_due() -> None:
    assert due(NIGHT, NEVER, None) is None


# -- what it freezes, what is kept -----------------------------------------------------------------------------


def test_the_milestones_that_differ_are_frozen_and_no_others() -> None:
    found = report(
        difference(), difference("mst_2", explained="on its way"), difference("mst_3", id="ch_3"), difference("")
    )

    assert list(to_freeze(found, None)) == [("mst_1", "ctr_1"), ("mst_3", "ctr_1")]


def test_what_was_frozen_the_night_before_is_not_frozen_again() -> None:
    before = kept(NIGHT, report(difference()), ["mst_1"])

    assert to_freeze(report(difference()), before) == {}
    assert list(to_freeze(report(difference(), difference("mst_2", id="ch_2")), before)) == [("mst_2", "ctr_1")]


def test_a_difference_that_has_grown_is_another_one() -> None:
    before = kept(NIGHT, report(difference()), ["mst_1"])

    assert list(to_freeze(report(difference(amount_minor=701)), before)) == [("mst_1", "ctr_1")]


def test_what_is_kept_names_all_that_must_be_looked_at() -> None:
    found = kept(NIGHT, report(difference(), alarms=["swept"], short_minor=500), ["mst_1"])

    assert (found.night, found.at, found.agrees) == (NIGHT, NOW, False)
    assert found.differences == [difference().identity]
    assert (found.short, found.alarms) == ({"usd": 500}, ["swept"])
    assert headline(found) == "1 difference; 1 alarm; 5.00 USD is not covered; newly frozen: mst_1"
    assert "ALARM swept" in found.lines


def test_what_agrees_is_told_so() -> None:
    found = kept(NIGHT, report(), [])

    assert found.agrees
    assert found.short == {}
    assert headline(found) == "ledger, Stripe and topics agree"


# -- the turn --------------------------------------------------------------------------------------------------


class Shelf:
    """Reports that are kept in memory; `free`: nobody else reconciles."""

    def __init__(self, *reports: Kept) -> None:
        self.reports = list(reports)
        self.free = True

    def last(self) -> Kept | None:
        return self.reports[-1] if self.reports else None

    def keep(self, report: Kept) -> None:
        self.reports.append(report)

    @contextmanager
    def alone(self) -> Any:
        yield self.free


class Watch:
    """A nightly reconciliation whose sides are what the test says; the clock stands at `now`."""

    def __init__(self, shelf: Shelf, found: Reconciliation, now: datetime = NIGHT) -> None:
        self.time = now
        self.found = found
        self.looks = 0
        self.frozen: list[str] = []
        self.kept_when_frozen = 0
        self._shelf = shelf
        self.nightly = Nightly(shelf, self, 3, self._reconcile, self._freeze)  # type: ignore[arg-type]

    def now(self) -> datetime:
        return self.time

    def turn(self) -> None:
        self.nightly.take_turn(lambda seconds: None)

    def _reconcile(self, pause: Pause) -> Reconciliation:
        self.looks += 1
        return self.found

    def _freeze(self, wanted: Sequence[FreezeFunds], now: datetime) -> None:
        self.kept_when_frozen = len(self._shelf.reports)
        self.frozen += [command.milestone_id for command in wanted]


@pytest.mark.scenario(76)
def test_a_night_is_reconciled_once_its_report_kept_and_what_differs_frozen_before() -> None:
    shelf = Shelf()
    watch = Watch(shelf, report(difference()))

    watch.turn()
    watch.turn()

    assert (watch.looks, watch.frozen, watch.kept_when_frozen) == (1, ["mst_1"], 0)
    assert [one.frozen for one in shelf.reports] == [["mst_1"]]


@pytest.mark.scenario(76)
def test_the_night_is_not_reconciled_while_another_replica_does_it_nor_after_it_did() -> None:
    shelf = Shelf()
    watch = Watch(shelf, report())
    shelf.free = False
    watch.turn()
    assert watch.looks == 0

    shelf.free = True
    shelf.keep(kept(NIGHT, report(), []))
    watch.turn()
    assert watch.looks == 0


@pytest.mark.scenario(76)
def test_the_next_night_comes_by_the_clock() -> None:
    shelf = Shelf()
    watch = Watch(shelf, report(difference()))
    watch.turn()
    watch.time += timedelta(days=1)

    watch.turn()

    assert (watch.looks, watch.frozen) == (2, ["mst_1"])
    assert [one.night for one in shelf.reports] == [NIGHT, NIGHT + timedelta(days=1)]


@pytest.mark.scenario(76)
def test_what_is_left_over_is_an_alarm_that_a_restart_does_not_end(caplog: pytest.LogCaptureFixture) -> None:
    shelf = Shelf()
    Watch(shelf, report(difference(), alarms=["swept"])).turn()
    assert [record.message for record in caplog.records if record.levelname == "CRITICAL"] == [
        "reconciled: 1 difference; 1 alarm; newly frozen: mst_1"
    ]
    assert _gauges() == (0, 1, 1)

    restarted = Watch(shelf, report(), NIGHT + timedelta(hours=1))
    metrics.RECONCILED_AGREES.set(1)
    restarted.turn()
    assert (restarted.looks, _gauges()) == (0, (0, 1, 1))

    restarted.time += timedelta(days=1)
    restarted.turn()
    assert _gauges() == (1, 0, 0)
    assert metrics.RECONCILED_AT._value.get() == NOW.timestamp()


def _gauges() -> tuple[float, float, float]:
    agrees, differences, alarms = metrics.RECONCILED_AGREES, metrics.DIFFERENCES, metrics.ALARMS
    return agrees._value.get(), differences._value.get(), alarms._value.get()
