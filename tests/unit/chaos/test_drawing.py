"""The same seed gives the same faults and the same load; every kind of fault has its turn."""

import itertools

import pytest

from tests.chaos import plan, schedule
from tests.chaos.book import Book
from tests.chaos.faults import _DO
from tests.chaos.load import _is_done, _is_possible

_LONG_S = 3_600.0


def test_a_seed_gives_the_same_faults_again() -> None:
    assert schedule.draw(7, 600, disks=True) == schedule.draw(7, 600, disks=True)


def test_another_seed_gives_other_faults() -> None:
    assert schedule.draw(7, 600, disks=True) != schedule.draw(8, 600, disks=True)


def test_every_kind_happens_and_can_be_done() -> None:
    drawn = {fault.kind for hand in schedule.draw(1, _LONG_S, disks=True) for fault in hand}
    assert drawn == {*schedule.SERVICES, *schedule.BACKING, *schedule.SURROUNDINGS}
    assert drawn == set(_DO)


def test_without_small_disks_none_is_filled() -> None:
    drawn = {fault.kind for hand in schedule.draw(1, _LONG_S, disks=False) for fault in hand}
    assert not [kind for kind in drawn if kind.startswith("disk")]
    assert "kill" in drawn


def test_only_the_kinds_that_were_asked_for() -> None:
    drawn = {fault.kind for hand in schedule.draw(1, _LONG_S, disks=True, kinds=("replay", "cut")) for fault in hand}
    assert drawn == {"replay", "cut"}


def test_a_hands_faults_do_not_overlap_and_end_with_the_run() -> None:
    for hand in schedule.draw(3, 600, disks=True):
        assert hand
        for one, after in itertools.pairwise(hand):
            assert after.at_s > one.at_s + one.for_s
        assert hand[-1].at_s < 600


def test_a_seed_gives_the_same_load_again() -> None:
    assert plan.draw(7, 500, 600) == plan.draw(7, 500, 600)


@pytest.mark.parametrize("milestones", [1, 60, 2_400])
def test_there_are_as_many_milestones_as_asked_each_with_a_name_of_its_own(milestones: int) -> None:
    drawn = plan.draw(5, milestones, 600)
    assert len({one.milestone_id for one in drawn.milestones}) == milestones
    assert len(drawn.milestones) == milestones


def test_all_milestones_are_begun_before_the_first_eighth_of_the_time_is_over() -> None:
    drawn = plan.draw(5, 2_400, 600)
    assert max(one.begin.due_s for one in drawn.milestones) <= 600 / 8
    assert max(act.due_s for one in drawn.milestones for act in one.acts) <= 600


def test_every_end_is_in_a_large_load_and_every_act_is_known() -> None:
    drawn = plan.draw(5, 2_400, 600)
    assert {one.end for one in drawn.milestones} == set(plan.ENDS)
    book = Book(drawn)
    for one in drawn.milestones:
        for act in one.acts:
            seen = book.milestones[one.milestone_id]
            assert _is_possible(seen, act) in (True, False)
            assert not _is_done(seen, act)
