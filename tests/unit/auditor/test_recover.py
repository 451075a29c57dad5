"""Which lines of a decision may have been lost on their way to the topics, and which were never said."""

import pytest

from schemas.envelope import Envelope
from services.auditor.replay.recover import Missing
from services.auditor.topics import Said
from services.runtime.lanes import lane_of
from tests.unit.auditor.builders import NOW

PLACE = ("payouts.commands", lane_of("trn_1"))


def _missing(tail: int) -> Missing:
    """A decision about `cause` of which number 7 arrived on another topic; `tail`: the last number in PLACE."""
    envelope = Envelope("evt_7", "payouts.payout_initiated.v1", "payouts", "", NOW, "", "cause", 7)
    return Missing([Said("payouts.events", 0, 0, "ctr_1", envelope, {})], 9, (), frozenset(), {PLACE: tail})


@pytest.mark.parametrize("tail", [0, 6, 7])
def test_a_line_behind_which_nothing_arrived_may_have_been_lost(tail: int) -> None:
    assert _missing(tail).was_not_published("payouts.commands", "trn_1", "cause")


def test_a_line_was_never_said_when_a_later_one_arrived_behind_it() -> None:
    assert not _missing(9).was_not_published("payouts.commands", "trn_1", "cause")


def test_a_decision_of_which_nothing_arrived_was_perhaps_another() -> None:
    assert not _missing(0).was_not_published("payouts.commands", "trn_1", "another cause")
