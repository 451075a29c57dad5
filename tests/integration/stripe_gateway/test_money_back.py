"""Refunds, reversals and cancellations: called once, told once, whoever brings the word first."""

from typing import Any

import pytest

from tests.integration.stripe_gateway.bench import Bench
from tests.integration.stripe_gateway.parties import PAID, Employer, Funding, Payout, Trainer

AVAILABLE = "4000000000000077"
"""Its money is available at once."""
FAILS = "4000000000005126"
REFUNDS = "/v1/refunds"
REVERSALS = "/v1/transfers/*/reversals"


@pytest.fixture
def employer(bench: Bench) -> Employer:
    return Employer(bench).save_card(AVAILABLE)


@pytest.fixture
def funding(employer: Employer) -> Funding:
    """Charged, its money available."""
    funding = employer.funding()
    funding.pay()
    return funding


@pytest.fixture
def payout(trainer: Trainer, funding: Funding) -> Payout:
    """On the trainer's account."""
    return Payout(trainer, funding, funding.charges()[0]["id"]).pay()


def posts(bench: Bench, path: str) -> int:
    return sum(note["method"] == "POST" for note in bench.requests(path))


def statuses(facts: list[Any]) -> list[tuple[str, int, int]]:
    return [(fact.status, fact.debited_minor, fact.returned_minor) for fact in facts]


def told_back(bench: Bench, funding: Funding) -> list[str]:
    return [kind for kind in bench.told(funding.contract) if kind not in PAID]


# -- refunds -----------------------------------------------------------------------------------------------------


def test_a_refund_is_told_once_with_what_left_the_balance(bench: Bench, funding: Funding) -> None:
    refund = funding.refund(50_000).ask()

    fact = bench.hears(funding.contract, "refund_changed")

    bench.quiet()
    assert (fact.refund_id, fact.status, fact.amount_minor) == (refund.id, "succeeded", 50_000)
    assert statuses(refund.changes()) == [("succeeded", 50_000, 0)]
    [made] = refund.at_stripe()
    assert made["id"] == fact.stripe_refund_id
    assert made["metadata"] == {
        "contract_id": funding.contract,
        "funding_id": funding.id,
        "milestone_id": funding.milestone,
        "refund_id": refund.id,
    }
    assert [(a["state"], a["idempotency_key"]) for a in bench.attempts(refund.id)] == [
        ("succeeded", f"refund:{refund.id}:1")
    ]


@pytest.mark.scenario(58)
def test_asked_for_twice_it_is_one_refund(bench: Bench, funding: Funding) -> None:
    refund = funding.refund()
    bench.hear(refund.command(), refund.command())
    bench.hears(funding.contract, "refund_changed")
    bench.quiet()

    refund.ask().ask(attempt=2)

    bench.quiet()
    assert len(refund.at_stripe()) == 1
    assert told_back(bench, funding) == ["refund_changed"]


def test_a_refund_that_waits_for_money_is_told_again_when_it_went(bench: Bench, employer: Employer) -> None:
    card = employer.save_card("4242424242424242").card
    # A currency of its own, so that nobody else's money is on the balance.
    funding = employer.funding(80_000, "eur").create().confirm(card=card)
    bench.hears(funding.contract, "payment_intent_succeeded")
    refund = funding.refund().ask()
    waits = bench.hears(funding.contract, "refund_changed")
    assert (waits.status, waits.pending_reason, waits.debited_minor) == ("pending", "insufficient_funds", 0)

    # The charge alone is short of Stripe's fee.
    bench.sandbox.control("POST", "balance", {"currency": "eur", "amount": 10_000})
    bench.sandbox.advance(days=8)

    bench.hears(funding.contract, "refund_changed", 2)
    bench.quiet()
    assert statuses(refund.changes()) == [("pending", 0, 0), ("succeeded", 80_000, 0)]


def test_a_refund_that_fails_later_says_what_came_back(bench: Bench, employer: Employer) -> None:
    funding = employer.save_card(FAILS).funding()
    funding.pay()
    bench.sandbox.control("POST", "balance", {"currency": "usd", "amount": 200_000})
    refund = funding.refund(70_000).ask()
    bench.hears(funding.contract, "refund_changed")

    bench.sandbox.advance(seconds=3_700)

    failed = bench.hears(funding.contract, "refund_changed", 2)
    bench.quiet()
    assert failed.failure_reason == "expired_or_canceled_card"
    assert statuses(refund.changes()) == [("succeeded", 70_000, 0), ("failed", 70_000, 70_000)]
    assert {webhook["state"] for webhook in bench.webhooks("parked")} == set()


def test_a_refund_made_at_stripe_by_hand_is_told_without_an_id_of_ours(bench: Bench, funding: Funding) -> None:
    made = bench.sandbox.client().v1.refunds.create({"payment_intent": funding.intent_id, "amount": 1_000})

    fact = bench.hears(funding.contract, "refund_changed")

    bench.quiet()
    assert (fact.refund_id, fact.stripe_refund_id, fact.debited_minor) == (None, made.id, 1_000)
    assert told_back(bench, funding) == ["refund_changed"]


@pytest.mark.scenario(64)
def test_a_disputed_charge_is_not_refunded_and_the_command_is_closed(bench: Bench, funding: Funding) -> None:
    bench.sandbox.control("POST", "disputes", {"charge": funding.charges()[0]["id"]})
    before = posts(bench, REFUNDS)
    refund = funding.refund().ask()

    refused = bench.hears(funding.contract, "refund_refused")

    bench.quiet()
    assert (refused.refund_id, refused.attempt, refused.code) == (refund.id, 1, "charge_disputed")
    assert [(a["state"], a["code"]) for a in bench.attempts(refund.id)] == [("declined", "charge_disputed")]
    assert posts(bench, REFUNDS) == before + 1
    assert refund.at_stripe() == []


@pytest.mark.parametrize(
    ("by_hand_minor", "code"), [(120_000, "charge_already_refunded"), (100_000, "amount_too_large")]
)
def test_what_is_not_left_is_refused(bench: Bench, funding: Funding, by_hand_minor: int, code: str) -> None:
    bench.sandbox.client().v1.refunds.create({"payment_intent": funding.intent_id, "amount": by_hand_minor})
    refund = funding.refund().ask()

    assert bench.hears(funding.contract, "refund_refused").code == code
    assert refund.at_stripe() == []


def test_a_refund_that_was_refused_is_tried_again_under_its_own_number(bench: Bench, funding: Funding) -> None:
    dispute = bench.sandbox.control("POST", "disputes", {"charge": funding.charges()[0]["id"]})
    refund = funding.refund().ask()
    bench.hears(funding.contract, "refund_refused")
    bench.sandbox.control("POST", f"disputes/{dispute['id']}/decide", {"outcome": "won"})

    refund.ask(attempt=2)

    assert bench.hears(funding.contract, "refund_changed").refund_id == refund.id
    assert [a["idempotency_key"] for a in bench.attempts(refund.id)] == [
        f"refund:{refund.id}:1",
        f"refund:{refund.id}:2",
    ]


@pytest.mark.parametrize("kind", ["timeout_after", "error_500_after", "error_500_before", "truncated", "lock_timeout"])
def test_a_refund_is_made_once_whatever_becomes_of_the_answer(bench: Bench, funding: Funding, kind: str) -> None:
    bench.fault(kind, path=REFUNDS, method="POST", **({"seconds": 0.1} if kind == "timeout_after" else {}))
    refund = funding.refund().ask()

    bench.hears(funding.contract, "refund_changed")

    bench.quiet()
    assert len(refund.at_stripe()) == 1
    assert told_back(bench, funding) == ["refund_changed"]


def test_a_refund_behind_a_stored_error_is_found_by_its_metadata(bench: Bench, funding: Funding) -> None:
    bench.quiet()
    bench.policy(drop=["*"])
    bench.fault("error_500_after", path=REFUNDS, method="POST")
    refund = funding.refund().ask()

    assert bench.hears(funding.contract, "refund_changed").debited_minor == 120_000
    assert len(refund.at_stripe()) == 1


@pytest.mark.scenario(19)
def test_a_refund_and_a_transfer_of_one_charge_that_lock_each_other_out_are_both_made_once(
    bench: Bench, funding: Funding, trainer: Trainer
) -> None:
    for path in (REFUNDS, "/v1/transfers"):
        bench.fault("lock_timeout", path=path, method="POST", times=3)
    payout = Payout(trainer, funding, funding.charges()[0]["id"], 70_000)
    refund = funding.refund(50_000)
    before = posts(bench, REFUNDS), posts(bench, "/v1/transfers")

    bench.hear(payout.command(), refund.command())

    bench.hears(funding.contract, "refund_changed")
    bench.hears(funding.contract, "transfer_created")
    bench.quiet()
    assert (len(payout.transfers()), len(refund.at_stripe())) == (1, 1)
    assert sorted(told_back(bench, funding)) == ["refund_changed", "transfer_created"]
    after = posts(bench, REFUNDS), posts(bench, "/v1/transfers")
    assert (after[0] - before[0], after[1] - before[1]) == (4, 4)


# -- cancelling --------------------------------------------------------------------------------------------------


def test_a_cancelled_intent_is_told_once_and_takes_no_further_try(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.hear(funding.cancel_command(), funding.cancel_command())
    canceled = bench.hears(funding.contract, "payment_intent_canceled")
    bench.quiet()

    funding.confirm()

    assert bench.hears(funding.contract, "call_refused").code == "wrong_state"
    bench.hear(funding.cancel_command())
    bench.quiet()
    assert canceled.reason == "abandoned"
    assert bench.told(funding.contract) == ["payment_intent_created", "payment_intent_canceled", "call_refused"]
    assert funding.charges() == []


@pytest.mark.scenario(38)
def test_a_cancellation_that_comes_too_late_tells_that_it_is_paid(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()
    bench.quiet()
    bench.policy(drop=["*"])
    bench.sandbox.client().v1.payment_intents.confirm(funding.intent_id, {"payment_method": employer.card})

    bench.hear(funding.cancel_command())

    bench.hears(funding.contract, "payment_intent_succeeded")
    bench.quiet()
    assert bench.told(funding.contract) == PAID
    assert bench.attempts(funding.id)[-1]["state"] == "succeeded"


def test_an_attempt_that_was_under_way_and_charged_counts_more_than_the_cancellation(
    bench: Bench, employer: Employer
) -> None:
    funding = employer.funding().create()

    bench.hear(funding.confirm_command(), funding.cancel_command())

    bench.hears(funding.contract, "payment_intent_succeeded")
    bench.quiet()
    assert bench.told(funding.contract) == PAID
    assert len(funding.charges()) == 1


def test_cancelled_by_hand_is_told_by_the_webhook(bench: Bench, employer: Employer) -> None:
    funding = employer.funding().create()

    bench.sandbox.client().v1.payment_intents.cancel(funding.intent_id, {"cancellation_reason": "fraudulent"})

    assert bench.hears(funding.contract, "payment_intent_canceled").reason == "fraudulent"


# -- reversals ---------------------------------------------------------------------------------------------------


def test_reversals_are_told_once_each_with_the_sum_so_far(bench: Bench, payout: Payout) -> None:
    contract = payout.funding.contract
    first = payout.reverse_command(30_000)
    bench.hear(first, first)
    bench.hears(contract, "transfer_reversed")
    bench.sandbox.client().v1.transfers.reversals.create(payout.transfer_id, {"amount": 20_000})
    bench.hears(contract, "transfer_reversed", 2)
    third = payout.reverse_command(50_000)

    bench.hear(third)

    bench.hears(contract, "transfer_reversed", 3)
    bench.quiet()
    told = [fact for fact in bench.said(contract) if fact.type_name == "stripe.transfer_reversed.v1"]
    assert [(fact.reversal_id, fact.amount_minor, fact.reversed_minor) for fact in told] == [
        (first.reversal_id, 30_000, 30_000),
        (None, 20_000, 50_000),
        (third.reversal_id, 50_000, 100_000),
    ]
    assert len(payout.reversals()) == 3


@pytest.mark.scenario(62)
def test_more_than_is_left_is_not_reversed(bench: Bench, payout: Payout) -> None:
    bench.hear(payout.reverse_command(60_000))
    bench.hears(payout.funding.contract, "transfer_reversed")
    second = payout.reverse_command(60_000)

    bench.hear(second)

    refused = bench.hears(payout.funding.contract, "reversal_refused")
    assert (refused.reversal_id, refused.code) == (second.reversal_id, "amount_too_large")
    assert [reversal["amount"] for reversal in payout.reversals()] == [60_000]


def test_a_reversal_that_the_trainers_balance_does_not_cover_is_refused(bench: Bench, payout: Payout) -> None:
    bench.sandbox.control("POST", "balance", {"account": payout.trainer.account, "currency": "usd", "amount": -90_000})
    command = payout.reverse_command(60_000)

    bench.hear(command)
    refused = bench.hears(payout.funding.contract, "reversal_refused")
    bench.hear(command)

    bench.quiet()
    assert (refused.reversal_id, refused.code) == (command.reversal_id, "balance_insufficient")
    assert bench.told(payout.funding.contract).count("reversal_refused") == 1
    assert payout.reversals() == []


@pytest.mark.parametrize("kind", ["timeout_after", "error_500_after", "lock_timeout"])
@pytest.mark.parametrize("deaf", [False, True])
def test_a_reversal_is_made_once_whatever_becomes_of_the_answer(
    bench: Bench, payout: Payout, kind: str, deaf: bool
) -> None:
    bench.quiet()
    if deaf:
        bench.policy(drop=["*"])
    bench.fault(kind, path=REVERSALS, method="POST", **({"seconds": 0.1} if kind == "timeout_after" else {}))

    bench.hear(payout.reverse_command(10_000))

    bench.hears(payout.funding.contract, "transfer_reversed")
    bench.quiet()
    assert bench.told(payout.funding.contract).count("transfer_reversed") == 1
    assert len(payout.reversals()) == 1


def test_a_reversal_of_another_transfer_is_never_called(bench: Bench, payout: Payout) -> None:
    command = payout.reverse_command(10_000).model_copy(update={"transfer_id": "tr_other"})

    bench.hear(command)

    assert bench.hears(payout.funding.contract, "call_refused").code == "unknown_transfer"
    assert bench.attempts(command.reversal_id) == []
