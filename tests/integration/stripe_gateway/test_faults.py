"""Bad networks, bad days of Stripe, and processes that die: one object at Stripe, one fact told."""

import asyncio
import json
import time
from collections.abc import Iterator
from datetime import timedelta
from typing import Any

import pytest

from services.stripe_gateway.calls import send
from services.stripe_gateway.client import open_client
from services.stripe_gateway.desk import Desk
from services.stripe_gateway.records import Attempt
from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import Employer, Funding, Payout, Trainer

CONFIRM = "/v1/payment_intents/*/confirm"
PAID = ["payment_intent_created", "payment_intent_succeeded"]


@pytest.fixture
def deaf(bench: Bench, employer: Employer) -> Iterator[None]:
    """No webhook comes once the card is saved: only the answers to our calls, and our own looks, tell what happened."""
    bench.quiet()
    bench.policy(drop=["*"])
    yield
    bench.policy()


@pytest.fixture
def storm_trainer(bench: Bench) -> Trainer:
    """Ready before the webhooks stop."""
    bench.policy()
    trainer = Trainer(bench).open_account().complete_onboarding()
    bench.quiet()
    bench.policy(drop=["*"])
    return trainer


def figures(bench: Bench) -> str:
    return bench.http.get("/metrics").text


def paid_once(funding: Funding) -> None:
    funding.bench.hears(funding.contract, "payment_intent_succeeded")
    funding.bench.quiet()
    assert len(funding.charges()) == 1
    assert funding.bench.told(funding.contract) == PAID


def first_half(bench: Bench, about: str) -> None:
    """What the caller does before it can write the answer down; then the process is gone."""
    [row] = [row for row in bench.attempts(about) if row["state"] == "open"]

    async def call() -> None:
        client, http = open_client(bench.settings)
        await send(client, Attempt(**row))
        await http.close_async()  # type: ignore[no-untyped-call]

    asyncio.run(call())


# -- the network and Stripe ------------------------------------------------------------------------------------


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize(
    "fault",
    [
        pytest.param({"kind": "timeout_before", "seconds": 0}, marks=pytest.mark.scenario(13)),
        pytest.param({"kind": "timeout_after", "seconds": 0}, marks=pytest.mark.scenario(14)),
        pytest.param({"kind": "truncated"}, marks=pytest.mark.scenario(17)),
        pytest.param({"kind": "bad_gateway"}, marks=pytest.mark.scenario(17)),
        {"kind": "error_500_before"},
        {"kind": "conflict"},
        {"kind": "rate_limit"},
        {"kind": "lock_timeout"},
    ],
    ids=lambda fault: fault["kind"],
)
def test_a_call_is_made_again_until_it_is_answered(bench: Bench, employer: Employer, fault: dict[str, Any]) -> None:
    funding = employer.funding().create()
    bench.fault(**fault, path=CONFIRM, times=3)

    funding.confirm()

    paid_once(funding)
    keys = {note["idempotency_key"] for note in bench.requests(f"/v1/payment_intents/{funding.intent_id}/confirm")}
    assert keys == {f"fund:{funding.id}:confirm:1"}


@pytest.mark.scenario(15)
@pytest.mark.usefixtures("deaf")
def test_a_stored_500_is_looked_behind(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.fault("error_500_after", path=CONFIRM)

    funding.confirm()

    paid_once(funding)


@pytest.mark.usefixtures("deaf")
def test_a_stored_500_of_a_decline_is_looked_behind(bench: Bench) -> None:
    bench.policy()
    employer = Employer(bench).save_card("4000008260003178")
    bench.policy(drop=["*"])
    charge = employer.funding().create()
    bench.fault("error_500_after", path=CONFIRM)

    charge.confirm()

    assert bench.hears(charge.contract, "payment_intent_failed").decline_code == "insufficient_funds"


@pytest.mark.scenario(15)
def test_a_webhook_resolves_what_stripe_never_answers(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.fault("error_500_after", path=CONFIRM)
    bench.fault("error_500_before", path=CONFIRM, times=1000)

    funding.confirm()

    bench.hears(funding.contract, "payment_intent_succeeded")
    bench.quiet()
    assert bench.attempts(funding.id)[-1]["state"] == "succeeded"
    assert bench.told(funding.contract) == PAID
    # It stops with the webhook, long before it would look by itself.
    time.sleep(1)
    tries = len(bench.requests(f"/v1/payment_intents/{funding.intent_id}/confirm"))
    assert tries < bench.settings.stripe_server_errors


@pytest.mark.scenario(16)
@pytest.mark.usefixtures("deaf")
def test_500_that_must_not_be_retried_is_looked_behind_at_once(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.fault("error_500_after", path=CONFIRM, should_retry=False)

    funding.confirm()

    paid_once(funding)
    assert len(bench.requests(f"/v1/payment_intents/{funding.intent_id}/confirm")) == 1


@pytest.mark.usefixtures("deaf")
def test_what_nobody_can_tell_is_an_open_item(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    bench.fault("error_500_before", path="/v1/payment_intents", method="POST", should_retry=False)

    bench.hear(funding.create_command)

    def unknown() -> bool | None:
        return True if [row["state"] for row in bench.attempts(funding.id)] == ["unknown"] else None

    eventually(unknown, "unknown")
    assert bench.told(funding.contract) == []


@pytest.mark.scenario(20)
def test_a_refused_key_stops_everything_and_fails_nothing(bench: Bench, employer: Employer) -> None:
    one, two = employer.funding(), employer.funding()
    bench.fault("unauthorized", times=6)

    bench.hear(one.create_command, two.create_command)

    for funding in (one, two):
        bench.hears(funding.contract, "payment_intent_created")
        assert bench.told(funding.contract) == ["payment_intent_created"]
    assert "tranche_stripe_halted 0.0" in bench.http.get("/metrics").text


@pytest.mark.scenario(18)
@pytest.mark.usefixtures("deaf")
def test_a_storm_of_429_loses_nothing_doubles_nothing_and_keeps_the_order(
    bench: Bench, employer: Employer, storm_trainer: Trainer
) -> None:
    paid = employer.funding(120_000)
    charge_id = paid.pay().charge_id
    payouts = [Payout(storm_trainer, paid, charge_id, 10_000) for _ in range(4)]
    others = [employer.funding() for _ in range(12)]
    bench.fault("rate_limit", method="POST", times=60)

    bench.hear(*(other.create_command for other in others), *(payout.command() for payout in payouts))

    bench.hears(paid.contract, "transfer_created", len(payouts))
    bench.quiet()
    told = [message.payout_id for message in bench.said(paid.contract) if hasattr(message, "transfer_id")]
    assert told == [payout.id for payout in payouts]
    assert [len(payout.transfers()) for payout in payouts] == [1] * len(payouts)
    for other in others:
        assert bench.told(other.contract) == ["payment_intent_created"]
        assert len(other.intents()) == 1
    assert bench.sandbox.control("GET", "faults")[-1]["hits"] == 60  # it was a storm
    figures = bench.http.get("/metrics").text
    slowed = 'tranche_stripe_rate_per_second{operation="create_payment_intent"}'
    [rate] = [float(line.split()[-1]) for line in figures.splitlines() if line.startswith(slowed)]
    assert rate < bench.settings.stripe_calls_per_s_each
    assert "tranche_stripe_oldest_open_call_seconds" in figures  # what an alarm on the lag watches


@pytest.mark.scenario(22)
@pytest.mark.usefixtures("deaf")
def test_a_stripe_that_hangs_holds_up_no_consumer_and_is_given_up_in_time(bench: Bench, employer: Employer) -> None:
    first, second = employer.funding().create(), employer.funding()
    bench.close_desk()
    patient = bench.settings
    bench.settings = patient.model_copy(update={"stripe_timeout_s": 0.3})
    try:
        bench.open_desk()
        bench.fault("slow", path=CONFIRM, seconds=3.0, times=2)
        first.confirm()
        eventually(lambda: bench.sandbox.control("GET", "faults")[-1]["hits"] or None, "the call hangs")

        second.create()  # a command is taken and its own call made meanwhile

        paid_once(first)
        notes = bench.requests(f"/v1/payment_intents/{first.intent_id}/confirm")
        assert {note["idempotency_key"] for note in notes} == {f"fund:{first.id}:confirm:1"}
    finally:
        bench.close_desk()
        bench.settings = patient
        bench.open_desk()


@pytest.mark.scenario(21)
@pytest.mark.usefixtures("deaf")
def test_while_stripe_is_down_calls_wait_and_one_tries(bench: Bench, employer: Employer) -> None:
    confirmed = employer.funding().create()
    others = [employer.funding() for _ in range(30)]
    bench.close_desk()
    usual = bench.settings
    bench.settings = usual.model_copy(update={"stripe_breaker_failures": 5, "stripe_backoff_most_s": 0.5})
    try:
        bench.open_desk()
        bench.fault("bad_gateway", times=1_000_000)
        confirmed.confirm()
        bench.hear(*(other.create_command for other in others))
        eventually(lambda: True if "tranche_stripe_circuit_open 1.0" in figures(bench) else None, "it is open")
        bench.advance(hours=2)
        time.sleep(1.5)

        # Without the breaker 31 calls would each be tried about four times a second.
        assert bench.sandbox.control("GET", "faults")[-1]["hits"] < 31 + 15
        about = [confirmed, *others]
        assert {bench.attempts(funding.id)[-1]["state"] for funding in about} == {"open"}
        assert [bench.told(funding.contract) for funding in about] == [PAID[:1], *([] for _ in others)]

        bench.sandbox.control("DELETE", "faults")

        paid_once(confirmed)
        for other in others:
            assert bench.told(other.contract) == ["payment_intent_created"]
            assert len(other.intents()) == 1
        assert "tranche_stripe_circuit_open 0.0" in figures(bench)
    finally:
        bench.close_desk()
        bench.settings = usual
        bench.open_desk()


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
    bench.fault("slow", path="/v1/transfers", method="POST", seconds=0.3, times=3)
    others = [employer.funding() for _ in range(4)]
    bench.fault("slow", path="/v1/payment_intents", method="POST", seconds=0.3, times=4)

    began = time.monotonic()
    bench.hear(*(payout.command() for payout in payouts), *(other.create_command for other in others))
    for other in others:
        bench.hears(other.contract, "payment_intent_created")
    others_s = time.monotonic() - began
    bench.hears(funding.contract, "transfer_created", 3)
    same_s = time.monotonic() - began

    assert others_s < 0.9  # side by side: 0.3 s, not 1.2 s
    assert same_s > 0.85  # one after the other
    told = [message.payout_id for message in bench.said(funding.contract) if hasattr(message, "transfer_id")]
    assert told == [payout.id for payout in payouts]


def test_a_burst_is_all_done(bench: Bench, employer: Employer) -> None:
    fundings = [employer.funding() for _ in range(60)]

    bench.hear(*(funding.create_command for funding in fundings))

    def all_told() -> bool | None:
        return True if all(bench.told(funding.contract) for funding in fundings) else None

    eventually(all_told, "all created")
    assert all(len(bench.said(funding.contract)) == 1 for funding in fundings)


# -- defects of ours -------------------------------------------------------------------------------------------


def test_a_key_with_other_parameters_is_an_open_item_and_no_second_call(bench: Bench, employer: Employer) -> None:
    funding = employer.funding(50_000).create()
    funding.charge_minor = 60_000

    bench.hear(funding.create_command)

    refused = bench.hears(funding.contract, "call_refused")
    assert refused.code == "asked_otherwise_before"
    assert len(funding.intents()) == 1


@pytest.mark.scenario(5)
def test_stripe_refusing_a_reused_key_is_an_open_item(bench: Bench, employer: Employer) -> None:
    funding = employer.funding(50_000)
    bench.close_desk()
    bench.hear(funding.create_command)
    [row] = bench.attempts(funding.id)
    other: Any = {**json.loads(row["parameters"]), "amount": 1_000}
    bench.sandbox.client().v1.payment_intents.create(other, {"idempotency_key": row["idempotency_key"]})

    bench.open_desk()

    refused = bench.hears(funding.contract, "call_refused")
    assert (refused.code, refused.http_status) == ("idempotency_error", 400)
    bench.quiet()
    assert [row["state"] for row in bench.attempts(funding.id)] == ["refused"]  # and none under a new key


def test_the_figures_say_how_it_goes(bench: Bench, employer: Employer) -> None:
    employer.funding().pay()

    text = bench.http.get("/metrics").text

    assert 'tranche_stripe_calls_total{operation="confirm_payment_intent",outcome="answered"}' in text
    assert "tranche_stripe_oldest_open_call_seconds" in text
    assert timedelta(seconds=bench.settings.stripe_look_after_s) == timedelta(hours=23)


# -- a contract that is parked ---------------------------------------------------------------------------------


def test_what_stripe_says_of_a_parked_contract_waits(bench: Bench, employer: Employer, monkeypatch: Any) -> None:
    monkeypatch.setattr("services.stripe_gateway.keyed.TROUBLE_PAUSE_S", 0.2)
    funding = employer.funding().create()
    bench.quiet()
    parking = (
        'INSERT INTO parked_messages (key, topic, partition, "offset", headers, body, reason, parked_at) '
        "VALUES (%s, 'stripe.commands', 0, %s, '{}', '', 'a defect', now()) RETURNING id"
    )
    bench.close_desk()
    funding.confirm()
    bench.rows(parking, funding.contract, 1_000_000)
    bench.open_desk()
    eventually(lambda: funding.charges() or None, "charged")
    time.sleep(0.5)
    assert bench.told(funding.contract) == ["payment_intent_created"]

    bench.rows("DELETE FROM parked_messages WHERE key = %s RETURNING id", funding.contract)

    paid_once(funding)
    assert [row for row in bench.webhooks("parked") if row["object_id"] == funding.intent_id] == []
