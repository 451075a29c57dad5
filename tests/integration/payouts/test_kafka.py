"""Payouts on the real topics: commands and others' facts in, its own facts and commands out."""

from collections.abc import Iterator

import pytest

from schemas.base import Actor
from schemas.payouts import CommandUnchanged, PayoutPaid, StartPayoutAccount
from services.payouts.service import SERVICE
from tests.integration.bench import Bench, eventually
from tests.integration.payouts.trainer import Trainer
from tests.platform.backing import Backing


@pytest.fixture(scope="module")
def live(platform: Backing) -> Iterator[Bench]:
    """The service with its worker and its relay."""
    bench = Bench(SERVICE, platform)
    with bench.running():
        yield bench
    bench.close()


def reaches(trainer: Trainer, state: str) -> None:
    def look() -> bool | None:
        listed = trainer.bench.call(trainer.who, "GET", "/payouts").json()["data"]
        return True if [payout["state"] for payout in listed] == [state] else None

    eventually(look, f"a payout that is {state}")


def test_a_release_held_and_resumed_reaches_the_bank_by_what_the_service_tells_itself(live: Bench) -> None:
    trainer = Trainer(live, "live1")
    live.send(trainer.released())
    reaches(trainer, "held")
    assert trainer.set_up().status_code == 201
    live.send(trainer.fact("stripe.account_created"), trainer.account("active"))
    reaches(trainer, "transferring")
    live.send(trainer.bank("in_transit"))
    live.send(trainer.transferred())
    reaches(trainer, "in_transit")
    live.send(trainer.bank("paid"))
    reaches(trainer, "paid")
    said = sum(name.startswith(("payout_", "command_")) for name in trainer.said())
    records = live.heard_on("payouts.events", trainer.contract_id, said)
    assert [envelope.stream_version for envelope, _ in records] == [*range(1, said + 1)]
    # How often a look at the trainer's facts finds that all is done already is a matter of the moment.
    facts = [(envelope, fact) for envelope, fact in records if not isinstance(fact, CommandUnchanged)]
    assert [envelope.type.split(".")[1] for envelope, _ in facts] == [
        "payout_held", "payout_initiated", "payout_in_transit", "payout_paid",
    ]  # fmt: skip
    paid = facts[-1][1]
    assert isinstance(paid, PayoutPaid)
    assert paid.amount_minor == 120_000


def test_a_command_over_kafka_is_answered_by_a_fact_or_a_refusal(live: Bench) -> None:
    trainer = Trainer(live, "live2")
    start = StartPayoutAccount(actor=Actor(role="trainer", party_id=trainer.id), trainer_id=trainer.id, country="AQ")
    live.send(start, start.model_copy(update={"country": "FR"}), start.model_copy(update={"country": "FR"}))
    told = [envelope.type.split(".")[1] for envelope, _ in live.heard_on("payouts.events", trainer.id, 3)]
    assert told == ["command_rejected", "payout_account_created", "command_unchanged"]
    (command,) = live.heard_on("stripe.commands", trainer.id, 1)
    assert command[1].model_dump() == {"trainer_id": trainer.id, "country": "FR"}


def test_a_word_about_a_payout_that_is_not_ours_is_a_dead_letter(live: Bench) -> None:
    trainer = Trainer(live, "live3")
    live.send(trainer.fact("stripe.transfer_created", payout_id="pay_nobody"))
    ((_, letter),) = live.heard_on("payouts.dlq", trainer.contract_id, 1)
    assert "pay_nobody" in letter.reason  # type: ignore[attr-defined]
