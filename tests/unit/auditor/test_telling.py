"""How a reconciliation is told: in numbers that agree with their nouns, and without lines that say nothing."""

from collections.abc import Sequence
from datetime import date
from typing import Any

import pytest

from services.auditor.reconcile.findings import Reconciliation, Sums
from services.auditor.reconcile.telling import tell
from tests.unit.auditor.builders import NOW


def _told(sums: Sequence[Sums] = (), **more: Any) -> list[str]:
    return list(tell(Reconciliation(NOW, 1, sums, [], [], [], [], **more)))


def _day(number: int) -> Sums:
    return Sums(date(2026, 1, number), "usd", 700, 700, 700)


@pytest.mark.parametrize(
    ("counts", "said"),
    [
        (
            {"objects": 3, "milestones": 2, "bank_payouts": 1, "carried": 1},
            "3 objects at Stripe and 2 milestones compared; 1 bank payout carries 1 transfer",
        ),
        (
            {"objects": 1, "milestones": 1, "on_its_way": 2, "bank_payouts": 2, "carried": 5},
            "1 object at Stripe and 1 milestone compared (2 more on their way); 2 bank payouts carry 5 transfers",
        ),
        ({}, "0 objects at Stripe and 0 milestones compared"),
    ],
    ids=["one payout", "one object", "nothing"],
)
def test_what_was_compared_is_counted_and_what_there_is_none_of_is_left_out(counts: dict[str, int], said: str) -> None:
    assert f"{said}; as of 2026-01-05 09:00:00 UTC" in _told(**counts)


def test_several_looks_are_told() -> None:
    report = Reconciliation(NOW, 4, [], [], [], [], [])
    assert [line for line in tell(report) if line.endswith(" UTC after 4 looks")]


def test_one_day_needs_no_sum_and_two_have_one() -> None:
    assert not [line for line in _told([_day(4)]) if line.startswith("all days")]
    (both,) = (line for line in _told([_day(4), _day(5)]) if line.startswith("all days"))
    assert both.count("14.00 USD") == 3


def test_without_a_day_there_is_no_table() -> None:
    assert not [line for line in _told() if line.startswith("UTC day")]
