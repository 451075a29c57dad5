"""Calls whose outcome nobody knows: looked for by the clock until it is found, and never made blindly."""

import json
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import datetime, timedelta
from typing import Any, cast

import pytest

from services.stripe_gateway.caller import Caller
from services.stripe_gateway.janitor import Janitor
from services.stripe_gateway.worklist import PostgresWorkList
from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import Employer, Payout, Trainer

CREATE = "/v1/payment_intents"
INTERVAL_S = 3_600.0
SETTINGS = {"stripe_unknown_look_s": INTERVAL_S}


@pytest.fixture
def deaf(bench: Bench, employer: Employer, trainer: Trainer) -> Iterator[None]:
    bench.quiet()
    bench.policy(drop=["*"])
    yield
    bench.policy()


def unknown(bench: Bench, about: str) -> dict[str, Any]:
    """The last call about a thing, once nobody knows its outcome and its next look is planned."""

    def look() -> dict[str, Any] | None:
        row = bench.attempts(about)[-1]
        planned = bench.rows("SELECT 1 FROM unknown_looks WHERE attempt_id = %s", row["attempt_id"])
        return row if row["state"] == "unknown" and planned else None

    return eventually(look, f"{about} is unknown")


def looks(bench: Bench, attempt: dict[str, Any]) -> int:
    [row] = bench.rows("SELECT looks FROM unknown_looks WHERE attempt_id = %s", attempt["attempt_id"])
    return int(row["looks"])


def interval_passes(bench: Bench) -> None:
    bench.sandbox.advance(days=(INTERVAL_S + 1) / 86_400)


def posts(bench: Bench, path: str) -> list[dict[str, Any]]:
    return [note for note in bench.requests(path) if note["method"] == "POST"]


def executed_late(bench: Bench, attempt: dict[str, Any]) -> Any:
    """Stripe did it after all: what it could not show yet when we first looked."""
    wanted: Any = json.loads(attempt["parameters"])
    key: Any = {"idempotency_key": f"late:{attempt['idempotency_key']}"}
    at = bench.sandbox.client().v1
    match attempt["operation"]:
        case "create_payment_intent":
            return at.payment_intents.create(wanted, key)
        case "confirm_payment_intent":
            return at.payment_intents.confirm(attempt["target"], wanted, key)
        case "create_refund":
            return at.refunds.create(wanted, key)
        case "reverse_transfer":
            return at.transfers.reversals.create(attempt["target"], wanted, key)
        case "cancel_payment_intent":
            return at.payment_intents.cancel(attempt["target"], wanted, key)
        case _:
            return at.transfers.create(wanted, key)


@pytest.mark.scenario(15, 16)
@pytest.mark.usefixtures("deaf")
def test_an_unknown_intent_is_found_by_its_metadata(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    bench.fault("error_500_before", path=CREATE, method="POST", should_retry=False)
    bench.hear(funding.create_command)
    attempt = unknown(bench, funding.id)
    assert bench.told(funding.contract) == []
    made = executed_late(bench, attempt)

    interval_passes(bench)

    assert bench.hears(funding.contract, "payment_intent_created").payment_intent_id == made.id
    assert [row["state"] for row in bench.attempts(funding.id)] == ["succeeded"]
    assert [intent["id"] for intent in funding.intents()] == [made.id]


@pytest.mark.scenario(15, 16)
@pytest.mark.usefixtures("deaf")
def test_an_unknown_charge_is_found_at_its_intent_and_charged_once(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.fault("error_500_before", path=f"{CREATE}/*/confirm", should_retry=False)
    funding.confirm()
    executed_late(bench, unknown(bench, funding.id))

    interval_passes(bench)

    bench.hears(funding.contract, "payment_intent_succeeded")
    assert len(funding.charges()) == 1


@pytest.mark.scenario(16)
@pytest.mark.usefixtures("deaf")
def test_an_unknown_transfer_is_found_by_its_metadata(bench: Bench, employer: Employer, trainer: Trainer) -> None:
    funding = employer.funding()
    payout = Payout(trainer, funding, funding.pay().charge_id)
    bench.fault("error_500_before", path="/v1/transfers", method="POST", should_retry=False)
    bench.hear(payout.command())
    made = executed_late(bench, unknown(bench, payout.id))

    interval_passes(bench)

    assert bench.hears(funding.contract, "transfer_created").transfer_id == made.id
    assert [transfer["id"] for transfer in payout.transfers()] == [made.id]


@pytest.mark.usefixtures("deaf")
@pytest.mark.parametrize("what", ["refund", "reversal", "cancellation"])
def test_an_unknown_way_back_is_found_and_told_once(
    bench: Bench, employer: Employer, trainer: Trainer, what: str
) -> None:
    funding = employer.funding()
    if what == "cancellation":
        funding.create()
        command, about, path, told = (
            funding.cancel_command(),
            funding.id,
            f"{CREATE}/*/cancel",
            "payment_intent_canceled",
        )
    elif what == "refund":
        funding.pay()
        refund = funding.refund()
        command, about, path, told = refund.command(), refund.id, "/v1/refunds", "refund_changed"
    else:
        payout = Payout(trainer, funding, funding.pay().charge_id).pay()
        reversal = payout.reverse_command(1_000)
        command, about, path, told = reversal, reversal.reversal_id, "/v1/transfers/*/reversals", "transfer_reversed"
    bench.fault("error_500_before", path=path, method="POST", should_retry=False)
    bench.hear(command)
    executed_late(bench, unknown(bench, about))

    interval_passes(bench)

    bench.hears(funding.contract, told)
    assert [row["state"] for row in bench.attempts(about)][-1] == "succeeded"
    assert bench.told(funding.contract).count(told) == 1


@pytest.mark.scenario(7, 15, 16)
@pytest.mark.usefixtures("deaf")
def test_what_is_not_to_be_found_is_never_called_not_even_when_the_key_has_expired(
    bench: Bench, employer: Employer
) -> None:
    funding = employer.funding().create()
    bench.fault("error_500_before", path=f"{CREATE}/*/confirm", should_retry=False)
    funding.confirm()
    attempt = unknown(bench, funding.id)
    path = f"{CREATE}/{funding.intent_id}/confirm"

    bench.sandbox.advance(days=2)

    eventually(lambda: looks(bench, attempt) or None, "looked for")
    bench.close_desk()  # the look under way has ended
    bench.open_desk()
    assert bench.attempts(funding.id)[-1]["state"] == "unknown"
    assert (len(posts(bench, path)), funding.charges()) == (1, [])
    assert bench.told(funding.contract) == ["payment_intent_created"]


@pytest.mark.usefixtures("deaf")
def test_of_several_replicas_one_looks_in_each_interval(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    bench.fault("error_500_before", path=CREATE, method="POST", should_retry=False)
    bench.hear(funding.create_command)
    attempt = unknown(bench, funding.id)
    bench.close_desk()
    # Claims go to the database alone.
    replicas = [
        Janitor(bench.runtime, PostgresWorkList(bench.engine), bench.settings, cast("Caller", None)) for _ in range(8)
    ]
    now = bench.clock.now()

    def claimed(at: datetime) -> int:
        with ThreadPoolExecutor(len(replicas)) as pool:
            taken = list(pool.map(lambda replica: replica.claim(bench.lanes, at), replicas))
        return [one.attempt_id for some in taken for one in some].count(attempt["attempt_id"])

    assert claimed(now) == 0
    for turn in (1, 2, 3):
        assert claimed(now + turn * timedelta(seconds=INTERVAL_S + 1)) == 1
    assert looks(bench, attempt) == 3
    assert replicas[0].claim(frozenset(), now + timedelta(days=1)) == []
