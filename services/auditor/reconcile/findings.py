"""What a reconciliation can find: the shapes of its report."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import date, datetime
from typing import NamedTuple

from schemas import money


def show(amount_minor: int, currency: str) -> str:
    """An amount for people, also in a currency that no contract may have: Stripe knows more than we do."""
    if currency.lower() not in money.CURRENCIES:
        return f"{amount_minor} {currency.upper()} (minor units)"
    return money.show(amount_minor, currency)


@dataclass(frozen=True, slots=True)
class Difference:
    """One thing about which two sides do not agree."""

    between: str
    """`Stripe and topics`, `topics and ledger`, `funding.events and ledger`, `topics and payouts`…"""
    what: str
    """`charge`, `transfer`, `refund`, `dispute`, `held`, `released`…"""
    id: str
    """The object at Stripe, or the milestone."""
    milestone_id: str
    contract_id: str
    currency: str
    amount_minor: int
    """What Stripe (or the first side) has more than the ledger (or the second); negative: less."""
    says: str
    """For people: which side has what."""
    explained: str = ""
    """Why it is no fault: in words. Empty: nobody can say."""

    @property
    def identity(self) -> tuple[str, str, str, str, int]:
        """The same difference in two looks has the same."""
        return self.between, self.what, self.id, self.currency, self.amount_minor


class Sums(NamedTuple):
    """One currency on one UTC day, as Stripe dates it, in minor units. Without the platform's own movements."""

    day: date
    currency: str
    stripe_minor: int
    ledger_minor: int
    facts_minor: int

    @property
    def sides(self) -> tuple[int, int, int]:
        return self.stripe_minor, self.ledger_minor, self.facts_minor


class Cover(NamedTuple):
    """Whether what is owed in one currency is there, in minor units."""

    currency: str
    owed_minor: dict[str, int]
    """By what for: held, released and not transferred, refunds on their way."""
    available_minor: int
    pending_minor: int
    reserved_minor: int
    in_flight_minor: int
    """What Stripe has moved and the ledger does not know yet; without it the two are of one moment."""

    @property
    def short_minor(self) -> int:
        """How much is missing; zero or less: covered."""
        there = self.available_minor + self.pending_minor - self.in_flight_minor
        return sum(self.owed_minor.values()) - there


class Own(NamedTuple):
    """Movements of the platform's own account that belong to no milestone: top-ups, payouts by hand, reserves."""

    type: str
    currency: str
    movements: int
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """The report."""

    at: datetime
    looks: int
    sums: Sequence[Sums]
    differences: Sequence[Difference]
    cover: Sequence[Cover]
    own: Sequence[Own]
    alarms: Sequence[str]
    """What is wrong with the platform's account itself, in words with what to do."""
    objects: int = 0
    """Charges, transfers, refunds and disputes that were compared."""
    milestones: int = 0
    on_its_way: int = 0
    """Milestones whose latest facts were not on the topics yet: their held money was not compared."""
    bank_payouts: int = 0
    carried: int = 0
    """Transfers that those bank payouts carry."""
    details: Sequence[str] = field(default_factory=tuple)

    @property
    def unexplained(self) -> list[Difference]:
        return [difference for difference in self.differences if not difference.explained]

    @property
    def explained(self) -> list[Difference]:
        return [difference for difference in self.differences if difference.explained]

    @property
    def agrees(self) -> bool:
        """Whether nothing is left that an operator must look at."""
        return not self.unexplained and not self.alarms and all(cover.short_minor <= 0 for cover in self.cover)
