"""Webhooks that never came: what happened is found by looking, told once, and told by one replica."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from typing import Any, cast

import pytest

from services.stripe_gateway import poller
from services.stripe_gateway.platform_account import PLATFORM
from services.stripe_gateway.poller import Poller
from tests.integration.stripe_gateway.bench import Bench, eventually
from tests.integration.stripe_gateway.parties import PAID, Employer, Payout, Trainer

AVAILABLE = "4000000000000077"
EVERY_S, EACH_S, OVERLAP_S = 600.0, 3_600.0, 7_200.0
SETTINGS = {
    "stripe_poll_s": EVERY_S,
    "stripe_poll_accounts_s": EACH_S,
    "stripe_poll_overlap_s": OVERLAP_S,
    "stripe_poll_pages": 1,
}


@pytest.fixture
def down(bench: Bench) -> Iterator[None]:
    """Our endpoint is down: nothing that Stripe sends comes, now or later."""
    bench.quiet()
    bench.policy(drop=["*"])
    yield
    bench.policy()


def row(bench: Bench, account: str = PLATFORM) -> dict[str, Any]:
    [found] = bench.rows("SELECT * FROM polls WHERE account = %s", account)
    return found


def read_through(bench: Bench, account: str = PLATFORM) -> None:
    """Returns once all that Stripe had made by now is here."""
    now = bench.clock.now()
    bench.sandbox.advance(seconds=EACH_S + EVERY_S)
    bench.advance(seconds=0)

    def through() -> bool | None:
        found = row(bench, account)
        return True if found["since"] >= now and found["until"] is None else None

    eventually(through, f"the events of {account} are read through")
    bench.quiet()


def looks(bench: Bench) -> int:
    return len(bench.requests("/v1/events"))


@pytest.mark.scenario(31)
def test_after_four_days_without_webhooks_everything_is_told_once(bench: Bench) -> None:
    employer = Employer(bench).save_card(AVAILABLE)
    trainer = Trainer(bench).open_account().complete_onboarding()
    paid, disputed, refunded, waiting = (employer.funding() for _ in range(4))
    payout = Payout(trainer, paid, paid.pay().charge_id).pay()
    disputed.pay()
    refunded.pay()
    waiting.create()
    read_through(bench)
    bench.policy(drop=["*"])
    at = bench.sandbox.client().v1

    at.payment_intents.confirm(waiting.intent_id, {"payment_method": employer.card})
    # Around midnight the day's payout has taken what there was.
    bench.sandbox.control("POST", "balance", {"account": trainer.account, "currency": "usd", "amount": 1_000})
    at.transfers.reversals.create(payout.transfer_id, {"amount": 1_000})
    opened = bench.sandbox.control("POST", "disputes", {"charge": disputed.charges()[0]["id"]})
    bench.sandbox.advance(days=2)
    at.refunds.create({"payment_intent": refunded.intent_id, "amount": 5_000})
    at.payment_methods.detach(employer.card)
    bench.sandbox.control("POST", f"accounts/{trainer.account}", {"stripe_transfers": "restricted"})
    bench.sandbox.control("POST", f"disputes/{opened['id']}/decide", {"outcome": "lost"})
    bench.sandbox.advance(days=2)
    read_through(bench)
    read_through(bench, trainer.account)

    told = {
        "waiting": bench.told(waiting.contract),
        "disputed": bench.told(disputed.contract),
        "refunded": bench.told(refunded.contract),
        "paid": bench.told(paid.contract),
        "employer": bench.told(employer.id),
        "trainer": bench.said(trainer.id),
        "platform": bench.told("platform"),
    }
    assert told["waiting"] == PAID
    assert bench.said(disputed.contract)[-1].status == "lost"
    assert told["refunded"] == [*PAID, "refund_changed"]
    assert told["paid"] == [*PAID, "transfer_created", "transfer_reversed"]
    assert told["employer"][-1] == "payment_method_detached"
    assert any(getattr(fact, "transfers", "") == "restricted" for fact in told["trainer"])
    payouts = [fact for fact in told["trainer"] if fact.type_name == "stripe.bank_payout_changed.v1"]
    assert payouts[-1].status == "paid"

    # The endpoint is back, and Stripe sends all of it once more.
    bench.policy()
    for missed in bench.at_stripe("event"):
        bench.sandbox.control("POST", "webhooks/resend", {"event": missed["id"]})
    read_through(bench)

    assert bench.told(waiting.contract) == told["waiting"]
    assert bench.told(disputed.contract) == told["disputed"]
    assert bench.told(refunded.contract) == told["refunded"]
    assert bench.told(paid.contract) == told["paid"]
    assert bench.told(employer.id) == told["employer"]
    assert bench.said(trainer.id) == told["trainer"]
    assert bench.webhooks("parked") == []
    assert len(waiting.charges()) == 1


@pytest.mark.usefixtures("down")
def test_a_pass_that_is_longer_than_a_look_goes_on_where_it_stopped(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    read_through(bench)
    monkeypatch.setattr(poller, "PAGE", 3)
    topups = [
        bench.sandbox.client().v1.topups.create({"amount": 1_000 + n, "currency": "nok", "description": "float"})
        for n in range(10)
    ]
    bench.sandbox.advance(days=1.1)
    before = looks(bench)

    read_through(bench)

    assert looks(bench) - before > 3
    landed = {e["id"] for e in bench.at_stripe("event") if e["type"] == "topup.succeeded"}
    polled = {w["event_id"] for w in bench.webhooks("done") if w["endpoint"] == "poll"}
    assert len(topups) <= len(landed & polled)
    [*_, last] = [fact for fact in bench.said("platform") if fact.currency == "nok"]
    assert last.available_minor == sum(topup.amount for topup in topups)


@pytest.mark.usefixtures("down")
def test_an_event_that_stripe_shows_later_than_it_made_it_is_found_within_the_overlap(bench: Bench) -> None:
    bench.sandbox.client().v1.topups.create({"amount": 500, "currency": "pln", "description": "float"})
    bench.sandbox.advance(days=1, seconds=100)
    sandbox = bench.sandbox.sandbox
    [late] = [
        e for e in bench.at_stripe("event")
        if e["type"] == "topup.succeeded" and e["data"]["object"]["currency"] == "pln"
    ]  # fmt: skip
    with sandbox.context() as ctx:
        ctx.store.delete("event", late["id"])
    read_through(bench)
    assert late["id"] not in {w["event_id"] for w in bench.webhooks("done")}

    with sandbox.context() as ctx:
        ctx.save(late, "event")
    read_through(bench)

    assert late["id"] in {w["event_id"] for w in bench.webhooks("done")}


def test_what_came_by_webhook_is_not_kept_twice(bench: Bench) -> None:
    funding = Employer(bench).save_card(AVAILABLE).funding()
    funding.pay()
    bench.quiet()
    came = {w["event_id"] for w in bench.webhooks("done")}

    read_through(bench)

    assert came <= {w["event_id"] for w in bench.webhooks("done")}
    assert bench.told(funding.contract) == PAID


def test_what_our_endpoints_do_not_ask_for_is_passed_over(bench: Bench) -> None:
    sandbox = bench.sandbox.sandbox
    with sandbox.context() as ctx:
        model = next(iter(ctx.store.newest_first("event")))
        ctx.save({**model, "id": "evt_of_something_else", "type": "price.created", "created": ctx.now_s}, "event")

    read_through(bench)

    assert bench.rows("SELECT 1 FROM webhooks WHERE event_id = 'evt_of_something_else'") == []


def test_of_several_replicas_one_looks_in_each_interval(bench: Bench) -> None:
    read_through(bench)
    bench.close_desk()
    replicas = [
        Poller(
            bench.runtime, cast("Any", None), bench.settings, cast("Any", None), cast("Any", None), cast("Any", None)
        )
        for _ in range(8)
    ]

    def claimed() -> int:
        with ThreadPoolExecutor(len(replicas)) as pool:
            taken = list(pool.map(lambda replica: replica.claim(), replicas))
        return [poll.account for some in taken for poll in some].count(PLATFORM)

    for _ in range(3):
        bench.clock.advance(timedelta(seconds=EVERY_S + 1))
        assert claimed() == 1
        assert claimed() == 0
