"""What entries changed in the balances of a milestone's money, as analysts are told it. Pure."""

from collections.abc import Iterable

from schemas import funding as said
from services.funding.ledger import Account, Entry, Kind

_TOLD_OTHERWISE: frozenset[Kind] = frozenset({"charge_succeeded", "funds_released"})
"""`milestone_funded` and `funds_released` say what these moved, and are most of all events: no second one for them."""

_CHANGES: dict[Account, str] = {
    "held": "held_change_minor",
    "released": "released_change_minor",
    "refunded": "refunded_change_minor",
    "charged_back": "charged_back_change_minor",
    "marketplace_fees": "fees_change_minor",
}
"""The accounts that are told of, all of them credit accounts, and the field that says by how much each changed."""


def funds_moved(entries: Iterable[Entry]) -> list[said.FundsMoved]:
    """One event for each milestone and currency whose balances changed otherwise than by funding and release."""
    moved: dict[tuple[str, str, str], dict[str, int]] = {}
    for entry in entries:
        change = _CHANGES.get(entry.account)
        if change is None or entry.kind in _TOLD_OTHERWISE:
            continue
        place = (entry.contract_id, entry.milestone_id, entry.currency)
        changes = moved.setdefault(place, dict.fromkeys(_CHANGES.values(), 0))
        changes[change] -= entry.amount_minor
    return [
        said.FundsMoved(contract_id=contract_id, milestone_id=milestone_id, currency=currency, **changes)
        for (contract_id, milestone_id, currency), changes in moved.items()
        if any(changes.values())
    ]
