"""What happened to one thing is told in order, with its causes, whatever its id is an id of."""

from datetime import timedelta

import pytest

from services.auditor.history import history, tell
from tests.integration.auditor.books import NOW, Books


@pytest.fixture
def told(books: Books) -> Books:
    """Books in which the charge of `mst_1` has its times and causes."""
    books.plant("contracts", """UPDATE event_log SET time = '2026-01-05T08:00:00Z',
        body = '{"milestone_id": "mst_1"}', causation_id = 'cmd_0'""")  # fmt: skip
    books.plant("funding", """UPDATE event_log SET time = '2026-01-05T08:00:01Z', causation_id = 'contracts.events1'
        WHERE event_id = 'cmd_1'""")  # fmt: skip
    books.plant("stripe_gateway", """UPDATE attempts SET opened_at = '2026-01-05T08:00:02Z',
        closed_at = '2026-01-05T08:00:04Z', request_id = 'req_1' WHERE attempt_id = 'cmd_1'""")  # fmt: skip
    books.add(
        "stripe_gateway", "webhooks", event_id="evt_1", type="payment_intent.succeeded", object_id="pi_1",
        state="done", received_at=NOW - timedelta(minutes=59, seconds=57), handled_at=NOW,
    )  # fmt: skip
    books.plant("funding", """UPDATE event_log SET time = '2026-01-05T08:00:05Z', causation_id = 'stripe.events1',
        body = '{"milestone_id": "mst_1", "held_minor": 1000, "currency": "usd"}' WHERE event_id = 'funding.events1'""")  # fmt: skip  # noqa: E501
    return books


@pytest.mark.parametrize("thing", ["mst_1", "ctr_1", "fnd_1", "pi_1", "ch_1"])
def test_a_charge_is_told_in_order_by_any_of_its_ids(told: Books, thing: str) -> None:
    lines = list(tell(history(told.urls, thing)))

    asked = "(because of funding: stripe.create_payment_intent.v1)"
    hint = "(because of stripe_gateway: webhook payment_intent.succeeded)"
    wanted = [
        "2026-01-05 08:00:01.000  funding         stripe.create_payment_intent.v1",
        f"2026-01-05 08:00:02.000  stripe_gateway  asks Stripe: create_payment_intent 0 for fnd_1  {asked}",
        "2026-01-05 08:00:03.000  stripe_gateway  webhook payment_intent.succeeded of pi_1 received",
        f"2026-01-05 08:00:04.000  stripe_gateway  succeeded: create_payment_intent 0 for fnd_1: pi_1, req_1  {asked}",
        f"2026-01-05 09:00:00.000  stripe_gateway  webhook payment_intent.succeeded of pi_1 done  {hint}",
    ]
    places = [next((n for n, line in enumerate(lines) if line.startswith(text)), None) for text in wanted]
    assert None not in places, lines
    assert places == sorted(place for place in places if place is not None)


def test_a_milestone_is_told_with_its_sums_postings_and_where_it_came_from(told: Books) -> None:
    lines = list(tell(history(told.urls, "mst_1")))

    assert lines[0] == ("2026-01-05 08:00:00.000  contracts       contracts.contract_created.v1   (because of cmd_0)")
    assert any("funding.milestone_funded.v1 : held 10.00 USD" in line for line in lines)
    assert any("ledger charge_succeeded pst_3: stripe_balance 1100, held -1000" in line for line in lines)


def test_the_other_milestone_is_not_told(told: Books) -> None:
    assert not [line for line in tell(history(told.urls, "fnd_1")) if "fnd_2" in line or "pst_6" in line]
    assert [line for line in tell(history(told.urls, "ctr_1")) if "fnd_2" in line]


def test_a_call_without_an_answer_and_a_parked_message_are_told(told: Books) -> None:
    told.plant("stripe_gateway", "UPDATE attempts SET state = 'unknown', message = 'timeout' WHERE about = 'fnd_2'")
    told.add("payouts", "parked_messages", key="ctr_1", topic="funding.events", reason="a loss", parked_at=NOW)

    lines = list(tell(history(told.urls, "ctr_1")))

    assert any("unknown: create_payment_intent 0 for fnd_2: timeout" in line for line in lines)
    assert any("payouts         parked a message of funding.events: a loss" in line for line in lines)


def test_what_was_given_up_is_told_with_who_and_why(told: Books) -> None:
    told.add(
        "payouts",
        "discarded_messages",
        key="ctr_1",
        topic="funding.events",
        parked_reason="no field amount",
        parked_at=NOW,
        reason="sent by hand",
        discarded_by="op_1",
        discarded_at=NOW + timedelta(hours=1),
    )

    lines = list(tell(history(told.urls, "ctr_1")))

    assert [line[25:] for line in lines if "payouts" in line][-2:] == [
        "payouts         parked a message of funding.events: no field amount",
        "payouts         discarded it, by op_1: sent by hand",
    ]


def test_of_what_nobody_knows_there_is_nothing(told: Books) -> None:
    assert history(told.urls, "fnd_nobody") == []
