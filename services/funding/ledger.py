"""The held-funds ledger: double entry, append-only, per milestone. Pure: entries in, entries out.

An entry's amount is in minor units, debits positive, credits negative; the entries of a posting sum to zero in
each currency. No balance is stored: it is the sum of its entries.

For each milestone, at every instant (ARCHITECTURE.md, "What must always hold"):
charged = held + released + refunded + charged back, where
`charged` is what the employer paid for the work (its fees are the platform's and stand in `marketplace_fees`).

What is owed to the employer is `refunded` + `platform_refunds` + `fees_returned` - `refund_paid`: a refund is owed from
the moment it is decided, and paid when Stripe says so.
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
    "fees_returned",
    "platform_refunds",
    "refund_paid",
    "paid_by_hand",
    "charged_back",
    "chargeback_paid",
    "set_aside",
    "marketplace_fees",
    "stripe_fees",
    "dispute_fees",
    "trainer_debts",
    "platform_losses",
    "charges_in_flight",
    "funding_in_flight",
]

ACCOUNTS: dict[Account, str] = {
    "stripe_balance": "asset: the platform's money at Stripe, pending and available",
    "held": "liability: charged for a milestone, neither released nor given back",
    "released": "liability: all that was ever released to the trainer",
    "transferred": "contra to released: the part that was transferred to the trainer's account",
    "refunded": "liability: all of the work's money that was ever given back to the employer",
    "fees_returned": "liability: the fees that were given back with it",
    "platform_refunds": "liability: given to the employer of the platform's own, while the trainer has the work's",
    "refund_paid": "contra to refunded, fees_returned and platform_refunds: the part that left for the employer",
    "paid_by_hand": "clearing: refunds that an operator paid from elsewhere than the balance at Stripe",
    "charged_back": "liability: all of the work's money that the employer's bank took back",
    "chargeback_paid": "contra to charged_back: the part that left for the bank",
    "set_aside": "liability: came in for a charge that Stripe converted, in what it became; an operator gives it back",
    "marketplace_fees": "income: the employer's fees",
    "stripe_fees": "expense: what Stripe took; it never touches held money",
    "dispute_fees": "expense: what Stripe keeps for handling a card dispute",
    "trainer_debts": "asset: paid out to the trainer and taken back by the bank, to be recovered",
    "platform_losses": "expense: what nobody else bears, such as a refund beyond what is held, or a disputed sum "
    "beyond the charge",
    "charges_in_flight": "memorandum: charges asked of Stripe and not answered yet",
    "funding_in_flight": "memorandum: the other side of charges_in_flight",
}

Kind = Literal[
    "charge_requested",
    "charge_answered",
    "charge_succeeded",
    "charge_voided",
    "charge_set_aside",
    "set_aside_refunded",
    "set_aside_returned",
    "funds_released",
    "transfer_made",
    "transfer_reversed",
    "release_given_up",
    "refund_requested",
    "refund_refused",
    "refund_made",
    "refund_returned",
    "refund_paid_by_hand",
    "funds_withdrawn",
    "funds_reinstated",
    "dispute_fee",
]


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

    def also(self, kind: Kind) -> "Posting":
        """The frame of another posting of the same decision; one of a kind in each."""
        return self._replace(id=f"{self.id}.{kind}", kind=kind)

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


def charge_voided(posting: Posting, work_minor: int, fees_minor: int, stripe_fee_minor: int) -> list[Entry]:
    """Money came in that must not stay: it is owed to the employer at once and was never held."""
    return posting.entries(
        ("stripe_balance", work_minor + fees_minor),
        ("refunded", -work_minor),
        ("fees_returned", -fees_minor),
        ("stripe_fees", stripe_fee_minor),
        ("stripe_balance", -stripe_fee_minor),
    )


def charge_set_aside(posting: Posting, settled_minor: int, stripe_fee_minor: int) -> list[Entry]:
    """Money came in that Stripe had converted: it is owed to the employer, in the currency that it is in now."""
    return posting.entries(
        ("stripe_balance", settled_minor),
        ("set_aside", -settled_minor),
        ("stripe_fees", stripe_fee_minor),
        ("stripe_balance", -stripe_fee_minor),
    )


def set_aside_refunded(posting: Posting, paid_minor: int, lost_minor: int) -> list[Entry]:
    """A refund of it left the balance. `lost_minor`: beyond what is owed; below zero, what the refund cost less."""
    return posting.entries(
        ("set_aside", paid_minor), ("platform_losses", lost_minor), ("stripe_balance", -paid_minor - lost_minor)
    )


def set_aside_returned(posting: Posting, paid_minor: int, lost_minor: int) -> list[Entry]:
    """It failed later, and is owed again."""
    return posting.entries(
        ("stripe_balance", paid_minor + lost_minor), ("set_aside", -paid_minor), ("platform_losses", -lost_minor)
    )


def refund_requested(posting: Posting, work_minor: int, fees_minor: int, lost_minor: int = 0) -> list[Entry]:
    """Held money, and the fees that go back with it, are the employer's now: they cannot be released any more.

    `lost_minor`: of the platform's own money, for work that the trainer was paid for.
    """
    return posting.entries(
        ("held", work_minor),
        ("refunded", -work_minor),
        ("platform_losses", lost_minor),
        ("platform_refunds", -lost_minor),
        ("marketplace_fees", fees_minor),
        ("fees_returned", -fees_minor),
    )


def refund_refused(posting: Posting, work_minor: int, fees_minor: int, lost_minor: int = 0) -> list[Entry]:
    """Stripe did not make it: exactly what `refund_requested` moved is back in its place."""
    moved = refund_requested(posting, work_minor, fees_minor, lost_minor)
    return [entry._replace(amount_minor=-entry.amount_minor) for entry in moved]


def refund_made(posting: Posting, paid_minor: int, lost_minor: int) -> list[Entry]:
    """It left the balance at Stripe. `lost_minor`: what left beyond what is owed."""
    return posting.entries(
        ("refund_paid", paid_minor), ("platform_losses", lost_minor), ("stripe_balance", -paid_minor - lost_minor)
    )


def refund_returned(posting: Posting, paid_minor: int, lost_minor: int) -> list[Entry]:
    """It failed later and is back in the balance: it is owed again."""
    return posting.entries(
        ("stripe_balance", paid_minor + lost_minor), ("refund_paid", -paid_minor), ("platform_losses", -lost_minor)
    )


def refund_paid_by_hand(posting: Posting, paid_minor: int) -> list[Entry]:
    """An operator paid what was owed from elsewhere."""
    return posting.entries(("refund_paid", paid_minor), ("paid_by_hand", -paid_minor))


def transfer_reversed(
    posting: Posting, recovered_minor: int, held_minor: int, lost_minor: int = 0, *, repaid_minor: int = 0
) -> list[Entry]:
    """Money came back from the trainer's account: it makes good what the bank took, then what the platform gave the
    employer of its own (`repaid_minor`); the rest is held again.

    `lost_minor`: what came back beyond what was released; it lessens the platform's losses.
    """
    back_minor = recovered_minor + repaid_minor + held_minor
    return posting.entries(
        ("stripe_balance", back_minor + lost_minor),
        ("transferred", -back_minor),
        ("platform_losses", -lost_minor - repaid_minor),
        ("released", back_minor),
        ("charged_back", -recovered_minor),
        ("refunded", -repaid_minor),
        ("platform_refunds", repaid_minor),
        ("held", -held_minor),
        ("chargeback_paid", recovered_minor),
        ("trainer_debts", -recovered_minor),
    )


def release_given_up(posting: Posting, recovered_minor: int, held_minor: int, *, repaid_minor: int = 0) -> list[Entry]:
    """Released money that never left is the trainer's no more: it goes where a reversed transfer goes."""
    return posting.entries(
        ("platform_losses", -repaid_minor),
        ("released", recovered_minor + repaid_minor + held_minor),
        ("charged_back", -recovered_minor),
        ("refunded", -repaid_minor),
        ("platform_refunds", repaid_minor),
        ("held", -held_minor),
        ("chargeback_paid", recovered_minor),
        ("trainer_debts", -recovered_minor),
    )


class Taken(NamedTuple):
    """From where a bank's dispute takes money, in minor units."""

    held: int
    fees: int
    debt: int
    """Paid out to the trainer already."""
    lost: int

    @property
    def total(self) -> int:
        return self.held + self.fees + self.debt + self.lost


def funds_withdrawn(posting: Posting, taken: Taken) -> list[Entry]:
    """The bank took money back."""
    return posting.entries(
        ("held", taken.held),
        ("charged_back", -taken.held),
        ("chargeback_paid", taken.held),
        ("marketplace_fees", taken.fees),
        ("trainer_debts", taken.debt),
        ("platform_losses", taken.lost),
        ("stripe_balance", -taken.total),
    )


def funds_reinstated(posting: Posting, given: Taken) -> list[Entry]:
    """The bank gave it back: exactly the reverse."""
    return [entry._replace(amount_minor=-entry.amount_minor) for entry in funds_withdrawn(posting, given)]


def dispute_fee(posting: Posting, fee_minor: int) -> list[Entry]:
    """Stripe kept a fee for a dispute; below zero: it gave one back."""
    return posting.entries(("dispute_fees", fee_minor), ("stripe_balance", -fee_minor))


def owed_minor(entries: Iterable[Entry], account: Account) -> int:
    """What a credit account holds, in minor units: credits less debits."""
    return -sum(entry.amount_minor for entry in entries if entry.account == account)


def balance_minor(entries: Iterable[Entry], account: Account) -> int:
    """The sum of an account's entries, debits positive: what a debit account holds, in minor units."""
    return sum(entry.amount_minor for entry in entries if entry.account == account)


def of_currency(entries: Iterable[Entry], currency: str) -> list[Entry]:
    """The entries in one currency."""
    return [entry for entry in entries if entry.currency == currency]


def balances(entries: Sequence[Entry]) -> dict[tuple[Account, str], int]:
    """The sum of entries by account and currency, debits positive."""
    sums: dict[tuple[Account, str], int] = {}
    for entry in entries:
        place = (entry.account, entry.currency)
        sums[place] = sums.get(place, 0) + entry.amount_minor
    return sums
