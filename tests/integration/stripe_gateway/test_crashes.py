"""Processes that die, and several at once: one object at Stripe, one fact told."""

import asyncio
import time

import pytest

from services.runtime.decisions import Outcome
from services.runtime.records import Delivery
from services.stripe_gateway.calls import send
from services.stripe_gateway.client import open_client
from services.stripe_gateway.desk import Desk
from services.stripe_gateway.local_commands import RecordRefund
from services.stripe_gateway.recorder import Recorder
from services.stripe_gateway.records import Attempt
from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import CONFIRM, PAID, Employer, Payout, Trainer, paid_once


def first_half(bench: Bench, about: str) -> None:
    """What the caller does before it can write the answer down; then the process is gone."""
    [row] = [row for row in bench.attempts(about) if row["state"] == "open"]

    async def call() -> None:
        client, http = open_client(bench.settings)
        await send(client, Attempt(**row))
        await http.close_async()  # type: ignore[no-untyped-call]

    asyncio.run(call())


# -- processes that die ----------------------------------------------------------------------------------------


@pytest.mark.scenario(6)
@pytest.mark.usefixtures("deaf")
def test_a_crash_after_the_charge_and_before_our_commit_charges_once(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.close_desk()
    funding.confirm()
    first_half(bench, funding.id)

    bench.open_desk()

    paid_once(funding)
    [_, replay] = bench.requests(f"/v1/payment_intents/{funding.intent_id}/confirm")
    assert replay["replayed"]


@pytest.mark.scenario(79)
def test_a_command_that_a_restored_database_takes_again_after_30_hours_is_looked_for_first(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    """The backup is of before the command, and nothing that was told since tells the two apart."""
    funding = employer.funding(120_000)
    payout = Payout(trainer, funding, funding.pay().charge_id, 50_000)
    bench.quiet()
    bench.policy(drop=["*"])
    bench.close_desk()
    given_at = bench.clock.now()
    bench.hear(payout.command(), identifier="cmd_of_then")
    first_half(bench, payout.id)
    for table, column in (("attempts", "about"), ("transfers", "payout_id")):
        bench.forget(table, column, payout.id)
    bench.pass_thirty_hours()

    bench.hear(payout.command(), identifier="cmd_of_then", given_at=given_at)
    bench.open_desk()

    made = bench.hears(funding.contract, "transfer_created")
    bench.quiet()
    assert [transfer["id"] for transfer in payout.transfers()] == [made.transfer_id]


@pytest.mark.scenario(7)
@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("executed", [True, False])
def test_a_start_after_30_hours_looks_first(bench: Bench, employer: Employer, executed: bool) -> None:
    funding = employer.funding().create()
    bench.close_desk()
    funding.confirm()
    if executed:
        first_half(bench, funding.id)
    bench.pass_thirty_hours()

    bench.open_desk()

    paid_once(funding)
    # Stripe has forgotten the key: a second call would have been a second attempt to charge.
    assert len(bench.requests(f"/v1/payment_intents/{funding.intent_id}/confirm")) == 1


@pytest.mark.scenario(7)
@pytest.mark.usefixtures("deaf")
def test_a_start_after_30_hours_finds_the_intent_that_was_made(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    bench.close_desk()
    bench.hear(funding.create_command)
    first_half(bench, funding.id)
    bench.pass_thirty_hours()

    bench.open_desk()

    created = bench.hears(funding.contract, "payment_intent_created")
    assert [intent["id"] for intent in funding.intents()] == [created.payment_intent_id]


@pytest.mark.scenario(7)
def test_a_start_after_30_hours_finds_the_transfer_that_was_made(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    bench.policy(drop=["*"])
    funding = employer.funding()
    payout = Payout(trainer, funding, funding.pay().charge_id)
    bench.close_desk()
    bench.hear(payout.command())
    first_half(bench, payout.id)
    bench.pass_thirty_hours()

    bench.open_desk()

    made = bench.hears(funding.contract, "transfer_created")
    assert [transfer["id"] for transfer in payout.transfers()] == [made.transfer_id]


@pytest.mark.usefixtures("deaf")
def test_a_decline_before_a_crash_is_told_after_it(bench: Bench) -> None:
    bench.policy()
    employer = Employer(bench).save_card("4000000000000341")
    bench.policy(drop=["*"])
    funding = employer.funding().create()
    bench.close_desk()
    funding.confirm()
    with pytest.raises(Exception, match="declined"):
        first_half(bench, funding.id)
    bench.pass_thirty_hours()

    bench.open_desk()

    assert bench.hears(funding.contract, "payment_intent_failed").code == "card_declined"
    charges = [charge for charge in bench.at_stripe("charge") if charge["payment_intent"] == funding.intent_id]
    assert len(charges) == 1


@pytest.mark.usefixtures("deaf")
def test_a_crash_between_two_facts_of_one_webhook_loses_neither(
    bench: Bench, employer: Employer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a refund whose charge nobody told: the charge is recorded first, and then the process is gone."""
    funding = employer.funding().create()
    at = bench.sandbox.client().v1
    at.payment_intents.confirm(funding.intent_id, {"payment_method": employer.card})
    made = at.refunds.create({"payment_intent": funding.intent_id, "amount": 1_000})
    [refunded] = [
        event["id"]
        for event in bench.at_stripe("event")
        if event["type"] == "refund.created" and event["data"]["object"]["id"] == made.id
    ]
    record, died = Recorder.record, list[RecordRefund]()

    async def dies_once(self: Recorder, delivery: Delivery) -> Outcome:
        if isinstance(delivery.message, RecordRefund) and not died:
            died.append(delivery.message)
            raise RuntimeError("the process is gone")
        return await record(self, delivery)

    monkeypatch.setattr(Recorder, "record", dies_once)
    monkeypatch.setattr("services.stripe_gateway.keyed.TROUBLE_PAUSE_S", 0.2)
    bench.policy()

    bench.sandbox.control("POST", "webhooks/resend", {"event": refunded})

    bench.hears(funding.contract, "refund_changed")
    assert len(died) == 1
    assert bench.told(funding.contract) == [*PAID, "refund_changed"]


def test_the_end_lets_a_call_under_way_be_written_down(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.policy(drop=["*"])
    bench.fault("slow", path=CONFIRM, seconds=1.0)
    funding.confirm()
    eventually(lambda: bench.sandbox.control("GET", "faults")[-1]["hits"] or None, "the call is under way")

    bench.close_desk()

    assert bench.told(funding.contract) == PAID


def test_the_database_goes_away_in_the_middle_of_a_call(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.quiet()
    bench.policy(paused=True)
    bench.fault("slow", path=CONFIRM, seconds=0.5)
    funding.confirm()
    eventually(lambda: bench.sandbox.control("GET", "faults")[-1]["hits"] or None, "the call is under way")

    with bench.no_database():
        eventually(lambda: funding.charges() or None, "charged")
        time.sleep(0.5)

    bench.policy()
    paid_once(funding)
    assert bench.desk.is_alive()


# -- several at once -------------------------------------------------------------------------------------------


@pytest.mark.scenario(9)
def test_two_owners_at_once_are_harmless(bench: Bench, employer: Employer) -> None:
    fundings = [employer.funding() for _ in range(10)]
    second = Desk(bench.runtime, bench.settings)
    second.start()
    try:
        bench.hear(*(funding.create_command for funding in fundings))
        for funding in fundings:
            funding.intent_id = bench.hears(funding.contract, "payment_intent_created").payment_intent_id
        bench.hear(*(funding.confirm_command() for funding in fundings))
        for funding in fundings:
            paid_once(funding)
            assert len(funding.intents()) == 1
    finally:
        second.stop()
        second.join(10)
    assert second.failure is None


def test_only_this_replicas_lanes_are_worked_on(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    bench.hear(funding.create_command)  # so that its lane is known
    [row] = bench.attempts(funding.id)
    bench.hears(funding.contract, "payment_intent_created")
    funding.intent_id = funding.intents()[0]["id"]

    bench.lanes = bench.lanes - {row["lane"]}
    try:
        funding.confirm()
        time.sleep(0.7)
        assert bench.attempts(funding.id)[-1]["state"] == "open"
        assert funding.charges() == []
    finally:
        bench.lanes = bench.lanes | {row["lane"]}
    paid_once(funding)


def test_many_calls_are_made_at_once_but_one_at_a_time_for_a_contract(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    funding = employer.funding(120_000)
    charge_id = funding.pay().charge_id
    payouts = [Payout(trainer, funding, charge_id, 10_000) for _ in range(3)]
    others = [employer.funding() for _ in range(4)]
    bench.fault("slow", path="/v1/transfers", method="POST", seconds=1.0, times=3)
    bench.fault("slow", path="/v1/payment_intents", method="POST", seconds=1.0, times=4)

    began = time.monotonic()
    bench.hear(*(payout.command() for payout in payouts), *(other.create_command for other in others))
    for other in others:
        bench.hears(other.contract, "payment_intent_created")
    bench.hears(funding.contract, "transfer_created", 3)

    assert time.monotonic() - began > 2.9  # the transfers one after the other
    contracts = [funding.contract, *(other.contract for other in others)]
    told_of = bench.rows("SELECT key FROM event_log WHERE key = ANY(%s) ORDER BY sequence", contracts)
    # All others meanwhile, side by side: one by one, or behind the transfers, they would take until after the last.
    assert told_of[-1]["key"] == funding.contract
    told = [message.payout_id for message in bench.said(funding.contract) if hasattr(message, "transfer_id")]
    assert told == [payout.id for payout in payouts]


def test_a_burst_is_all_done(bench: Bench, employer: Employer) -> None:
    fundings = [employer.funding() for _ in range(60)]

    bench.hear(*(funding.create_command for funding in fundings))

    def all_told() -> bool | None:
        return True if all(bench.told(funding.contract) for funding in fundings) else None

    eventually(all_told, "all created")
    assert all(len(bench.said(funding.contract)) == 1 for funding in fundings)
