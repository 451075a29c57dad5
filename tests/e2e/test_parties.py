"""Disputes between the parties, and money taken back from the trainer, on the whole platform and at Stripe."""

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from deploy.local.parties import eventually
from deploy.local.story import FIRST_MINOR, GOOD_CARD, Story
from tests.e2e.test_money_back import AT_ONCE_CARD, AVAILABLE_AFTER, Funded, funded

__all__ = ["funded"]

REASON = {"reason": "The images were exchanged."}


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "usd"}


@pytest.fixture
def hired(funded: Funded, tell: Callable[[str], None]) -> Funded:
    """A trainer who can be paid, a first milestone funded with money that is available at once, and a second one."""
    tell("payouts")
    return funded.by(AT_ONCE_CARD).with_another()


def _transfers(of: Funded) -> list[dict[str, Any]]:
    found = of.story.at_stripe("/v1/transfers?limit=100")["data"]
    return [transfer for transfer in found if transfer["metadata"].get("milestone_id") == of.story.first]


def _payouts(story: Story) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = story.operator.get(f"/payouts?milestone_id={story.first}")["data"]
    return found


def _paid_out(of: Funded) -> str:
    """The employer approves all of it, and it is on the trainer's account; the payout's id."""
    of.story.employer.post(f"/milestones/{of.story.first}/approve")
    of.shows(status="PAID", payout_state="initiated")
    payout_id: str = _payouts(of.story)[0]["payout_id"]
    return payout_id


def _sums(of: Funded, **wanted: int) -> None:
    """The milestone shows these sums, once everybody has heard what moved them."""

    def look() -> bool | None:
        found = of.story.employer.get(f"/milestones/{of.story.first}")
        return True if all(found[name] == usd(minor) for name, minor in wanted.items()) else None

    eventually(look, f"the milestone shows {wanted}")


def _reversals(of: Funded, payout_id: str, *states: str) -> dict[str, Any]:
    """The payout, once its reversals are in these states."""

    def look() -> dict[str, Any] | None:
        found = of.story.operator.get(f"/payouts/{payout_id}")
        return found if [reversal["state"] for reversal in found["reversals"]] == list(states) else None

    return eventually(look, f"the reversals of {payout_id} are {states}")


@pytest.mark.scenario(46)
def test_a_release_of_money_that_is_not_available_yet_says_until_when_it_is_pending(
    funded: Funded, tell: Callable[[str], None]
) -> None:
    tell("payouts")
    story = funded.by(GOOD_CARD).story
    _paid_out(funded)
    payout = story.trainer.get("/payouts")["data"][0]
    assert (payout["state"], payout["pending"]) == ("initiated", True)
    assert "pending until" in payout["detail"]
    charged = story.at_stripe(f"/v1/balance_transactions/{funded.charge()['balance_transaction']}")
    available_at = datetime.fromisoformat(payout["available_at"])
    assert available_at == datetime.fromtimestamp(charged["available_on"], UTC) > funded.running.clock.now()
    timeline = story.trainer.get(f"/milestones/{story.first}")["timeline"]
    assert any(f"from {available_at:%-d %B %Y} on" in entry["text"] for entry in timeline)

    funded.running.clock.advance(AVAILABLE_AFTER)
    payout = story.trainer.get("/payouts")["data"][0]
    assert (payout["pending"], payout["available_at"]) == (False, available_at.isoformat().replace("+00:00", "Z"))
    funded.shows(status="PAID")


def test_a_dispute_between_the_parties_is_settled_to_the_cent_at_stripe_and_in_the_books(hired: Funded) -> None:
    story = hired.story
    disputed = story.trainer.post(f"/milestones/{story.first}/dispute", REASON)
    dispute_id = disputed["disputes"][0]["dispute_id"]
    hired.shows(status="DISPUTED")
    hired.frozen_by("party_dispute")
    assert story.employer.post(f"/milestones/{story.first}/approve", expect=409)["code"] == "milestone_disputed"
    wrong = {"to_trainer": usd(70_000), "to_employer": usd(50_001), **REASON}
    assert story.operator.post(f"/disputes/{dispute_id}/resolve", wrong, 409)["held"] == usd(FIRST_MINOR)
    story.operator.post(f"/disputes/{dispute_id}/resolve", {**wrong, "to_employer": usd(50_000)})
    hired.shows(status="PAID", payout_state="initiated")
    hired.refunds(state="made", amount_minor=50_000)
    hired.shows(funding_state="funded")
    _sums(hired, held=0, released=70_000, refunded=50_000)
    assert [transfer["amount"] for transfer in _transfers(hired)] == [70_000]
    assert hired.charge()["amount_refunded"] == 55_000
    hired.books_show(released=-70_000, transferred=70_000, refunded=-50_000)
    hired.frozen_by()


@pytest.mark.scenario(62)
def test_what_an_operator_takes_back_is_held_again_and_goes_back_to_the_employer(hired: Funded) -> None:
    story, payout_id = hired.story, _paid_out(hired)
    assert story.operator.post(f"/milestones/{story.first}/refund", {"reason": "wrong"}, 409)
    story.operator.post(f"/payouts/{payout_id}/reverse", {"amount": usd(50_000), **REASON})
    _reversals(hired, payout_id, "made")
    hired.shows(status="ACTIVE_FUNDED", payout_state="initiated")
    _sums(hired, held=50_000, released=70_000)
    hired.frozen_by("transfer_reversed")
    assert story.operator.post(f"/payouts/{payout_id}/reverse", {"amount": usd(70_001), **REASON}, 409)["left"] == usd(
        70_000
    )
    story.operator.post(f"/payouts/{payout_id}/reverse", REASON)
    assert _reversals(hired, payout_id, "made", "made")["state"] == "reversed"
    hired.shows(status="ACTIVE_FUNDED", payout_state="reversed")
    _sums(hired, held=FIRST_MINOR, released=0)
    (transfer,) = _transfers(hired)
    assert (transfer["amount_reversed"], transfer["reversed"]) == (FIRST_MINOR, True)
    story.operator.post(f"/milestones/{story.first}/refund", {"reason": "Paid to the wrong one."})
    hired.refunds(state="made", amount_minor=FIRST_MINOR)
    hired.shows(status="REFUNDED", funding_state="refunded", payout_state="reversed")
    assert hired.charge()["amount_refunded"] == FIRST_MINOR + FIRST_MINOR // 10


@pytest.mark.scenario(61)
def test_what_the_trainer_does_not_have_any_more_is_an_open_item_and_nothing_goes_back(hired: Funded) -> None:
    story, payout_id = hired.story, _paid_out(hired)
    story.pass_days_until_paid(story.first)
    hired.shows(status="PAID", payout_state="paid")
    story.operator.post(f"/payouts/{payout_id}/reverse", REASON)
    payout = _reversals(hired, payout_id, "refused")
    assert (payout["state"], payout["reversed"]) == ("paid", usd(0))
    assert story.operator.post(f"/milestones/{story.first}/refund", {"reason": "wrong"}, 409)
    assert _transfers(hired)[0]["amount_reversed"] == 0
    hired.books_show(released=-FIRST_MINOR)


@pytest.mark.scenario(61)
def test_what_the_trainer_does_not_have_any_more_is_given_by_the_platform_as_its_loss(hired: Funded) -> None:
    story, payout_id = hired.story, _paid_out(hired)
    path = f"/milestones/{story.first}/refund-from-platform"
    given = story.operator.post(path, {"amount": usd(50_000), **REASON})
    assert (given["lost_minor"], given["refund_minor"]) == (50_000, 55_000)
    hired.refunds(state="made", lost_minor=50_000)
    assert story.operator.post(path, {"amount": usd(FIRST_MINOR), **REASON}, 409)["left_minor"] == FIRST_MINOR - 50_000
    hired.shows(status="PAID", funding_state="funded", payout_state="initiated")
    _sums(hired, released=FIRST_MINOR, refunded=0)
    assert hired.charge()["amount_refunded"] == 55_000
    hired.books_show(platform_losses=50_000)
    # The trainer makes it good after all.
    story.operator.post(f"/payouts/{payout_id}/reverse", REASON)
    _reversals(hired, payout_id, "made")
    _sums(hired, held=FIRST_MINOR - 50_000, released=0, refunded=50_000)
    hired.books_show(platform_losses=0, platform_refunds=0, released=0, transferred=0)


@pytest.mark.scenario(48)
def test_what_no_account_was_ever_there_for_is_given_up_and_goes_back_to_the_employer(funded: Funded) -> None:
    story = funded.by(AT_ONCE_CARD).with_another().story
    story.employer.post(f"/milestones/{story.first}/approve")
    funded.shows(status="PAID", payout_state="held")
    payout_id = _payouts(story)[0]["payout_id"]
    early = story.operator.post(f"/payouts/{payout_id}/give-up", REASON, 409)
    assert early["code"] == "payout_not_overdue"
    funded.running.clock.advance(timedelta(days=30))
    eventually(lambda: _payouts(story)[0]["overdue"] or None, "an operator is asked")
    assert story.operator.post(f"/payouts/{payout_id}/give-up", REASON)["state"] == "given_up"
    funded.shows(status="ACTIVE_FUNDED", payout_state="none")
    _sums(funded, held=FIRST_MINOR, released=0)
    (release,) = story.employer.get(f"/milestones/{story.first}/review")["releases"]
    assert (release["outcome"], release["reason"]) == ("given_up", REASON["reason"])
    story.operator.post(f"/milestones/{story.first}/refund", REASON)
    funded.refunds(state="made", amount_minor=FIRST_MINOR)
    funded.shows(status="REFUNDED", funding_state="refunded", payout_state="none")
    told = [line["text"] for line in story.trainer.get(f"/milestones/{story.first}")["timeline"]]
    assert any(REASON["reason"] in line for line in told)
    assert _transfers(funded) == []


@pytest.mark.scenario(66)
@pytest.mark.parametrize("outcome", ["won", "lost"])
def test_a_dispute_after_the_release_is_recovered_from_the_trainer_and_given_again_when_won(
    hired: Funded, outcome: str
) -> None:
    story, payout_id = hired.story, _paid_out(hired)
    dispute = hired.at_sandbox("disputes", {"charge": hired.charge()["id"], "reason": "fraudulent"})
    hired.shows(status="DISPUTED", funding_state="charged_back")
    hired.books_show(trainer_debts=FIRST_MINOR)
    story.operator.post(f"/payouts/{payout_id}/reverse", REASON)
    _reversals(hired, payout_id, "made")
    hired.shows(status="DISPUTED", payout_state="reversed")
    _sums(hired, held=0, released=0, charged_back=FIRST_MINOR)
    hired.books_show(trainer_debts=0)
    hired.at_sandbox(f"disputes/{dispute['id']}/decide", {"outcome": outcome})
    if outcome == "lost":
        hired.shows(status="REFUNDED", funding_state="charged_back", payout_state="reversed")
        return
    hired.shows(status="PAID", funding_state="funded", payout_state="initiated")
    _sums(hired, held=0, released=FIRST_MINOR, charged_back=0)
    assert sorted(payout["state"] for payout in _payouts(story)) == ["initiated", "reversed"]
    assert sorted(transfer["amount_reversed"] for transfer in _transfers(hired)) == [0, FIRST_MINOR]
    hired.books_show(released=-FIRST_MINOR)
