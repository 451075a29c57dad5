"""Each posting by hand: which account gives, which takes."""

from typing import Any

import pytest

from services.funding import ledger
from services.funding.ledger import Taken
from tests.unit.funding.builders import a_posting, movements

P = a_posting()
TAKEN = Taken(held=70, fees=20, debt=9, lost=1)


@pytest.mark.parametrize(
    ("make", "moved"),
    [
        (lambda: ledger.charge_requested(P, 5), [("charges_in_flight", 5), ("funding_in_flight", -5)]),
        (lambda: ledger.charge_answered(P, 5), [("charges_in_flight", -5), ("funding_in_flight", 5)]),
        (lambda: ledger.charge_succeeded(P, 100, 11, 3),
         [("stripe_balance", 111), ("held", -100), ("marketplace_fees", -11), ("stripe_fees", 3),
          ("stripe_balance", -3)]),
        (lambda: ledger.charge_voided(P, 100, 11, 3),
         [("stripe_balance", 111), ("refunded", -100), ("fees_returned", -11), ("stripe_fees", 3),
          ("stripe_balance", -3)]),
        (lambda: ledger.funds_released(P, 5), [("held", 5), ("released", -5)]),
        (lambda: ledger.transfer_made(P, 5), [("transferred", 5), ("stripe_balance", -5)]),
        (lambda: ledger.refund_requested(P, 100, 11),
         [("held", 100), ("refunded", -100), ("marketplace_fees", 11), ("fees_returned", -11)]),
        (lambda: ledger.refund_refused(P, 100, 11),
         [("held", -100), ("refunded", 100), ("marketplace_fees", -11), ("fees_returned", 11)]),
        (lambda: ledger.refund_requested(P, 0, 11, 100),
         [("platform_losses", 100), ("platform_refunds", -100), ("marketplace_fees", 11), ("fees_returned", -11)]),
        (lambda: ledger.refund_refused(P, 5, 11, 100),
         [("held", -5), ("refunded", 5), ("platform_losses", -100), ("platform_refunds", 100),
          ("marketplace_fees", -11), ("fees_returned", 11)]),
        (lambda: ledger.refund_made(P, 100, 7),
         [("refund_paid", 100), ("platform_losses", 7), ("stripe_balance", -107)]),
        (lambda: ledger.refund_returned(P, 100, 7),
         [("stripe_balance", 107), ("refund_paid", -100), ("platform_losses", -7)]),
        (lambda: ledger.refund_paid_by_hand(P, 5), [("refund_paid", 5), ("paid_by_hand", -5)]),
        (lambda: ledger.transfer_reversed(P, 30, 60, 10),
         [("stripe_balance", 100), ("transferred", -90), ("platform_losses", -10), ("released", 90),
          ("charged_back", -30), ("held", -60), ("chargeback_paid", 30), ("trainer_debts", -30)]),
        (lambda: ledger.transfer_reversed(P, 30, 60, 10, repaid_minor=5),
         [("stripe_balance", 105), ("transferred", -95), ("platform_losses", -15), ("released", 95),
          ("charged_back", -30), ("refunded", -5), ("platform_refunds", 5), ("held", -60), ("chargeback_paid", 30),
          ("trainer_debts", -30)]),
        (lambda: ledger.transfer_reversed(P, 0, 60),
         [("stripe_balance", 60), ("transferred", -60), ("released", 60), ("held", -60)]),
        (lambda: ledger.release_given_up(P, 30, 60),
         [("released", 90), ("charged_back", -30), ("held", -60), ("chargeback_paid", 30), ("trainer_debts", -30)]),
        (lambda: ledger.release_given_up(P, 0, 60, repaid_minor=5),
         [("platform_losses", -5), ("released", 65), ("refunded", -5), ("platform_refunds", 5), ("held", -60)]),
        (lambda: ledger.release_given_up(P, 0, 60), [("released", 60), ("held", -60)]),
        (lambda: ledger.funds_withdrawn(P, TAKEN),
         [("held", 70), ("charged_back", -70), ("chargeback_paid", 70), ("marketplace_fees", 20),
          ("trainer_debts", 9), ("platform_losses", 1), ("stripe_balance", -100)]),
        (lambda: ledger.funds_reinstated(P, TAKEN),
         [("held", -70), ("charged_back", 70), ("chargeback_paid", -70), ("marketplace_fees", -20),
          ("trainer_debts", -9), ("platform_losses", -1), ("stripe_balance", 100)]),
        (lambda: ledger.dispute_fee(P, 15), [("dispute_fees", 15), ("stripe_balance", -15)]),
        (lambda: ledger.dispute_fee(P, -15), [("dispute_fees", -15), ("stripe_balance", 15)]),
    ],
)  # fmt: skip
def test_a_posting_moves_just_this(make: Any, moved: list[tuple[str, int]]) -> None:
    assert movements(make()) == moved


def test_every_line_of_a_posting_says_what_it_belongs_to() -> None:
    posting = a_posting("funds_released", id="pst_7", cause_id="evt_7")
    first, second = ledger.funds_released(posting, 5)
    assert first == ledger.Entry(
        "pst_7", 0, "funds_released", "held", "mls_1", "ctr_1", "usd", 5, "evt_7", posting.posted_at
    )
    assert second == first._replace(line=1, account="released", amount_minor=-5)


def test_another_posting_of_the_same_decision_has_a_name_of_its_own() -> None:
    also = a_posting("refund_requested", id="pst_7").also("refund_made")
    assert also == a_posting("refund_made", id="pst_7.refund_made")


def test_an_account_is_read_either_way_and_by_currency() -> None:
    entries = [*ledger.funds_released(P, 5), *ledger.funds_released(a_posting(currency="eur"), 7)]
    usd = ledger.of_currency(entries, "usd")
    assert (ledger.owed_minor(usd, "released"), ledger.balance_minor(usd, "released")) == (5, -5)
    assert (ledger.owed_minor(entries, "released"), ledger.balance_minor(entries, "held")) == (12, 12)
