"""A release that was given up before it was transferred: held again, or what makes good the bank's dispute."""

from typing import Any

import pytest

from schemas import funding as said
from services.funding import given_up_releases, ledger
from tests.unit.funding.builders import NOW, a_fact, a_posting, movements
from tests.unit.funding.test_card_disputes import CHARGE, Case


class GivenUp(Case):
    """A milestone of 1,000.00 USD that was released and not transferred."""

    def __init__(self, amount_minor: int = 100_000) -> None:
        super().__init__("released" if amount_minor == 100_000 else "funded",
                         ledger.funds_released(a_posting("funds_released"), amount_minor))  # fmt: skip

    def give_up(self, amount_minor: int = 100_000) -> list[Any]:
        fact = a_fact(
            "payouts.payout_given_up", payout_id="pay_1", release_id="rel_1", amount_minor=amount_minor, reason="gone"
        )
        made = given_up_releases.hold_again(self.money, list(self.disputes.values()), fact, self.posting())
        return self.apply(made)


@pytest.mark.scenario(48)
def test_it_is_held_again_and_told_whole() -> None:
    case = GivenUp()
    told = case.give_up()
    assert told == [
        said.ReleaseGivenUp(
            contract_id="ctr_1", milestone_id="mls_1", release_id="rel_1", payout_id="pay_1", employer_id="emp_1",
            trainer_id="trn_1", amount_minor=100_000, recovered_minor=0, held_minor=100_000, currency="usd",
            reason="gone",
        )
    ]  # fmt: skip
    assert movements(case.entries[-2:]) == [("released", 100_000), ("held", -100_000)]
    assert case.funding.state == "funded"
    assert case.frozen_by == []


def test_a_part_that_was_released_is_held_again_beside_the_rest() -> None:
    case = GivenUp(40_000)
    (event,) = case.give_up(40_000)
    assert (event.amount_minor, event.held_minor) == (40_000, 100_000)


@pytest.mark.scenario(48)
def test_what_has_left_is_never_held_again() -> None:
    case = GivenUp()
    case.entries = [*case.entries, *ledger.transfer_made(a_posting("transfer_made"), 60_000)]
    with pytest.raises(ValueError, match="pay_1 over 40001 usd was given up, and of what mls_1 released only 40000"):
        case.give_up(40_001)
    assert case.give_up(40_000)[0].held_minor == 40_000


def test_it_is_not_held_twice() -> None:
    case = GivenUp()
    case.give_up()
    with pytest.raises(ValueError, match="only 0 has not left"):
        case.give_up()


def test_what_the_bank_took_of_it_is_made_good_first() -> None:
    case = GivenUp()
    case.hear("needs_response", CHARGE)
    case.hear("lost", CHARGE)
    (event,) = case.give_up()
    assert (event.recovered_minor, event.held_minor) == (100_000, 0)
    assert movements(case.entries[-4:]) == [
        ("released", 100_000), ("charged_back", -100_000), ("chargeback_paid", 100_000), ("trainer_debts", -100_000),
    ]  # fmt: skip
    dispute = case.disputes["du_1"]
    assert (dispute.debt_minor, dispute.recovered_minor, dispute.changed_at) == (0, 100_000, NOW)
    assert case.funding.state == "charged_back"


def test_of_a_dispute_over_a_part_the_rest_is_held_again() -> None:
    case = GivenUp()
    case.hear("needs_response", CHARGE // 2)
    case.hear("lost", CHARGE // 2)
    debt_minor = case.disputes["du_1"].debt_minor
    (event,) = case.give_up()
    assert (event.recovered_minor, event.held_minor) == (debt_minor, 100_000 - debt_minor)
    assert 0 < debt_minor < 100_000
    assert case.funding.state == "funded"
