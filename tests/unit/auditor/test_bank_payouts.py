"""The parts of a bank payout: they sum to it, or it is named what does not."""

from collections.abc import Sequence

import pytest

from services.auditor.reconcile import bank_payouts
from services.auditor.reconcile.compare import read
from services.auditor.reconcile.stripe_side import Account, Funds, Transaction
from services.auditor.topics import Said
from tests.unit.auditor.builders import OF, Sides, said, transaction


class Parts:
    """What Stripe says that a payout carries; counts how often it was asked."""

    def __init__(self, *parts: Transaction) -> None:
        self.parts = parts
        self.asked = 0

    def read(self) -> Account:
        raise AssertionError("the platform's account is not asked here")

    def funds(self) -> Funds:
        raise AssertionError("the platform's balance is not asked here")

    def payout_parts(self, stripe_payout_id: str, account_id: str) -> Sequence[Transaction]:
        self.asked += 1
        return self.parts


def _transfer(number: int, amount_minor: int) -> Said:
    body = {**OF, "milestone_id": f"mst_{number}", "payout_id": f"pay_{number}", "transfer_id": f"tr_{number}"}
    return said("stripe.transfer_created.v1", {**body, "amount_minor": amount_minor}, version=number, offset=number)


def _payout(amount_minor: int, *transfers: str, name: str = "po_1", status: str = "paid", version: int = 1) -> Said:
    body = {
        "stripe_payout_id": name, "account_id": "acct_1", "status": status, "amount_minor": amount_minor,
        "currency": "usd", "transfer_ids": list(transfers),
    }  # fmt: skip
    return said("stripe.bank_payout_changed.v1", body, version=version, offset=50 + version, key="trn_1")


def _part(name: str, net_minor: int, kind: str = "payment") -> Transaction:
    return transaction(net_minor, type=kind, kind="charge", object_id=f"py_{name}", names=(f"py_{name}", name))


def _check(stripe: Parts, *facts: Said) -> bank_payouts.Carried:
    return bank_payouts.check(read(Sides().own, facts), stripe)


@pytest.mark.scenario(73)
def test_parts_that_sum_need_no_question() -> None:
    stripe = Parts()

    carried = _check(stripe, _transfer(1, 700), _transfer(2, 300), _payout(1_000, "tr_1", "tr_2"))

    assert carried == bank_payouts.Carried([], 1, 2)
    assert stripe.asked == 0


@pytest.mark.scenario(73)
def test_a_payout_that_is_more_than_its_parts_is_named() -> None:
    stripe = Parts(_part("tr_1", 700))

    (found,) = _check(stripe, _transfer(1, 700), _payout(1_000, "tr_1")).differences

    assert (found.what, found.id, found.amount_minor, found.explained) == ("bank payout", "po_1", 300, "")


def test_a_part_of_another_sum_than_was_transferred_is_named_with_its_milestone() -> None:
    stripe = Parts(_part("tr_1", 650), _part("tr_2", 350))

    found = _check(stripe, _transfer(1, 700), _transfer(2, 300), _payout(1_001, "tr_1", "tr_2")).differences

    assert [(one.what, one.id, one.milestone_id, one.amount_minor) for one in found] == [
        ("bank payout", "po_1", "", 1), ("transfer", "tr_1", "mst_1", -50), ("transfer", "tr_2", "mst_2", 50),
    ]  # fmt: skip


def test_what_a_payout_carries_beside_transfers_explains_it() -> None:
    """A transfer was reversed in part before the payout."""
    stripe = Parts(_part("tr_1", 700), _part("x", -200, "payment_refund"))

    (found,) = _check(stripe, _transfer(1, 700), _payout(500, "tr_1")).differences

    assert (found.amount_minor, found.explained) == (
        -200, "at Stripe its parts sum to it; beside transfers it carries payment_refund -2.00 USD",
    )  # fmt: skip


def test_a_transfer_that_nobody_told_of_is_named() -> None:
    stripe = Parts(_part("tr_9", 500))

    found = _check(stripe, _payout(500, "tr_9")).differences

    assert [one.says for one in found if not one.explained] == ["it carries tr_9, a transfer that nobody told of"]


def test_a_transfer_in_two_payouts_is_named_unless_the_bank_gave_the_first_back() -> None:
    facts = (_transfer(1, 700), _payout(700, "tr_1"), _payout(700, "tr_1", name="po_2", version=2))

    (found,) = _check(Parts(), *facts).differences
    failed = _check(Parts(), *facts, _payout(700, "tr_1", status="failed", version=3))

    assert (found.id, found.amount_minor, found.says) == ("tr_1", 700, "it is in 2 bank payouts: po_1, po_2")
    assert failed == bank_payouts.Carried([], 2, 1)


def test_a_payout_of_which_stripe_cannot_say_what_it_carries_is_left_out() -> None:
    assert _check(Parts(), _payout(700)) == bank_payouts.Carried([], 0, 0)
