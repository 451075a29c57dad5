"""Refunds and reversals: what is asked, what is told, and that nothing is told twice or backwards."""

import itertools
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from schemas import stripe
from services.stripe_gateway import domain, money_back, states, translate
from services.stripe_gateway.opening import NOTHING
from services.stripe_gateway.readings import Answered, CardTrouble, Declined, RefundReading, ReversalReading
from services.stripe_gateway.records import Refund, Reversal, Transfer
from services.stripe_gateway.told import WrongObjectError
from services.stripe_gateway.translate import UnexpectedObjectError
from tests.unit.stripe_gateway.builders import MADE, NOW, REFUND, attempt, intent, opening, transfer


def refund(state: str = states.REQUESTED, **changed: Any) -> Refund:
    row = money_back.new_refund("rfd_1", intent(states.SUCCEEDED), 50_000, "usd", by_hand=False)
    return row._replace(state=state, **changed)


def read(status: str = "succeeded", debited_minor: int = 50_000, **changed: Any) -> RefundReading:
    values = {
        "stripe_refund_id": "re_1",
        "refund_id": "rfd_1",
        "payment_intent_id": "pi_1",
        "status": status,
        "amount_minor": 50_000,
        "debited_minor": debited_minor,
        "returned_minor": 0,
        "currency": "usd",
    }
    return RefundReading.model_validate({**values, **changed})


def made(number: int, amount_minor: int, reversal_id: str = "") -> ReversalReading:
    return ReversalReading(
        stripe_reversal_id=f"trr_{number}", reversal_id=reversal_id, transfer_id="tr_1", amount_minor=amount_minor,
        currency="usd",
    )  # fmt: skip


def test_a_refund_of_another_intent_than_the_fundings_is_never_asked_for() -> None:
    decided = money_back.create_refund(None, intent(states.SUCCEEDED, payment_intent_id="pi_2"), REFUND, [], opening())

    [fact] = decided.said
    assert isinstance(fact, stripe.CallRefused)
    assert (fact.code, fact.about, fact.asked_of) == ("unknown_payment_intent", "rfd_1", "ctr_1")
    assert decided.records == ()


def at_stripe(**transaction: Any) -> dict[str, Any]:
    """A refund of 500.00 USD as Stripe answers it."""
    return {
        "id": "re_1", "status": "succeeded", "amount": 50_000, "currency": "usd", "payment_intent": "pi_1",
        "balance_transaction": {"net": -50_000, "currency": "usd", **transaction},
    }  # fmt: skip


@pytest.mark.scenario(42)
def test_a_refund_that_moves_another_currency_is_told_as_that_once() -> None:
    reading = translate.refund(at_stripe(net=-46_000, currency="eur"), {"net": 45_000, "currency": "eur"})
    row = money_back.new_refund("re_1", intent(states.SET_ASIDE), 50_000, "usd", by_hand=True)
    told = money_back.refund_read(row, reading)

    assert told.said == (
        stripe.ConvertedRefundChanged(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", stripe_refund_id="re_1", status="succeeded",
            amount_minor=50_000, currency="usd", debited_minor=46_000, returned_minor=45_000, settled_currency="eur",
        ),
    )  # fmt: skip
    assert isinstance(told.record, Refund)
    assert money_back.refund_read(told.record, reading).said == ()


def test_a_refund_in_its_own_currency_is_not_converted() -> None:
    assert translate.refund(at_stripe(), None).settled_currency == ""
    assert translate.refund({**at_stripe(), "balance_transaction": None}, None).settled_currency == ""


def test_a_refund_that_left_in_one_currency_and_came_back_in_another_is_not_booked() -> None:
    with pytest.raises(UnexpectedObjectError, match="eur and usd"):
        translate.refund(at_stripe(), {"net": 45_000, "currency": "eur"})


@pytest.mark.parametrize("state", ["pending", "requires_action", "succeeded", "failed", "canceled"])
def test_a_refund_that_is_at_stripe_is_never_made_anew(state: str) -> None:
    again = REFUND.model_copy(update={"attempt": 2})

    assert money_back.create_refund(refund(state), intent(states.SUCCEEDED), again, [], opening()) == NOTHING


@pytest.mark.parametrize("state", [states.REQUESTED, states.REFUSED])
def test_a_second_try_waits_for_the_answer_to_the_first(state: str) -> None:
    again = REFUND.model_copy(update={"attempt": 2})

    decided = money_back.create_refund(refund(state), intent(states.SUCCEEDED), again, [], opening())

    asked = [record for record in decided.records if not isinstance(record, Refund)]
    assert (len(asked), len(decided.said)) == ((1, 0) if state == states.REFUSED else (0, 1))


def test_a_webhook_closes_the_call_that_it_answers() -> None:
    waiting = attempt("create_refund", about="rfd_1")

    decided = domain.heard(refund(), read(), [waiting], NOW)

    assert [record.state for record in decided.records] == ["succeeded", "succeeded"]
    assert [fact.type_name for fact in decided.said] == ["stripe.refund_changed.v1"]


def test_a_refusal_says_why() -> None:
    answer = Declined(trouble=CardTrouble(code="charge_disputed", message="no"), http_status=400)

    decided = domain.answer(attempt("create_refund", about="rfd_1"), refund(attempt=3), answer, NOW)

    assert decided is not None
    assert decided.said == (
        stripe.RefundRefused(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", refund_id="rfd_1", attempt=3,
            code="charge_disputed", message="no",
        ),
    )  # fmt: skip


def test_a_refund_of_which_nothing_is_known_is_of_its_intent_and_was_never_tried() -> None:
    assert money_back.new_refund("rfd_1", intent(states.SUCCEEDED), 50_000, "usd", by_hand=False) == Refund(
        refund_id="rfd_1", contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1",
        amount_minor=50_000, currency="usd", by_hand=False, state=states.NONE, attempt=0, stripe_refund_id=None,
        debited_minor=0, returned_minor=0, pending_reason="", failure_reason="",
    )  # fmt: skip


@pytest.mark.parametrize(
    ("reading", "sums", "reasons"),
    [
        (read("pending", 0, pending_reason="insufficient_funds"), (49_999, 0, 0), ("insufficient_funds", "")),
        (read("failed", 49_000, returned_minor=48_000, failure_reason="lost_or_stolen_card"),
         (49_999, 49_000, 48_000), ("", "lost_or_stolen_card")),
    ],
    ids=["waits", "failed"],
)  # fmt: skip
def test_a_refund_as_stripe_has_it_is_kept_and_told_whole(
    reading: RefundReading, sums: tuple[int, int, int], reasons: tuple[str, str]
) -> None:
    reading = reading.model_copy(update={"amount_minor": 49_999})
    told = money_back.refund_read(refund(), reading)

    names = ("amount_minor", "debited_minor", "returned_minor", "pending_reason", "failure_reason")
    values = {**dict(zip(names, (*sums, *reasons), strict=True)), "stripe_refund_id": "re_1"}
    assert told.record == refund(reading.status, **values)
    assert told.said == (
        stripe.RefundChanged(
            contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", refund_id="rfd_1", status=reading.status,
            currency="usd", **values,
        ),
    )  # fmt: skip


def test_a_refund_made_by_hand_is_told_under_stripes_name_alone() -> None:
    row = money_back.new_refund("re_1", intent(states.SUCCEEDED), 50_000, "usd", by_hand=True)

    [fact] = money_back.refund_read(row, read(refund_id="")).said

    assert isinstance(fact, stripe.RefundChanged)
    assert (fact.stripe_refund_id, fact.refund_id) == ("re_1", None)


def test_a_refund_of_another_intents_money_is_never_taken_for_ours() -> None:
    with pytest.raises(WrongObjectError, match="pi_2"):
        money_back.refund_read(refund(), read(payment_intent_id="pi_2"))


def test_a_second_refund_under_the_same_name_is_never_taken() -> None:
    with pytest.raises(WrongObjectError):
        money_back.refund_read(refund("succeeded", stripe_refund_id="re_0"), read())


_READINGS = st.lists(
    st.sampled_from(
        [
            read("pending", 0, pending_reason="insufficient_funds"),
            read("pending", pending_reason="processing"),
            read("requires_action", 0),
            read("succeeded"),
            read("failed", returned_minor=50_000, failure_reason="expired_or_canceled_card"),
        ]
    ),
    max_size=15,
)


@given(_READINGS)
def test_in_any_order_of_readings_sums_never_fall_and_a_failure_is_final(readings: list[RefundReading]) -> None:
    row, told = refund(), []
    for reading in readings:
        found = money_back.refund_read(row, reading)
        assert isinstance(found.record, Refund)
        row = found.record
        told += [fact for fact in found.said if isinstance(fact, stripe.RefundChanged)]

    assert all(first != second for first, second in itertools.pairwise(told))
    for sums in ([fact.debited_minor for fact in told], [fact.returned_minor for fact in told]):
        assert sums == sorted(sums)
    if "failed" in [fact.status for fact in told]:
        assert told[-1].status == "failed"
    if any(reading.status == "failed" for reading in readings):
        assert row.state == states.FAILED


def test_a_second_reversal_under_the_same_name_is_never_taken() -> None:
    row = money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)

    for known in ([row], [row._replace(state=states.REVERSED, stripe_reversal_id="trr_1")]):
        with pytest.raises(WrongObjectError):
            money_back.reversals_read(MADE, known, [made(1, 50_000, "rev_1"), made(2, 50_000, "rev_1")])


def test_a_reversals_answer_tells_the_sum_of_all_that_were_told() -> None:
    row = money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)
    asked = attempt("reverse_transfer", about="rev_1")
    answer = Answered(reading=made(2, 50_000, "rev_1"))
    before = transfer(states.CREATED, transfer_id="tr_1", reversed_minor=20_000)

    decided = domain.answer(asked, row._replace(state=states.REQUESTED), answer, NOW, before)

    assert decided is not None
    [fact] = decided.said
    assert isinstance(fact, stripe.TransferReversed)
    assert (fact.amount_minor, fact.reversed_minor) == (50_000, 70_000)
    assert [r.reversed_minor for r in decided.records if isinstance(r, Transfer)] == [70_000]


def test_a_reversal_as_stripe_has_it_is_kept_and_told_whole() -> None:
    row = money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)

    told = money_back.reversal_read(row, MADE, made(1, 49_999, "rev_1"))

    assert told.record == row._replace(state=states.REVERSED, stripe_reversal_id="trr_1", amount_minor=49_999)
    assert told.said == (
        stripe.TransferReversed(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", transfer_id="tr_1", reversal_id="rev_1",
            amount_minor=49_999, reversed_minor=49_999, currency="usd",
        ),
    )  # fmt: skip


def test_a_reversal_of_another_transfer_or_under_another_name_is_never_taken_for_ours() -> None:
    known = money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)
    with pytest.raises(WrongObjectError, match="tr_2"):
        money_back.reversal_read(known, MADE, made(1, 50_000, "rev_1").model_copy(update={"transfer_id": "tr_2"}))
    with pytest.raises(WrongObjectError, match="trr_2"):
        money_back.reversal_read(known._replace(stripe_reversal_id="trr_1"), MADE, made(2, 50_000, "rev_1"))


def test_a_refusal_of_a_reversal_says_why_and_of_what() -> None:
    row = money_back.new_reversal("rev_1", MADE, 50_000, "usd", by_hand=False)._replace(state=states.REQUESTED)

    told = money_back.reversal_declined(row, CardTrouble(code="balance_insufficient", message="no funds"))

    assert told.said == (
        stripe.ReversalRefused(
            contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", transfer_id="tr_1", reversal_id="rev_1",
            amount_minor=50_000, currency="usd", code="balance_insufficient", message="no funds",
        ),
    )  # fmt: skip


@given(st.lists(st.integers(1, 5), max_size=12), st.permutations([1, 2, 3, 4, 5]))
def test_each_reversal_is_told_once_and_the_sum_rises_to_what_stripe_has(seen: list[int], order: list[int]) -> None:
    """Each reading shows those that Stripe has by then; older readings may come later."""
    at_stripe = [made(number, 1_000 * number, f"rev_{number}" if number % 2 else "") for number in order]
    rows: dict[str, Reversal] = {}
    row, told = MADE, []
    for count in [*seen, len(at_stripe)]:
        changed, row, said = money_back.reversals_read(row, rows.values(), at_stripe[:count])
        rows |= {reversal.reversal_id: reversal for reversal in changed}
        told += [fact for fact in said if isinstance(fact, stripe.TransferReversed)]

    assert [fact.amount_minor for fact in told] == [reading.amount_minor for reading in at_stripe]
    assert [fact.reversed_minor for fact in told] == [
        sum(fact.amount_minor for fact in told[: position + 1]) for position in range(len(told))
    ]
    assert row.reversed_minor == 15_000
    assert [fact.reversal_id for fact in told] == [reading.reversal_id or None for reading in at_stripe]
