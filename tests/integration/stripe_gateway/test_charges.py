"""Charging an employer's card: each call once, each fact once, whatever comes first."""

import pytest

from tests.integration.stripe_gateway.bench import Bench
from tests.integration.stripe_gateway.parties import Employer


def test_a_card_is_charged_once_and_told_with_stripes_fee(bench: Bench, employer: Employer) -> None:
    funding = employer.funding(120_000)

    charged = funding.pay()

    assert (charged.charge_minor, charged.stripe_fee_minor, charged.currency) == (120_000, 3_510, "usd")
    assert charged.balance_transaction_id.startswith("txn_")
    assert [charge["id"] for charge in funding.charges()] == [charged.charge_id]
    bench.quiet()
    assert bench.told(funding.contract) == ["payment_intent_created", "payment_intent_succeeded"]


def test_the_same_command_twice_is_one_call(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()

    bench.hear(funding.create_command, funding.create_command)
    bench.hear(funding.create_command)
    bench.hears(funding.contract, "payment_intent_created")
    bench.hear(funding.create_command)

    bench.quiet()
    assert len(bench.attempts(funding.id)) == 1
    assert len(funding.intents()) == 1
    assert bench.told(funding.contract) == ["payment_intent_created"]


def test_the_fact_answers_the_command(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    # Webhooks are as fast as answers here, and would tell it first.
    bench.policy(paused=True)

    bench.hear(funding.create_command, identifier="cmd_that_asked")
    bench.hears(funding.contract, "payment_intent_created")

    [line] = bench.rows("SELECT * FROM event_log WHERE key = %s", funding.contract)
    assert line["causation_id"] == line["command_id"] == "cmd_that_asked"
    assert line["correlation_id"] == f"story_{funding.contract}"


def test_without_a_saved_card_nothing_is_asked(bench: Bench) -> None:
    funding = Employer(bench).funding()

    bench.hear(funding.create_command)

    [refused] = bench.said(funding.contract)
    assert (refused.code, refused.about, refused.http_status) == ("no_customer", funding.id, 0)
    assert bench.attempts(funding.id) == []


@pytest.mark.parametrize("command_id", ["cmd_late", None])
def test_a_confirmation_of_what_is_paid_changes_nothing(
    bench: Bench, employer: Employer, command_id: str | None
) -> None:
    funding = employer.funding()
    funding.pay()

    bench.hear(funding.confirm_command(attempt=2), identifier=command_id)

    bench.quiet()
    assert len(funding.charges()) == 1
    assert bench.told(funding.contract) == ["payment_intent_created", "payment_intent_succeeded"]
