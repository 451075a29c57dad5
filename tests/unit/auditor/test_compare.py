"""The comparison of ledger, Stripe and topics: what agrees, what is named, what is only on its way."""

from datetime import timedelta

import pytest

from services.auditor.reconcile.cover import covers, flying
from services.auditor.reconcile.findings import Difference, Own
from services.auditor.reconcile.freeze import commands
from services.auditor.reconcile.look import alarms, of_milestones
from services.auditor.reconcile.stripe_side import API_VERSION, Balance, sums_that_differ
from services.auditor.reconcile.stripe_side import transaction as read_transaction
from services.stripe_gateway import client
from tests.unit.auditor.builders import (
    NET_MINOR,
    NOW,
    OF,
    Sides,
    movement,
    said,
    saldo,
    taken,
    transaction,
)

CONVERTED = {
    **OF, "charge_id": "ch_1", "charge_minor": 12_000, "currency": "usd", "settled_minor": 11_040,
    "stripe_fee_minor": 340, "settled_currency": "eur",
}  # fmt: skip
_TRANSFER = {**OF, "payout_id": "pay_1", "transfer_id": "tr_1", "amount_minor": 4_000}


def _transferred(**more: int) -> Sides:
    """The charge, and 40.00 of it released and transferred."""
    sides = Sides()
    sides.facts += [
        said("stripe.transfer_created.v1", _TRANSFER, version=2, offset=1),
        said("payouts.payout_initiated.v1", _TRANSFER),
    ]
    sides.movements.append(movement(-4_000, "stripe2", posting_id="pst_2", kind="transfer_made"))
    sides.transactions = [
        transaction(), transaction(-4_000, id="txn_2", type="transfer", kind="transfer", object_id="tr_1"),
    ]  # fmt: skip
    sides.streams[("stripe_gateway", "ctr_1")] = 2
    return sides


def _untold(**more: dict[str, str]) -> Sides:
    """Only Stripe has the charge."""
    sides = Sides(facts=Sides().facts[1:], movements=[], **more)  # type: ignore[arg-type]
    sides.streams["stripe_gateway", "ctr_1"] = 0
    return sides


@pytest.mark.scenario(42)
def test_a_converted_charge_agrees_in_what_it_became_and_must_be_covered() -> None:
    sides = Sides(
        facts=[said("stripe.charge_converted.v1", CONVERTED)],
        movements=[movement(currency="eur", kind="charge_set_aside")],
        saldos=[saldo("set_aside", -11_040, "charge_set_aside", "eur")],
        transactions=[transaction(currency="eur")],
        balances={"eur": Balance(11_039, 0, 0)},
    )
    assert sides.found() == []
    refund = {**CONVERTED, "stripe_refund_id": "re_1", "debited_minor": 11_000, "returned_minor": 0}
    sides.facts.append(said("stripe.converted_refund_changed.v1", refund, version=2, offset=1))
    sides.streams["stripe_gateway", "ctr_1"] = 2
    sides.movements.append(movement(-11_000, "stripe2", posting_id="pst_2", kind="set_aside_refunded", currency="eur"))
    sides.transactions = [
        *sides.transactions,
        transaction(-11_000, id="txn_2", type="refund", kind="refund", object_id="re_1", currency="eur"),
    ]
    assert sides.found() == []
    [cover] = covers(sides.saldos, sides.account.balances, {})
    assert (cover.currency, sum(cover.owed_minor.values()), cover.short_minor) == ("eur", 11_040, 1)


def test_three_sides_that_agree_leave_nothing() -> None:
    compared = _transferred().compared()

    assert compared.differences == []
    assert [line.sides for line in compared.sums] == [(6_700, 6_700, 6_700)]
    assert (compared.objects, compared.milestones, compared.on_its_way) == (2, 1, 0)


def test_the_gateway_and_the_auditor_read_the_same_version() -> None:
    assert API_VERSION == client.API_VERSION


@pytest.mark.scenario(76)
def test_what_only_stripe_has_is_named() -> None:
    sides = _untold()

    (found,) = sides.compared().differences

    assert (found.between, found.what, found.id, found.milestone_id) == ("Stripe and topics", "charge", "ch_1", "mst_1")
    assert (found.amount_minor, found.explained) == (NET_MINOR, "")


@pytest.mark.scenario(76)
def test_a_refund_that_nobody_told_of_belongs_to_its_charges_milestone() -> None:
    sides = Sides()
    sides.transactions = [
        transaction(),
        transaction(
            -500, id="txn_2", type="refund", kind="refund", object_id="re_1", milestone_id="", contract_id="",
            names=("ch_1", "re_1"),
        ),
    ]  # fmt: skip

    (found,) = sides.compared().differences

    assert (found.what, found.id, found.amount_minor) == ("refund", "re_1", -500)
    assert (found.milestone_id, found.contract_id) == ("mst_1", "ctr_1")


@pytest.mark.parametrize("name", ["ch_1", "fnd_1"])
def test_what_the_gateway_has_under_way_explains_it(name: str) -> None:
    sides = _untold(under_way={name: "a call is open"})

    assert sides.found() == [("Stripe and topics", "ch_1", NET_MINOR, True)]


def test_a_webhook_that_is_parked_explains_nothing_but_is_told() -> None:
    sides = _untold(parked={"ch_1": "the webhook evt_1 is parked"})

    (found,) = sides.compared().differences

    assert not found.explained
    assert found.says.endswith("; the webhook evt_1 is parked")


def test_a_fact_that_the_gateway_has_not_published_explains_it() -> None:
    sides = _untold()
    sides.streams["stripe_gateway", "ctr_1"] = 1

    assert sides.found() == [("Stripe and topics", "ch_1", NET_MINOR, True)]


def test_a_fact_that_funding_has_not_come_to_is_in_flight() -> None:
    sides = Sides(movements=[], funding=taken(0))

    assert sides.found() == [("topics and ledger", "ch_1", NET_MINOR, True)]


def test_a_fact_that_funding_parked_is_no_mere_delay() -> None:
    sides = Sides(movements=[], funding=taken(99, ("stripe.events", 0, 0)))

    assert sides.found() == [("topics and ledger", "ch_1", NET_MINOR, False)]


def test_a_fact_that_was_taken_and_not_booked_is_named() -> None:
    assert Sides(movements=[]).found() == [("facts and ledger", "ch_1", NET_MINOR, False)]


def test_a_posting_whose_cause_is_on_no_topic_is_named_by_itself() -> None:
    sides = Sides()
    sides.movements.append(movement(50, "nobody", posting_id="pst_9"))

    assert sides.found() == [("facts and ledger", "pst_9", -50, False)]


def test_two_differences_never_cancel_each_other() -> None:
    sides = Sides(movements=[movement(NET_MINOR - 100)], transactions=[transaction(NET_MINOR - 100)])

    assert sides.found() == [("Stripe and topics", "ch_1", -100, False), ("facts and ledger", "ch_1", 100, False)]


def test_a_later_total_replaces_the_earlier() -> None:
    """A dispute tells its totals anew each time: withdrawn, then reinstated; the fee stays."""
    sides = Sides()
    dispute = {**OF, "dispute_id": "dp_1", "withdrawn_minor": 11_000, "reinstated_minor": 0, "fee_minor": 1_500}
    won = {**dispute, "reinstated_minor": 11_000}
    sides.facts += [
        said("stripe.charge_dispute_changed.v1", dispute, version=2, offset=1),
        said("stripe.charge_dispute_changed.v1", won, version=3, offset=2),
    ]
    sides.streams["stripe_gateway", "ctr_1"] = 3
    sides.movements += [
        movement(-12_500, "stripe2", posting_id="pst_2"), movement(11_000, "stripe3", posting_id="pst_3"),
    ]  # fmt: skip
    sides.transactions = [
        transaction(),
        transaction(-12_500, id="txn_2", type="adjustment", kind="dispute", object_id="dp_1"),
        transaction(
            11_000, id="txn_3", type="adjustment", kind="dispute", object_id="dp_1", at=NOW + timedelta(days=9)
        ),
    ]

    compared = sides.compared()

    assert compared.differences == []
    assert [line.stripe_minor for line in compared.sums] == [NET_MINOR - 12_500, 11_000]
    assert all(len(set(line.sides)) == 1 for line in compared.sums)


def test_what_payouts_was_told_and_does_not_say_is_named() -> None:
    sides = _transferred()
    del sides.facts[-1]

    assert sides.found() == [("topics and payouts", "tr_1", -4_000, True)]
    sides.streams["payouts", "ctr_1"] = 0
    assert sides.found() == [("topics and payouts", "tr_1", -4_000, False)]


@pytest.mark.scenario(76)
def test_held_money_that_is_not_as_it_was_said_is_named() -> None:
    sides = Sides(saldos=[saldo("held", -9_000)])

    assert sides.found() == [("funding.events and ledger", "mst_1", 1_000, False)]


def test_a_milestone_whose_facts_are_not_published_is_not_compared() -> None:
    sides = Sides(saldos=[saldo("held", -9_000)])
    sides.streams["funding", "ctr_1"] = 2

    compared = sides.compared()

    assert compared.differences == []
    assert (compared.milestones, compared.on_its_way) == (0, 1)


def test_a_fact_beyond_the_ledgers_snapshot_counts_for_nothing() -> None:
    sides = Sides()
    sides.facts.append(
        said("funding.funds_released.v1", {**OF, "amount_minor": 10_000, "still_held_minor": 0}, version=2)
    )

    assert sides.found() == []


def test_the_platforms_own_movements_stand_apart() -> None:
    sides = Sides()
    sides.transactions = [
        transaction(), transaction(9_900, id="txn_2", type="topup", kind="platform", object_id="tu_1"),
    ]  # fmt: skip

    compared = sides.compared()

    assert compared.differences == []
    assert compared.own == [Own("topup", "usd", 1, 9_900)]
    assert [line.stripe_minor for line in compared.sums] == [NET_MINOR]


@pytest.mark.scenario(76)
def test_held_money_and_what_is_on_its_way_out_must_be_covered() -> None:
    saldos = [
        saldo("held", -6_000), saldo("released", -4_000), saldo("transferred", 1_000),
        saldo("marketplace_fees", -1_000), saldo("stripe_balance", 9_000),
    ]  # fmt: skip

    account = Sides(balances={"usd": Balance(8_000, 900, 0)}).account
    (cover,) = covers(saldos, account.balances, {})

    assert (cover.owed_minor["held"], cover.owed_minor["released, not transferred"]) == (6_000, 3_000)
    assert cover.short_minor == 100


@pytest.mark.scenario(75)
def test_what_stripe_reserves_is_gone_from_available_and_counts_once() -> None:
    account = Sides(balances={"usd": Balance(9_000, 1_000, 700)}).account

    (cover,) = covers([saldo("held", -10_000)], account.balances, {})

    assert (cover.reserved_minor, cover.short_minor) == (700, 0)


def test_a_currency_without_a_balance_is_short_of_all() -> None:
    usd, yen = covers([saldo("held", -500, currency="usd"), saldo("held", -70, currency="jpy")],
                      Sides().account.balances, {})[::-1]  # fmt: skip

    assert (usd.currency, usd.short_minor, yen.currency, yen.short_minor) == ("usd", 500 - 10_700, "jpy", 70)


def test_a_transfer_that_the_ledger_does_not_know_yet_makes_no_shortage() -> None:
    transfer = Difference("topics and ledger", "transfer", "tr_1", "mst_1", "ctr_1", "usd", -4_000, "", "not taken yet")
    (cover,) = covers([saldo("held", -10_000)], {"usd": Balance(6_000, 0, 0)}, flying([transfer]))

    assert cover.short_minor == 0


@pytest.mark.scenario(74)
def test_a_payout_that_stripes_schedule_made_of_our_balance_is_an_alarm() -> None:
    swept = transaction(-5_000, id="txn_2", type="payout", kind="platform", object_id="po_1", automatic=True)
    by_hand = transaction(-700, id="txn_3", type="payout", kind="platform", object_id="po_2")
    sides = Sides(transactions=[transaction(), swept, by_hand], balances={"usd": Balance(5_000, 0, 0)})

    (alarm,) = alarms(sides.account)

    assert alarm.startswith("po_1: Stripe's schedule paid 50.00 USD of the platform's balance")


def test_a_balance_that_is_not_the_sum_of_its_transactions_is_an_alarm() -> None:
    sides = Sides(balances={"usd": Balance(10_000, 0, 0)})

    assert sums_that_differ(sides.transactions, sides.balances) == {"usd": -700}
    assert len(alarms(sides.account)) == 1


@pytest.mark.scenario(76)
def test_only_milestones_with_unexplained_differences_are_frozen() -> None:
    def differs(milestone_id: str, explained: str = "") -> Difference:
        return Difference("facts and ledger", "charge", "ch_1", milestone_id, "ctr_1", "usd", 100, "", explained)

    found = of_milestones([differs("mst_1"), differs("mst_1"), differs("mst_2", "in flight"), differs("")])
    (freeze,) = commands(found)

    assert (freeze.milestone_id, freeze.contract_id, freeze.cause) == ("mst_1", "ctr_1", "reconciliation")
    assert freeze.reason.count("charge ch_1 differs by 1.00 USD") == 2


@pytest.mark.parametrize(
    ("source", "kind", "object_id"),
    [
        ({"object": "charge", "id": "ch_1", "payment_intent": "pi_1"}, "charge", "ch_1"),
        ({"object": "transfer_reversal", "id": "trr_1", "transfer": "tr_1"}, "transfer", "tr_1"),
        ({"object": "refund", "id": "re_1", "charge": {"id": "ch_1"}}, "refund", "re_1"),
        ({"object": "dispute", "id": "dp_1", "charge": "ch_1"}, "dispute", "dp_1"),
        ({"object": "payout", "id": "po_1", "automatic": True}, "platform", "po_1"),
        (None, "platform", "txn_1"),
    ],
)
def test_a_balance_transaction_belongs_to_its_object(source: object, kind: str, object_id: str) -> None:
    found = {"id": "txn_1", "type": "any", "net": 5, "currency": "usd", "created": 1_700_000_000, "source": source}

    read = read_transaction(found)

    assert (read.kind, read.object_id, read.automatic) == (kind, object_id, kind == "platform" and source is not None)
