"""Which of a milestone's fundings speaks for it, and where its money is. Pure."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from services.funding import ledger, states
from services.funding.ledger import Entry
from services.funding.records import Funding, Moved, Refund


def standing(fundings: Sequence[Funding]) -> Funding | None:
    """The one of a milestone's fundings that speaks for it: with money in, else under way, else the latest.

    A declined funding whose terms changed is followed by another, and may yet succeed late: the money that it
    brought must be seen, whatever became of the later one. Only one has money in that stands: another charge that
    succeeds is voided.
    """
    return max(
        fundings,
        key=lambda f: (f.state in states.WITH_MONEY, f.state in states.UNDER_WAY, f.requested_at, f.funding_id),
        default=None,
    )


def of_milestone(fundings: Iterable[Funding], milestone_id: str) -> list[Funding]:
    """Those of one milestone."""
    return [funding for funding in fundings if funding.milestone_id == milestone_id]


def where_money_is(entries: Sequence[Entry]) -> str:
    """The state of a funding whose charge stands, by the milestone's entries."""
    if ledger.owed_minor(entries, "held") > 0:
        return states.FUNDED
    if ledger.owed_minor(entries, "released") > 0:
        return states.RELEASED
    if ledger.owed_minor(entries, "charged_back") > 0:
        return states.CHARGED_BACK
    return states.REFUNDED


def moved(funding: Funding, trigger: str, entries: Sequence[Entry]) -> Funding:
    """The funding once its money has moved; `entries` are all of the milestone's, the new ones too.

    Raises ValueError where the table of states has no such move: it would be a fault of ours.
    """
    where = where_money_is(entries)
    target = funding.move(trigger, where)
    if target is None:
        raise ValueError(f"{funding.funding_id}: {trigger} does not lead from {funding.state} to {where}")
    return funding._replace(state=target)


@dataclass(frozen=True, slots=True)
class Money:
    """What a milestone has: the funding that speaks for it, its postings, its refunds."""

    funding: Funding
    entries: Sequence[Entry]
    """All of the milestone's, in the funding's currency."""
    refunds: Sequence[Refund]

    @property
    def held_minor(self) -> int:
        return ledger.owed_minor(self.entries, "held")

    @property
    def fees_left_minor(self) -> int:
        """What the platform still has of this charge's fees."""
        left_minor = self.funding.fees_minor - sum(refund.fees_minor for refund in self.given_back())
        return max(0, min(left_minor, ledger.owed_minor(self.entries, "marketplace_fees")))

    def given_back(self) -> list[Refund]:
        """The refunds of this charge that stand."""
        return [r for r in self.refunds if r.funding_id == self.funding.funding_id and r.state != states.REFUSED]

    @property
    def with_trainer_minor(self) -> int:
        """What was transferred and neither came back, nor was taken by the bank, nor given to the employer from the
        platform's own money: never is more given back than was charged."""
        transferred_minor = ledger.balance_minor(self.entries, "transferred")
        debts_minor = ledger.balance_minor(self.entries, "trainer_debts")
        return max(0, transferred_minor - debts_minor - ledger.owed_minor(self.entries, "platform_refunds"))

    def after(self, made: Moved) -> "Money":
        """The same once a decision is carried out."""
        funding = next((f for f in reversed(made.fundings) if f.funding_id == self.funding.funding_id), self.funding)
        by_id = {refund.refund_id: refund for refund in (*self.refunds, *made.refunds)}
        return Money(funding, [*self.entries, *made.entries], list(by_id.values()))
