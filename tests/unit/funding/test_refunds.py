"""Giving money back: who, how much, with which fees, and what became of it."""

from datetime import timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import funding as said
from schemas import stripe
from schemas.money import CURRENCIES, share
from services.funding import fees, ledger, refunds, states
from services.funding.fees import FeeRule
from services.funding.ledger import Entry
from services.funding.records import Funding, Moved, Refund
from services.funding.standing import Money
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
    a_funding,
    a_milestone,
    a_posting,
    held,
    movements,
)
from tests.unit.funding.test_freezes import a_freeze


def to_refund(**changed: Any) -> said.RefundMilestone:
    return said.RefundMilestone(**{"actor": TRAINER, "contract_id": "ctr_1", "milestone_id": "mls_1", **changed})


def refusal(found: object) -> tuple[str, str]:
    assert isinstance(found, Refused), found
    return found.kind, found.code


def moved(found: object) -> Moved:
    assert isinstance(found, Moved), found
    return found


class Story:
    """A milestone of 1,000.00 USD that was charged, and what is given back of it."""

    def __init__(self, funding: Funding | None = None, entries: list[Entry] | None = None) -> None:
        self.funding = funding or a_funding("funded")
        self.entries = held() if entries is None else entries
        self.refunds: dict[str, Refund] = {}
        self.postings = 0
        self.now = NOW

    @property
    def money(self) -> Money:
        return Money(self.funding, self.entries, list(self.refunds.values()))

    def posting(self) -> Any:
        self.postings += 1
        return a_posting("refund_requested", id=f"pst_{self.postings}", posted_at=self.now)

    def apply(self, made: Moved | None) -> Moved:
        assert made is not None
        self.entries = [*self.entries, *made.entries]
        for refund in made.refunds:
            self.refunds[refund.refund_id] = refund
        for funding in made.fundings:
            self.funding = funding
        return made

    def ask(self, amount_minor: int | None = None, refund_id: str = "rfd_1", **changed: Any) -> Any:
        command = to_refund(amount_minor=amount_minor, **changed)
        found = refunds.request(self.money, [], command, refund_id, RULES, self.posting())
        return self.apply(found) if isinstance(found, Moved) else found

    def hear(
        self, status: str, debited_minor: int, returned_minor: int = 0, refund_id: str = "rfd_1", **changed: Any
    ) -> Moved | None:
        fact = a_fact(
            "stripe.refund_changed", status=status, debited_minor=debited_minor, returned_minor=returned_minor,
            refund_id=refund_id, stripe_refund_id=f"re_{refund_id}", **changed,
        )  # fmt: skip
        made = refunds.changed(self.refunds[refund_id], self.money.held_minor, fact, self.posting())
        return self.apply(made) if made is not None else None

    def refuse(self, refund_id: str = "rfd_1") -> Moved | None:
        made = refunds.refused(self.refunds[refund_id], self.money, "charge_disputed", "", self.posting())
        return self.apply(made) if made is not None else None

    def balance(self, account: Any) -> int:
        return ledger.owed_minor(self.entries, account)

    @property
    def owed_minor(self) -> int:
        """What the books owe to the employer."""
        return self.balance("refunded") + self.balance("fees_returned") + self.balance("refund_paid")


# -- who -----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("actor", "cause"), [(TRAINER, "given_back"), (OPERATOR, "operator"), (SERVICE, "operator")])
def test_the_trainer_gives_back_and_operators_may(actor: Any, cause: str) -> None:
    assert refunds.may_refund(a_milestone(), to_refund(actor=actor)) is None
    assert refunds.cause_of(actor) == cause


@pytest.mark.parametrize(
    ("milestone", "changed", "expected"),
    [
        (None, {}, ("not_found", "not_found")),
        (a_milestone(), {"actor": STRANGER}, ("not_found", "not_found")),
        (a_milestone(), {"contract_id": "ctr_2"}, ("not_found", "not_found")),
        (a_milestone(), {"actor": EMPLOYER}, ("forbidden", "forbidden")),
        (a_milestone(), {"currency": "eur"}, ("invalid", "wrong_currency")),
        (a_milestone(currency="kwd"), {"amount_minor": 1_001}, ("invalid", "wrong_amount")),
    ],
)
def test_nobody_else_and_nothing_else(milestone: Any, changed: dict[str, Any], expected: tuple[str, str]) -> None:
    assert refusal(refunds.may_refund(milestone, to_refund(**changed))) == expected


# -- how much ------------------------------------------------------------------------------------------------


@pytest.mark.scenario(56)
def test_all_of_it_goes_back_with_the_marketplace_fee_and_nothing_can_be_released() -> None:
    story = Story()
    made = moved(story.ask())
    assert movements(made.entries) == [
        ("held", 100_000), ("refunded", -100_000), ("marketplace_fees", 10_000), ("fees_returned", -10_000),
    ]  # fmt: skip
    requested, call = made.said
    assert isinstance(requested, said.RefundRequested)
    assert (requested.amount_minor, requested.fees_minor, requested.refund_minor) == (100_000, 10_000, 110_000)
    assert (requested.still_held_minor, requested.cause, requested.requested_by) == (0, "given_back", "trn_1")
    assert isinstance(call, stripe.CreateRefund)
    assert (call.amount_minor, call.payment_intent_id, call.attempt) == (110_000, "pi_1", 1)
    assert story.funding.state == states.REFUNDED
    assert story.money.held_minor == 0


@pytest.mark.scenario(57)
def test_a_part_leaves_the_rest_and_no_second_part_goes_beyond_it() -> None:
    story = Story()
    story.ask(40_000)
    assert story.funding.state == states.FUNDED
    assert story.money.held_minor == 60_000
    refused = story.ask(60_001, "rfd_2")
    assert refusal(refused) == ("conflict", "more_than_held")
    assert refused.extra == {"held_minor": 60_000}
    moved(story.ask(60_000, "rfd_2"))
    assert story.balance("fees_returned") == 10_000


def test_giving_back_again_what_is_given_back_changes_nothing() -> None:
    story = Story()
    story.ask()
    assert isinstance(story.ask(None, "rfd_2"), Unchanged)
    assert refusal(story.ask(1, "rfd_2")) == ("conflict", "nothing_to_refund")


def test_what_was_released_is_not_given_back() -> None:
    entries = [*held(), *ledger.funds_released(a_posting("funds_released"), 100_000)]
    refused = Story(a_funding("released"), entries).ask()
    assert refusal(refused) == ("conflict", "nothing_to_refund")
    assert "reverses the transfer" in refused.detail


def test_without_a_charge_there_is_nothing_to_give_back() -> None:
    found = refunds.request(None, [], to_refund(), "rfd_1", RULES, a_posting())
    assert refusal(found) == ("conflict", "nothing_to_refund")


def test_what_is_frozen_is_not_the_trainers_to_give_back_and_every_reason_is_named() -> None:
    hold = [a_freeze("review", "prv_1"), a_freeze("operator", "opr_1")]
    found = refunds.request(Story().money, hold, to_refund(), "rfd_1", RULES, a_posting())
    assert isinstance(found, Refused)
    assert (found.code, found.detail) == (
        "funds_frozen",
        "what is held is frozen (operator, review): an operator decides",
    )


def test_a_reason_may_be_left_out() -> None:
    requested = moved(Story().ask(reason=None)).said[0]
    assert isinstance(requested, said.RefundRequested)
    assert requested.reason == ""


def test_the_rule_may_keep_the_fees_or_give_back_the_initiation_fee_too() -> None:
    kept = FeeRule("fees_2026_01", RULES[0].holds_from, 1_000, {}, 0, 0)
    assert fees.fees_returned_minor([kept], "fees_2026_01", (100_000, 10_000, 995), 100_000, "usd") == 0
    all_of_it = FeeRule("fees_2026_01", RULES[0].holds_from, 1_000, {}, 10_000, 10_000)
    assert fees.fees_returned_minor([all_of_it], "fees_2026_01", (100_000, 10_000, 995), 100_000, "usd") == 10_995


@given(
    currency=st.sampled_from(sorted(CURRENCIES)),
    amount=st.integers(10, 200_000),
    parts=st.lists(st.integers(1, 60_000), max_size=8),
    data=st.data(),
)
@pytest.mark.scenario(55)
def test_parts_give_back_the_whole_fee_and_never_more_whatever_is_refused_between(
    currency: str, amount: int, parts: list[int], data: Any
) -> None:
    step = 10 if CURRENCIES[currency].exponent == 3 else 1
    amount, parts = amount * step, [part * step for part in parts]
    fee = share(amount, 1_000, currency)
    funding = a_funding(
        "funded", amount_minor=amount, marketplace_fee_minor=fee, initiation_fee_minor=0, currency=currency
    )
    entries = ledger.charge_succeeded(a_posting("charge_succeeded", currency=currency), amount, fee, 0)
    story = Story(funding, entries)
    for number, part in enumerate(parts):
        if isinstance(story.ask(part, f"rfd_{number}"), Moved) and data.draw(st.booleans()):
            story.refuse(f"rfd_{number}")
        assert story.balance("refunded") + story.money.held_minor == amount
        assert 0 <= story.balance("fees_returned") <= fee
    if story.money.held_minor:
        story.ask(None, "rfd_rest")
    assert story.balance("refunded") == amount
    assert story.balance("fees_returned") == fee
    assert all(refund.fees_minor % step == 0 for refund in story.refunds.values())


# -- what became of it ---------------------------------------------------------------------------------------


def test_it_is_paid_when_stripe_says_so_and_then_nothing_is_owed() -> None:
    story = Story()
    story.ask(40_000)
    assert story.owed_minor == 44_000
    made = moved(story.hear("succeeded", 44_000))
    assert movements(made.entries) == [("refund_paid", 44_000), ("stripe_balance", -44_000)]
    (event,) = made.said
    assert isinstance(event, said.MilestoneRefunded)
    assert (event.refund_minor, event.still_held_minor, event.by_hand) == (44_000, 60_000, False)
    assert story.owed_minor == 0 == story.refunds["rfd_1"].owed_minor


@pytest.mark.scenario(59)
def test_while_the_balance_is_short_it_is_pending_and_owed() -> None:
    story = Story()
    story.ask()
    made = moved(story.hear("pending", 0))
    assert (list(made.entries), made.said) == ([], ())
    assert story.refunds["rfd_1"].state == states.PENDING
    assert story.owed_minor == 110_000
    moved(story.hear("succeeded", 110_000))
    assert (story.refunds["rfd_1"].state, story.owed_minor) == (states.MADE, 0)


def test_the_same_word_twice_moves_nothing() -> None:
    story = Story()
    story.ask()
    story.hear("succeeded", 110_000)
    assert story.hear("succeeded", 110_000) is None
    assert story.hear("pending", 0) is None


def test_what_stripe_calls_it_and_since_when_it_waits_for_what_is_kept_until_it_is_made() -> None:
    story = Story()
    story.ask()
    asked = story.refunds["rfd_1"]
    story.now = NOW + timedelta(hours=1)
    story.hear("pending", 0, pending_reason="insufficient_funds")
    assert story.refunds["rfd_1"] == asked._replace(
        state=states.PENDING, stripe_refund_id="re_rfd_1", code="insufficient_funds", changed_at=story.now
    )
    story.hear("pending", 0, pending_reason="charge_pending")
    assert story.refunds["rfd_1"].code == "charge_pending"
    # Stripe may still name what it waited for: a refund that is made waits for nothing.
    story.hear("succeeded", 110_000, pending_reason="insufficient_funds")
    assert (story.refunds["rfd_1"].state, story.refunds["rfd_1"].code) == (states.MADE, None)


@pytest.mark.parametrize(("reason", "code"), [("lost_or_stolen_card", "lost_or_stolen_card"), ("", "failed")])
def test_why_it_failed_is_kept_and_told_and_without_a_reason_that_it_did(reason: str, code: str) -> None:
    story = Story()
    story.ask()
    (event,) = moved(story.hear("failed", 0, failure_reason=reason)).said
    assert isinstance(event, said.RefundFailed)
    assert event.code == code
    assert story.refunds["rfd_1"].code == (reason or None)


def test_a_refund_that_leaves_in_parts_is_booked_part_by_part() -> None:
    story = Story()
    story.ask()
    assert movements(moved(story.hear("pending", 50_000)).entries) == [
        ("refund_paid", 50_000), ("stripe_balance", -50_000),
    ]  # fmt: skip
    assert movements(moved(story.hear("succeeded", 110_000)).entries) == [
        ("refund_paid", 60_000), ("stripe_balance", -60_000),
    ]  # fmt: skip
    assert (story.owed_minor, story.balance("platform_losses")) == (0, 0)


@pytest.mark.scenario(60)
def test_what_came_back_and_leaves_once_more_pays_what_is_owed_and_is_no_loss() -> None:
    story = Story()
    story.ask()
    story.hear("pending", 50_000)
    story.hear("failed", 50_000, 50_000)
    assert (story.owed_minor, story.balance("stripe_balance")) == (110_000, -(110_995 - 3_249))
    assert movements(moved(story.hear("succeeded", 160_000, 50_000)).entries) == [
        ("refund_paid", 110_000), ("stripe_balance", -110_000),
    ]  # fmt: skip
    assert (story.owed_minor, story.balance("platform_losses")) == (0, 0)


def test_what_came_back_is_counted_even_when_it_is_told_together_with_what_left_again() -> None:
    story = Story()
    story.ask()
    story.hear("pending", 30_000)
    story.hear("pending", 60_000, 20_000)
    assert story.owed_minor == 110_000 - 40_000
    story.hear("pending", 90_000, 70_000)
    assert story.owed_minor == 110_000 - 20_000 == story.refunds["rfd_1"].owed_minor
    assert story.balance("platform_losses") == 0


@pytest.mark.parametrize("before", [["succeeded"], ["pending"], []])
@pytest.mark.scenario(60)
def test_what_fails_later_is_owed_and_never_held_again(before: list[str]) -> None:
    story = Story()
    story.ask()
    for status in before:
        story.hear(status, 110_000 if status == "succeeded" else 0)
    out = 110_000 if before == ["succeeded"] else 0
    made = moved(story.hear("failed", out, out))
    (event,) = made.said
    assert isinstance(event, said.RefundFailed)
    assert (event.owed, event.held_minor) == (True, 0)
    assert story.money.held_minor == 0
    assert story.owed_minor == 110_000 == story.refunds["rfd_1"].owed_minor
    assert story.balance("stripe_balance") == -(110_995 - 3_249)


def test_an_operator_settles_what_is_owed_once() -> None:
    story = Story()
    story.ask()
    story.hear("failed", 110_000, 110_000)
    story.now = NOW + timedelta(days=1)
    command = said.RecordManualRefund(
        actor=OPERATOR, contract_id="ctr_1", milestone_id="mls_1", refund_id="rfd_1", reference="wire 77"
    )
    made = story.apply(moved(refunds.paid_by_hand(story.refunds["rfd_1"], 0, command, story.posting())))
    (event,) = made.said
    assert isinstance(event, said.MilestoneRefunded)
    assert event.by_hand
    assert (story.refunds["rfd_1"].reference, story.refunds["rfd_1"].changed_at) == ("wire 77", story.now)
    assert story.owed_minor == 0
    assert story.balance("paid_by_hand") == 110_000
    assert isinstance(refunds.paid_by_hand(story.refunds["rfd_1"], 0, command, story.posting()), Unchanged)
    # Should Stripe pay it after all, that is nobody's but the platform's loss.
    story.hear("succeeded", 220_000, 110_000)
    assert (story.owed_minor, story.balance("platform_losses")) == (0, -110_000)


def test_only_what_failed_is_settled_by_hand_and_only_by_an_operator() -> None:
    story = Story()
    story.ask()
    command = said.RecordManualRefund(
        actor=OPERATOR, contract_id="ctr_1", milestone_id="mls_1", refund_id="rfd_1", reference="wire 77"
    )
    refund = story.refunds["rfd_1"]
    assert refusal(refunds.paid_by_hand(refund, 0, command, a_posting())) == ("conflict", "refund_not_owed")
    assert refunds.may_settle(a_milestone(), refund, command) is None
    by_trainer = command.model_copy(update={"actor": TRAINER})
    assert refusal(refunds.may_settle(a_milestone(), refund, by_trainer)) == ("forbidden", "forbidden")
    assert refusal(refunds.may_settle(a_milestone(), None, command)) == ("not_found", "not_found")
    of_another = refund._replace(milestone_id="mls_2")
    assert refusal(refunds.may_settle(a_milestone(), of_another, command)) == ("not_found", "not_found")


@pytest.mark.scenario(64)
def test_what_stripe_refuses_is_closed_with_the_reason_and_held_again() -> None:
    story = Story()
    story.ask()
    made = moved(story.refuse())
    (event,) = made.said
    assert isinstance(event, said.RefundFailed)
    assert (event.owed, event.code, event.held_minor) == (False, "charge_disputed", 100_000)
    assert story.funding.state == states.FUNDED
    assert (story.money.held_minor, story.owed_minor, story.balance("marketplace_fees")) == (100_000, 0, 10_995)
    assert story.refuse() is None


def test_a_refusal_is_kept_and_told_whole() -> None:
    story = Story()
    story.ask(40_000, actor=OPERATOR)
    asked = story.refunds["rfd_1"]
    story.now = NOW + timedelta(hours=1)
    made = moved(refunds.refused(asked, story.money, "charge_disputed", "It is disputed.", story.posting()))
    assert made.refunds == (asked._replace(state=states.REFUSED, code="charge_disputed", changed_at=story.now),)
    (event,) = made.said
    assert isinstance(event, said.RefundFailed)
    assert "Stripe says: It is disputed." in event.reason
    assert event.model_dump(exclude={"reason"}) == {
        "contract_id": "ctr_1", "milestone_id": "mls_1", "refund_id": "rfd_1", "funding_id": "fnd_1",
        "employer_id": "emp_1", "trainer_id": "trn_1", "amount_minor": 40_000, "refund_minor": 44_000,
        "held_minor": 100_000, "currency": "usd", "owed": False, "code": "charge_disputed", "cause": "operator",
    }  # fmt: skip


def test_a_refused_refund_of_a_milestone_that_holds_nothing_is_owed_with_the_reason() -> None:
    refund = refunds.begun(a_funding("voided"), "rfd_1", 100_000, 10_995, "amount_mismatch", "funding", "", NOW)
    made = moved(refunds.refused(refund, None, "charge_disputed", "It is disputed.", a_posting()))
    assert (made.refunds[0].state, list(made.entries)) == (states.OWED, [])
    (event,) = made.said
    assert isinstance(event, said.RefundFailed)
    assert (event.owed, event.held_minor) == (True, 0)
    assert "Stripe says: It is disputed." in event.reason


def test_more_than_is_held_is_never_taken_whoever_decided_it() -> None:
    with pytest.raises(ValueError, match="mls_1: 100001 to refund, 100000 held"):
        refunds.ask(Story().money, 100_001, "operator", "opr_1", "", "rfd_1", RULES, "x", a_posting())


def test_a_refused_refund_of_what_must_not_stand_stays_owed() -> None:
    story = Story()
    refund = refunds.begun(
        a_funding("voided", funding_id="fnd_2"),
        "rfd_1",
        100_000,
        10_995,
        "duplicate_charge",
        "funding",
        "",
        a_posting().posted_at,
    )
    story.refunds["rfd_1"] = refund
    made = moved(story.refuse())
    (event,) = made.said
    assert isinstance(event, said.RefundFailed)
    assert event.owed
    assert story.money.held_minor == 100_000
    assert story.refunds["rfd_1"].state == states.OWED


def test_what_left_beyond_what_is_owed_is_the_platforms_loss() -> None:
    story = Story()
    story.ask()
    story.hear("succeeded", 110_300)
    assert (story.owed_minor, story.balance("platform_losses")) == (0, -300)


# -- made at Stripe by hand ----------------------------------------------------------------------------------


def by_hand(
    story: Story, amount_minor: int, status: str = "succeeded", known: Refund | None = None, **changed: Any
) -> Moved | None:
    values = {"debited_minor": amount_minor if status == "succeeded" else 0, "returned_minor": 0, **changed}
    fact = a_fact(
        "stripe.refund_changed", refund_id=None, stripe_refund_id="re_9", status=status, amount_minor=amount_minor,
        **values,
    )  # fmt: skip
    row = refunds.begun(story.funding, "rfd_9", 0, 0, "made_at_stripe", "stripe", "", a_posting().posted_at)
    made = refunds.made_at_stripe(known, story.money, fact, row, story.posting())
    return story.apply(made) if made is not None else None


def test_a_refund_made_at_stripe_is_taken_from_what_is_held_and_kept_as_made() -> None:
    story = Story()
    made = moved(by_hand(story, 30_000))
    assert [type(event) for event in made.said] == [said.RefundRequested, said.MilestoneRefunded]
    assert (story.money.held_minor, story.owed_minor, story.balance("platform_losses")) == (70_000, 0, 0)
    row = story.refunds["rfd_9"]
    assert (row.state, row.cause, row.amount_minor, row.fees_minor, row.debited_minor, row.stripe_refund_id) == (
        states.MADE, "made_at_stripe", 30_000, 0, 30_000, "re_9",
    )  # fmt: skip


def test_a_refund_at_stripe_that_is_on_its_way_is_the_employers_already() -> None:
    story = Story()
    (event,) = moved(by_hand(story, 30_000, "pending")).said
    assert isinstance(event, said.RefundRequested)
    assert (event.still_held_minor, story.owed_minor, story.refunds["rfd_9"].state) == (70_000, 30_000, states.PENDING)


def test_the_whole_charge_refunded_at_stripe_takes_the_fees_too() -> None:
    story = Story()
    by_hand(story, 110_995)
    assert (story.money.held_minor, story.balance("fees_returned"), story.owed_minor) == (0, 10_995, 0)
    assert story.funding.state == states.REFUNDED


def test_what_was_released_already_is_the_platforms_loss() -> None:
    entries = [*held(), *ledger.funds_released(a_posting("funds_released"), 100_000)]
    story = Story(a_funding("released"), entries)
    made = moved(by_hand(story, 30_000))
    assert made.said == ()
    assert (story.balance("platform_losses"), story.balance("refunded")) == (-30_000, 0)
    assert story.funding.state == states.RELEASED


@pytest.mark.parametrize("status", ["failed", "canceled"])
def test_a_refund_at_stripe_that_never_came_to_be_moves_nothing(status: str) -> None:
    assert by_hand(Story(), 30_000, status) is None


def test_a_refund_at_stripe_that_came_back_from_the_card_is_owed() -> None:
    story = Story()
    made = moved(by_hand(story, 30_000, "failed", debited_minor=30_000, returned_minor=30_000))
    assert [type(event) for event in made.said] == [said.RefundRequested, said.RefundFailed]
    assert (story.money.held_minor, story.owed_minor, story.refunds["rfd_9"].state) == (70_000, 30_000, states.OWED)
    assert story.balance("stripe_balance") == -(110_995 - 3_249)


def test_what_stripe_made_after_refusing_it_is_taken_again() -> None:
    story = Story()
    story.ask(40_000)
    story.refuse()
    by_hand(story, 44_000, known=story.refunds["rfd_1"])
    assert (story.money.held_minor, story.owed_minor) == (56_000, 0)
    row = story.refunds["rfd_1"]
    assert (row.state, row.cause, row.code, row.amount_minor) == (states.MADE, "made_at_stripe", None, 44_000)


def test_what_stripe_made_after_refusing_it_of_a_charge_that_does_not_stand_is_the_platforms_loss() -> None:
    story = Story()
    story.ask(40_000)
    story.refuse()
    by_hand(story, 44_000, known=story.refunds["rfd_1"], funding_id="fnd_void")
    assert (story.money.held_minor, story.owed_minor, story.balance("platform_losses")) == (100_000, 0, -44_000)
    row = story.refunds["rfd_1"]
    assert (row.state, row.cause, row.amount_minor, row.fees_minor) == (states.MADE, "made_at_stripe", 0, 0)
