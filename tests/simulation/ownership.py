"""Whose every object at Stripe is: one call made it, for one command, and none names nobody."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

from services.stripe_gateway.records import Attempt
from services.stripe_sandbox.store import Store

Json = dict[str, Any]


class Made(NamedTuple):
    """How a kind of object comes to be."""

    name: str
    """Which of our ids its metadata name."""
    operation: str
    """The call that makes it."""


MADE: Mapping[str, Made] = {
    "customer": Made("employer_id", "create_customer"),
    "payment_intent": Made("funding_id", "create_payment_intent"),
    "refund": Made("refund_id", "create_refund"),
    "transfer": Made("payout_id", "create_transfer"),
    "transfer_reversal": Made("reversal_id", "reverse_transfer"),
    "v2.core.account": Made("trainer_id", "create_account"),
}
"""What our commands make."""
_CHARGING = ("confirm_payment_intent", "authenticate_payment_intent")
_MONEY = ("charge", "refund", "transfer", "transfer_reversal", "dispute")
"""Where money of the platform's balance may come from or go to."""


def trouble_with(store: Store, platform: str, calls: Sequence[Attempt]) -> Iterator[str]:
    """What is wrong, in words. `platform`: the platform's own account; `calls`: all that the gateway ever opened.

    Asked once nothing is on its way any more: a call that is still open may have made what it does not know of yet.
    """
    for kind in MADE:
        own = (found for found in store.newest_first(kind) if found["id"] != platform)
        yield from _not_of_one_command(kind, list(own), calls)
    yield from _not_of_one_try(store, platform, calls)
    yield from _of_nobody(store, platform)


def _not_of_one_command(kind: str, objects: Sequence[Json], calls: Sequence[Attempt]) -> Iterator[str]:
    name, operation = MADE[kind]
    made = Counter((call.about, call.object_id) for call in calls if call.operation == operation and call.object_id)
    named: Counter[str] = Counter()
    for found in objects:
        whose = (found.get("metadata") or {}).get(name)
        if not whose:
            yield f"the {kind} {found['id']} at Stripe names nobody"
            continue
        named[whose] += 1
        if made[whose, found["id"]] != 1:
            yield f"{made[whose, found['id']]} calls made the {kind} {found['id']} at Stripe for {whose}"
    twice = sorted(whose for whose, count in named.items() if count > 1)
    if twice:
        yield f"more than one {kind} at Stripe for {twice}"


def _not_of_one_try(store: Store, platform: str, calls: Sequence[Attempt]) -> Iterator[str]:
    """Each try to charge makes one charge at most, declined or not, and one of an intent succeeds at most."""
    tries = Counter(call.target for call in calls if call.operation in _CHARGING)
    charges, charged = Counter[str](), Counter[str]()
    for charge in store.newest_first("charge", owner=platform):
        charges[charge["payment_intent"]] += 1
        charged[charge["payment_intent"]] += charge["status"] == "succeeded"
    for intent, count in charges.items():
        if count > tries[intent]:
            yield f"{intent} was tried {tries[intent]} times, and there are {count} charges of it at Stripe"
        if charged[intent] > 1:
            yield f"{intent} was charged {charged[intent]} times"


def _of_nobody(store: Store, platform: str) -> Iterator[str]:
    """Money that moves on the platform's balance belongs to an object that was asked about above (a dispute: to its
    charge), and all that a trainer has came by a transfer of ours and leaves by Stripe's own schedule."""
    known = {found["id"] for kind in _MONEY for found in store.newest_first(kind, owner=platform)}
    for transaction in store.newest_first("balance_transaction", owner=platform):
        if transaction["source"] not in known:
            yield f"the {transaction['type']} {transaction['id']} on the platform's balance is of nobody"
    for payment in store.newest_first("charge"):
        if store.owner("charge", payment["id"]) != platform and payment["source_transfer"] not in known:
            yield f"the payment {payment['id']} to a trainer came by no transfer"
    for payout in store.newest_first("payout"):
        if not payout["automatic"]:
            yield f"the payout {payout['id']} was made by hand"
