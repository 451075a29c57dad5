"""A payout that was given up: its money is held again and may be refunded or released anew, on a real database."""

from typing import Any

import pytest

from schemas.funding import CheckHoldLimit, FundsReleased, ReleaseGivenUp
from tests.integration.bench import Bench, problem
from tests.integration.funding.test_freezes_and_disputes import WHOLE, Trouble, kinds, trouble

__all__ = ["trouble"]

pytestmark = pytest.mark.scenario(48)


def _given_up(trouble: Trouble, released: FundsReleased) -> list[Any]:
    return trouble.hear(
        "payouts.payout_given_up", payout_id="pay_1", release_id=released.release_id,
        amount_minor=released.amount_minor, reason="The account was closed.",
    )  # fmt: skip


def test_it_goes_back_to_the_employer(trouble: Trouble) -> None:
    (released,) = trouble.approve()
    assert problem(trouble.post("refund")) == (409, "nothing_to_refund")
    (event,) = _given_up(trouble, released)
    assert isinstance(event, ReleaseGivenUp)
    assert (event.amount_minor, event.held_minor, event.release_id) == (120_000, 120_000, released.release_id)
    assert (trouble.charge.shown()["state"], trouble.frozen_by()) == ("funded", [])
    answer = trouble.post("refund", body={})
    assert (answer.status_code, answer.json()["refund_minor"]) == (202, 132_000)
    assert kinds(trouble.bench.said(trouble.charge.contract_id)[-2:]) == ["refund_requested", "create_refund"]
    balances = trouble.charge.balances()
    assert (balances["refunded"], balances.get("held"), balances.get("released")) == (-120_000, None, None)


def test_it_may_be_approved_and_released_anew(trouble: Trouble) -> None:
    (released,) = trouble.approve()
    _given_up(trouble, released)
    (again,) = trouble.approve()
    assert isinstance(again, FundsReleased)
    assert again.release_id != released.release_id
    assert trouble.charge.balances()["released"] == -120_000


def test_beside_a_part_that_was_transferred_only_its_own_money_comes_back(trouble: Trouble) -> None:
    (first,) = trouble.approve(50_000)
    trouble.transfer(50_000)
    (second,) = trouble.approve(70_000)
    (event,) = _given_up(trouble, second)
    assert (event.amount_minor, event.held_minor) == (70_000, 70_000)
    with pytest.raises(ValueError, match="only 0 has not left"):
        _given_up(trouble, first)
    balances = trouble.charge.balances()
    assert (balances["held"], balances["released"], balances["transferred"]) == (-70_000, -50_000, 50_000)


def test_after_a_lost_dispute_it_makes_good_what_the_bank_took(trouble: Trouble) -> None:
    (released,) = trouble.approve()
    trouble.dispute("needs_response", WHOLE)
    trouble.dispute("lost", WHOLE)
    assert trouble.charge.balances()["trainer_debts"] == 120_000
    (event,) = _given_up(trouble, released)
    assert (event.recovered_minor, event.held_minor) == (120_000, 0)
    balances = trouble.charge.balances()
    assert (balances["charged_back"], balances["chargeback_paid"]) == (-120_000, 120_000)
    assert "trainer_debts" not in balances
    assert trouble.charge.shown()["state"] == "charged_back"


def test_what_is_held_again_has_the_limit_of_its_charge(bench: Bench, trouble: Trouble) -> None:
    (released,) = trouble.approve()
    _given_up(trouble, released)
    due = [message for _, message in bench.fired()]
    assert [type(of) for of in due if of.key == trouble.charge.contract_id] == [CheckHoldLimit]


def test_a_payout_of_a_milestone_that_has_no_money_is_not_dropped(trouble: Trouble) -> None:
    with pytest.raises(LookupError, match="pay_1"):
        trouble.hear("payouts.payout_given_up", payout_id="pay_1", milestone_id="mls_none")
