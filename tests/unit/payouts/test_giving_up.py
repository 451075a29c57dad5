"""Giving up a release that was never transferred: who may, when, and what the transfer that comes too late finds."""

from typing import Any

import pytest

from schemas.payouts import PayoutGivenUp
from services.payouts import domain, giving_up, states, stops
from services.payouts.records import Payout
from services.payouts.views import payout_view
from services.runtime.decisions import Refused, Unchanged
from tests.unit.payouts.builders import (
    EMPLOYER,
    LATER,
    NOW,
    PATIENCE,
    SERVICE,
    STRANGER,
    TRAINER,
    a_payout,
    a_refusal,
    a_resumption,
    an_account,
    not_transferred,
    to_give_up,
    transferred,
)
from tests.unit.payouts.test_domain import decided

OVERDUE = a_payout("held", overdue=True)


def give_up(payout: Payout | None, *stopped_by: str, **changed: Any) -> Any:
    return giving_up.give_up(payout, to_give_up(**changed), stopped_by, LATER)


def refusal(found: Any) -> tuple[str, str]:
    assert isinstance(found, Refused), found
    return found.kind, found.code


@pytest.mark.scenario(48)
def test_what_waits_for_too_long_is_given_up_and_told_whole() -> None:
    found = decided(give_up(OVERDUE))
    assert found.payout == OVERDUE._replace(
        state="given_up", reason="The account was closed.", waits_for=None, held_since=None, overdue=False,
        given_up_by="opr_1", updated_at=LATER,
    )  # fmt: skip
    assert found.said == (
        PayoutGivenUp(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", release_id="rel_1", trainer_id="trn_1",
            amount_minor=100_000, currency="usd", given_up_by="opr_1", reason="The account was closed.",
        ),
    )  # fmt: skip
    assert (found.transfer, found.later) == (None, ())


def test_asked_again_it_is_so_already() -> None:
    found = give_up(decided(give_up(OVERDUE)).payout)
    assert isinstance(found, Unchanged)
    assert "already" in found.detail


@pytest.mark.scenario(48)
def test_an_account_that_comes_back_after_it_finds_nothing_to_transfer() -> None:
    given_up = decided(give_up(OVERDUE)).payout
    assert domain.resume(given_up, an_account(), a_resumption(), PATIENCE, LATER) is None
    assert domain.check(given_up, an_account(times_ready=9), None, None) == ()


@pytest.mark.scenario(48)
def test_an_account_that_comes_back_before_it_wins() -> None:
    under_way = decided(domain.resume(OVERDUE, an_account(), a_resumption(), PATIENCE, LATER)).payout
    found = give_up(under_way)
    assert refusal(found) == ("conflict", "payout_not_held")
    assert "transferring" in found.detail
    assert found.extra == {"state": "transferring"}


@pytest.mark.parametrize("state", [s for s in states.PAYOUT.states if s not in ("held", "given_up")])
def test_only_what_is_held_is_given_up(state: str) -> None:
    assert refusal(give_up(a_payout(state, overdue=True))) == ("conflict", "payout_not_held")


def test_what_is_not_overdue_may_still_go_on_by_itself() -> None:
    found = give_up(a_payout("held"))
    assert refusal(found) == ("conflict", "payout_not_overdue")
    assert "by itself" in found.detail


@pytest.mark.parametrize("waits_for", ["platform", "cover usd"])
def test_what_the_platform_is_short_for_is_the_trainers_still(waits_for: str) -> None:
    found = give_up(OVERDUE._replace(waits_for=waits_for))
    assert refusal(found) == ("conflict", "waits_for_balance")
    assert "top it up" in found.detail


@pytest.mark.parametrize(
    ("undecided", "shown"),
    [
        (["card_dispute dp_1"], "(card_dispute dp_1)"),
        (["operator opr_1"], "(operator opr_1)"),
        (["fraud_warning issfr_1", "review prv_1"], "(fraud_warning issfr_1, review prv_1)"),
    ],
)
def test_while_the_payment_is_looked_into_it_stays_and_each_open_cause_is_named(
    undecided: list[str], shown: str
) -> None:
    found = give_up(OVERDUE._replace(waits_for="mls_1"), "charged_back dp_1", *undecided)
    assert refusal(found) == ("conflict", "payment_in_question")
    assert shown in found.detail


def test_what_the_bank_took_for_good_no_longer_stops_it() -> None:
    assert decided(give_up(OVERDUE._replace(waits_for="mls_1"), "charged_back dp_1")).payout.state == "given_up"
    assert not stops.is_decided("charged_backwards dp_1")


@pytest.mark.parametrize(("actor", "expected"), [(TRAINER, "forbidden"), (EMPLOYER, "forbidden"),
                                                 (SERVICE, "forbidden"), (STRANGER, "not_found")])  # fmt: skip
def test_only_an_operator_gives_up(actor: Any, expected: str) -> None:
    found = give_up(OVERDUE, actor=actor)
    assert refusal(found)[1] == expected
    assert ("pay_1" if expected == "not_found" else f"gives a payout up, not the {actor.role}") in found.detail


@pytest.mark.parametrize("payout", [None, OVERDUE._replace(contract_id="ctr_2")])
def test_what_is_not_of_this_contract_is_not_there(payout: Payout | None) -> None:
    assert refusal(give_up(payout)) == ("not_found", "not_found")


def test_a_transfer_of_what_was_given_up_stops_here() -> None:
    with pytest.raises(ValueError, match="pay_1 was given up and yet transferred: reverse tr_1"):
        domain.transferred(decided(give_up(OVERDUE)).payout, transferred(), LATER)


def test_what_stripe_says_of_an_earlier_attempt_is_old() -> None:
    given_up = decided(give_up(OVERDUE)).payout
    assert domain.not_transferred(given_up, an_account(), not_transferred(attempt=0), PATIENCE, NOW) is None
    assert domain.transfer_refused(given_up, a_refusal(), PATIENCE, NOW) is None


def test_both_the_state_and_who_decided_it_are_shown() -> None:
    view = payout_view(decided(give_up(OVERDUE)).payout, LATER)
    assert (view.state, view.reason, view.given_up_by) == ("given_up", "The account was closed.", "opr_1")
    assert "held again" in (view.detail or "")
