"""A dispute at the bank: what it freezes, from where its money is taken, how it comes back."""

from datetime import timedelta
from typing import Any

import pytest

from schemas import funding as said
from services.funding import card_disputes, freezes, ledger, returned_transfers, states
from services.funding.ledger import Entry
from services.funding.records import CardDispute, Freeze, Funding, Moved, Refund, ReturnedTransfer
from services.funding.standing import Money
from tests.unit.funding.builders import NOW, a_fact, a_funding, a_posting, held, movements

CHARGE = 110_995
"""1,000.00 of work, 100.00 and 9.95 of fees."""


class Case:
    """A charged milestone of 1,000.00 USD and a dispute of it."""

    def __init__(self, state: str = "funded", *moves: list[Entry], funding: Funding | None = None) -> None:
        self.funding = funding or a_funding(state)
        self.entries = [*held(), *(entry for move in moves for entry in move)]
        self.refunds: list[Refund] = []
        self.freezes: list[Freeze] = []
        self.disputes: dict[str, CardDispute] = {}
        self.returned: dict[str, ReturnedTransfer] = {}
        self.postings = 0
        self.now = NOW

    @property
    def money(self) -> Money:
        return Money(self.funding, self.entries, self.refunds)

    def posting(self) -> Any:
        self.postings += 1
        return a_posting("funds_withdrawn", id=f"pst_{self.postings}", posted_at=self.now)

    def apply(self, made: Moved | None) -> list[Any]:
        if made is None:
            return []
        self.entries = [*self.entries, *made.entries]
        self.freezes = freezes.after(self.freezes, made)
        self.funding = made.fundings[-1] if made.fundings else self.funding
        self.disputes.update({d.dispute_id: d for d in made.disputes})
        self.returned.update({t.transfer_id: t for t in made.returned})
        return list(made.said)

    def hear(self, status: str, withdrawn: int = 0, reinstated: int = 0, fee: int = 0, **changed: Any) -> list[Any]:
        fact = a_fact(
            "stripe.charge_dispute_changed", status=status, withdrawn_minor=withdrawn, reinstated_minor=reinstated,
            fee_minor=fee, **{"dispute_id": "du_1", **changed},
        )  # fmt: skip
        return self.apply(
            card_disputes.changed(
                self.disputes.get(fact.dispute_id), self.money, self.freezes, fact, "rel_again", self.posting()
            )
        )

    def reverse(self, total: int) -> list[Any]:
        fact = a_fact("stripe.transfer_reversed", transfer_id="tr_1", reversed_minor=total)
        return self.apply(
            returned_transfers.returned(
                self.returned.get("tr_1"), self.money, list(self.disputes.values()), self.freezes, fact, self.posting()
            )
        )

    def balance(self, account: Any) -> int:
        return ledger.balance_minor(self.entries, account)

    @property
    def frozen_by(self) -> list[str]:
        return sorted(f.cause for f in freezes.holding(self.freezes))


def released(amount_minor: int = 100_000) -> list[Entry]:
    """Approved and transferred."""
    return [
        *ledger.funds_released(a_posting("funds_released"), amount_minor),
        *ledger.transfer_made(a_posting("transfer_made"), amount_minor),
    ]


# -- before the release --------------------------------------------------------------------------------------


@pytest.mark.scenario(65)
def test_what_the_bank_takes_comes_from_what_is_held_and_from_the_fees() -> None:
    case = Case()
    frozen, taken = case.hear("needs_response", CHARGE, fee=1_500)
    assert isinstance(frozen, said.FundsFrozen)
    assert (frozen.cause, frozen.about, frozen.held_minor) == ("card_dispute", "du_1", 100_000)
    assert isinstance(taken, said.MilestoneChargedBack)
    assert (taken.charged_back_minor, taken.fees_minor, taken.recovery_minor, taken.dispute_fee_minor) == (
        100_000, 10_995, 0, 1_500,
    )  # fmt: skip
    assert (taken.held_minor, taken.final) == (0, False)
    assert movements(case.entries[-7:]) == [
        ("held", 100_000), ("charged_back", -100_000), ("chargeback_paid", 100_000), ("marketplace_fees", 10_995),
        ("stripe_balance", -110_995), ("dispute_fees", 1_500), ("stripe_balance", -1_500),
    ]  # fmt: skip
    assert case.funding.state == states.CHARGED_BACK
    assert case.hear("needs_response", CHARGE, fee=1_500) == []


@pytest.mark.scenario(65)
def test_a_dispute_that_is_won_puts_everything_back_and_unfreezes() -> None:
    case = Case()
    before = case.entries
    case.hear("needs_response", CHARGE, fee=1_500)
    reversed_, lifted = case.hear("won", CHARGE, CHARGE)
    assert isinstance(reversed_, said.ChargebackReversed)
    assert (reversed_.restored_minor, reversed_.held_minor) == (100_000, 100_000)
    assert isinstance(lifted, said.FundsUnfrozen)
    assert (lifted.still_frozen, lifted.held_minor) == (False, 100_000)
    assert {k: v for k, v in ledger.balances(case.entries).items() if v} == ledger.balances(before)
    assert case.funding.state == states.FUNDED
    assert case.hear("under_review", CHARGE) == []


@pytest.mark.scenario(65)
def test_a_dispute_that_is_lost_is_told_as_final() -> None:
    case = Case()
    case.hear("needs_response", CHARGE)
    final, lifted = case.hear("lost", CHARGE)
    assert isinstance(final, said.MilestoneChargedBack)
    assert (final.final, final.charged_back_minor) == (True, 100_000)
    assert isinstance(lifted, said.FundsUnfrozen)
    assert case.funding.state == states.CHARGED_BACK
    assert case.hear("lost", CHARGE) == []


def test_that_it_is_final_is_told_once_whatever_else_is_heard_of_it() -> None:
    case = Case()
    case.hear("needs_response", CHARGE)
    case.hear("lost", CHARGE)
    assert case.hear("lost", CHARGE, fee=1_500) == []
    assert case.balance("dispute_fees") == 1_500


def test_a_single_minor_unit_that_the_bank_keeps_is_told_and_once_as_final() -> None:
    case = Case()
    _, taken = case.hear("needs_response", 1)
    assert (taken.final, taken.charged_back_minor, taken.dispute_fee_minor) == (False, 1, 0)
    final, _ = case.hear("lost", 1)
    assert (final.final, final.charged_back_minor) == (True, 1)
    assert case.hear("lost", 1, fee=1_500) == []


def test_what_stripe_says_of_a_dispute_is_kept_as_it_said_it_last() -> None:
    case = Case()
    case.hear("needs_response", reason="fraudulent", amount_minor=CHARGE, is_charge_refundable=True)
    before = case.disputes["du_1"]
    case.now = NOW + timedelta(days=3)
    case.hear(
        "under_review", fee=1_500, reason="duplicate", amount_minor=50_000, evidence_due_at=case.now,
        is_charge_refundable=False,
    )  # fmt: skip
    assert case.disputes["du_1"] == before._replace(
        status="under_review", reason="duplicate", amount_minor=50_000, fee_minor=1_500,
        evidence_due_at=case.now, is_charge_refundable=False, changed_at=case.now,
    )  # fmt: skip


def test_the_same_word_again_changes_nothing_at_all() -> None:
    case = Case()
    case.hear("needs_response", CHARGE)
    case.now = NOW + timedelta(days=3)
    before = case.disputes["du_1"]
    case.hear("needs_response", CHARGE)
    assert case.disputes["du_1"] is before


def test_an_old_word_with_newer_sums_moves_the_money_and_not_the_dispute() -> None:
    case = Case()
    case.hear("needs_response", 50_000)
    case.hear("won", 50_000, 50_000)
    (taken,) = case.hear("under_review", CHARGE, 50_000)
    assert isinstance(taken, said.MilestoneChargedBack)
    assert case.balance("held") == -45_047  # the work in the first 50,000, which came back
    assert (case.disputes["du_1"].state, case.disputes["du_1"].status) == ("won", "won")


def test_what_left_and_came_back_is_booked_though_the_word_that_tells_it_is_an_old_one() -> None:
    case = Case()
    case.hear("won")
    assert case.hear("under_review", CHARGE, CHARGE) == []
    assert (case.balance("held"), case.balance("chargeback_paid")) == (-100_000, 0)
    assert (case.disputes["du_1"].withdrawn_minor, case.disputes["du_1"].reinstated_minor) == (CHARGE, CHARGE)


def test_a_lost_one_that_is_appealed_freezes_again_and_may_be_won() -> None:
    case = Case()
    case.hear("needs_response", CHARGE)
    case.hear("lost", CHARGE)
    (frozen,) = case.hear("appeal_under_review", CHARGE)
    assert isinstance(frozen, said.FundsFrozen)
    assert [type(event) for event in case.hear("won", CHARGE, CHARGE)] == [said.ChargebackReversed, said.FundsUnfrozen]


@pytest.mark.scenario(70)
@pytest.mark.parametrize(
    ("status", "reinstated", "told"),
    [("lost", 0, [said.MilestoneChargedBack]), ("won", CHARGE, []), ("won", 0, [said.MilestoneChargedBack])],
)
def test_an_end_that_is_heard_first_leads_to_the_same_place(status: str, reinstated: int, told: list[Any]) -> None:
    case = Case()
    events = case.hear(status, CHARGE, reinstated)
    assert [type(event) for event in events] == told
    assert case.hear("needs_response", CHARGE, reinstated) == []
    assert case.frozen_by == []
    assert case.disputes["du_1"].state == status
    assert ledger.owed_minor(case.entries, "charged_back") == (0 if reinstated else 100_000)


# -- an inquiry ----------------------------------------------------------------------------------------------


@pytest.mark.scenario(67)
def test_an_inquiry_freezes_without_moving_money_and_its_end_unfreezes() -> None:
    case = Case()
    before = case.entries
    (frozen,) = case.hear("warning_needs_response")
    assert isinstance(frozen, said.FundsFrozen)
    assert frozen.cause == "card_inquiry"
    assert case.hear("warning_under_review") == []
    (lifted,) = case.hear("warning_closed")
    assert isinstance(lifted, said.FundsUnfrozen)
    assert (lifted.still_frozen, case.entries) == (False, before)


@pytest.mark.scenario(67)
def test_an_inquiry_that_escalates_stays_frozen_by_the_dispute() -> None:
    case = Case()
    case.hear("warning_needs_response")
    frozen, taken, lifted = case.hear("needs_response", CHARGE)
    assert (frozen.cause, lifted.cause, lifted.still_frozen) == ("card_dispute", "card_inquiry", True)
    assert isinstance(taken, said.MilestoneChargedBack)
    assert case.frozen_by == ["card_dispute"]


# -- after the release ---------------------------------------------------------------------------------------


@pytest.mark.scenario(66)
def test_what_was_paid_out_is_a_debt_of_the_trainers_side() -> None:
    case = Case("released", released())
    taken = case.hear("needs_response", CHARGE)[1]
    assert (taken.charged_back_minor, taken.fees_minor, taken.recovery_minor) == (0, 10_995, 100_000)
    assert (case.balance("trainer_debts"), case.balance("released")) == (100_000, -100_000)
    assert case.funding.state == states.RELEASED


@pytest.mark.scenario(66)
def test_two_disputes_of_a_charge_make_no_greater_debt_than_the_trainer_was_paid() -> None:
    case = Case("released", released())
    case.hear("needs_response", 66_597)
    assert case.balance("trainer_debts") == 60_000
    taken = case.hear("needs_response", CHARGE, dispute_id="du_2")[1]
    assert taken.recovery_minor == 40_000
    assert case.balance("trainer_debts") == 100_000
    assert case.disputes["du_2"].lost_minor == CHARGE - 40_000 - case.disputes["du_2"].from_fees_minor


@pytest.mark.scenario(66)
def test_a_reversed_transfer_makes_the_debt_good_and_a_win_pays_the_trainer_again() -> None:
    case = Case("released", released())
    case.hear("needs_response", CHARGE)
    (returned,) = case.reverse(60_000)
    assert isinstance(returned, said.FundsReturned)
    assert (returned.amount_minor, returned.recovered_minor, returned.held_minor) == (60_000, 60_000, 0)
    assert (case.balance("trainer_debts"), case.balance("charged_back")) == (40_000, -60_000)
    assert case.frozen_by == ["card_dispute"]
    back, again, lifted = case.hear("won", CHARGE, CHARGE)
    assert isinstance(back, said.ChargebackReversed)
    assert (back.restored_minor, back.held_minor) == (60_000, 60_000)
    assert isinstance(again, said.FundsReleased)
    assert (again.release_id, again.amount_minor, again.still_held_minor) == ("rel_again", 60_000, 0)
    assert isinstance(lifted, said.FundsUnfrozen)
    assert (case.balance("trainer_debts"), case.balance("released"), case.balance("held")) == (0, -100_000, 0)
    assert parts(case) == dict.fromkeys(parts(case), 0)


@pytest.mark.parametrize("released_minor", [0, 40_000, 100_000])
@pytest.mark.parametrize("totals", [(50_000,), (1, 50_000, 80_000), (50_000, 110_000)])
def test_a_charge_that_comes_back_in_steps_ends_as_one_that_comes_back_at_once(
    released_minor: int, totals: tuple[int, ...]
) -> None:
    state = "released" if released_minor == 100_000 else "funded"
    cases = [Case(state, released(released_minor)) for _ in range(2)]
    for case, steps in zip(cases, (totals[-1:], totals), strict=True):
        case.hear("needs_response", CHARGE)
        for total in steps:
            case.hear("won", CHARGE, total)
    at_once, in_steps = cases
    assert parts(in_steps) == parts(at_once)
    assert sum(parts(in_steps).values()) == CHARGE - totals[-1]
    assert ledger.balances(in_steps.entries) == ledger.balances(at_once.entries)


@pytest.mark.scenario(66)
def test_what_was_recovered_of_a_lost_dispute_is_told_with_what_is_not() -> None:
    case = Case("released", released())
    case.hear("needs_response", CHARGE)
    case.reverse(60_000)
    final = case.hear("lost", CHARGE)[0]
    assert (final.final, final.recovery_minor) == (True, 100_000)
    assert parts(case) == {"from_held": 0, "from_fees": 10_995, "debt": 40_000, "recovered": 60_000, "lost": 0}


def test_what_comes_back_beyond_the_debt_is_held_and_frozen() -> None:
    case = Case("released", released())
    case.hear("needs_response", 55_000)
    debt = case.balance("trainer_debts")
    returned, frozen = case.reverse(100_000)
    assert (returned.recovered_minor, returned.held_minor) == (debt, 100_000 - debt)
    assert (frozen.cause, frozen.about) == ("transfer_reversed", "tr_1")
    assert case.funding.state == states.FUNDED


@pytest.mark.scenario(62)
def test_the_same_reversal_told_twice_moves_once_and_the_next_moves_the_rest() -> None:
    case = Case("released", released())
    case.reverse(30_000)
    assert case.reverse(30_000) == []
    assert case.balance("held") == -30_000
    case.reverse(100_000)
    assert (case.balance("held"), case.balance("transferred")) == (-100_000, 0)


def test_of_a_half_released_milestone_the_held_part_goes_first() -> None:
    case = Case("funded", released(40_000))
    taken = case.hear("needs_response", CHARGE)[1]
    assert (taken.charged_back_minor, taken.recovery_minor, taken.held_minor) == (60_000, 40_000, 0)


# -- other sums ----------------------------------------------------------------------------------------------


@pytest.mark.scenario(68)
@pytest.mark.parametrize(
    ("withdrawn", "from_held", "from_fees", "lost"),
    [(CHARGE + 300, 100_000, 10_995, 300), (55_000, 49_552, 5_448, 0), (1, 1, 0, 0)],
)
def test_another_sum_than_the_charge_is_booked_as_it_is(
    withdrawn: int, from_held: int, from_fees: int, lost: int
) -> None:
    case = Case()
    case.hear("needs_response", withdrawn)
    assert (case.balance("charged_back"), case.balance("platform_losses")) == (-from_held, lost)
    assert case.balance("marketplace_fees") == -10_995 + from_fees
    assert case.balance("stripe_balance") == CHARGE - 3_249 - withdrawn
    case.hear("won", withdrawn, withdrawn)
    assert (case.balance("held"), case.balance("platform_losses")) == (-100_000, 0)


@pytest.mark.scenario(68)
def test_what_comes_back_as_another_sum_goes_to_the_parties_first() -> None:
    case = Case()
    case.hear("needs_response", CHARGE)
    case.hear("won", CHARGE, CHARGE - 500)
    assert (case.balance("held"), case.balance("marketplace_fees")) == (-100_000, -10_495)
    more = Case()
    more.hear("needs_response", CHARGE)
    more.hear("won", CHARGE, CHARGE + 200)
    assert (more.balance("held"), more.balance("platform_losses")) == (-100_000, -200)


@pytest.mark.scenario(69)
def test_what_was_given_back_before_and_is_taken_again_is_the_platforms_loss() -> None:
    case = Case("funded", ledger.refund_requested(a_posting("refund_requested"), 40_000, 4_000))
    case.hear("needs_response", CHARGE)
    assert (case.balance("charged_back"), case.balance("refunded")) == (-60_000, -40_000)
    assert case.balance("platform_losses") == 44_000
    case.hear("won", CHARGE, CHARGE)
    assert (case.balance("held"), case.balance("platform_losses")) == (-60_000, 0)


# -- money that the bank takes, or gives back, in steps -------------------------------------------------------


def parts(case: Case) -> dict[str, int]:
    """From where the dispute's money is taken, as the dispute remembers it."""
    dispute = case.disputes["du_1"]
    names = ("from_held_minor", "from_fees_minor", "debt_minor", "recovered_minor", "lost_minor")
    return {name.removesuffix("_minor"): getattr(dispute, name) for name in names}


@pytest.mark.scenario(68)
@pytest.mark.parametrize("released_minor", [0, 40_000, 100_000])
@pytest.mark.parametrize(
    "totals", [(1, CHARGE), (20_000, 50_000), (30_000, 30_300, 60_000), (88_796, CHARGE, CHARGE + 300), (CHARGE,)]
)
def test_a_charge_that_is_taken_in_steps_ends_as_one_that_is_taken_at_once(
    released_minor: int, totals: tuple[int, ...]
) -> None:
    state = "released" if released_minor == 100_000 else "funded"
    at_once, in_steps = Case(state, released(released_minor)), Case(state, released(released_minor))
    at_once.hear("needs_response", totals[-1])
    for total in totals:
        in_steps.hear("needs_response", total)
    assert parts(in_steps) == parts(at_once)
    assert ledger.balances(in_steps.entries) == ledger.balances(at_once.entries)


@pytest.mark.scenario(66)
def test_of_a_half_released_milestone_no_more_becomes_a_debt_than_goes_beyond_what_is_held() -> None:
    case = Case("funded", released(40_000))
    case.hear("needs_response", 88_796)
    assert parts(case) == {"from_held": 60_000, "from_fees": 8_796, "debt": 20_000, "recovered": 0, "lost": 0}


def test_of_a_charge_that_does_not_stand_the_platform_bears_exactly_what_the_bank_has() -> None:
    case = Case()
    for status, withdrawn, reinstated in [
        ("needs_response", 60_000, 0), ("needs_response", CHARGE, 0), ("won", CHARGE, 10_995), ("won", CHARGE, 50_995),
    ]:  # fmt: skip
        before = ledger.balances(case.entries)
        assert case.hear(status, withdrawn, reinstated, funding_id="fnd_void") == []
        after = ledger.balances(case.entries)
        with_bank = withdrawn - reinstated
        assert {account for (account, _), sum_ in after.items() if sum_ != before.get((account, "usd"), 0)} == {
            "platform_losses", "stripe_balance",
        }  # fmt: skip
        assert (case.balance("platform_losses"), case.balance("stripe_balance")) == (with_bank, 107_746 - with_bank)
        assert parts(case) == {"from_held": 0, "from_fees": 0, "debt": 0, "recovered": 0, "lost": with_bank}


def test_a_charge_that_does_not_stand_takes_nothing_from_the_milestone() -> None:
    case = Case()
    assert case.hear("needs_response", CHARGE, funding_id="fnd_void") == []
    assert (case.balance("held"), case.balance("platform_losses")) == (-100_000, CHARGE)
    assert case.frozen_by == []
    case.hear("won", CHARGE, CHARGE, funding_id="fnd_void")
    assert case.balance("platform_losses") == 0


def test_a_fee_that_stripe_gives_back_is_booked_too() -> None:
    case = Case()
    case.hear("needs_response", CHARGE, fee=1_500)
    case.hear("won", CHARGE, CHARGE, fee=0)
    assert case.balance("dispute_fees") == 0
