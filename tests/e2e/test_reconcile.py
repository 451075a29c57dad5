"""Ledger, Stripe and topics side by side, while the platform runs: equal after a story, and each planted difference is
named."""

from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest

from deploy.local.parties import eventually
from deploy.local.story import CURRENCY, FIRST_MINOR, SECOND_MINOR, Place, Story
from services.auditor.reconcile.findings import Reconciliation
from services.auditor.reconcile.freeze import commands
from services.auditor.reconcile.look import of_milestones
from services.auditor.reconcile.telling import tell
from tests.e2e.planting import account_of, at_sandbox, planted, set_payouts
from tests.platform.running import RunningPlatform

Look = Callable[[], Reconciliation]


@pytest.fixture(scope="module")
def hired(place: Place) -> Iterator[Story]:
    """A story in which the first milestone is funded: for tests that leave it as it was."""
    story = Story(place)
    _tell_up_to(story, "hire")
    yield story
    story.close()


def _tell_up_to(story: Story, last: str) -> None:
    for step in story.steps():
        step.act()
        if step.name == last:
            return


@pytest.mark.scenario(76)
def test_after_the_story_nothing_is_left_unexplained(story: Story, look: Look) -> None:
    _tell_up_to(story, "balances")

    report = look()

    assert report.agrees, "\n".join(tell(report))
    assert report.objects >= 3  # two charges, a transfer
    assert report.milestones >= 2
    usd = next(cover for cover in report.cover if cover.currency == CURRENCY)
    assert usd.owed_minor["held"] >= SECOND_MINOR
    assert usd.short_minor < 0
    assert "unexplained remainder: 0.00 USD" in list(tell(report))


@pytest.mark.scenario(73)
def test_a_bank_payout_of_two_milestones_is_the_sum_of_its_parts(story: Story, look: Look) -> None:
    _tell_up_to(story, "authenticate")
    for milestone in (story.first, story.second):
        story.trainer.post(f"/milestones/{milestone}/request-release", {})
        story.await_milestone(milestone, status="PENDING_APPROVAL")
        story.employer.post(f"/milestones/{milestone}/approve")
        story.await_milestone(milestone, payout_state="initiated")
    before = look()

    story.pass_days_until_paid(story.second)
    story.await_milestone(story.first, payout_state="paid")
    report = look()

    assert report.agrees, "\n".join(tell(report))
    payouts = story.trainer.get("/payouts")["data"]
    assert sum(payout["amount"]["amount_minor"] for payout in payouts) == FIRST_MINOR + SECOND_MINOR
    assert len({payout["stripe_payout_id"] for payout in payouts}) == 1
    assert (report.bank_payouts - before.bank_payouts, report.carried - before.carried) == (1, 2)


@pytest.mark.scenario(76)
def test_a_posting_without_a_fact_is_named_with_its_milestone_and_only_that_one_is_to_be_frozen(
    hired: Story, look: Look, running_platform: RunningPlatform
) -> None:
    with planted(running_platform, hired, stripe_balance=700, marketplace_fees=-700):
        report = look()

    assert not report.agrees
    assert [(one.between, one.milestone_id, one.amount_minor) for one in report.unexplained] == [
        ("facts and ledger", hired.first, -700)
    ]
    assert "unexplained remainder: 7.00 USD" in list(tell(report))
    (freeze,) = commands(of_milestones(report.unexplained))
    assert (freeze.milestone_id, freeze.contract_id, freeze.cause) == (
        hired.first, hired.contract_id, "reconciliation",
    )  # fmt: skip
    assert look().agrees


@pytest.mark.scenario(76)
def test_held_money_that_was_moved_past_the_code_is_named(
    hired: Story, look: Look, running_platform: RunningPlatform
) -> None:
    with planted(running_platform, hired, held=FIRST_MINOR, marketplace_fees=-FIRST_MINOR):
        report = look()

    assert [(one.between, one.what, one.id, one.amount_minor) for one in report.unexplained] == [
        ("funding.events and ledger", "held", hired.first, FIRST_MINOR)
    ]


def test_what_stripe_told_and_funding_has_not_taken_is_in_flight_and_no_fault(
    story: Story, look: Look, running_platform: RunningPlatform
) -> None:
    _tell_up_to(story, "hire")
    story.trainer.post(f"/milestones/{story.first}/request-release", {})
    story.await_milestone(story.first, status="PENDING_APPROVAL")
    at_sandbox(
        story, "POST", "/_sim/faults", json={"kind": "slow", "method": "POST", "path": "/v1/transfers", "seconds": 8}
    )
    story.employer.post(f"/milestones/{story.first}/approve")
    eventually(lambda: story.ledger(story.contract_id).get("released"), "funding has released")
    running_platform.kill("funding")
    try:
        story.await_milestone(story.first, payout_state="initiated")
        report = look()
    finally:
        running_platform.start("funding")

    assert report.agrees, "\n".join(tell(report))
    (flying,) = report.explained
    assert (flying.what, flying.milestone_id, flying.amount_minor) == ("transfer", story.first, -FIRST_MINOR)
    assert "stripe.transfer_created.v1) is not taken yet by funding" in flying.explained
    eventually(lambda: True if not look().explained else None, "funding has booked the transfer")


def test_a_transfer_that_was_made_past_us_is_named(hired: Story, look: Look, running_platform: RunningPlatform) -> None:
    hired.place.clock.advance(timedelta(days=3))  # other stories' charges are available now
    account = account_of(running_platform, hired)
    transfer = at_sandbox(
        hired, "POST", "/v1/transfers", data={"amount": 1200, "currency": "usd", "destination": account}
    )
    # Until its webhook is handled the difference counts as on its way.
    report = eventually(lambda: None if (seen := look()).explained else seen, "nothing is on its way any more")
    at_sandbox(hired, "POST", f"/v1/transfers/{transfer['id']}/reversals")

    (found,) = report.unexplained
    assert (found.between, found.what, found.id, found.amount_minor) == (
        "Stripe and topics", "transfer", transfer["id"], -1200,
    )  # fmt: skip
    assert not report.agrees
    assert look().agrees


@pytest.mark.scenario(74)
def test_payouts_of_the_platform_that_are_not_manual_are_an_alarm(hired: Story, look: Look) -> None:
    set_payouts(hired, "daily")
    report = look()
    set_payouts(hired, "manual")

    assert not report.agrees
    assert [alarm for alarm in report.alarms if "are daily, not manual" in alarm]
    assert look().agrees


@pytest.mark.scenario(75)
def test_what_stripe_reserves_against_a_trainers_negative_balance_covers_nothing(
    hired: Story, look: Look, running_platform: RunningPlatform
) -> None:
    account = account_of(running_platform, hired)
    before = next(cover for cover in look().cover if cover.currency == CURRENCY)
    lacking = -before.short_minor + 5_000
    at_sandbox(hired, "POST", "/_sim/balance", json={"account": account, "currency": "usd", "amount": -lacking})
    report = look()
    at_sandbox(hired, "POST", "/_sim/balance", json={"account": account, "currency": "usd", "amount": lacking})

    short = next(cover for cover in report.cover if cover.currency == CURRENCY)
    assert (short.reserved_minor - before.reserved_minor, short.short_minor) == (lacking, 5_000)
    assert not report.unexplained
    assert not report.agrees
    assert [line for line in tell(report) if line.startswith("SHORT USD: ") and "50.00 USD is missing" in line]
    assert look().agrees
