"""What the watch over the cover reads of real databases."""

from collections.abc import Sequence
from datetime import timedelta

import pytest

from services.auditor.covering.sides import LiveSides
from services.auditor.covering.verdict import Standing
from services.auditor.reconcile.stripe_side import Account, Balance, Funds, Transaction
from tests.integration.auditor.books import NOW, Books


class AtStripe:
    """The platform's funds at Stripe."""

    def __init__(self, available_minor: int) -> None:
        self.available_minor = available_minor

    def read(self) -> Account:
        raise AssertionError("the watch lists no transactions")

    def funds(self) -> Funds:
        return Funds({"usd": Balance(self.available_minor, 0, 0)}, "manual")

    def payout_parts(self, stripe_payout_id: str, account_id: str) -> Sequence[Transaction]:
        raise AssertionError("nor those of a bank payout")


def _books_in_lower_case(books: Books) -> Books:
    """The story's currency as the services write it."""
    books.plant(
        "funding", "ALTER TABLE ledger_entries DISABLE TRIGGER USER", "UPDATE ledger_entries SET currency = 'usd'"
    )
    books.plant("stripe_gateway", "UPDATE transfers SET currency = 'usd'")
    return books


@pytest.mark.scenario(74, 75)
def test_what_is_held_must_be_there(books: Books) -> None:
    _books_in_lower_case(books).plant(
        "funding", "UPDATE ledger_entries SET amount_minor = -3000 WHERE posting_id = 'pst_3' AND account = 'held'"
    )

    (cover,) = LiveSides(books.urls, AtStripe(1_900)).look().covers

    assert (cover.owed_minor["held"], cover.short_minor) == (2_000, 100)


def test_a_transfer_that_is_told_and_not_booked_yet_makes_no_shortage(books: Books) -> None:
    _books_in_lower_case(books).plant("funding", "DELETE FROM ledger_entries WHERE posting_id = 'pst_5'")

    (cover,) = LiveSides(books.urls, AtStripe(100)).look().covers

    assert (cover.owed_minor["released, not transferred"], cover.in_flight_minor) == (1_000, -1_000)
    assert cover.short_minor == -100


def test_another_balance_or_alarm_is_another_glance(books: Books) -> None:
    sides = LiveSides(books.urls, AtStripe(0))
    glances = [sides.glance(), sides.glance()]
    books.add("stripe_gateway", "balances", currency="usd", state="known", available_minor=1)
    glances.append(sides.glance())
    books.add("stripe_gateway", "alarms", alarm_id="payouts_not_manual:platform", state="raised")
    glances.append(sides.glance())
    books.plant("stripe_gateway", "UPDATE alarms SET state = 'settled'")
    glances.append(sides.glance())

    assert glances[0] == glances[1]
    assert len(set(glances)) == 4


def test_what_payouts_does_about_a_currency_is_read(books: Books) -> None:
    until = NOW + timedelta(days=1)
    books.add("payouts", "suspensions", currency="usd", state="suspended", cause="not_covered")
    books.add("payouts", "suspensions", currency="eur", state="waived", cause="not_covered", waived_until=until)

    assert LiveSides(books.urls, AtStripe(0)).standing() == {
        "usd": Standing("suspended", "not_covered", None),
        "eur": Standing("waived", "not_covered", until),
    }
