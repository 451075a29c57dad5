"""What the topics say about money at Stripe: each fact as the total that it gives of one object. Pure."""

from collections.abc import Callable, Iterable, Mapping
from typing import Any, NamedTuple

from services.auditor.reconcile.stripe_side import Kind

Body = Mapping[str, Any]


class Told(NamedTuple):
    """What a fact says of one part of an object: the total so far, which a later fact of the same part replaces."""

    object_id: str
    kind: Kind
    part: str
    """`made` and `reversed` of a transfer are told by different facts; every other object has one part."""
    total_minor: int
    """What the platform's balance moved by for it, in minor units; positive came in."""
    currency: str
    milestone_id: str
    contract_id: str


def _told(
    kind: Kind, part: str, object_field: str, total: Callable[[Body], int], currency_field: str = "currency"
) -> Callable[[Body], Told]:
    return lambda body: Told(
        body[object_field], kind, part, total(body), body[currency_field], body["milestone_id"], body["contract_id"]
    )


STRIPE_FACTS: Mapping[str, Callable[[Body], Told]] = {
    "stripe.payment_intent_succeeded.v1": _told(
        "charge", "made", "charge_id", lambda body: body["charge_minor"] - body["stripe_fee_minor"]
    ),
    "stripe.charge_converted.v1": _told(
        "charge", "made", "charge_id", lambda body: body["settled_minor"] - body["stripe_fee_minor"], "settled_currency"
    ),
    "stripe.transfer_created.v1": _told("transfer", "made", "transfer_id", lambda body: -body["amount_minor"]),
    "stripe.transfer_reversed.v1": _told("transfer", "reversed", "transfer_id", lambda body: body["reversed_minor"]),
    "stripe.refund_changed.v1": _told(
        "refund", "made", "stripe_refund_id", lambda body: body["returned_minor"] - body["debited_minor"]
    ),
    "stripe.converted_refund_changed.v1": _told(
        "refund", "made", "stripe_refund_id", lambda body: body["returned_minor"] - body["debited_minor"],
        "settled_currency",
    ),
    "stripe.charge_dispute_changed.v1": _told(
        "dispute", "made", "dispute_id",
        lambda body: body["reinstated_minor"] - body["withdrawn_minor"] - body["fee_minor"],
    ),
}  # fmt: skip
"""By type: the gateway's facts that move money at Stripe."""

PAYOUT_FACTS: Mapping[str, Callable[[Body], Told]] = {
    "payouts.payout_initiated.v1": _told("transfer", "made", "transfer_id", lambda body: -body["amount_minor"]),
    "payouts.payout_reversed.v1": _told("transfer", "reversed", "transfer_id", lambda body: body["reversed_minor"]),
}
"""By type: what payouts says of the same transfers."""


class Books:
    """The totals of every object as far as they were told."""

    def __init__(self) -> None:
        self._parts: dict[tuple[str, str], Told] = {}

    def take(self, told: Told) -> None:
        """A fact, later than all before it about this object."""
        self._parts[told.object_id, told.part] = told

    def totals(self) -> dict[tuple[str, str], int]:
        """By object and currency, in minor units."""
        sums: dict[tuple[str, str], int] = {}
        for told in self._parts.values():
            place = (told.object_id, told.currency)
            sums[place] = sums.get(place, 0) + told.total_minor
        return sums

    def parts(self) -> Iterable[Told]:
        """Every part, as it was told last."""
        return self._parts.values()
