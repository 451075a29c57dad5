"""The auditor's own process on the whole platform: by night it reconciles and freezes what differs, at any time it has
releases wait while what is owed is not covered."""

import re
from datetime import timedelta
from typing import Any

import httpx
import pytest
from typer.testing import CliRunner

from deploy.local.cli import app
from deploy.local.parties import eventually
from deploy.local.story import CURRENCY, Place, Story
from services.auditor.nightly.plan import Kept
from services.auditor.nightly.reports import Reports
from services.runtime.database import open_engine
from tests.e2e.planting import account_of, at_sandbox, planted, set_payouts
from tests.platform.running import RunningPlatform

AUDITING = {"TRANCHE_RECONCILE_PAUSE_S": "0.5", "TRANCHE_COVER_LOOK_S": "5"}
_MISSING = 5_000
"""Minor units."""


@pytest.mark.scenario(76)
def test_a_night_freezes_the_milestone_that_differs_and_raises_the_alarm(
    running_platform: RunningPlatform, place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    healthy, wrong = Story(place), Story(place)
    for story in (healthy, wrong):
        _tell_up_to(story, "hire")
    eventually(lambda: _last(running_platform), "the night before the platform was started is made up")

    with planted(running_platform, wrong, stripe_balance=700, marketplace_fees=-700):
        report = _next_night(running_platform)

    assert (report.agrees, report.frozen) == (False, [wrong.first])
    assert [(identity[0], identity[4]) for identity in report.differences] == [("facts and ledger", -700)]
    eventually(lambda: _is_frozen(wrong) or None, "the milestone that differs is frozen")
    assert not _is_frozen(healthy)
    assert _metric(running_platform, "tranche_reconciled_agrees") == 0
    assert _metric(running_platform, "tranche_reconciled_differences") == 1
    monkeypatch.setenv("TRANCHE_DATABASE_URL", running_platform.database_url)
    shown = CliRunner().invoke(app, ["reconcile", "--last"])
    assert shown.exit_code == 1
    assert f"asked funding to freeze {wrong.first}" in shown.output

    mended = _next_night(running_platform)

    assert (mended.agrees, mended.frozen) == (True, [])
    assert _metric(running_platform, "tranche_reconciled_agrees") == 1


@pytest.mark.scenario(76)
def test_a_night_that_was_missed_is_made_up_after_the_restart(running_platform: RunningPlatform) -> None:
    before = eventually(lambda: _last(running_platform), "a night is reconciled")
    running_platform.kill("auditor")
    running_platform.clock.advance(timedelta(days=3))

    running_platform.start("auditor")

    made_up = eventually(lambda: _later_than(running_platform, before), "the missed night is made up")
    assert made_up.night - before.night >= timedelta(days=3)
    assert made_up.agrees, "\n".join(made_up.lines)


@pytest.mark.scenario(75)
def test_what_stripe_reserves_for_one_trainer_holds_releases_to_another_until_it_is_covered(
    running_platform: RunningPlatform, place: Place
) -> None:
    debtor, story = Story(place), Story(place)
    _tell_up_to(debtor, "payouts")
    _tell_up_to(story, "hire")
    account = account_of(running_platform, debtor)
    lacking = _surplus(running_platform) + _MISSING

    at_sandbox(story, "POST", "/_sim/balance", json={"account": account, "currency": CURRENCY, "amount": -lacking})
    found = _await_suspension(story, "suspended")
    assert (found["cause"], found["short"]["amount_minor"]) == ("not_covered", _MISSING)
    _release(story)
    _await_held(story)
    at_sandbox(story, "POST", "/_sim/balance", json={"account": account, "currency": CURRENCY, "amount": lacking})

    story.await_milestone(story.first, payout_state="initiated")
    assert _await_suspension(story, "allowed")["changed_by"] == "auditor"


@pytest.mark.scenario(74)
def test_a_payout_of_the_platform_holds_releases_until_the_balance_is_topped_up(
    running_platform: RunningPlatform, place: Place
) -> None:
    story = Story(place)
    _tell_up_to(story, "hire")
    running_platform.clock.advance(timedelta(days=3))  # what was charged is available now
    swept = _surplus(running_platform) + _MISSING

    at_sandbox(story, "POST", "/v1/payouts", data={"amount": swept, "currency": CURRENCY})
    assert _await_suspension(story, "suspended")["short"]["amount_minor"] == _MISSING
    _release(story)
    _await_held(story)
    at_sandbox(story, "POST", "/v1/topups", data={"amount": swept, "currency": CURRENCY, "description": "back"})
    running_platform.clock.advance(timedelta(days=1, hours=2))

    story.await_milestone(story.first, payout_state="initiated")


@pytest.mark.scenario(74)
def test_while_the_platforms_payouts_are_not_manual_releases_wait_unless_an_operator_lets_them_go(
    place: Place,
) -> None:
    story, other = Story(place), Story(place)
    _tell_up_to(story, "hire")
    _tell_up_to(other, "hire")

    set_payouts(story, "daily")
    try:
        assert _await_suspension(story, "suspended")["cause"] == "payouts_not_manual"
        _release(story)
        _await_held(story)
        story.operator.post(f"/release-suspensions/{CURRENCY}/allow", {"reason": "It is being set back."})
        story.await_milestone(story.first, payout_state="initiated")
    finally:
        set_payouts(story, "manual")

    _await_suspension(story, "allowed")
    _release(other)
    other.await_milestone(other.first, payout_state="initiated")


def _tell_up_to(story: Story, last: str) -> None:
    for step in story.steps():
        step.act()
        if step.name == last:
            return


def _release(story: Story) -> None:
    story.trainer.post(f"/milestones/{story.first}/request-release", {})
    story.await_milestone(story.first, status="PENDING_APPROVAL")
    story.employer.post(f"/milestones/{story.first}/approve")


def _await_held(story: Story) -> None:
    story.await_milestone(story.first, payout_state="held")
    (payout,) = story.trainer.get("/payouts")["data"]
    assert (payout["state"], payout["reason"]) == ("held", "releases_suspended")


def _await_suspension(story: Story, state: str) -> dict[str, Any]:
    def look() -> dict[str, Any] | None:
        listed = story.operator.get("/release-suspensions")["data"]
        return next((one for one in listed if (one["currency"], one["state"]) == (CURRENCY, state)), None)

    return eventually(look, f"releases in {CURRENCY} are {state}")


def _surplus(running_platform: RunningPlatform) -> int:
    """What is there beyond what is owed, as of a look that began after all that has happened so far."""
    now = running_platform.clock.now().timestamp()

    def look() -> int | None:
        looked_at = _metric(running_platform, "tranche_cover_looked_timestamp_seconds")
        short = _metric(running_platform, f'tranche_cover_short_minor{{currency="{CURRENCY}"}}')
        return -int(short) if looked_at > now else None

    return eventually(look, "the cover is looked at")


def _is_frozen(story: Story) -> bool:
    return bool(story.employer.get(f"/milestones/{story.first}")["frozen"])


def _last(running_platform: RunningPlatform) -> Kept | None:
    engine = open_engine(f"{running_platform.database_url}/tranche_auditor")
    try:
        return Reports(engine).last()
    finally:
        engine.dispose()


def _later_than(running_platform: RunningPlatform, before: Kept) -> Kept | None:
    last = _last(running_platform)
    return last if last is not None and last.night > before.night else None


def _next_night(running_platform: RunningPlatform) -> Kept:
    before = _last(running_platform)
    assert before is not None
    running_platform.clock.advance(timedelta(days=1))
    return eventually(lambda: _later_than(running_platform, before), "the night is reconciled")


def _metric(running_platform: RunningPlatform, name: str) -> float:
    def told() -> Any:
        text = httpx.get(f"{running_platform.url_of('auditor')}/metrics", trust_env=False).text
        return re.search(rf"^{re.escape(name)} (\S+)$", text, re.MULTILINE)

    return float(told()[1])
