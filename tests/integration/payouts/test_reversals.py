"""Reversals, and what waits for the platform's balance, over HTTP and as Stripe's facts, on a real database."""

from datetime import timedelta
from typing import Any

import httpx
import pytest

from schemas.base import Actor
from schemas.payouts import CommandRejected, PayoutHeld, PayoutReversalFailed, PayoutReversed, ReversePayout
from schemas.stripe import CreateTransfer, ReverseTransfer
from tests.integration.bench import Bench, between_reads, problem
from tests.integration.payouts.trainer import Trainer

OPERATOR = ("operator", "opr_1")
WHOLE = 120_000
REASON = "Paid to the wrong one."


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "usd"}


def _paid(trainer: Trainer) -> str:
    """A payout that reached the bank."""
    trainer.is_ready()
    trainer.bench.hear(trainer.released())
    trainer.bench.hear(trainer.transferred())
    trainer.bench.hear(trainer.bank("paid"))
    trainer.go_on()
    payout = trainer.payout
    assert payout["state"] == "paid"
    payout_id: str = payout["payout_id"]
    return payout_id


def _reverse(trainer: Trainer, payout_id: str, amount: Any = None, who: tuple[str, str] = OPERATOR) -> httpx.Response:
    body = {"reason": REASON, **({"amount": amount} if amount else {})}
    return trainer.bench.call(who, "POST", f"/payouts/{payout_id}/reverse", body)


def _asked(trainer: Trainer) -> list[ReverseTransfer]:
    return [said for said in trainer.bench.said(trainer.contract_id) if isinstance(said, ReverseTransfer)]


def _answer(trainer: Trainer, minor: int, total: int, reversal_id: str | None) -> None:
    payout_id = trainer.payout["payout_id"]
    trainer.bench.hear(trainer.fact("stripe.transfer_reversed", payout_id=payout_id, amount_minor=minor,
                                    reversed_minor=total, reversal_id=reversal_id))  # fmt: skip


def _seen(trainer: Trainer, payout_id: str) -> dict[str, Any]:
    found: dict[str, Any] = trainer.bench.call(trainer.who, "GET", f"/payouts/{payout_id}").json()
    return found


@pytest.mark.scenario(62)
def test_a_part_then_the_rest_and_never_more(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    answer = _reverse(trainer, payout_id, usd(50_000))
    assert (answer.status_code, answer.json()["reversals"][0]["state"]) == (202, "asked")
    assert problem(_reverse(trainer, payout_id, usd(70_001))) == (409, "more_than_left")
    (first,) = _asked(trainer)
    assert (first.amount_minor, first.transfer_id) == (50_000, trainer.transfer_id)
    _answer(trainer, 50_000, 50_000, first.reversal_id)
    assert (_seen(trainer, payout_id)["state"], _seen(trainer, payout_id)["reversed"]) == ("paid", usd(50_000))
    refused = _reverse(trainer, payout_id, usd(70_001))
    assert problem(refused) == (409, "more_than_left")
    assert refused.json()["left"] == usd(70_000)
    assert _reverse(trainer, payout_id).status_code == 202
    _answer(trainer, 70_000, WHOLE, _asked(trainer)[1].reversal_id)
    assert (_seen(trainer, payout_id)["state"], _seen(trainer, payout_id)["reversed"]) == ("reversed", usd(WHOLE))
    told = [said for said in bench.said(trainer.contract_id) if isinstance(said, PayoutReversed)]
    assert [(of.amount_minor, of.reversed_minor, of.whole, of.reason) for of in told] == [
        (50_000, 50_000, False, REASON),
        (70_000, WHOLE, True, REASON),
    ]
    assert len(_asked(trainer)) == 2


def test_a_payout_is_shown_with_its_reversals_as_they_were_at_one_moment(
    bench: Bench, trainer: Trainer, monkeypatch: pytest.MonkeyPatch
) -> None:
    payout_id = _paid(trainer)
    before = _reverse(trainer, payout_id).json()
    (asked,) = _asked(trainer)
    with between_reads(monkeypatch, "reversals", lambda: _answer(trainer, WHOLE, WHOLE, asked.reversal_id)):
        seen = _seen(trainer, payout_id)
    assert seen == before
    assert (seen["state"], [reversal["state"] for reversal in seen["reversals"]]) == ("paid", ["asked"])
    seen = _seen(trainer, payout_id)
    assert (seen["state"], [reversal["state"] for reversal in seen["reversals"]]) == ("reversed", ["made"])


def test_the_same_answer_twice_is_told_once(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    _reverse(trainer, payout_id)
    for _ in range(2):
        _answer(trainer, WHOLE, WHOLE, _asked(trainer)[0].reversal_id)
    assert trainer.said().count("payout_reversed") == 1
    assert _reverse(trainer, payout_id).json()["state"] == "reversed"


@pytest.mark.scenario(61)
def test_what_the_trainer_does_not_have_is_an_open_item(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    _reverse(trainer, payout_id)
    (asked,) = _asked(trainer)
    bench.hear(trainer.fact("stripe.reversal_refused", payout_id=payout_id, reversal_id=asked.reversal_id,
                            code="balance_insufficient", message="Insufficient funds"))  # fmt: skip
    seen = _seen(trainer, payout_id)
    assert (seen["state"], seen["reversed"], seen["reversals"][0]["state"]) == ("paid", usd(0), "refused")
    assert seen["reversals"][0]["code"] == "balance_insufficient"
    failed = [said for said in bench.said(trainer.contract_id) if isinstance(said, PayoutReversalFailed)]
    assert [of.amount_minor for of in failed] == [WHOLE]
    assert _reverse(trainer, payout_id).status_code == 202


def test_a_call_that_stripe_refuses_otherwise_is_an_open_item_too(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    _reverse(trainer, payout_id)
    (asked,) = _asked(trainer)
    bench.hear(trainer.fact("stripe.call_refused", asked_of=trainer.contract_id, about=asked.reversal_id,
                            command_type="stripe.reverse_transfer.v1", code="unknown_transfer"))  # fmt: skip
    assert _seen(trainer, payout_id)["reversals"][0]["code"] == "unknown_transfer"


def test_a_reversal_made_at_stripe_by_hand_is_told(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    _answer(trainer, 50_000, 50_000, None)
    seen = _seen(trainer, payout_id)
    assert (seen["reversed"], seen["reversals"][0]["asked_by"]) == (usd(50_000), "stripe")
    assert "payout_reversed" in trainer.said()


def test_only_an_operator_reverses(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    assert problem(_reverse(trainer, payout_id, who=trainer.who)) == (403, "forbidden")
    assert problem(_reverse(trainer, payout_id, who=("employer", "emp_1"))) == (403, "forbidden")
    assert problem(_reverse(trainer, payout_id, who=("trainer", "trn_other"))) == (404, "not_found")
    assert problem(_reverse(trainer, "pay_none")) == (404, "not_found")
    assert _asked(trainer) == []


@pytest.mark.parametrize(
    ("body", "field"),
    [
        ({}, "reason"),
        ({"reason": ""}, "reason"),
        ({"reason": "x", "amount": usd(0)}, "amount.amount_minor"),
        ({"reason": "x", "amount": {"amount_minor": 1, "currency": "eur"}}, "currency"),
        ({"reason": "x", "sum": 1}, "sum"),
    ],
)
def test_a_wrong_body_is_422_naming_the_field(bench: Bench, trainer: Trainer, body: Any, field: str) -> None:
    payout_id = _paid(trainer)
    answer = bench.call(OPERATOR, "POST", f"/payouts/{payout_id}/reverse", body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


def test_before_it_is_transferred_there_is_nothing_to_take_back(bench: Bench, trainer: Trainer) -> None:
    bench.hear(trainer.released())
    assert problem(_reverse(trainer, trainer.payout["payout_id"])) == (409, "payout_not_reversible")


def test_a_command_on_the_topic_is_decided_alike(bench: Bench, trainer: Trainer) -> None:
    payout_id = _paid(trainer)
    of = {"contract_id": trainer.contract_id, "payout_id": payout_id, "reason": REASON}
    bench.hear(ReversePayout(actor=Actor(role="trainer", party_id=trainer.id), **of))
    bench.hear(ReversePayout(actor=Actor(role="operator", party_id="opr_1"), **of))
    (rejected,) = [said for said in bench.said(trainer.contract_id) if isinstance(said, CommandRejected)]
    assert rejected.code == "forbidden"
    assert len(_asked(trainer)) == 1


# -- waiting -----------------------------------------------------------------------------------------------


def _short(trainer: Trainer) -> None:
    """Stripe's balance did not cover the transfer, however often it was tried at once."""
    trainer.is_ready()
    trainer.bench.hear(trainer.released())
    payout_id = trainer.payout["payout_id"]
    for attempt in (1, 2, 3):
        trainer.bench.hear(trainer.fact("stripe.transfer_failed", payout_id=payout_id, attempt=attempt,
                                        code="balance_insufficient"))  # fmt: skip


def _calls(trainer: Trainer) -> list[CreateTransfer]:
    return [said for said in trainer.bench.said(trainer.contract_id) if isinstance(said, CreateTransfer)]


@pytest.mark.scenario(45)
def test_a_short_balance_is_waited_for_and_then_the_whole_is_transferred_under_a_new_number(
    bench: Bench, trainer: Trainer
) -> None:
    _short(trainer)
    trainer.go_on()
    assert (trainer.payout["state"], trainer.payout["reason"]) == ("held", "balance_insufficient")
    bench.hear(trainer.fact("stripe.platform_balance_changed", available_minor=WHOLE - 1, currency="usd"))
    trainer.go_on()
    assert trainer.payout["state"] == "held"
    bench.hear(trainer.fact("stripe.platform_balance_changed", available_minor=10 * WHOLE, currency="usd"))
    trainer.go_on()
    assert trainer.payout["state"] == "transferring"
    assert [(call.attempt, call.amount_minor) for call in _calls(trainer)] == [(n, WHOLE) for n in (1, 2, 3, 4)]


@pytest.mark.scenario(45)
def test_without_news_of_the_balance_it_is_tried_again_after_an_hour(bench: Bench, trainer: Trainer) -> None:
    _short(trainer)
    trainer.go_on()
    bench.clock.advance(timedelta(hours=1))
    bench.timers.fire()
    trainer.go_on()
    assert [call.attempt for call in _calls(trainer)] == [1, 2, 3, 4]


@pytest.mark.scenario(48)
def test_what_is_held_for_thirty_days_asks_an_operator_once_and_still_goes_on_by_itself(
    bench: Bench, trainer: Trainer
) -> None:
    bench.hear(trainer.released())
    trainer.go_on()
    assert (trainer.payout["state"], trainer.payout["overdue"]) == ("held", False)
    for _ in range(2):
        bench.clock.advance(timedelta(days=30))
        bench.timers.fire()
        trainer.go_on()
    assert trainer.payout["overdue"]
    held = [said for said in bench.said(trainer.contract_id) if isinstance(said, PayoutHeld)]
    assert [of.overdue for of in held] == [False, True]
    trainer.is_ready()
    trainer.go_on()
    assert (trainer.payout["state"], len(_calls(trainer))) == ("transferring", 1)


@pytest.mark.scenario(50)
def test_money_goes_to_the_account_of_the_trainers_record_and_to_no_other_that_stripe_names(
    bench: Bench, trainer: Trainer
) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    assert [call.account_id for call in _calls(trainer)] == [trainer.account_id]
    bench.hear(trainer.fact("funding.funds_released", release_id=f"{trainer.release_id}_2", charge_id="ch_2"))
    with pytest.raises(ValueError, match=trainer.account_id):
        bench.hear(trainer.account("active", account_id="acct_of_somebody"))
    bench.hear(trainer.fact("funding.funds_released", release_id=f"{trainer.release_id}_3", charge_id="ch_3"))
    assert [call.account_id for call in _calls(trainer)] == [trainer.account_id] * 3


# -- a payment in question ---------------------------------------------------------------------------------


def _bank_asks(trainer: Trainer, name: str, **changed: Any) -> None:
    """A word of the ledger about the bank's dispute of the payment."""
    about = {"dispute_id": "dp_1"} if "charge" in name else {"cause": "card_dispute", "about": "dp_1"}
    trainer.bench.hear(trainer.fact(f"funding.{name}", **about, **changed))


@pytest.mark.scenario(52)
def test_what_was_released_and_has_not_left_is_held_while_the_bank_asks_and_goes_on_when_it_is_won(
    bench: Bench, trainer: Trainer
) -> None:
    bench.hear(trainer.released())
    _bank_asks(trainer, "funds_frozen")
    _bank_asks(trainer, "milestone_charged_back", recovery_minor=WHOLE, final=False)
    trainer.is_ready()
    trainer.go_on()
    assert (trainer.payout["state"], trainer.payout["reason"], _calls(trainer)) == ("held", "payment_in_question", [])
    _bank_asks(trainer, "chargeback_reversed")
    _bank_asks(trainer, "funds_unfrozen", still_frozen=False)
    trainer.go_on()
    assert (trainer.payout["state"], len(_calls(trainer))) == ("transferring", 1)


@pytest.mark.scenario(52)
def test_what_was_released_and_has_not_left_stays_when_the_dispute_is_lost(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    _bank_asks(trainer, "funds_frozen")
    bench.hear(trainer.released())
    _bank_asks(trainer, "milestone_charged_back", recovery_minor=WHOLE, final=True)
    _bank_asks(trainer, "funds_unfrozen", still_frozen=False)
    trainer.go_on()
    assert (trainer.payout["state"], _calls(trainer)) == ("held", [])
