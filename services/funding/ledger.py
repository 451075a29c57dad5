"""The held-funds ledger: double entry, append-only, per milestone. Pure: entries in, entries out.

An entry's amount is in minor units, debits positive, credits negative; the entries of a posting sum to zero in
each currency. No balance is stored: it is the sum of its entries.

For each milestone, at every instant (ARCHITECTURE.md, "What must always hold"):
charged = held + released + refunded + charged back, where
`charged` is what the employer paid for the work (its fees are the platform's and stand in `marketplace_fees`).
"""

from collections.abc import Iterable, Sequence
from datetime import datetime
from typing import Literal, NamedTuple

Account = Literal[
    "stripe_balance",
    "held",
    "released",
    "transferred",
    "refunded",
    "charged_back",
    "marketplace_fees",
    "stripe_fees",
    "charges_in_flight",
    "funding_in_flight",
]

ACCOUNTS: dict[Account, str] = {
    "stripe_balance": "asset: the platform's money at Stripe, pending and available",
    "held": "liability: charged for a milestone, neither released nor given back",
    "released": "liability: all that was ever released to the trainer",
    "transferred": "contra to released: the part that was transferred to the trainer's account",
    "refunded": "liability: all that was ever given back to the employer",
    "charged_back": "liability: all that the employer's bank took back",
    "marketplace_fees": "income: the employer's fees",
    "stripe_fees": "expense: what Stripe took; it never touches held money",
    "charges_in_flight": "memorandum: charges asked of Stripe and not answered yet",
    "funding_in_flight": "memorandum: the other side of charges_in_flight",
}

Kind = Literal["charge_requested", "charge_answered", "charge_succeeded", "funds_released", "transfer_made"]


class Entry(NamedTuple):
    """One line of a posting."""

    posting_id: str
    line: int
    kind: Kind
    account: Account
    milestone_id: str
    contract_id: str
    currency: str
    amount_minor: int
    """Debit positive, credit negative."""
    cause_id: str
    """The id of the command or event that this answers."""
    posted_at: datetime


class Posting(NamedTuple):
    """What all entries of one posting share."""

    id: str
    kind: Kind
    milestone_id: str
    contract_id: str
    currency: str
    cause_id: str
    posted_at: datetime

    def entries(self, *movements: tuple[Account, int]) -> list[Entry]:
        """The entries of these movements; those of zero are left out.

        Raises ValueError when they do not sum to zero: such a posting must never be written.
        """
        if sum(amount_minor for _, amount_minor in movements) != 0:
            raise ValueError(f"a posting must sum to zero: {self.kind} {movements}")
        moved = [movement for movement in movements if movement[1]]
        return [
            Entry(
                self.id,
                line,
                self.kind,
                account,
                self.milestone_id,
                self.contract_id,
                self.currency,
                amount_minor,
                self.cause_id,
                self.posted_at,
            )
            for line, (account, amount_minor) in enumerate(moved)
        ]


def charge_requested(posting: Posting, charge_minor: int) -> list[Entry]:
    """A charge was asked of Stripe."""
    return posting.entries(("charges_in_flight", charge_minor), ("funding_in_flight", -charge_minor))


def charge_answered(posting: Posting, charge_minor: int) -> list[Entry]:
    """Stripe answered, one way or the other: the charge is not in flight any more."""
    return posting.entries(("charges_in_flight", -charge_minor), ("funding_in_flight", charge_minor))


def charge_succeeded(posting: Posting, held_minor: int, fees_minor: int, stripe_fee_minor: int) -> list[Entry]:
    """The money came in: the milestone's amount is held, the rest are fees; Stripe kept its own."""
    return posting.entries(
        ("stripe_balance", held_minor + fees_minor),
        ("held", -held_minor),
        ("marketplace_fees", -fees_minor),
        ("stripe_fees", stripe_fee_minor),
        ("stripe_balance", -stripe_fee_minor),
    )


def funds_released(posting: Posting, amount_minor: int) -> list[Entry]:
    """Held money became the trainer's."""
    return posting.entries(("held", amount_minor), ("released", -amount_minor))


def transfer_made(posting: Posting, amount_minor: int) -> list[Entry]:
    """Released money left for the trainer's account."""
    return posting.entries(("transferred", amount_minor), ("stripe_balance", -amount_minor))


def owed_minor(entries: Iterable[Entry], account: Account) -> int:
    """What a credit account holds, in minor units: credits less debits."""
    return -sum(entry.amount_minor for entry in entries if entry.account == account)


def balances(entries: Sequence[Entry]) -> dict[tuple[Account, str], int]:
    """The sum of entries by account and currency, debits positive."""
    sums: dict[tuple[Account, str], int] = {}
    for entry in entries:
        place = (entry.account, entry.currency)
        sums[place] = sums.get(place, 0) + entry.amount_minor
    return sums
