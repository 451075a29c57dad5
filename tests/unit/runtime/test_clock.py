"""The movable clock: one file, every process."""

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from services.runtime.clock import MovableClock, SystemClock, clock_from

THREE_DAYS = timedelta(days=3)


def test_when_the_move_is_made_everybody_who_shares_the_file_has_seen_it(tmp_path: Path) -> None:
    mover, other = MovableClock(tmp_path / "clock"), MovableClock(tmp_path / "clock")
    other.now()  # it has just looked, and looks again after a while only
    moved_to = mover.advance(THREE_DAYS)
    assert moved_to - datetime.now(UTC) > THREE_DAYS - timedelta(minutes=1)
    assert other.now() >= moved_to


def test_moves_add_up(tmp_path: Path) -> None:
    clock = MovableClock(tmp_path / "of" / "tests" / "clock")
    assert clock.offset_s() == 0
    clock.advance(THREE_DAYS)
    MovableClock(tmp_path / "of" / "tests" / "clock").advance(timedelta(seconds=1.5))
    assert clock.offset_s() == THREE_DAYS.total_seconds() + 1.5


def test_time_never_goes_back(tmp_path: Path) -> None:
    clock = MovableClock(tmp_path / "clock")
    with pytest.raises(ValueError, match="forward"):
        clock.advance(timedelta(seconds=-1))
    assert not (tmp_path / "clock").exists()


def test_without_a_file_the_clock_is_the_machines(tmp_path: Path) -> None:
    assert isinstance(clock_from(None), SystemClock)
    assert isinstance(clock_from(tmp_path / "clock"), MovableClock)
