"""How long money may be held, and what is said before that ends."""

from datetime import date, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from pydantic import ValidationError

from schemas.funding import BY_HOLD_LIMIT, HoldLimitNear, RefundMilestone
from services.funding import holding
from services.funding.holding import Checked, HoldLimit, HoldPolicy
from services.funding.settings import FundingSettings
from services.runtime.clock import CLOCKS_APART
from tests.unit.funding.builders import NOW, a_fact

DAY = timedelta(days=1)
POLICY = HoldPolicy(90, (30, 14, 7, 3), 2)
UNTIL = NOW + 90 * DAY


def a_limit(**changed: Any) -> HoldLimit:
    funded = a_fact("funding.milestone_funded", funding_id="fnd_1")
    return holding.begin(funded, NOW, POLICY)._replace(**changed)


def _check(at: datetime, held_minor: int = 70_000, **changed: Any) -> Checked | None:
    return holding.check(a_limit(**changed), held_minor, at, POLICY)


def _near(checked: Checked | None) -> HoldLimitNear:
    assert checked is not None
    [said] = checked.said
    assert isinstance(said, HoldLimitNear)
    return said


# -- the data ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("country", "days"), [("TH", 10), ("US", 730), ("DE", 90), ("GB", 90)])
def test_the_limit_follows_from_the_platforms_country(country: str, days: int) -> None:
    assert FundingSettings(platform_country=country).hold_policy().days == days


def test_the_data_says_where_and_when_it_was_read() -> None:
    data = holding.load_hold_days(FundingSettings().hold_limits_file)
    assert data.source.startswith("https://docs.stripe.com/")
    assert isinstance(data.as_of, date)


def test_data_that_lacks_something_names_it(tmp_path: Path) -> None:
    file = tmp_path / "limits.toml"
    file.write_text('source = "s"\nas_of = 2026-01-01\n[days]\nUS = 1\n')
    with pytest.raises(KeyError, match="default_days"):
        holding.load_hold_days(file)


@pytest.mark.parametrize("country", ["", "us", "USA", "U1"])
def test_a_country_is_an_iso_code(country: str) -> None:
    with pytest.raises(ValidationError, match="platform_country"):
        FundingSettings(platform_country=country)


# -- the moments -------------------------------------------------------------------------------------------


def _moments(policy: HoldPolicy, late: timedelta = timedelta(0)) -> list[timedelta]:
    """How long before the limit each look is; the last is the first after it."""
    limit = holding.begin(a_fact("funding.milestone_funded"), NOW, policy)
    found: list[timedelta] = []
    at = holding.next_check(limit, NOW, policy)
    while True:
        found.append(limit.hold_until - at)
        if at > limit.hold_until:
            return found
        checked = holding.check(limit, 1, at + late, policy)
        assert checked is not None
        at = checked.again


@pytest.mark.parametrize("late", [timedelta(0), timedelta(seconds=-20), -CLOCKS_APART, timedelta(hours=3)])
def test_the_moments_are_those_of_the_settings_then_each_day(late: timedelta) -> None:
    *looks, after = _moments(POLICY, late)
    assert looks == [30 * DAY, 14 * DAY, 7 * DAY, 3 * DAY, 2 * DAY, timedelta(0)]
    assert -DAY - timedelta(minutes=1) <= after + late <= -DAY + timedelta(minutes=1)


def test_a_short_limit_has_only_the_moments_that_lie_in_it() -> None:
    assert _moments(HoldPolicy(10, (30, 14, 7, 3), 2))[:-1] == [7 * DAY, 3 * DAY, 2 * DAY, timedelta(0)]


# -- what is said ------------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("before", "decides"), [(30, False), (14, False), (7, False), (3, False), (2, True), (1, True)]
)
def test_what_is_held_is_warned_about_and_near_the_end_an_operator_must_decide(before: int, decides: bool) -> None:
    now = UNTIL - before * DAY + timedelta(seconds=1)
    checked = _check(now)
    near = _near(checked)
    assert (near.held_minor, near.hold_until, near.days_left, near.operator_decides) == (70_000, UNTIL, before, decides)
    assert checked is not None
    assert checked.limit.decide_since == (now if decides else None)


@pytest.mark.parametrize(("before", "decides"), [(30, False), (3, False), (2, True)])
def test_what_is_due_is_said_by_a_clock_that_is_as_far_behind_as_clocks_may_be(before: int, decides: bool) -> None:
    now = UNTIL - before * DAY - CLOCKS_APART
    checked = _check(now)
    assert _near(checked).operator_decides == decides
    assert checked is not None
    assert checked.limit.decide_since == (now if decides else None)


def test_since_when_an_operator_must_decide_does_not_move() -> None:
    checked = _check(UNTIL - DAY, decide_since=UNTIL - 2 * DAY)
    assert checked is not None
    assert checked.limit.decide_since == UNTIL - 2 * DAY


@pytest.mark.parametrize("now", [UNTIL - CLOCKS_APART, UNTIL, UNTIL + 50 * DAY])
def test_at_the_limit_the_rule_refunds_all_that_is_still_held(now: datetime) -> None:
    checked = _check(now)
    assert checked is not None
    [said] = checked.said
    assert isinstance(said, RefundMilestone)
    assert (said.contract_id, said.milestone_id, said.amount_minor) == ("ctr_1", "mls_1", None)
    assert (said.actor.role, said.actor.party_id) == ("service", BY_HOLD_LIMIT)
    assert said.reason
    assert checked.limit.decide_since == now
    assert checked.again > now


@pytest.mark.parametrize("now", [UNTIL - 30 * DAY, UNTIL - DAY, UNTIL, UNTIL + DAY])
def test_where_nothing_is_held_there_is_nothing_to_say(now: datetime) -> None:
    assert _check(now, held_minor=0) is None


def test_money_that_came_back_in_time_is_only_looked_at_again() -> None:
    checked = _check(UNTIL - 40 * DAY)
    assert checked == Checked(a_limit(), (), UNTIL - 30 * DAY)


def test_without_warnings_the_decision_is_the_first_moment() -> None:
    policy = HoldPolicy(90, (), 2)
    assert holding.next_check(a_limit(), NOW, policy) == UNTIL - 2 * DAY
    assert _near(holding.check(a_limit(), 1, UNTIL - 2 * DAY, policy)).operator_decides


@pytest.mark.parametrize(
    ("now", "days_left"), [(NOW, 90), (UNTIL - timedelta(hours=1), 1), (UNTIL, 0), (UNTIL + DAY, -1)]
)
def test_begun_days_count_whole(now: datetime, days_left: int) -> None:
    assert a_limit().days_left(now) == days_left


def test_the_limit_of_the_last_charge_counts() -> None:
    later = a_limit(funding_id="fnd_0", hold_until=UNTIL + DAY)
    assert holding.latest([later, a_limit()]) == later
    assert holding.latest([]) is None
