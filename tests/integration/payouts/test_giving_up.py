"""Giving up a release that was never transferred, over HTTP and on a real database: it or the transfer, never both."""

from typing import Any

import pytest

from schemas.base import Actor
from schemas.payouts import CommandRejected, CommandUnchanged, GiveUpPayout, PayoutGivenUp
from schemas.stripe import CreateTransfer
from tests.integration.bench import Bench, problem
from tests.integration.payouts.test_facts import at_once
from tests.integration.payouts.trainer import Trainer

OPERATOR = ("operator", "opr_1")
REASON = "The trainer's account was closed."
pytestmark = pytest.mark.scenario(48)


def _held_for_long(bench: Bench, trainer: Trainer) -> str:
    """Released to a trainer without an account, thirty days ago; the payout's id."""
    bench.hear(trainer.released())
    trainer.go_on()
    bench.later(days=30)
    payout = trainer.payout
    assert (payout["state"], payout["overdue"]) == ("held", True)
    payout_id: str = payout["payout_id"]
    return payout_id


def _give_up(trainer: Trainer, payout_id: str, who: tuple[str, str] = OPERATOR, body: Any = None) -> Any:
    path = f"/payouts/{payout_id}/give-up"
    return trainer.bench.call(who, "POST", path, {"reason": REASON} if body is None else body)


def _command(trainer: Trainer, payout_id: str, actor: Actor | None = None) -> GiveUpPayout:
    return GiveUpPayout(
        actor=actor or Actor(role="operator", party_id="opr_1"), contract_id=trainer.contract_id, payout_id=payout_id,
        reason=REASON,
    )  # fmt: skip


def _told(trainer: Trainer) -> tuple[int, int]:
    """How often it was given up, and how often Stripe was asked for the transfer."""
    said = trainer.bench.said(trainer.contract_id)
    return sum(isinstance(of, PayoutGivenUp) for of in said), sum(isinstance(of, CreateTransfer) for of in said)


def test_an_operator_gives_up_what_waited_for_too_long_once(bench: Bench, trainer: Trainer) -> None:
    payout_id = _held_for_long(bench, trainer)
    answer = _give_up(trainer, payout_id)
    assert (answer.status_code, answer.json()["state"], answer.json()["reason"]) == (202, "given_up", REASON)
    again = _give_up(trainer, payout_id)
    assert (again.status_code, again.json()["given_up_by"]) == (202, "opr_1")
    assert _told(trainer) == (1, 0)


def test_before_an_operator_was_asked_it_may_go_on_by_itself(bench: Bench, trainer: Trainer) -> None:
    bench.hear(trainer.released())
    assert problem(_give_up(trainer, trainer.payout["payout_id"])) == (409, "payout_not_overdue")


def test_an_account_that_comes_back_afterwards_brings_no_transfer(bench: Bench, trainer: Trainer) -> None:
    _give_up(trainer, _held_for_long(bench, trainer))
    trainer.is_ready()
    trainer.go_on()
    assert (trainer.payout["state"], _told(trainer)) == ("given_up", (1, 0))


def test_an_account_that_came_back_before_wins(bench: Bench, trainer: Trainer) -> None:
    payout_id = _held_for_long(bench, trainer)
    trainer.is_ready()
    trainer.go_on()
    assert problem(_give_up(trainer, payout_id)) == (409, "payout_not_held")
    assert (trainer.payout["state"], _told(trainer)) == ("transferring", (0, 1))


def test_given_up_in_the_very_moment_that_the_account_comes_back_it_is_not_transferred(
    bench: Bench, trainer: Trainer
) -> None:
    payout_id = _held_for_long(bench, trainer)
    trainer.has_started()
    at_once(bench, _command(trainer, payout_id), trainer.account("active"))
    assert (trainer.payout["state"], trainer.status) == ("given_up", "ready")
    trainer.go_on()
    assert (trainer.payout["state"], _told(trainer)) == ("given_up", (1, 0))


def test_while_the_bank_decides_it_stays_and_what_it_took_for_good_is_given_up(bench: Bench, trainer: Trainer) -> None:
    dispute: dict[str, Any] = {"cause": "card_dispute", "about": "dp_1"}
    payout_id = _held_for_long(bench, trainer)
    bench.hear(trainer.fact("funding.funds_frozen", **dispute))
    bench.hear(trainer.fact("funding.milestone_charged_back", dispute_id="dp_1", recovery_minor=120_000, final=False))
    assert problem(_give_up(trainer, payout_id)) == (409, "payment_in_question")
    bench.hear(trainer.fact("funding.milestone_charged_back", dispute_id="dp_1", recovery_minor=120_000, final=True))
    bench.hear(trainer.fact("funding.funds_unfrozen", still_frozen=False, **dispute))
    assert _give_up(trainer, payout_id).json()["state"] == "given_up"


def test_only_an_operator_gives_up(bench: Bench, trainer: Trainer) -> None:
    payout_id = _held_for_long(bench, trainer)
    assert problem(_give_up(trainer, payout_id, trainer.who)) == (403, "forbidden")
    assert problem(_give_up(trainer, payout_id, ("employer", "emp_1"))) == (403, "forbidden")
    assert problem(_give_up(trainer, payout_id, ("trainer", "trn_other"))) == (404, "not_found")
    assert problem(_give_up(trainer, "pay_none")) == (404, "not_found")
    assert _give_up(trainer, payout_id, body={}).status_code == 422
    assert _told(trainer) == (0, 0)


def test_a_command_on_the_topic_is_decided_alike(bench: Bench, trainer: Trainer) -> None:
    payout_id = _held_for_long(bench, trainer)
    bench.hear(_command(trainer, payout_id, Actor(role="service", party_id="svc_1")))
    for _ in range(2):
        bench.hear(_command(trainer, payout_id))
    answers = [of for of in bench.said(trainer.contract_id) if isinstance(of, CommandRejected | CommandUnchanged)]
    assert [type(of) for of in answers] == [CommandRejected, CommandUnchanged]
    assert _told(trainer) == (1, 0)
