"""What funding says it holds for each milestone, against its ledger. Pure."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import Any

from services.auditor.reconcile.findings import Difference, show
from services.auditor.reconcile.own_side import OwnSide, Stream

Place = tuple[str, str, str]
"""Milestone, contract, currency."""

_HELD = ("still_held_minor", "held_minor")
"""The field in which a fact of funding says what is held once it is so."""


class Milestones:
    """What was said of each milestone, event by event."""

    def __init__(self) -> None:
        self._held: dict[Place, int] = {}
        self._released: dict[Place, int] = defaultdict(int)

    def take(self, kind: str, body: Mapping[str, Any]) -> None:
        """A fact of funding, later than all before it about this milestone."""
        if "milestone_id" not in body or "currency" not in body:
            return
        place = (body["milestone_id"], body["contract_id"], body["currency"])
        if kind == "funding.release_refused.v1":
            return  # says what was held when it was refused, and nothing moved
        held = next((body[name] for name in _HELD if name in body), None)
        if held is not None:
            self._held[place] = held
        if kind == "funding.funds_released.v1":
            self._released[place] += body["amount_minor"]

    def compare(self, own: OwnSide, seen: Mapping[Stream, int]) -> tuple[list[Difference], int, int]:
        """What does not agree; how many milestones were compared; how many had facts that are not on the topic yet."""
        held: dict[Place, int] = defaultdict(int)
        released: dict[Place, int] = defaultdict(int)
        for saldo in own.saldos:
            place = (saldo.milestone_id, saldo.contract_id, saldo.currency)
            if saldo.account == "held":
                held[place] -= saldo.amount_minor
            elif saldo.account == "released" and saldo.kind == "funds_released":
                released[place] -= saldo.amount_minor
        found: list[Difference] = []
        compared, on_its_way = 0, 0
        for place in sorted({*held, *released, *self._held, *self._released}):
            stream = ("funding", place[1])
            if seen.get(stream, 0) < own.streams.get(stream, 0):
                on_its_way += 1
                continue
            compared += 1
            found.extend(_compare("held", place, self._held.get(place, 0), held.get(place, 0)))
            found.extend(_compare("released", place, self._released.get(place, 0), released.get(place, 0)))
        return found, compared, on_its_way


def _compare(what: str, place: Place, said_minor: int, booked_minor: int) -> Iterable[Difference]:
    if said_minor != booked_minor:
        milestone_id, contract_id, currency = place
        yield Difference(
            "funding.events and ledger", what, milestone_id, milestone_id, contract_id, currency,
            said_minor - booked_minor,
            f"funding says {what} {show(said_minor, currency)}, its ledger has {show(booked_minor, currency)}",
        )  # fmt: skip
