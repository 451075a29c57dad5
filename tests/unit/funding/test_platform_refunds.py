"""Giving the employer, from the platform's own money, what the trainer has: who, how much, and what makes it good."""

from typing import Any

import pytest

from schemas import funding as said
from schemas import stripe
from services.funding import freezes, given_up_releases, ledger, platform_refunds, refunds
from services.funding.ledger import Entry
from services.funding.records import Moved, Refund
from services.runtime.decisions import Refused, Unchanged
from tests.unit.funding.builders import (
    EMPLOYER,
    NOW,
    OPERATOR,
    RULES,
    SERVICE,
    STRANGER,
    TRAINER,
    a_fact,
    a_milestone,
    a_posting,
    movements,
)
from tests.unit.funding.test_card_disputes import CHARGE, Case, released

ABOUT = {"contract_id": "ctr_1", "milestone_id": "mls_1"}
WHOLE = 100_000
TOLD = {**ABOUT, "refund_id": "rfd_1", "funding_id": "fnd_1", "employer_id": "emp_1", "trainer_id": "trn_1"}


def to_give(amount_minor: int | None = None, **changed: Any) -> said.RefundFromPlatform:
    fields = {"actor": OPERATOR, **ABOUT, "amount_minor": amount_minor, "reason": "promised", **changed}
    return said.RefundFromPlatform(**fields)


def refusal(found: Any) -> tuple[str, str]:
    assert isinstance(found, Refused), found
    return found.kind, found.code


class Paid(Case):
    """A milestone of 1,000.00 USD that was paid out to the trainer, or a part of it."""

    def __init__(self, transferred_minor: int = WHOLE, *moves: list[Entry]) -> None:
        state = "released" if transferred_minor == WHOLE or moves else "funded"
        super().__init__(state, released(transferred_minor), *moves)
        self.rows: dict[str, Refund] = {}

    def apply(self, made: Moved | None) -> list[Any]:
        told = super().apply(made)
        self.rows.update({refund.refund_id: refund for refund in (made.refunds if made else ())})
        self.refunds = list(self.rows.values())
        return told

    def ask(self, amount_minor: int | None = None, refund_id: str = "rfd_1") -> Any:
        hold = freezes.holding(self.freezes)
        posting = a_posting(id=f"pst_{refund_id}")
        found = platform_refunds.request(self.money, hold, to_give(amount_minor), refund_id, RULES, posting)
        return self.apply(found) if isinstance(found, Moved) else found

    def stripe_says(self, status: str, out: int = 0, back: int = 0, why: str = "expired_or_canceled_card") -> list[Any]:
        fact = a_fact("stripe.refund_changed", refund_id="rfd_1", stripe_refund_id="re_1", status=status,
                      debited_minor=out, returned_minor=back, failure_reason=why if status == "failed" else "",
                      pending_reason="")  # fmt: skip
        return self.apply(refunds.changed(self.rows["rfd_1"], self.money.held_minor, fact, self.posting()))

    def sums(self, *accounts: Any) -> tuple[int, ...]:
        return tuple(self.balance(account) for account in accounts)


# -- who, and how much ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("actor", [TRAINER, EMPLOYER, SERVICE])
def test_only_an_operator_spends_the_platforms_money(actor: Any) -> None:
    found = platform_refunds.may(a_milestone(), to_give(actor=actor))
    assert refusal(found) == ("forbidden", "forbidden")
    assert found is not None
    assert f"not the {actor.role}" in found.detail


@pytest.mark.parametrize("milestone", [None, a_milestone(contract_id="ctr_2")])
def test_what_is_not_there_is_named(milestone: Any) -> None:
    found = platform_refunds.may(milestone, to_give())
    assert refusal(found)[1] == "not_found"
    assert found is not None
    assert "milestone mls_1" in found.detail
    assert refusal(platform_refunds.may(a_milestone(), to_give(actor=STRANGER)))[1] == "not_found"


def test_the_sum_is_in_the_currency_of_the_contract() -> None:
    assert platform_refunds.may(a_milestone(), to_give(5, currency="usd")) is None
    assert refusal(platform_refunds.may(a_milestone(), to_give(5, currency="eur")))[1] == "wrong_currency"
    assert refusal(platform_refunds.may(a_milestone(currency="kwd"), to_give(5)))[1] == "wrong_amount"


@pytest.mark.scenario(61)
def test_what_the_trainer_has_is_given_at_the_platforms_loss_with_its_fees() -> None:
    case = Paid()
    requested, call = case.ask(40_000)
    assert requested == said.PlatformRefundRequested(
        **TOLD, lost_minor=40_000, fees_minor=4_000, refund_minor=44_000, currency="usd", decided_by="opr_1",
        reason="promised",
    )  # fmt: skip
    assert isinstance(call, stripe.CreateRefund)
    assert (call.amount_minor, call.refund_id, call.reason) == (44_000, "rfd_1", "requested_by_customer")
    assert movements(case.entries[-4:]) == [
        ("platform_losses", 40_000), ("platform_refunds", -40_000), ("marketplace_fees", 4_000),
        ("fees_returned", -4_000),
    ]  # fmt: skip
    row = case.rows["rfd_1"]
    assert (row.state, row.cause, row.amount_minor, row.lost_minor) == ("asked", "operator", 0, 40_000)
    assert (row.refund_minor, row.owed_minor, row.requested_by, row.reason) == (44_000, 44_000, "opr_1", "promised")
    assert (case.funding.state, case.balance("released")) == ("released", -WHOLE)


@pytest.mark.scenario(61)
def test_never_more_than_the_trainer_has_of_it() -> None:
    case = Paid()
    case.ask(60_000)
    found = case.ask(40_001, "rfd_2")
    assert refusal(found) == ("conflict", "more_than_transferred")
    assert found.extra == {"left_minor": 40_000}
    assert "400.00 USD" in found.detail
    assert "400.01 USD" in found.detail
    assert case.ask(None, "rfd_2")[0].lost_minor == 40_000
    assert case.balance("fees_returned") == -10_000
    assert refusal(case.ask(1, "rfd_3")) == ("conflict", "nothing_with_the_trainer")
    assert "already" in (case.ask(None, "rfd_3").detail or "")
    assert isinstance(case.ask(None, "rfd_3"), Unchanged)


def test_what_is_held_or_was_not_transferred_is_given_back_otherwise() -> None:
    waits = ledger.funds_released(a_posting("funds_released", id="pst_w"), 60_000)
    assert Paid(40_000, waits).money.with_trainer_minor == 40_000
    nobody_has_it = Case("funded")
    found = platform_refunds.request(nobody_has_it.money, [], to_give(), "rfd_1", RULES, a_posting())
    assert refusal(found) == ("conflict", "nothing_with_the_trainer")
    assert refusal(platform_refunds.request(None, [], to_give(), "rfd_1", RULES, a_posting()))[1] == (
        "nothing_with_the_trainer"
    )


def test_what_the_bank_took_is_not_given_a_second_time() -> None:
    case = Paid()
    case.hear("needs_response", CHARGE // 2)
    assert refusal(case.ask()) == ("conflict", "charge_disputed")
    case.hear("lost", CHARGE // 2)
    debt_minor = case.balance("trainer_debts")
    assert case.ask()[0].lost_minor == WHOLE - debt_minor
    assert 0 < debt_minor < WHOLE


def test_what_the_platform_gave_is_no_debt_of_a_later_dispute_as_well() -> None:
    case = Paid()
    case.ask(70_000)
    taken = case.hear("needs_response", CHARGE)[1]
    assert taken.recovery_minor == 30_000
    assert case.sums("trainer_debts", "platform_refunds") == (30_000, -70_000)


# -- what becomes of it ----------------------------------------------------------------------------------------


@pytest.mark.scenario(61)
def test_once_stripe_made_it_it_is_told() -> None:
    case = Paid()
    case.ask(40_000)
    assert case.stripe_says("succeeded", 44_000) == [
        said.PlatformRefundMade(**TOLD, lost_minor=40_000, refund_minor=44_000, currency="usd")
    ]
    assert case.sums("refund_paid", "platform_losses") == (44_000, 40_000)
    assert case.rows["rfd_1"].owed_minor == 0


def test_one_that_fails_is_owed_until_an_operator_paid_it() -> None:
    case = Paid()
    case.ask(40_000)
    (failed,) = case.stripe_says("failed", 44_000, 44_000)
    assert failed == said.PlatformRefundFailed(
        **TOLD, lost_minor=40_000, refund_minor=44_000, currency="usd", owed=True, code="expired_or_canceled_card",
        reason="The card did not take the refund; it is owed to the employer. An operator pays it by another way and "
        "records it.",
    )  # fmt: skip
    command = said.RecordManualRefund(actor=OPERATOR, **ABOUT, refund_id="rfd_1", reference="wire 77")
    (made,) = case.apply(refunds.paid_by_hand(case.rows["rfd_1"], 0, command, case.posting()))  # type: ignore[arg-type]
    assert (made.lost_minor, made.by_hand) == (40_000, True)
    assert case.balance("paid_by_hand") == -44_000


@pytest.mark.scenario(61)
def test_one_that_stripe_refuses_costs_nothing() -> None:
    case = Paid()
    before = {k: v for k, v in ledger.balances(case.entries).items() if v}
    case.ask(40_000)
    (failed,) = case.apply(
        refunds.refused(case.rows["rfd_1"], case.money, "charge_already_refunded", "no", case.posting())
    )
    assert isinstance(failed, said.PlatformRefundFailed)
    assert (failed.owed, failed.lost_minor) == (False, 40_000)
    assert failed.reason == "Stripe did not make the refund; the platform lost nothing. Stripe says: no"
    assert {k: v for k, v in ledger.balances(case.entries).items() if v} == before
    assert (case.funding.state, case.money.with_trainer_minor) == ("released", WHOLE)
    assert (case.rows["rfd_1"].state, case.rows["rfd_1"].code) == ("refused", "charge_already_refunded")


def test_one_that_stripe_makes_after_refusing_it_is_the_platforms_loss_once() -> None:
    case = Paid()
    before = case.sums("platform_losses", "platform_refunds", "refunded", "refund_paid", "stripe_balance")
    case.ask(40_000)
    case.apply(refunds.refused(case.rows["rfd_1"], case.money, "charge_already_refunded", "no", case.posting()))
    fact = a_fact("stripe.refund_changed", refund_id="rfd_1", stripe_refund_id="re_1", status="succeeded",
                  amount_minor=44_000, debited_minor=44_000, returned_minor=0)  # fmt: skip
    refused = case.rows["rfd_1"]
    assert case.apply(refunds.made_at_stripe(refused, case.money, fact, refused, case.posting())) == []
    after = case.sums("platform_losses", "platform_refunds", "refunded", "refund_paid", "stripe_balance")
    assert [now - then for then, now in zip(before, after, strict=True)] == [44_000, 0, 0, 0, -44_000]
    row = case.rows["rfd_1"]
    assert (row.state, row.amount_minor, row.fees_minor, row.lost_minor, row.owed_minor) == ("made", 0, 0, 0, 0)


# -- what the trainer makes good -------------------------------------------------------------------------------


@pytest.mark.scenario(61)
def test_what_comes_back_makes_the_loss_good_and_is_not_held_again() -> None:
    case = Paid()
    case.ask(40_000)
    case.stripe_says("succeeded", 44_000)
    returned, asked, made = case.reverse(30_000)
    assert (returned.amount_minor, returned.recovered_minor, returned.held_minor) == (30_000, 0, 0)
    assert asked == said.RefundRequested(
        **TOLD, amount_minor=30_000, fees_minor=4_000, refund_minor=44_000, still_held_minor=0, currency="usd",
        cause="operator", requested_by="opr_1", reason="promised",
    )  # fmt: skip
    assert made == said.MilestoneRefunded(
        **TOLD, amount_minor=30_000, fees_minor=4_000, refund_minor=44_000, still_held_minor=0, currency="usd"
    )
    assert case.sums("platform_losses", "platform_refunds", "refunded", "released", "transferred", "held") == (
        10_000, -10_000, -30_000, -70_000, 70_000, 0,
    )  # fmt: skip
    assert (case.rows["rfd_1"].amount_minor, case.rows["rfd_1"].lost_minor) == (30_000, 10_000)
    assert case.frozen_by == []


@pytest.mark.scenario(61)
def test_what_comes_back_beyond_the_loss_is_held_again() -> None:
    case = Paid()
    case.ask(40_000)
    case.stripe_says("succeeded", 44_000)
    told = case.reverse(WHOLE)
    assert [event.held_minor for event in told if isinstance(event, said.FundsReturned)] == [60_000]
    assert case.sums("platform_losses", "platform_refunds", "held") == (0, 0, -60_000)
    assert case.frozen_by == ["transfer_reversed"]


def test_the_banks_debt_is_made_good_before_the_platforms_loss() -> None:
    case = Paid()
    case.ask(40_000)
    case.stripe_says("succeeded", 44_000)
    case.hear("needs_response", CHARGE)
    case.hear("lost", CHARGE)
    debt_minor = case.balance("trainer_debts")
    assert debt_minor == 60_000
    case.reverse(70_000)
    assert case.sums("trainer_debts", "platform_refunds", "held") == (0, -30_000, 0)


def test_a_refund_that_is_on_its_way_is_only_told_as_asked_for_once_it_is_made_good() -> None:
    case = Paid()
    case.ask(40_000)
    case.stripe_says("pending")
    _, asked = case.reverse(30_000)
    assert isinstance(asked, said.RefundRequested)
    assert asked.amount_minor == 30_000


@pytest.mark.parametrize("reason", ["expired_or_canceled_card", ""])
def test_a_refund_that_failed_is_told_as_that_of_the_part_that_was_made_good(reason: str) -> None:
    case = Paid()
    case.ask(40_000)
    (first,) = case.stripe_says("failed", 44_000, 44_000, reason)
    _, asked, failed = case.reverse(30_000)
    assert (asked.amount_minor, failed.amount_minor) == (30_000, 30_000)
    assert isinstance(failed, said.RefundFailed)
    assert (failed.owed, failed.code, failed.reason) == (True, reason or "failed", first.reason)
    assert first.code == failed.code


def test_of_a_refund_that_was_made_good_in_part_both_parts_are_told_when_it_is_made() -> None:
    case = Paid()
    case.ask(40_000)
    case.reverse(30_000)
    work, lost = case.stripe_says("succeeded", 44_000)
    assert isinstance(work, said.MilestoneRefunded)
    assert isinstance(lost, said.PlatformRefundMade)
    assert (work.amount_minor, lost.lost_minor) == (30_000, 10_000)


def test_the_oldest_loss_is_made_good_first_and_notes_its_time() -> None:
    older = refunds.begun(Paid().funding, "rfd_2", 0, 0, "operator", "opr_1", "", NOW)._replace(lost_minor=30)
    newer = older._replace(refund_id="rfd_1", requested_at=NOW.replace(year=2027))
    later = NOW.replace(year=2028)
    changed, repaid_minor = platform_refunds.repay([newer, older], 40, later)
    assert [(r.refund_id, r.amount_minor, r.lost_minor, r.changed_at) for r in changed] == [
        ("rfd_2", 30, 0, later), ("rfd_1", 10, 20, later),
    ]  # fmt: skip
    assert repaid_minor == 40
    assert platform_refunds.repay([older], 0, later) == ([], 0)
    assert platform_refunds.repay([older], 50, later)[1] == 30


def test_a_release_that_is_given_up_makes_it_good_too() -> None:
    case = Paid(60_000, ledger.funds_released(a_posting("funds_released", id="pst_w"), 40_000))
    case.ask(50_000)
    case.stripe_says("succeeded", 55_000)
    fact = a_fact("payouts.payout_given_up", payout_id="pay_2", amount_minor=40_000)
    told = case.apply(given_up_releases.hold_again(case.money, [], fact, case.posting()))
    assert [type(event) for event in told] == [said.ReleaseGivenUp, said.RefundRequested, said.MilestoneRefunded]
    assert case.sums("platform_refunds", "refunded", "held", "released") == (-10_000, -40_000, 0, -60_000)
