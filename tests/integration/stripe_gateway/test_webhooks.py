"""What Stripe tells by webhook: checked, stored, answered, and then read anew."""

import json
import time
from datetime import datetime
from typing import Any

import httpx
import pytest
import stripe

from services.stripe_gateway.client import API_VERSION
from tests.integration.stripe_gateway.bench import CONNECT_SECRET, PLATFORM_SECRET, Bench, eventually
from tests.integration.stripe_gateway.parties import CONFIRM, PAID, Employer, Payout, Trainer


def event(bench: Bench, kind: str, thing: dict[str, Any], **changed: Any) -> dict[str, Any]:
    made = {
        "id": f"evt_{bench.name('test')}",
        "object": "event",
        "api_version": API_VERSION,
        "created": int(bench.clock.now().timestamp()),
        "data": {"object": thing},
        "livemode": False,
        "type": kind,
    }
    return {**made, **changed}


def deliver(
    bench: Bench,
    sent: dict[str, Any],
    *,
    secret: str = PLATFORM_SECRET,
    path: str = "/webhooks/stripe",
    late_s: int = 0,
    http: httpx.Client | None = None,
) -> httpx.Response:
    body = json.dumps(sent)
    at = int(bench.clock.now().timestamp()) - late_s
    signature = stripe.WebhookSignature.generate_signature_header(body, secret, at)
    return (http or bench.http).post(path, content=body, headers={"Stripe-Signature": signature})


def stored(bench: Bench, event_id: str) -> dict[str, Any]:
    [row] = bench.rows("SELECT * FROM webhooks WHERE event_id = %s", event_id)
    return row


def handled(bench: Bench, event_id: str) -> dict[str, Any]:
    """The stored event, once it was looked into."""

    def look() -> dict[str, Any] | None:
        row = stored(bench, event_id)
        return None if row["state"] == "received" else row

    return eventually(look, f"{event_id} is looked into")


# -- who tells first ---------------------------------------------------------------------------------------------


@pytest.mark.scenario(14, 23)
def test_a_webhook_before_the_answer_tells_it_once(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    # It is charged at once, and no answer ever comes: only the webhook can tell.
    bench.fault("timeout_after", path=CONFIRM, seconds=0.1, times=10_000)

    funding.confirm()

    bench.hears(funding.contract, "payment_intent_succeeded")
    assert bench.told(funding.contract) == PAID
    assert bench.attempts(funding.id)[-1]["state"] == "succeeded"
    bench.sandbox.control("DELETE", "faults")
    bench.quiet()
    bench.close_desk()  # the try under way has ended
    bench.open_desk()
    assert bench.told(funding.contract) == PAID
    assert len(funding.charges()) == 1


@pytest.mark.scenario(23)
def test_the_intent_is_bound_by_its_metadata_when_the_answer_is_lost(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    bench.fault("timeout_after", path="/v1/payment_intents", method="POST", seconds=1.0)

    bench.hear(funding.create_command)

    created = bench.hears(funding.contract, "payment_intent_created")
    assert [intent["id"] for intent in funding.intents()] == [created.payment_intent_id]
    bench.quiet()
    assert bench.told(funding.contract) == ["payment_intent_created"]


@pytest.mark.scenario(23)
def test_a_transfer_is_bound_by_its_metadata_when_the_answer_is_lost(
    bench: Bench, employer: Employer, trainer: Trainer
) -> None:
    funding = employer.funding()
    payout = Payout(trainer, funding, funding.pay().charge_id)
    bench.fault("timeout_after", path="/v1/transfers", method="POST", seconds=1.0)

    bench.hear(payout.command())

    bench.hears(funding.contract, "transfer_created")
    bench.quiet()
    time.sleep(1.1)
    assert bench.told(funding.contract).count("transfer_created") == 1


def test_a_decline_told_by_webhook_is_not_told_again_by_the_answer(bench: Bench) -> None:
    funding = Employer(bench).save_card("4000000000000341").funding().create()
    bench.fault("timeout_after", path=CONFIRM, seconds=1.0)

    funding.confirm()

    bench.hears(funding.contract, "payment_intent_failed")
    time.sleep(1.3)
    bench.quiet()
    assert bench.told(funding.contract).count("payment_intent_failed") == 1


# -- twice, late, out of order ---------------------------------------------------------------------------------


@pytest.mark.scenario(26)
def test_the_same_event_twice_and_its_twin_tell_it_once(bench: Bench, employer: Employer) -> None:
    bench.policy(duplicate=2, duplicate_with_new_id=True)

    funding = employer.funding()
    funding.pay()

    bench.quiet()
    assert bench.told(funding.contract) == PAID
    ids = [row["event_id"] for row in bench.rows("SELECT event_id FROM webhooks")]
    assert len(ids) == len(set(ids))


@pytest.mark.scenario(28)
def test_a_duplicate_is_answered_200_and_changes_nothing(bench: Bench) -> None:
    sent = event(bench, "customer.created", {"id": "cus_x"})

    assert deliver(bench, sent).status_code == 200
    before = stored(bench, sent["id"])
    assert deliver(bench, sent).status_code == 200

    assert stored(bench, sent["id"]) == before


def test_an_event_that_says_failed_of_what_is_paid_changes_nothing(bench: Bench, employer: Employer) -> None:
    funding = employer.funding()
    funding.pay()
    intent = {**funding.intents()[0], "status": "requires_payment_method"}

    sent = event(bench, "payment_intent.payment_failed", intent)
    deliver(bench, sent)

    assert handled(bench, sent["id"])["state"] == "done"
    assert bench.told(funding.contract) == PAID


def test_an_event_is_not_believed_but_read_anew(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()

    sent = event(bench, "payment_intent.succeeded", {**funding.intents()[0], "status": "succeeded"})
    deliver(bench, sent)

    assert handled(bench, sent["id"])["state"] == "done"
    assert bench.told(funding.contract) == ["payment_intent_created"]


def test_events_in_any_order_end_the_same(bench: Bench, employer: Employer, trainer: Trainer) -> None:
    bench.policy(reorder_window_s=0.5)
    funding = employer.funding()
    payout = Payout(trainer, funding, funding.pay().charge_id)
    bench.hear(payout.command())
    bench.hears(funding.contract, "transfer_created")
    for _ in range(7):
        bench.sandbox.advance(days=1)

    def paid() -> bool | None:
        return True if bench.hears(trainer.id, "bank_payout_changed").status == "paid" else None

    eventually(paid, "paid")
    time.sleep(0.6)
    bench.quiet()
    assert bench.said(trainer.id)[-1].status == "paid"
    assert bench.told(funding.contract) == [*PAID, "transfer_created"]


def test_what_came_while_we_were_away_is_stored_and_looked_into_later(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.quiet()
    bench.close_desk()
    bench.sandbox.client().v1.payment_intents.confirm(
        funding.intent_id, {"payment_method": employer.card, "off_session": True}
    )
    eventually(lambda: bench.webhooks("received") or None, "stored")
    assert bench.told(funding.contract) == ["payment_intent_created"]

    bench.open_desk()

    bench.hears(funding.contract, "payment_intent_succeeded")


def test_stripes_bad_moment_while_reading_is_waited_out(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.fault("bad_gateway", path=f"/v1/payment_intents/{funding.intent_id}", method="GET", times=3)
    sent = event(bench, "payment_intent.processing", {"id": funding.intent_id})

    deliver(bench, sent)

    assert handled(bench, sent["id"])["state"] == "done"


# -- what is not taken -------------------------------------------------------------------------------------------


@pytest.mark.scenario(27)
def test_a_wrong_signature_stores_nothing_and_is_counted(bench: Bench) -> None:
    before = len(bench.rows("SELECT 1 FROM webhooks"))
    answers = [
        deliver(bench, event(bench, "customer.created", {}), secret="whsec_of_somebody_else"),
        deliver(bench, event(bench, "customer.created", {}), late_s=301),
        deliver(bench, event(bench, "customer.created", {}), late_s=-301),
        deliver(bench, event(bench, "customer.created", {}), path="/webhooks/stripe/connect"),
        bench.http.post("/webhooks/stripe", content=b"{}"),
        bench.http.post("/webhooks/stripe", content=b"\xff\xfe"),
    ]

    assert [answer.status_code for answer in answers] == [400] * 6
    assert {answer.json()["code"] for answer in answers} == {"bad_signature"}
    assert len(bench.rows("SELECT 1 FROM webhooks")) == before
    figures = bench.http.get("/metrics").text
    assert 'tranche_stripe_webhooks_total{endpoint="platform",outcome="bad_signature"}' in figures


@pytest.mark.scenario(27)
def test_a_body_that_was_written_anew_is_refused(bench: Bench) -> None:
    body = json.dumps(event(bench, "customer.created", {}))
    signature = stripe.WebhookSignature.generate_signature_header(
        body, PLATFORM_SECRET, int(bench.clock.now().timestamp())
    )

    answer = bench.http.post("/webhooks/stripe", content=body + " ", headers={"Stripe-Signature": signature})

    assert answer.status_code == 400


@pytest.mark.scenario(34)
def test_the_old_and_the_new_secret_are_both_taken_while_it_is_rolled(bench: Bench) -> None:
    for secret in ("whsec_old", PLATFORM_SECRET):
        assert deliver(bench, event(bench, "customer.created", {}), secret=secret).status_code == 200


def test_an_event_that_is_too_large_is_refused(bench: Bench) -> None:
    answer = bench.http.post("/webhooks/stripe", content=b"x" * (1024 * 1024 + 1))

    assert (answer.status_code, answer.json()["code"]) == (413, "too_large")


@pytest.mark.scenario(30, 82)
def test_what_is_not_understood_is_answered_and_set_aside_with_the_reason(bench: Bench) -> None:
    odd = [
        (event(bench, "payment_intent.succeeded", {"id": "pi_1"}, api_version="2025-01-01.acacia"), "API version"),
        (event(bench, "payment_intent.succeeded", {"id": "pi_1"}, livemode=True), "live mode"),
        (event(bench, "gift_card.eaten", {"id": "gc_1"}), "gift_card.eaten"),
    ]

    for sent, reason in odd:
        assert deliver(bench, sent).status_code == 200
        row = stored(bench, sent["id"])
        assert row["state"] == "parked"
        assert reason in row["reason"]


@pytest.mark.scenario(30)
def test_an_event_of_an_account_that_is_nobodys_is_answered_and_set_aside(bench: Bench) -> None:
    sent = event(bench, "payout.paid", {"id": "po_of_nobody"}, account="acct_of_nobody")

    assert deliver(bench, sent, secret=CONNECT_SECRET, path="/webhooks/stripe/connect").status_code == 200

    row = handled(bench, sent["id"])
    assert (row["state"], "acct_of_nobody" in row["reason"]) == ("parked", True)


@pytest.mark.scenario(29)
@pytest.mark.parametrize("skew_s", [600, -600])
def test_a_clock_ten_minutes_off_refuses_until_stripe_signs_anew(bench: Bench, skew_s: int) -> None:
    sent = event(bench, "customer.created", {"id": "cus_x"})
    figure = 'tranche_stripe_webhooks_total{endpoint="platform",outcome="bad_signature"}'

    def refused() -> float:
        lines = [line for line in bench.http.get("/metrics").text.splitlines() if line.startswith(figure)]
        return float(lines[0].split()[-1]) if lines else 0.0

    before = refused()
    assert deliver(bench, sent, late_s=skew_s).status_code == 400
    assert bench.rows("SELECT 1 FROM webhooks WHERE event_id = %s", sent["id"]) == []
    assert refused() == before + 1  # what an alarm watches

    assert deliver(bench, sent).status_code == 200
    assert stored(bench, sent["id"])["state"] == "done"


@pytest.mark.scenario(33)
def test_a_webhook_is_acknowledged_only_once_it_is_stored_and_needs_no_kafka(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.policy(drop=["*"])
    bench.sandbox.client().v1.payment_intents.confirm(
        funding.intent_id, {"payment_method": employer.card, "off_session": True}
    )
    sent = event(bench, "payment_intent.succeeded", {"id": funding.intent_id})

    # The connection is closed after a 500, so it is one of its own.
    with bench.no_database(), httpx.Client(base_url=bench.url, trust_env=False) as http:
        assert deliver(bench, sent, http=http).status_code >= 500
    # There is no Kafka beside this gateway at all.
    assert deliver(bench, sent).status_code == 200

    assert handled(bench, sent["id"])["state"] == "done"
    assert bench.told(funding.contract) == PAID  # waits in the event log for the relay


def test_an_object_that_is_nobodys_is_set_aside(bench: Bench) -> None:
    intent = bench.sandbox.client().v1.payment_intents.create({"amount": 1_000, "currency": "usd"})

    def parked() -> Any:
        found = [row for row in bench.webhooks("parked") if row["object_id"] == intent.id]
        return found[0] if found else None

    assert "intents" in eventually(parked, "set aside")["reason"]


def test_an_object_of_a_funding_that_is_not_here_is_set_aside(bench: Bench) -> None:
    metadata = {"funding_id": "fnd_nobody", "contract_id": "ctr_nobody"}
    intent = bench.sandbox.client().v1.payment_intents.create(
        {"amount": 1_000, "currency": "usd", "metadata": metadata}
    )

    def parked() -> Any:
        found = [row for row in bench.webhooks("parked") if row["object_id"] == intent.id]
        return found[0] if found else None

    assert "fnd_nobody" in eventually(parked, "set aside")["reason"]


def test_two_events_of_one_account_are_looked_into_one_after_the_other(bench: Bench, trainer: Trainer) -> None:
    bench.quiet()
    path = f"/v2/core/accounts/{trainer.account}"
    bench.fault("slow", path=path, method="GET", seconds=0.3, times=2)
    before = len(bench.requests(path))
    sent = [event(bench, "account.updated", {"id": trainer.account}, account=trainer.account) for _ in range(2)]

    for each in sent:
        deliver(bench, each, secret=CONNECT_SECRET, path="/webhooks/stripe/connect")
    for each in sent:
        assert handled(bench, each["id"])["state"] == "done"

    # Else a reading that took long could be written down after a newer one.
    first, second = (datetime.fromisoformat(note["at"]) for note in bench.requests(path)[before:])
    assert (second - first).total_seconds() >= 0.25


def test_an_object_that_stripe_does_not_have_is_set_aside(bench: Bench) -> None:
    sent = event(bench, "payment_intent.succeeded", {"id": "pi_invented"})

    deliver(bench, sent)

    row = handled(bench, sent["id"])
    assert row["state"] == "parked"
    assert "404" in row["reason"]


def test_a_foreign_intent_with_our_metadata_moves_nothing(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    copied: Any = funding.intents()[0]["metadata"]
    forged = bench.sandbox.client().v1.payment_intents.create(
        {"amount": 50, "currency": "usd", "metadata": copied, "payment_method": "pm_card_visa", "confirm": True,
         "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}}
    )  # fmt: skip
    assert forged.status == "succeeded"

    bench.quiet()

    assert bench.told(funding.contract) == ["payment_intent_created"]
    assert any(forged.id in row["reason"] for row in bench.webhooks("parked"))


def test_an_event_of_a_connected_account_needs_the_connect_secret(bench: Bench, trainer: Trainer) -> None:
    sent = event(bench, "account.updated", {"id": trainer.account}, account=trainer.account)

    assert deliver(bench, sent, path="/webhooks/stripe/connect").status_code == 400
    assert deliver(bench, sent, secret=CONNECT_SECRET, path="/webhooks/stripe/connect").status_code == 200
    assert handled(bench, sent["id"])["state"] == "done"


def test_a_thin_event_on_both_endpoints_is_one(bench: Bench, trainer: Trainer) -> None:
    bench.quiet()
    rows = bench.rows("SELECT type, count(*) FROM webhooks WHERE object_id = %s GROUP BY type", trainer.account)

    assert any(row["type"].startswith("v2.core.account[") for row in rows)
    assert bench.told(trainer.id).count("account_created") == 1
