"""What entries changed in the balances of a milestone's money, as analysts are told it. Pure."""

from collections.abc import Iterable

from schemas import funding as said
from services.funding import ledger
from services.funding.ledger import Entry, Kind

_TOLD_OTHERWISE: frozenset[Kind] = frozenset({"charge_succeeded", "funds_released"})
"""`milestone_funded` and `funds_released` say what these moved, and are most of all events: no second one for them."""


def funds_moved(entries: Iterable[Entry]) -> list[said.FundsMoved]:
    """One event for each milestone and currency whose balances changed otherwise than by funding and release."""
    moved: dict[tuple[str, str, str], list[Entry]] = {}
    for entry in entries:
        if entry.kind not in _TOLD_OTHERWISE:
            moved.setdefault((entry.contract_id, entry.milestone_id, entry.currency), []).append(entry)
    told = [_told(*place, of_place) for place, of_place in moved.items()]
    return [event for event in told if _changed(event)]


def _told(contract_id: str, milestone_id: str, currency: str, entries: list[Entry]) -> said.FundsMoved:
    return said.FundsMoved(
        contract_id=contract_id,
        milestone_id=milestone_id,
        held_change_minor=ledger.owed_minor(entries, "held"),
        released_change_minor=ledger.owed_minor(entries, "released"),
        refunded_change_minor=ledger.owed_minor(entries, "refunded"),
        charged_back_change_minor=ledger.owed_minor(entries, "charged_back"),
        fees_change_minor=ledger.owed_minor(entries, "marketplace_fees"),
        currency=currency,
    )


def _changed(event: said.FundsMoved) -> bool:
    return any(value for name, value in event if name.endswith("_change_minor"))
