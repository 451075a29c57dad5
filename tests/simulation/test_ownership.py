"""Each way in which an object at Stripe may be nobody's, or two commands', is seen."""

from typing import Any

import pytest

from services.stripe_gateway.records import Attempt
from services.stripe_sandbox.store import Store
from tests.simulation.ownership import MADE, trouble_with
from tests.unit.stripe_gateway.builders import attempt

PLATFORM, TRAINER = "acct_platform", "acct_trainer"

Json = dict[str, Any]


class Books:
    """What is at Stripe, and what was asked of it: all of one funding that was paid out and taken back in part."""

    def __init__(self) -> None:
        self.store = Store()
        self.calls: list[Attempt] = []
        for number, (kind, made) in enumerate(MADE.items()):
            self.asks(kind, f"{kind}-{number}", f"ours-{number}")
            self.put(kind, id=f"{kind}-{number}", metadata={made.name: f"ours-{number}"})
        self.put("v2.core.account", id=PLATFORM)
        self.calls.append(attempt("confirm_payment_intent", attempt_id="cmd-confirm", target="pi"))
        self.charge("ch")
        for source in ("ch", "refund-2", "transfer-3", "transfer_reversal-4"):
            self.moves(source)
        self.put("charge", TRAINER, id="py", source_transfer="transfer-3", payment_intent=None, status="succeeded")
        self.put("payout", TRAINER, id="po", automatic=True)

    def put(self, kind: str, owner: str = PLATFORM, **item: Any) -> None:
        self.store.put(kind, owner, item)

    def asks(self, kind: str, object_id: str, about: str) -> None:
        operation = MADE[kind].operation
        self.calls.append(attempt(operation, attempt_id=f"cmd-{object_id}", about=about, object_id=object_id))

    def charge(self, charge_id: str, status: str = "succeeded") -> None:
        self.put("charge", id=charge_id, payment_intent="pi", status=status, source_transfer=None)

    def moves(self, source: str) -> None:
        self.put("balance_transaction", id=f"txn-{source}", source=source, type="charge")

    def troubles(self) -> list[str]:
        return list(trouble_with(self.store, PLATFORM, self.calls))


@pytest.fixture
def books() -> Books:
    return Books()


def test_all_of_one_funding_belongs_to_its_commands(books: Books) -> None:
    assert books.troubles() == []


@pytest.mark.scenario(77)
@pytest.mark.parametrize("kind", MADE)
def test_an_object_that_names_nobody_is_seen(books: Books, kind: str) -> None:
    books.put(kind, id="stray", metadata={})
    assert books.troubles() == [f"the {kind} stray at Stripe names nobody"]


@pytest.mark.scenario(77)
@pytest.mark.parametrize("kind", MADE)
def test_an_object_that_no_call_made_is_seen(books: Books, kind: str) -> None:
    books.put(kind, id="stray", metadata={MADE[kind].name: "ours-99"})
    assert books.troubles() == [f"0 calls made the {kind} stray at Stripe for ours-99"]


@pytest.mark.scenario(77)
@pytest.mark.parametrize("kind", MADE)
def test_two_objects_of_one_command_are_seen(books: Books, kind: str) -> None:
    ours = next(call.about for call in books.calls if call.operation == MADE[kind].operation)
    books.put(kind, id="second", metadata={MADE[kind].name: ours})
    books.asks(kind, "second", ours)
    assert books.troubles() == [f"more than one {kind} at Stripe for ['{ours}']"]


def test_an_object_that_two_calls_say_they_made_is_seen(books: Books) -> None:
    books.calls.append(attempt("create_transfer", attempt_id="cmd-other", about="ours-3", object_id="transfer-3"))
    assert books.troubles() == ["2 calls made the transfer transfer-3 at Stripe for ours-3"]


@pytest.mark.scenario(77)
def test_more_charges_than_tries_are_seen_declined_ones_too(books: Books) -> None:
    books.charge("ch_2", status="failed")
    assert books.troubles() == ["pi was tried 1 times, and there are 2 charges of it at Stripe"]


def test_a_payment_intent_that_was_charged_twice_is_seen(books: Books) -> None:
    books.calls.append(attempt("authenticate_payment_intent", attempt_id="cmd-again", target="pi"))
    books.charge("ch_2")
    assert books.troubles() == ["pi was charged 2 times"]


@pytest.mark.scenario(77)
def test_money_that_moves_for_nobody_is_seen(books: Books) -> None:
    books.moves("tu_by_hand")
    assert books.troubles() == ["the charge txn-tu_by_hand on the platform's balance is of nobody"]


def test_what_a_trainer_got_without_a_transfer_and_a_payout_by_hand_are_seen(books: Books) -> None:
    books.put("charge", TRAINER, id="py_2", source_transfer="transfer-99", payment_intent=None, status="succeeded")
    books.put("payout", PLATFORM, id="po_2", automatic=False)
    assert books.troubles() == [
        "the payment py_2 to a trainer came by no transfer",
        "the payout po_2 was made by hand",
    ]
