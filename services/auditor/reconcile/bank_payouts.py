"""Whether the parts of a trainer's bank payout sum to it, each a transfer for a milestone (scenario 73)."""

from collections import defaultdict
from collections.abc import Iterable, Mapping
from typing import NamedTuple

from services.auditor.reconcile.compare import Topics
from services.auditor.reconcile.facts import Told
from services.auditor.reconcile.findings import Difference, show
from services.auditor.reconcile.stripe_side import StripeSide, Transaction
from services.auditor.topics import Said

_GAVE_BACK = ("failed", "canceled")
"""A payout of which the bank kept nothing: its transfers travel again in a later one."""


class Carried(NamedTuple):
    """What the bank payouts carry."""

    differences: list[Difference]
    payouts: int
    transfers: int


def check(topics: Topics, stripe: StripeSide) -> Carried:
    """Every bank payout of which Stripe can say what it carries (those that its schedule made).

    By the facts alone where they sum; Stripe is asked for the parts of one that does not. Raises StripeUnreadableError.
    """
    transfers = _transfers(topics.told.parts())
    found: list[Difference] = []
    carried_by: dict[str, list[str]] = defaultdict(list)
    payouts = 0
    for payout_id, said in sorted(topics.bank_payouts.items()):
        carries = said.body.get("transfer_ids") or ()
        if not carries:
            continue  # made by hand, or Stripe cannot say yet
        payouts += 1
        if said.body["status"] not in _GAVE_BACK:
            for transfer_id in carries:
                carried_by[transfer_id].append(payout_id)
        parts_minor = sum(transfers[name].minor for name in carries if name in transfers)
        if parts_minor != said.body["amount_minor"] or not all(name in transfers for name in carries):
            parts = stripe.payout_parts(payout_id, said.body["account_id"])
            found.extend(_compare(said, carries, transfers, parts))
    found.extend(_twice(carried_by, transfers))
    return Carried(found, payouts, sum(map(len, carried_by.values())))


class _Transfer(NamedTuple):
    minor: int
    milestone_id: str
    contract_id: str
    currency: str


def _transfers(parts: Iterable[Told]) -> dict[str, _Transfer]:
    return {
        told.object_id: _Transfer(-told.total_minor, told.milestone_id, told.contract_id, told.currency)
        for told in parts
        if told.kind == "transfer" and told.part == "made"
    }


def _compare(
    said: Said, carries: Iterable[str], transfers: Mapping[str, _Transfer], parts: Iterable[Transaction]
) -> Iterable[Difference]:
    payout_id, currency = said.body["stripe_payout_id"], said.body["currency"]
    by_transfer: dict[str, int] = {}
    others: dict[str, int] = defaultdict(int)
    for part in parts:
        name = next((name for name in part.names if name in transfers), None)
        if name is not None and part.net_minor > 0:
            by_transfer[name] = by_transfer.get(name, 0) + part.net_minor
        else:
            others[part.type] += part.net_minor
    sum_minor = sum(by_transfer.values()) + sum(others.values())
    if left := said.body["amount_minor"] - sum_minor:
        yield Difference(
            "bank payout and its parts", "bank payout", payout_id, "", "", currency, left,
            f"the payout is {show(said.body['amount_minor'], currency)}, its parts at Stripe sum to "
            f"{show(sum_minor, currency)}",
        )  # fmt: skip
    elif any(others.values()):
        carried = ", ".join(f"{kind} {show(amount, currency)}" for kind, amount in sorted(others.items()))
        yield Difference(
            "bank payout and its parts", "bank payout", payout_id, "", "", currency, sum(others.values()),
            "it carries more than our transfers",
            f"at Stripe its parts sum to it; beside transfers it carries {carried}",
        )  # fmt: skip
    for name in sorted({*carries, *by_transfer}):
        transfer = transfers.get(name)
        if transfer is None:
            yield Difference(
                "bank payout and its parts", "bank payout", payout_id, "", "", currency, 0,
                f"it carries {name}, a transfer that nobody told of",
            )  # fmt: skip
        elif difference := by_transfer.get(name, 0) - transfer.minor:
            yield Difference(
                "bank payout and its parts", "transfer", name, transfer.milestone_id, transfer.contract_id, currency,
                difference,
                f"in {payout_id} it is {show(by_transfer.get(name, 0), currency)}, transferred were "
                f"{show(transfer.minor, currency)}",
            )  # fmt: skip


def _twice(carried_by: Mapping[str, list[str]], transfers: Mapping[str, _Transfer]) -> Iterable[Difference]:
    for name, payouts in sorted(carried_by.items()):
        if len(payouts) > 1 and (transfer := transfers.get(name)) is not None:
            yield Difference(
                "bank payout and its parts", "transfer", name, transfer.milestone_id, transfer.contract_id,
                transfer.currency, transfer.minor * (len(payouts) - 1),
                f"it is in {len(payouts)} bank payouts: {', '.join(payouts)}",
            )  # fmt: skip
