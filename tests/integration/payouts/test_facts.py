"""What payouts makes of the facts of others, on a real database. A test says what came, and what went out."""

import threading
from concurrent.futures import ThreadPoolExecutor

import pytest

from schemas.base import Message
from schemas.payouts import PayoutFailed, PayoutInitiated
from schemas.stripe import CreateAccount, CreateTransfer
from services.runtime.processor import Batch
from tests.integration.bench import Bench
from tests.integration.payouts.trainer import Trainer


def calls(bench: Bench, trainer: Trainer) -> list[CreateTransfer]:
    return [message for message in bench.said(trainer.contract_id) if isinstance(message, CreateTransfer)]


def test_from_release_to_bank(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    assert trainer.payout["state"] == "transferring"
    bench.hear(trainer.transferred())
    trainer.go_on()
    assert trainer.payout["state"] == "initiated"
    bench.hear(trainer.bank("in_transit"))
    trainer.go_on()
    assert trainer.payout["state"] == "in_transit"
    bench.hear(trainer.bank("paid"))
    trainer.go_on()
    payout = trainer.payout
    assert (payout["state"], payout["transfer_id"], payout["stripe_payout_id"]) == (
        "paid", trainer.transfer_id, trainer.stripe_payout_id,
    )  # fmt: skip
    facts = [name for name in trainer.said() if name.startswith("payout_")]
    assert facts == ["payout_initiated", "payout_in_transit", "payout_paid"]


def test_the_transfer_is_of_the_released_money_from_its_own_charge(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.fact("funding.funds_released", amount_minor=75_000, charge_id="ch_mine"))
    (call,) = calls(bench, trainer)
    assert (call.amount_minor, call.charge_id, call.account_id, call.attempt) == (
        75_000, "ch_mine", trainer.account_id, 1,
    )  # fmt: skip


@pytest.mark.scenario(49)
def test_while_it_can_receive_a_release_is_transferred_though_stripe_holds_up_its_bank_payouts(
    bench: Bench, trainer: Trainer
) -> None:
    trainer.has_started()
    bench.hear(trainer.account("active", requirements=["external_account"]))
    bench.hear(trainer.released())
    assert len(calls(bench, trainer)) == 1
    bench.hear(trainer.transferred())
    assert trainer.payout["state"] == "initiated"


def test_a_release_told_twice_is_paid_once(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released(), trainer.released())
    bench.hear(trainer.released())
    assert len(calls(bench, trainer)) == 1


def test_a_release_waits_for_the_account_and_goes_on_by_itself(bench: Bench, trainer: Trainer) -> None:
    bench.hear(trainer.released())
    trainer.has_started()
    trainer.go_on()
    assert trainer.payout["state"] == "held"
    bench.hear(trainer.account("active"))
    trainer.go_on()
    assert trainer.payout["state"] == "transferring"
    assert trainer.said() == ["payout_held", "resume_payout", "create_transfer"]


def test_every_held_release_of_the_trainer_goes_on(bench: Bench, trainer: Trainer) -> None:
    more = [
        trainer.fact(
            "funding.funds_released", release_id=f"{trainer.release_id}_{n}", contract_id=f"ctr_{trainer.id}_{n}"
        )
        for n in range(3)
    ]
    bench.hear(*more)
    trainer.is_ready()
    resumed = [bench.told(message.key) for message in more]
    assert resumed == [["payout_held", "resume_payout"]] * 3


def test_an_account_that_cannot_receive_holds_the_payout_until_it_can(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    bench.hear(trainer.fact("stripe.transfer_failed", payout_id=trainer.payout["payout_id"]))
    trainer.go_on()
    assert (trainer.payout["state"], trainer.payout["reason"]) == ("held", "account_cannot_receive")
    bench.hear(trainer.account("restricted"), trainer.account("active"))
    trainer.go_on()
    assert [call.attempt for call in calls(bench, trainer)] == [1, 2]


def test_a_short_balance_is_tried_again_with_a_key_of_its_own(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    failed = {"payout_id": trainer.payout["payout_id"], "code": "balance_insufficient"}
    bench.hear(trainer.fact("stripe.transfer_failed", **failed))
    assert [call.attempt for call in calls(bench, trainer)] == [1, 2]


def test_a_refused_transfer_is_held_for_an_operator(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    refusal = {"about": trainer.payout["payout_id"], "asked_of": trainer.contract_id}
    bench.hear(trainer.fact("stripe.call_refused", **refusal))
    assert (trainer.payout["state"], trainer.payout["reason"]) == ("held", "transfer_refused")


def test_an_account_that_stripe_does_not_open_can_be_asked_for_again(bench: Bench, trainer: Trainer) -> None:
    trainer.set_up()
    refusal = {"about": trainer.id, "asked_of": trainer.id, "command_type": CreateAccount.type_name}
    bench.hear(trainer.fact("stripe.call_refused", **refusal))
    assert trainer.status == "disabled"
    assert trainer.set_up("DE").status_code == 201
    assert trainer.status == "started"


def test_a_refusal_of_a_call_that_is_not_ours_is_not_ours(bench: Bench, trainer: Trainer) -> None:
    refusal = {"about": "fnd_1", "asked_of": trainer.contract_id, "command_type": "stripe.confirm_payment_intent.v1"}
    assert bench.hear(trainer.fact("stripe.call_refused", **refusal)) == [None]


@pytest.mark.scenario(71)
def test_a_bank_payout_that_failed_says_so_and_goes_again(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    bench.hear(trainer.transferred())
    bench.hear(trainer.bank("paid"), trainer.bank("failed"))
    trainer.go_on()
    payout = trainer.payout
    assert (payout["state"], payout["reason"]) == ("failed", "account_closed")
    assert "correct the bank details" in payout["detail"]
    assert isinstance(bench.said(trainer.contract_id)[-1], PayoutFailed)
    bench.hear(
        trainer.bank("in_transit", stripe_payout_id="po_again"), trainer.bank("paid", stripe_payout_id="po_again")
    )
    trainer.go_on()
    assert (trainer.payout["state"], trainer.payout["reason"]) == ("paid", None)
    assert len(calls(bench, trainer)) == 1


def test_one_bank_payout_moves_every_release_that_it_carries(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    second = {"release_id": f"{trainer.release_id}_b", "milestone_id": "mls_b"}
    bench.hear(trainer.released(), trainer.fact("funding.funds_released", **second))
    listed = bench.call(trainer.who, "GET", "/payouts").json()["data"]
    transfers = [f"tr_{payout['payout_id']}" for payout in listed]
    bench.hear(
        *(
            trainer.fact("stripe.transfer_created", payout_id=payout["payout_id"], transfer_id=transfer_id)
            for payout, transfer_id in zip(listed, transfers, strict=True)
        )
    )
    bench.hear(trainer.bank("paid", transfer_ids=transfers, amount_minor=240_000))
    trainer.go_on()
    states = [payout["state"] for payout in bench.call(trainer.who, "GET", "/payouts").json()["data"]]
    assert states == ["paid", "paid"]


# -- facts that come out of order --------------------------------------------------------------------------


def test_a_bank_payout_told_before_its_transfer_is_not_lost(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    bench.hear(trainer.bank("in_transit"), trainer.bank("paid"))
    assert trainer.payout["state"] == "transferring"
    bench.hear(trainer.transferred())
    trainer.go_on()
    assert trainer.payout["state"] == "paid"


def test_the_same_bank_payout_told_again_is_not_applied_again(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    bench.hear(trainer.transferred())
    trainer.go_on()
    bench.hear(trainer.bank("paid"), trainer.bank("paid"))
    bench.hear(trainer.bank("paid"))
    trainer.go_on()
    assert trainer.said().count("record_bank_payout") == 1
    assert trainer.said().count("payout_paid") == 1


def at_once(bench: Bench, first: Message, second: Message) -> None:
    """Decide both before either is committed: neither sees what the other does."""
    both = threading.Barrier(2, timeout=20)

    def decide(message: Message) -> None:
        bench.processor.run(Batch([bench._delivery(message)]), lambda connection, outcomes: both.wait() and None)

    with ThreadPoolExecutor() as threads:
        for done in [threads.submit(decide, message) for message in (first, second)]:
            done.result()


def test_a_release_held_in_the_very_moment_that_the_account_becomes_ready_goes_on(
    bench: Bench, trainer: Trainer
) -> None:
    trainer.has_started()
    at_once(bench, trainer.released(), trainer.account("active"))
    assert (trainer.payout["state"], trainer.status) == ("held", "ready")
    trainer.go_on()
    assert trainer.payout["state"] == "transferring"


def test_a_transfer_made_in_the_very_moment_that_its_bank_payout_is_told_is_found(
    bench: Bench, trainer: Trainer
) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    at_once(bench, trainer.transferred(), trainer.bank("paid"))
    assert trainer.payout["state"] == "initiated"
    trainer.go_on()
    assert trainer.payout["state"] == "paid"


def test_a_transfer_that_fails_in_the_very_moment_that_the_account_becomes_ready_again_is_tried_again(
    bench: Bench, trainer: Trainer
) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    bench.hear(trainer.account("restricted"))
    failed = trainer.fact("stripe.transfer_failed", payout_id=trainer.payout["payout_id"])
    at_once(bench, failed, trainer.account("active"))
    assert trainer.payout["state"] == "held"
    trainer.go_on()
    assert [call.attempt for call in calls(bench, trainer)] == [1, 2]


# -- what must not be --------------------------------------------------------------------------------------


def test_a_second_transfer_of_one_payout_stops_here(bench: Bench, trainer: Trainer) -> None:
    trainer.is_ready()
    bench.hear(trainer.released())
    bench.hear(trainer.transferred())
    with pytest.raises(ValueError, match="twice"):
        bench.hear(trainer.transferred(transfer_id="tr_other"))
    facts = [message for message in bench.said(trainer.contract_id) if isinstance(message, PayoutInitiated)]
    assert [fact.transfer_id for fact in facts] == [trainer.transfer_id]


def test_a_word_about_a_payout_that_is_not_ours_is_not_dropped(bench: Bench, trainer: Trainer) -> None:
    with pytest.raises(LookupError, match="pay_nobody"):
        bench.hear(trainer.fact("stripe.transfer_created", payout_id="pay_nobody"))
