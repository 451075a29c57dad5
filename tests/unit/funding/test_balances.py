"""What analysts are told of postings: beside funding and release, by how much each balance changed."""

from schemas.funding import FundsMoved
from services.funding import ledger
from services.funding.balances import funds_moved
from services.funding.ledger import Taken
from tests.unit.funding.builders import a_posting

P = a_posting()


def moved(held: int = 0, released: int = 0, refunded: int = 0, charged_back: int = 0, fees: int = 0) -> FundsMoved:
    return FundsMoved(
        contract_id=P.contract_id,
        milestone_id=P.milestone_id,
        held_change_minor=held,
        released_change_minor=released,
        refunded_change_minor=refunded,
        charged_back_change_minor=charged_back,
        fees_change_minor=fees,
        currency=P.currency,
    )


def test_a_refund_takes_from_what_is_held_and_from_the_fees() -> None:
    entries = ledger.refund_requested(a_posting("refund_requested"), 100, 11)

    assert funds_moved(entries) == [moved(held=-100, refunded=100, fees=-11)]


def test_a_charge_that_must_not_stand_was_charged_and_is_refunded() -> None:
    entries = ledger.charge_voided(a_posting("charge_voided"), 100, 11, 3)

    assert funds_moved(entries) == [moved(refunded=100)]


def test_a_transfer_that_came_back_is_held_again_or_makes_good_what_the_bank_took() -> None:
    entries = ledger.transfer_reversed(a_posting("transfer_reversed"), 30, 60)

    assert funds_moved(entries) == [moved(held=60, released=-90, charged_back=30)]


def test_what_the_bank_took_is_seen_even_of_the_fees_alone() -> None:
    withdrawn, fees_alone = Taken(held=70, fees=20, debt=9, lost=1), Taken(held=0, fees=20, debt=0, lost=0)

    assert funds_moved(ledger.funds_withdrawn(a_posting("funds_withdrawn"), withdrawn)) == [
        moved(held=-70, charged_back=70, fees=-20)
    ]
    assert funds_moved(ledger.funds_reinstated(a_posting("funds_reinstated"), fees_alone)) == [moved(fees=20)]


def test_postings_of_one_decision_are_one_event_for_each_milestone_and_currency() -> None:
    frames = [
        a_posting("refund_requested"),
        a_posting("refund_requested", currency="eur"),
        a_posting("refund_requested", milestone_id="mls_2"),
    ]
    asked = [entry for frame in frames for entry in ledger.refund_requested(frame, 100, 0)]
    refused = ledger.refund_refused(a_posting("refund_refused"), 40, 0)

    told = funds_moved([*asked, *refused])

    assert [(event.milestone_id, event.currency, event.refunded_change_minor) for event in told] == [
        (P.milestone_id, P.currency, 60), (P.milestone_id, "eur", 100), ("mls_2", P.currency, 100),
    ]  # fmt: skip


def test_what_other_events_say_and_what_changes_no_balance_is_not_told() -> None:
    entries = [
        *ledger.charge_requested(a_posting("charge_requested"), 111),
        *ledger.charge_succeeded(a_posting("charge_succeeded"), 100, 11, 3),
        *ledger.funds_released(a_posting("funds_released"), 100),
        *ledger.refund_made(a_posting("refund_made"), 5, 0),
        *ledger.refund_requested(a_posting("refund_requested"), 5, 1),
        *ledger.refund_refused(a_posting("refund_refused"), 5, 1),
    ]

    assert funds_moved(entries) == []
