"""Bad networks and bad days of Stripe: one object at Stripe, one fact told."""

import json
import time
from datetime import timedelta
from typing import Any

import pytest

from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import CONFIRM, PAID, Employer, Payout, Trainer, paid_once


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
    with bench.working_with(stripe_server_errors=1_000_000):  # so it never looks by itself
        bench.fault("error_500_after", path=CONFIRM)
        bench.fault("error_500_before", path=CONFIRM, times=1_000_000)

        funding.confirm()

        bench.hears(funding.contract, "payment_intent_succeeded")
        bench.quiet()
        assert bench.attempts(funding.id)[-1]["state"] == "succeeded"
        assert bench.told(funding.contract) == PAID

        def tries() -> int:
            return len(bench.requests(f"/v1/payment_intents/{funding.intent_id}/confirm"))

        def at_rest() -> bool | None:
            before = tries()
            time.sleep(0.5)
            return True if tries() == before else None

        eventually(at_rest, "no further try")


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
    with bench.working_with(stripe_timeout_s=0.3):
        bench.fault("slow", path=CONFIRM, seconds=3.0, times=2)
        first.confirm()
        eventually(lambda: bench.sandbox.control("GET", "faults")[-1]["hits"] or None, "the call hangs")

        second.create()  # a command is taken and its own call made meanwhile

        paid_once(first)
        notes = bench.requests(f"/v1/payment_intents/{first.intent_id}/confirm")
        assert {note["idempotency_key"] for note in notes} == {f"fund:{first.id}:confirm:1"}


@pytest.mark.scenario(21)
@pytest.mark.usefixtures("deaf")
def test_while_stripe_is_down_calls_wait_and_one_tries(bench: Bench, employer: Employer) -> None:
    confirmed = employer.funding().create()
    others = [employer.funding() for _ in range(30)]
    about = [confirmed, *others]
    failures, pause_s, fast = 5, 0.2, 1_000.0
    began = time.monotonic()
    with bench.working_with(
        stripe_breaker_failures=failures,
        stripe_backoff_first_s=pause_s,
        stripe_backoff_most_s=pause_s,
        stripe_calls_per_s=fast,
        stripe_calls_per_s_each=fast,
    ):
        bench.fault("bad_gateway", times=1_000_000)
        confirmed.confirm()
        bench.hear(*(other.create_command for other in others))
        eventually(lambda: True if "tranche_stripe_circuit_open 1.0" in figures(bench) else None, "it is open")
        # It takes webhooks and commands all the same.
        answer = bench.http.get("/health/ready")
        assert (answer.status_code, answer.json()["stripe"][:15]) == (200, "does not answer")
        bench.advance(hours=2)
        time.sleep(1.5)  # each of them would be tried some ten times more

        tries = bench.sandbox.control("GET", "faults")[-1]["hits"]
        # Those that shut it, those under way then, and since then at most one for each pause, however long it took.
        assert tries <= failures + len(about) + 1 + (time.monotonic() - began) / pause_s
        assert {bench.attempts(funding.id)[-1]["state"] for funding in about} == {"open"}
        assert [bench.told(funding.contract) for funding in about] == [PAID[:1], *([] for _ in others)]

        bench.sandbox.control("DELETE", "faults")

        paid_once(confirmed)
        for other in others:
            assert bench.told(other.contract) == ["payment_intent_created"]
            assert len(other.intents()) == 1
        assert "tranche_stripe_circuit_open 0.0" in figures(bench)
        assert bench.http.get("/health/ready").json()["stripe"] == "answers"


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
    bench.policy(drop=["payment_intent.created"])  # the word of the other intent would be told first
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
