"""The platform's own account at Stripe: its balance is told when it changed; what must never happen raises an alarm."""

from typing import Any

import pytest

from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import Employer


def balances(bench: Bench, currency: str) -> list[tuple[int, int, int]]:
    bench.quiet()
    return [
        (fact.available_minor, fact.pending_minor, fact.reserved_minor)
        for fact in bench.said("platform")
        if fact.type_name == "stripe.platform_balance_changed.v1" and fact.currency == currency
    ]


def alarms(bench: Bench, code: str) -> list[Any]:
    bench.quiet()
    return [fact for fact in bench.said("platform") if getattr(fact, "code", "") == code]


def at_stripe(bench: Bench, currency: str) -> tuple[int, int, int]:
    found = bench.sandbox.client().v1.balance.retrieve().to_dict()
    parts = (found["available"], found["pending"], found["connect_reserved"])
    available, pending, reserved = (next((e["amount"] for e in part if e["currency"] == currency), 0) for part in parts)
    return available, pending, reserved


def test_the_balance_is_told_when_money_becomes_available(bench: Bench, employer: Employer) -> None:
    for _ in range(3):
        employer.funding(50_000, "chf").pay()

    bench.sandbox.advance(days=8)

    eventually(lambda: balances(bench, "chf") or None, "the balance is told")
    told = balances(bench, "chf")
    assert told[-1] == at_stripe(bench, "chf")
    assert told[-1][0] > 0
    assert len(set(told)) == len(told)


def test_a_top_up_is_told(bench: Bench) -> None:
    bench.sandbox.client().v1.topups.create({"amount": 70_000, "currency": "gbp", "description": "float"})

    bench.sandbox.advance(days=1.1)

    eventually(lambda: balances(bench, "gbp") or None, "the balance is told")
    assert balances(bench, "gbp") == [(70_000, 0, 0)]


def test_what_says_nothing_new_about_the_balance_is_not_told(bench: Bench) -> None:
    bench.sandbox.client().v1.topups.create({"amount": 10_000, "currency": "sek", "description": "float"})
    bench.sandbox.advance(days=1.1)
    eventually(lambda: balances(bench, "sek") or None, "the balance is told")
    landed = [e for e in bench.at_stripe("event") if e["type"] == "topup.succeeded"]

    for before in landed:
        bench.sandbox.control("POST", "webhooks/resend", {"event": before["id"]})
    bench.sandbox.client().v1.topups.create({"amount": 10_000, "currency": "dkk", "description": "float"})
    bench.sandbox.advance(days=1.1)

    eventually(lambda: balances(bench, "dkk") or None, "the balance is told")
    assert balances(bench, "sek") == [(10_000, 0, 0)]


@pytest.mark.scenario(74)
def test_payouts_that_are_not_manual_raise_an_alarm_once_until_they_are_again(bench: Bench) -> None:
    def set_to(interval: str) -> None:
        schedule: Any = {"payments": {"payouts": {"schedule": {"interval": interval}}}}
        bench.sandbox.client().v1.balance_settings.update(schedule)
        bench.quiet()

    try:
        set_to("monthly")
        assert [alarm.about for alarm in alarms(bench, "payouts_not_manual")] == ["platform"]
        assert "monthly" in alarms(bench, "payouts_not_manual")[0].detail
        set_to("weekly")
        set_to("manual")
        assert len(alarms(bench, "payouts_not_manual")) == 1
        set_to("daily")
        assert len(alarms(bench, "payouts_not_manual")) == 2
    finally:
        set_to("manual")
    assert bench.webhooks("parked") == []


@pytest.mark.scenario(74)
def test_a_payout_of_the_platform_raises_an_alarm_once_and_tells_the_balance(bench: Bench) -> None:
    bench.sandbox.control("POST", "balance", {"currency": "usd", "amount": 90_000})
    payout = bench.sandbox.client().v1.payouts.create({"amount": 40_000, "currency": "usd"})

    bench.sandbox.advance(days=3)

    assert [alarm.about for alarm in alarms(bench, "unexpected_payout")] == [payout.id]
    assert "somebody made it" in alarms(bench, "unexpected_payout")[0].detail
    assert balances(bench, "usd")[-1] == at_stripe(bench, "usd")


def test_another_sum_than_was_asked_for_raises_an_alarm(bench: Bench, employer: Employer) -> None:
    funding = employer.funding(30_000).create()
    bench.sandbox.client().v1.payment_intents.update(funding.intent_id, {"amount": 31_000})

    funding.confirm()

    assert bench.hears(funding.contract, "payment_intent_succeeded").charge_minor == 31_000
    [alarm] = [alarm for alarm in alarms(bench, "charged_another_sum") if alarm.about == funding.id]
    assert "31000" in alarm.detail


@pytest.mark.scenario(42)
def test_a_charge_that_stripe_converts_is_told_as_that_raises_an_alarm_and_closes_its_call(
    bench: Bench, employer: Employer
) -> None:
    funding = employer.funding(30_000).create()
    bench.sandbox.control("PUT", "settlement", {"currencies": ["eur"]})
    try:
        funding.confirm()
        told = bench.hears(funding.contract, "charge_converted")
        bench.quiet()
        bench.sandbox.control("POST", "balance", {"currency": "eur", "amount": 30_000})
        refund = bench.sandbox.client().v1.refunds.create({"payment_intent": funding.intent_id})
        given_back = bench.hears(funding.contract, "converted_refund_changed")
    finally:
        bench.sandbox.control("PUT", "settlement", {"currencies": []})

    assert (given_back.stripe_refund_id, given_back.amount_minor, given_back.debited_minor) == (
        refund.id, 30_000, 27_600,
    )  # fmt: skip
    assert (given_back.currency, given_back.settled_currency, given_back.status) == ("usd", "eur", "succeeded")
    assert (told.charge_minor, told.currency, told.settled_minor, told.settled_currency) == (
        30_000, "usd", 27_600, "eur",
    )  # fmt: skip
    [charge] = funding.charges()
    settled = bench.sandbox.client().v1.balance_transactions.retrieve(charge["balance_transaction"])
    assert (told.settled_minor - told.stripe_fee_minor, told.balance_transaction_id) == (settled.net, settled.id)
    [alarm] = [alarm for alarm in alarms(bench, "charge_converted") if alarm.about == funding.id]
    assert "27600 eur" in alarm.detail
    bench.quiet()
    assert bench.told(funding.contract) == ["payment_intent_created", "charge_converted", "converted_refund_changed"]
    assert [attempt["state"] for attempt in bench.attempts(funding.id)] == ["succeeded", "succeeded"]
    assert bench.webhooks("parked") == []
