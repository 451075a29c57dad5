"""Whether what is owed is there: held money, and what is on its way out, against the balance at Stripe. Pure.

Scenarios 74 to 76 of STRIPE.md. Stripe has already taken `connect_reserved` out of `available` (STRIPE.md 1.7), so
`available + pending` is what is left after it; taking it off again would count it twice. It is shown beside.
"""

from collections.abc import Iterable, Mapping, Sequence

from services.auditor.reconcile.findings import Cover, Difference
from services.auditor.reconcile.own_side import Saldo
from services.auditor.reconcile.stripe_side import Balance

OWED: Mapping[str, tuple[str, ...]] = {
    "held": ("held",),
    "released, not transferred": ("released", "transferred"),
    "refunds not paid": ("refunded", "fees_returned", "platform_refunds", "refund_paid"),
    "converted by Stripe, to be given back": ("set_aside",),
    "charged back, not taken yet": ("charged_back", "chargeback_paid"),
}
"""What is owed, with the ledger's accounts that make it up: a liability and its contra."""


def covers(saldos: Iterable[Saldo], balances: Mapping[str, Balance], in_flight: Mapping[str, int]) -> list[Cover]:
    """By currency. `in_flight`: what Stripe has moved and the ledger does not know yet, in minor units by currency."""
    sums: dict[tuple[str, str], int] = {}
    for saldo in saldos:
        for name, accounts in OWED.items():
            if saldo.account in accounts:
                place = (saldo.currency, name)
                sums[place] = sums.get(place, 0) - saldo.amount_minor
    found = []
    for currency in sorted({currency for currency, _ in sums} | set(balances)):
        balance = balances.get(currency)
        found.append(
            Cover(
                currency,
                {name: sums.get((currency, name), 0) for name in OWED},
                balance.available_minor if balance else 0,
                balance.pending_minor if balance else 0,
                balance.reserved_minor if balance else 0,
                in_flight.get(currency, 0),
            )
        )
    return found


def flying(explained: Sequence[Difference]) -> dict[str, int]:
    """What is in flight between Stripe and the ledger, of the differences that are explained."""
    in_flight: dict[str, int] = {}
    for difference in explained:
        if difference.between in ("Stripe and topics", "topics and ledger"):
            in_flight[difference.currency] = in_flight.get(difference.currency, 0) + difference.amount_minor
    return in_flight


def swept(payout_interval: str) -> str:
    """That Stripe pays the platform's balance out to our bank, in words with what to do; empty: it does not."""
    if payout_interval == "manual":
        return ""
    return (
        f"the platform's own payouts are {payout_interval}, not manual: Stripe sweeps held money to our bank. Set them "
        "to manual (balance settings) now, and bring back what left by a top-up."
    )
