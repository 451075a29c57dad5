"""Decisions about a release's way to the bank."""

import itertools
from datetime import datetime
from typing import Any

import pytest

from schemas.base import Message
from schemas.payouts import (
    CheckPayout,
    PayoutFailed,
    PayoutHeld,
    PayoutInitiated,
    PayoutInTransit,
    PayoutPaid,
    RecordBankPayout,
    ResumePayout,
)
from schemas.stripe import CreateTransfer
from services.payouts import domain
from services.payouts.domain import MOST_TRIES_AT_ONCE, Decided
from services.payouts.records import Account, Payout
from tests.unit.payouts.builders import (
    LATER,
    NOW,
    PATIENCE,
    a_bank_payout,
    a_payout,
    a_refusal,
    a_release,
    a_resumption,
    a_transfer,
    an_account,
    bank_word,
    not_transferred,
    the_bank_payout,
    transferred,
)

CHECK = CheckPayout(trainer_id="trn_1", payout_id="pay_1")


def decided(found: Decided | None) -> Decided:
    assert found is not None
    return found


def kinds(messages: tuple[Message, ...]) -> list[type[Message]]:
    return [type(message) for message in messages]


# -- released ----------------------------------------------------------------------------------------------


def test_released_money_is_transferred_from_its_own_charge() -> None:
    found = domain.release(an_account(), a_release(), "pay_1", PATIENCE, NOW)
    assert (found.payout.state, found.payout.attempt) == ("transferring", 1)
    assert found.said == (
        CreateTransfer(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", account_id="acct_1", charge_id="ch_1",
            amount_minor=100_000, currency="usd", attempt=1,
        ),
    )  # fmt: skip


@pytest.mark.parametrize(
    ("account", "reason"),
    [
        (None, "no_payout_account"),
        (an_account("started"), "account_not_ready"),
        (an_account("restricted"), "account_not_ready"),
        (an_account("disabled"), "account_disabled"),
    ],
    ids=["none", "started", "restricted", "disabled"],
)
def test_without_a_ready_account_it_is_held_and_says_why(account: Account | None, reason: str) -> None:
    found = domain.release(account, a_release(), "pay_1", PATIENCE, NOW)
    assert (found.payout.state, found.payout.waits_for, found.payout.attempt) == ("held", "trn_1", 0)
    held = found.said[0]
    assert isinstance(held, PayoutHeld)
    assert (held.reason, held.amount_minor) == (reason, 100_000)


def test_what_is_held_asks_the_trainers_lane_once_it_is_committed() -> None:
    assert domain.release(None, a_release(), "pay_1", PATIENCE, NOW).said[1] == CHECK


# -- held --------------------------------------------------------------------------------------------------


def test_a_held_payout_goes_on() -> None:
    found = decided(domain.resume(a_payout("held"), an_account(times_ready=3), a_resumption(), PATIENCE, LATER))
    assert (found.payout.state, found.payout.waits_for, found.payout.reason) == ("transferring", None, None)
    assert (found.payout.attempt, found.payout.times_ready, found.payout.updated_at) == (1, 3, LATER)
    assert kinds(found.said) == [CreateTransfer]


def test_each_try_has_a_number_of_its_own() -> None:
    call = decided(domain.resume(a_payout("held", attempt=4), an_account(), a_resumption(), PATIENCE, NOW)).said[0]
    assert isinstance(call, CreateTransfer)
    assert call.attempt == 5


@pytest.mark.parametrize("account", [None, an_account("restricted"), an_account("disabled")])
def test_a_held_payout_stays_when_the_account_is_not_ready_again(account: Account | None) -> None:
    assert domain.resume(a_payout("held"), account, a_resumption(), PATIENCE, NOW) is None


@pytest.mark.parametrize("state", ["transferring", "initiated", "in_transit", "paid", "failed"])
@pytest.mark.scenario(72)
def test_what_is_not_held_is_never_transferred_again(state: str) -> None:
    assert domain.resume(a_payout(state), an_account(), a_resumption(), PATIENCE, NOW) is None


# -- transferred -------------------------------------------------------------------------------------------


@pytest.mark.parametrize("state", ["transferring", "held"])
def test_a_transfer_that_was_made_counts(state: str) -> None:
    found = decided(domain.transferred(a_payout(state), transferred(), LATER))
    assert (found.payout.state, found.payout.transfer_id, found.payout.waits_for) == ("initiated", "tr_1", None)
    assert found.transfer == a_transfer()
    assert kinds(found.said) == [PayoutInitiated, CheckPayout]


@pytest.mark.parametrize("state", ["initiated", "in_transit", "paid", "failed"])
def test_the_same_transfer_again_changes_nothing(state: str) -> None:
    assert domain.transferred(a_payout(state), transferred(), NOW) is None


@pytest.mark.parametrize("state", ["initiated", "in_transit", "paid", "failed"])
def test_a_second_transfer_of_one_payout_stops_here(state: str) -> None:
    with pytest.raises(ValueError, match="twice"):
        domain.transferred(a_payout(state), transferred(transfer_id="tr_2"), NOW)


@pytest.mark.parametrize("changed", [{"amount_minor": 99_999}, {"currency": "eur"}])
def test_another_sum_than_was_asked_stops_here(changed: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match="asked were 100000 usd"):
        domain.transferred(a_payout(), transferred(**changed), NOW)


# -- not transferred ---------------------------------------------------------------------------------------


def test_an_account_that_cannot_receive_holds_it() -> None:
    found = decided(domain.not_transferred(a_payout(), an_account(), not_transferred(), PATIENCE, LATER))
    assert (found.payout.state, found.payout.reason, found.payout.waits_for) == (
        "held", "account_cannot_receive", "trn_1",
    )  # fmt: skip
    assert kinds(found.said) == [PayoutHeld, CheckPayout]


def test_what_was_known_of_the_account_stays_known_so_that_news_since_then_count() -> None:
    account = an_account(times_ready=2)
    found = decided(domain.not_transferred(a_payout(times_ready=1), account, not_transferred(), PATIENCE, NOW))
    assert domain.check(found.payout, account, None, None) == (a_resumption(),)


def test_a_short_balance_is_tried_again_at_once() -> None:
    found = decided(
        domain.not_transferred(a_payout(), an_account(), not_transferred("balance_insufficient"), PATIENCE, NOW)
    )
    assert (found.payout.state, found.payout.attempt) == ("transferring", 2)
    assert kinds(found.said) == [CreateTransfer]


def test_a_balance_that_stays_short_holds_it() -> None:
    payout = a_payout(attempt=MOST_TRIES_AT_ONCE)
    failed = not_transferred("balance_insufficient", attempt=MOST_TRIES_AT_ONCE)
    found = decided(domain.not_transferred(payout, an_account(), failed, PATIENCE, NOW))
    assert (found.payout.state, found.payout.reason) == ("held", "balance_insufficient")


def test_a_late_word_of_an_earlier_attempt_is_stale() -> None:
    assert domain.not_transferred(a_payout(attempt=2), an_account(), not_transferred(attempt=1), PATIENCE, NOW) is None


@pytest.mark.parametrize("state", ["held", "initiated", "in_transit", "paid", "failed"])
def test_money_that_moved_did_not_fail_to_move(state: str) -> None:
    assert domain.not_transferred(a_payout(state, attempt=1), an_account(), not_transferred(), PATIENCE, NOW) is None
    assert domain.transfer_refused(a_payout(state), a_refusal(), PATIENCE, NOW) is None


def test_a_refusal_that_no_rule_foresees_holds_it_for_an_operator() -> None:
    found = decided(domain.transfer_refused(a_payout(), a_refusal(), PATIENCE, NOW))
    assert (found.payout.state, found.payout.reason) == ("held", "transfer_refused")


# -- the bank ----------------------------------------------------------------------------------------------


def way(*words: RecordBankPayout, state: str = "initiated") -> list[str]:
    """The state after each word of the bank."""
    payout, states = a_payout(state), []
    for word in words:
        found = domain.bank_payout(payout, word, NOW)
        payout = found.payout if found else payout
        states.append(payout.state)
    return states


def test_the_way_to_the_bank() -> None:
    assert way(bank_word("in_transit"), bank_word("paid")) == ["in_transit", "paid"]


def test_a_word_may_be_left_out() -> None:
    assert way(bank_word("paid")) == ["paid"]
    assert way(bank_word("failed")) == ["failed"]


def test_paid_may_turn_out_to_have_failed() -> None:
    assert way(bank_word("paid"), bank_word("failed")) == ["paid", "failed"]


def test_stripe_sends_it_again_by_another_bank_payout() -> None:
    again = {"stripe_payout_id": "po_2"}
    words = (bank_word("in_transit"), bank_word("failed"), bank_word("in_transit", **again), bank_word("paid", **again))
    assert way(*words) == ["in_transit", "failed", "in_transit", "paid"]


@pytest.mark.parametrize("status", ["in_transit", "paid", "failed"])
@pytest.mark.scenario(25)
def test_no_word_of_a_bank_payout_that_failed_counts_any_more(status: str) -> None:
    assert domain.bank_payout(a_payout("failed"), bank_word(status), NOW) is None


@pytest.mark.parametrize("state", ["in_transit", "paid"])
def test_the_failure_of_a_bank_payout_that_another_followed_is_old(state: str) -> None:
    payout = a_payout(state, stripe_payout_id="po_2")
    assert domain.bank_payout(payout, bank_word("failed"), NOW) is None


def test_the_next_bank_payout_may_be_heard_of_before_the_failure_of_the_last() -> None:
    again = {"stripe_payout_id": "po_2"}
    words = (bank_word("in_transit"), bank_word("in_transit", **again), bank_word("failed"), bank_word("paid", **again))
    assert way(*words) == ["in_transit", "in_transit", "in_transit", "paid"]


@pytest.mark.parametrize(
    ("state", "status"),
    [("in_transit", "in_transit"), ("paid", "in_transit"), ("paid", "paid"), ("failed", "failed")],
)
def test_an_old_word_changes_nothing(state: str, status: str) -> None:
    assert domain.bank_payout(a_payout(state), bank_word(status), NOW) is None


@pytest.mark.parametrize(
    ("state", "status"), list(itertools.product(["held", "transferring"], ["in_transit", "paid", "failed"]))
)
def test_a_bank_payout_of_money_that_was_not_transferred_means_nothing(state: str, status: str) -> None:
    assert domain.bank_payout(a_payout(state), bank_word(status), NOW) is None


@pytest.mark.parametrize(
    ("status", "event"), [("in_transit", PayoutInTransit), ("paid", PayoutPaid), ("failed", PayoutFailed)]
)
def test_each_move_is_published_with_the_whole_payout(status: str, event: type[Message]) -> None:
    (said,) = decided(domain.bank_payout(a_payout("initiated"), bank_word(status), NOW)).said
    assert isinstance(said, event)
    about = said.model_dump()
    assert {name: about[name] for name in ("payout_id", "milestone_id", "amount_minor", "stripe_payout_id")} == {
        "payout_id": "pay_1", "milestone_id": "mls_1", "amount_minor": 100_000, "stripe_payout_id": "po_1",
    }  # fmt: skip


def test_a_failure_without_a_code_still_says_so() -> None:
    (said,) = decided(domain.bank_payout(a_payout("initiated"), bank_word("failed", failure_code=None), NOW)).said
    assert isinstance(said, PayoutFailed)
    assert said.failure_code == "unknown"


def test_a_bank_payout_that_carries_it_again_clears_the_failure() -> None:
    word = bank_word("in_transit", stripe_payout_id="po_2", arrival_at=datetime(2026, 3, 9, tzinfo=NOW.tzinfo))
    payout = decided(domain.bank_payout(a_payout("failed"), word, NOW)).payout
    assert (payout.failure_code, payout.stripe_payout_id, payout.arrival_at) == (None, "po_2", word.arrival_at)


# -- the trainer's lane ------------------------------------------------------------------------------------


def test_one_bank_payout_carries_several_transfers() -> None:
    found = domain.bank_payouts_of(the_bank_payout(transfer_ids=["tr_1", "tr_2"]))
    assert [(bank.transfer_id, bank.stripe_payout_id, bank.status) for bank in found] == [
        ("tr_1", "po_1", "in_transit"),
        ("tr_2", "po_1", "in_transit"),
    ]


@pytest.mark.parametrize("status", ["pending", "canceled"])
def test_a_bank_payout_that_has_not_left_says_nothing(status: str) -> None:
    assert domain.bank_payouts_of(the_bank_payout(status)) == ()


def test_a_bank_payout_that_cannot_name_its_transfers_yet_says_nothing() -> None:
    assert domain.bank_payouts_of(the_bank_payout(transfer_ids=[])) == ()


def test_check_finds_that_the_account_became_ready_meanwhile() -> None:
    payout = a_payout("held", times_ready=0)
    assert domain.check(payout, an_account(times_ready=1), None, None) == (
        ResumePayout(contract_id="ctr_1", payout_id="pay_1"),
    )


@pytest.mark.parametrize("account", [None, an_account("restricted"), an_account("started")])
def test_check_leaves_what_is_held_for_an_account_that_is_not_ready(account: Account | None) -> None:
    assert domain.check(a_payout("held"), account, None, None) == ()


def test_check_does_not_try_again_what_the_same_ready_account_could_not_receive() -> None:
    assert domain.check(a_payout("held", times_ready=1), an_account(times_ready=1), None, None) == ()


def test_check_finds_the_bank_payout_that_was_told_before_its_transfer() -> None:
    (command,) = domain.check(a_payout("initiated"), an_account(), a_transfer(), a_bank_payout("paid"))
    assert command == bank_word("paid")


@pytest.mark.parametrize("state", ["transferring", "initiated", "in_transit", "paid", "failed"])
def test_check_has_nothing_to_say_where_nothing_was_told(state: str) -> None:
    assert domain.check(a_payout(state), an_account(), a_transfer(), None) == ()


# -- all of it ---------------------------------------------------------------------------------------------

WORDS = [
    bank_word(status, stripe_payout_id=po) for status in ("in_transit", "paid", "failed") for po in ("po_1", "po_2")
]


@pytest.mark.parametrize("state", ["held", "transferring", "initiated", "in_transit", "paid", "failed"])
def test_a_word_told_twice_counts_once(state: str) -> None:
    def steps(payout: Payout) -> list[Decided | None]:
        return [
            domain.resume(payout, an_account(), a_resumption(), PATIENCE, NOW),
            domain.not_transferred(payout, an_account(), not_transferred(attempt=payout.attempt), PATIENCE, NOW),
            domain.transfer_refused(payout, a_refusal(), PATIENCE, NOW),
            *(domain.bank_payout(payout, word, NOW) for word in WORDS),
        ]

    for number, first in enumerate(steps(a_payout(state))):
        if first is not None:
            assert steps(first.payout)[number] is None
