"""What happened, in words people read. Both parties see it, so the reason of a decline is not in it."""

from collections.abc import Callable
from typing import Any

from schemas import approvals, contracts, funding, payouts
from schemas.base import Message
from schemas.money import show
from services.contracts.records import Milestone


def describe(fact: Message, milestone: Milestone) -> str | None:
    """A line of the timeline; None: nothing worth a line. `milestone`: as it was before the fact."""
    if isinstance(fact, funding.MilestoneFunded) and fact.held_minor != milestone.amount_minor:
        return (
            f"{show(fact.held_minor, fact.currency)} was charged and is held: the charge was under way already when "
            f"the amount was changed to {show(milestone.amount_minor, milestone.currency)}"
        )
    wording = _WORDINGS.get(type(fact))
    return wording(fact) if wording else None


def kind_of(fact: Message) -> str:
    """The type as the timeline names it: `funding.milestone_funded`."""
    return fact.type_name.rpartition(".")[0]


def _sum(fact: Any) -> str:
    return show(fact.amount_minor, fact.currency)


def _added(fact: contracts.MilestoneAdded) -> str:
    return f"Milestone {fact.number} over {_sum(fact)} was added"


def _approved(fact: approvals.MilestoneApproved) -> str:
    if not fact.still_held_minor:
        return f"The employer approved the work and the release of {_sum(fact)}"
    left = show(fact.still_held_minor, fact.currency)
    return f"The employer approved the release of {_sum(fact)}; {left} stays held"


def _requested(fact: approvals.ReleaseRequested) -> str:
    asked = "The trainer completed the work and asked for payment"
    return f"{asked}: {fact.note}" if fact.note else asked


def _held(fact: payouts.PayoutHeld) -> str:
    return f"The payout of {_sum(fact)} waits: {fact.reason.replace('_', ' ')}"


_WORDINGS: dict[type[Message], Callable[[Any], str]] = {
    contracts.MilestoneAdded: _added,
    contracts.MilestoneAmended: lambda fact: f"The employer changed the terms; the amount is {_sum(fact)}",
    contracts.MilestoneCancelled: lambda _: "The employer cancelled the milestone",
    funding.FundingRequested: lambda fact: f"The employer is being charged for {_sum(fact)}",
    funding.FundingActionRequired: lambda _: "The employer's bank asks the employer to authenticate the payment",
    funding.FundingFailed: lambda _: "The payment failed; nothing was charged, and the employer was told why",
    funding.MilestoneFunded: lambda fact: f"{show(fact.held_minor, fact.currency)} was charged and is held",
    funding.FundsReleased: lambda fact: f"{_sum(fact)} was released to the trainer",
    funding.ReleaseRefused: lambda fact: f"The release of {_sum(fact)} was not possible: {fact.reason}",
    approvals.ReleaseRequested: _requested,
    approvals.ReleaseRequestWithdrawn: lambda _: "The trainer took the request for payment back",
    approvals.ChangesRequested: lambda fact: f"The employer asked for changes: {fact.reason}",
    approvals.MilestoneApproved: _approved,
    payouts.PayoutHeld: _held,
    payouts.PayoutInitiated: lambda fact: f"{_sum(fact)} was transferred to the trainer's account at Stripe",
    payouts.PayoutInTransit: lambda fact: f"{_sum(fact)} is on its way to the trainer's bank",
    payouts.PayoutPaid: lambda fact: f"{_sum(fact)} was paid to the trainer's bank",
    payouts.PayoutFailed: lambda fact: f"The trainer's bank did not take {_sum(fact)}; the trainer was told what to do",
}
