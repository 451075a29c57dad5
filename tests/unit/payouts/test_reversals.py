"""Taking money back from the trainer's account: who may, how much, and what Stripe makes of it."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas.payouts import PayoutPaid, PayoutReversalFailed, PayoutReversed
from schemas.stripe import ReverseTransfer
from services.payouts import domain, reversals
from services.payouts.records import Payout, Reversal
from services.payouts.reversals import Reversed
from services.runtime.decisions import Refused, Unchanged
from tests.unit.payouts.builders import (
    EMPLOYER,
    LATER,
    NOW,
    SERVICE,
    STRANGER,
    TRAINER,
    a_payout,
    a_reversal,
    a_take_back,
    bank_word,
    not_taken_back,
    taken_back,
)

WHOLE = 100_000


def reverse(payout: Payout | None, amount_minor: int | None = None, **changed: Any) -> Any:
    return reversals.reverse(payout, a_take_back(amount_minor, **changed), "rvs_1", NOW)


def made(found: Any) -> Reversed:
    assert isinstance(found, Reversed), found
    return found


def refusal(found: Any) -> tuple[str, str]:
    assert isinstance(found, Refused), found
    return found.kind, found.code


@pytest.mark.parametrize("state", ["initiated", "in_transit", "paid", "failed"])
@pytest.mark.parametrize(("asked", "expected"), [(None, WHOLE), (40_000, 40_000)])
def test_an_operator_takes_it_back_or_a_part(state: str, asked: int | None, expected: int) -> None:
    found = made(reverse(a_payout(state), asked))
    (call,) = found.said
    assert isinstance(call, ReverseTransfer)
    assert (call.amount_minor, call.transfer_id, call.reversal_id) == (expected, "tr_1", "rvs_1")
    assert (found.payout.state, found.payout.reversing_minor) == (state, expected)
    assert found.reversal == a_reversal(expected)


def test_what_is_asked_of_stripe_and_kept_names_everything() -> None:
    before = a_payout("paid", reversed_minor=10_000, reversing_minor=20_000)
    found = made(reversals.reverse(before, a_take_back(30_000, currency="usd"), "rvs_1", LATER))
    assert found == Reversed(
        before._replace(reversing_minor=50_000, updated_at=LATER),
        (
            ReverseTransfer(
                contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", reversal_id="rvs_1", transfer_id="tr_1",
                amount_minor=30_000, currency="usd",
            ),
        ),
        a_reversal(30_000, asked_at=LATER),
    )  # fmt: skip


def test_all_that_is_left_may_be_asked_for_by_its_sum() -> None:
    assert made(reverse(a_payout("paid", reversed_minor=60_000), 40_000)).payout.left_minor == 0


@pytest.mark.scenario(62)
def test_a_second_reversal_beyond_what_is_left_is_refused_with_the_figures() -> None:
    found = reverse(a_payout("paid", reversed_minor=60_000), 40_001)
    assert refusal(found) == ("conflict", "more_than_left")
    assert found.extra == {"left": {"amount_minor": 40_000, "currency": "usd"}}
    assert "400.00 USD" in found.detail


@pytest.mark.scenario(62)
def test_what_is_asked_counts_before_stripe_has_answered() -> None:
    payout = a_payout("paid", reversing_minor=60_000)
    assert refusal(reverse(payout, 40_001)) == ("conflict", "more_than_left")
    assert made(reverse(payout)).payout.reversing_minor == WHOLE


def test_asking_again_for_all_that_is_under_way_or_done_changes_nothing() -> None:
    assert isinstance(reverse(a_payout("paid", reversing_minor=WHOLE)), Unchanged)
    assert isinstance(reverse(a_payout("reversed", reversed_minor=WHOLE)), Unchanged)


def test_asking_for_a_sum_when_all_is_under_way_is_refused() -> None:
    assert refusal(reverse(a_payout("paid", reversing_minor=WHOLE), 1)) == ("conflict", "more_than_left")


@pytest.mark.parametrize(
    ("state", "asked"), [("held", 1), ("held", None), ("transferring", 1), ("transferring", None), ("reversed", 1)]
)
def test_what_is_not_with_the_trainer_is_not_taken_back(state: str, asked: int | None) -> None:
    found = reverse(a_payout(state, reversed_minor=WHOLE if state == "reversed" else 0), asked)
    assert refusal(found) == ("conflict", "payout_not_reversible")
    assert state in found.detail


def test_without_a_transfer_there_is_nothing_to_reverse() -> None:
    assert refusal(reverse(a_payout("paid", transfer_id=None))) == ("conflict", "payout_not_reversible")


@pytest.mark.parametrize(
    ("actor", "kind"),
    [(EMPLOYER, "forbidden"), (TRAINER, "forbidden"), (SERVICE, "forbidden"), (STRANGER, "not_found")],
    ids=["employer", "trainer", "service", "stranger"],
)
def test_only_an_operator_does(actor: Any, kind: str) -> None:
    assert refusal(reverse(a_payout("paid"), actor=actor))[0] == kind


def test_another_contract_or_another_currency_is_refused() -> None:
    assert refusal(reverse(None)) == ("not_found", "not_found")
    assert "payout pay_1" in reverse(None).detail
    assert refusal(reverse(a_payout("paid"), contract_id="ctr_9")) == ("not_found", "not_found")
    assert refusal(reverse(a_payout("paid"), 1, currency="eur")) == ("invalid", "currency_mismatch")


# -- Stripe's answer ---------------------------------------------------------------------------------------


def answer(payout: Payout, asked: Reversal | None, *sums: int, **changed: Any) -> Reversed | None:
    return reversals.reversed_(payout, asked, taken_back(*sums, **changed), LATER)


@pytest.mark.parametrize("state", ["initiated", "in_transit", "paid", "failed"])
@pytest.mark.parametrize(("minor", "after"), [(WHOLE, "reversed"), (40_000, None)])
def test_what_came_back_is_told(state: str, minor: int, after: str | None) -> None:
    found = made(answer(a_payout(state, reversing_minor=minor), a_reversal(minor), minor, minor))
    assert found.payout.state == (after or state)
    assert (found.payout.reversed_minor, found.payout.reversing_minor) == (minor, 0)
    assert found.reversal == a_reversal(minor, "made", ended_at=LATER)
    (event,) = found.said
    assert isinstance(event, PayoutReversed)
    assert (event.amount_minor, event.reversed_minor, event.whole) == (minor, minor, minor == WHOLE)
    assert event.reason == "Paid to the wrong one."


def test_what_came_back_is_kept_and_told_whole() -> None:
    before = a_payout("paid", reversed_minor=20_000, reversing_minor=70_000)
    found = made(answer(before, a_reversal(40_000), 39_000, 59_000))
    after = before._replace(reversed_minor=59_000, reversing_minor=30_000, updated_at=LATER)
    event = PayoutReversed(
        contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", trainer_id="trn_1", amount_minor=39_000,
        reversed_minor=59_000, currency="usd", transfer_id="tr_1", whole=False, reason="Paid to the wrong one.",
    )  # fmt: skip
    assert found == Reversed(after, (event,), a_reversal(39_000, "made", ended_at=LATER))


@pytest.mark.scenario(62)
def test_an_answer_that_comes_after_a_later_one_never_lowers_what_came_back() -> None:
    found = made(
        answer(a_payout("paid", reversed_minor=60_000, reversing_minor=20_000), a_reversal(20_000), 20_000, 40_000)
    )
    assert (found.payout.reversed_minor, found.payout.reversing_minor) == (60_000, 0)


def test_what_stripe_took_after_refusing_it_counts_once() -> None:
    before = a_payout("paid", reversing_minor=5_000)
    found = made(answer(before, a_reversal(40_000, "refused"), 40_000, 40_000))
    assert (found.payout.reversed_minor, found.payout.reversing_minor) == (40_000, 5_000)
    assert found.reversal is not None
    assert found.reversal.state == "made"


def test_the_same_answer_again_is_known() -> None:
    assert answer(a_payout("paid", reversed_minor=40_000), a_reversal(40_000, "made"), 40_000, 40_000) is None


def test_a_reversal_made_by_hand_counts_like_our_own() -> None:
    found = made(answer(a_payout("paid"), None, 40_000, 40_000, reversal_id=None))
    assert found.payout.reversed_minor == 40_000
    assert found.reversal is not None
    assert found.reversal == a_reversal(
        40_000, "made", reversal_id="tr_1.40000", asked_by="stripe", reason="it was reversed at Stripe by hand",
        asked_at=LATER, ended_at=LATER,
    )  # fmt: skip
    (event,) = found.said
    assert isinstance(event, PayoutReversed)
    assert event.reason == "it was reversed at Stripe by hand"
    assert answer(found.payout, None, 40_000, 40_000, reversal_id=None) is None
    assert refusal(reverse(found.payout, 60_001)) == ("conflict", "more_than_left")


def test_more_back_than_was_sent_is_not_believed() -> None:
    with pytest.raises(ValueError, match="pay_1"):
        answer(a_payout("paid", reversed_minor=60_000), a_reversal(60_000), 60_000, 120_000)


def test_another_currency_back_than_was_sent_is_not_believed() -> None:
    fact = taken_back(40_000, 40_000).model_copy(update={"currency": "eur"})
    with pytest.raises(ValueError, match="40000 eur"):
        reversals.reversed_(a_payout("paid"), a_reversal(40_000), fact, LATER)


@pytest.mark.parametrize(
    ("message", "why"), [("No funds", "(No funds)"), ("", "(balance insufficient)")], ids=["said", "not said"]
)
def test_a_refusal_is_kept_and_told_whole_with_the_reason_that_stripe_gives(message: str, why: str) -> None:
    before = a_payout("paid", reversing_minor=70_000)
    found = made(reversals.not_reversed(before, a_reversal(40_000), "balance_insufficient", message, LATER))
    assert found.payout == before._replace(reversing_minor=30_000, updated_at=LATER)
    assert found.reversal == a_reversal(
        40_000, "refused", code="balance_insufficient", detail=message or None, ended_at=LATER
    )
    (event,) = found.said
    assert isinstance(event, PayoutReversalFailed)
    assert "400.00 USD" in event.reason
    assert why in event.reason
    assert event.model_dump(exclude={"reason"}) == {
        "contract_id": "ctr_1", "milestone_id": "mls_1", "payout_id": "pay_1", "trainer_id": "trn_1",
        "amount_minor": 40_000, "currency": "usd", "transfer_id": "tr_1", "code": "balance_insufficient",
    }  # fmt: skip


@pytest.mark.scenario(61)
def test_what_the_trainer_does_not_have_is_an_open_item_and_can_be_asked_for_again() -> None:
    payout = a_payout("paid", reversing_minor=WHOLE)
    found = made(reversals.not_reversed(payout, a_reversal(), "balance_insufficient", "Insufficient funds", LATER))
    (event,) = found.said
    assert isinstance(event, PayoutReversalFailed)
    assert (event.code, event.amount_minor) == ("balance_insufficient", WHOLE)
    assert "platform's loss" in event.reason
    assert found.reversal is not None
    assert (found.reversal.state, found.reversal.code) == ("refused", "balance_insufficient")
    assert (found.payout.state, found.payout.reversing_minor, found.payout.reversed_minor) == ("paid", 0, 0)
    assert made(reverse(found.payout)).payout.reversing_minor == WHOLE


def test_a_refusal_told_twice_is_known() -> None:
    assert reversals.not_reversed(a_payout("paid"), a_reversal(state="refused"), "x", "", NOW) is None
    assert not_taken_back().code == "balance_insufficient"


def test_of_a_partly_reversed_payout_the_bank_gets_the_rest() -> None:
    found = domain.bank_payout(a_payout("initiated", reversed_minor=40_000), bank_word("paid"), NOW)
    assert found is not None
    (event,) = found.said
    assert isinstance(event, PayoutPaid)
    assert event.amount_minor == 60_000


@pytest.mark.parametrize("status", ["in_transit", "paid", "failed"])
def test_what_was_taken_back_whole_is_on_its_way_to_no_bank(status: str) -> None:
    assert domain.bank_payout(a_payout("reversed", reversed_minor=WHOLE), bank_word(status), NOW) is None


@given(st.lists(st.tuples(st.sampled_from(["ask", "make", "refuse", "by_hand"]), st.integers(1, WHOLE)), max_size=20))
def test_never_is_more_taken_back_than_was_sent(moves: list[tuple[str, int]]) -> None:
    payout, asked = a_payout("paid"), list[Reversal]()
    for number, (move, minor) in enumerate(moves):
        if move == "ask":
            found = reversals.reverse(payout, a_take_back(minor), f"rvs_{number}", NOW)
        elif move == "by_hand":
            taken_minor = min(minor, payout.left_minor)
            if not taken_minor:
                continue
            found = answer(payout, None, taken_minor, payout.reversed_minor + taken_minor, reversal_id=None)
        elif not asked:
            continue
        else:
            first = asked.pop(0)
            total = payout.reversed_minor + first.amount_minor
            word = taken_back(first.amount_minor, total, first.reversal_id)
            found = (reversals.reversed_(payout, first, word, NOW) if move == "make"
                     else reversals.not_reversed(payout, first, "x", "", NOW))  # fmt: skip
        if not isinstance(found, Reversed):
            continue
        if move == "ask" and found.reversal:
            asked.append(found.reversal)
        payout = found.payout
        assert payout.reversing_minor == sum(of.amount_minor for of in asked)
        assert 0 <= payout.left_minor <= WHOLE
        assert (payout.state == "reversed") == (payout.reversed_minor == WHOLE)


def test_reversals_are_listed_oldest_first() -> None:
    first, second = a_reversal(reversal_id="rvs_2"), a_reversal(reversal_id="rvs_0", asked_at=LATER)
    same_time = a_reversal(reversal_id="rvs_1")
    assert reversals.of_payout([second, first, same_time]) == [same_time, first, second]
