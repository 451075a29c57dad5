"""What happened, in words people read. Both parties see it, so the reason of a decline is not in it."""

from collections.abc import Callable
from typing import Any

from schemas import approvals, contracts, funding, payouts
from schemas.base import Message
from schemas.money import show
from services.contracts.records import Milestone
from services.contracts.standing import NEVER_HELD, PARTIES


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
    if fact.approved_by == approvals.BY_RULE:
        return f"The review period ended without an answer: the release of {_sum(fact)} was approved automatically"
    if not fact.still_held_minor:
        return f"The employer approved the work and the release of {_sum(fact)}"
    left = show(fact.still_held_minor, fact.currency)
    return f"The employer approved the release of {_sum(fact)}; {left} stays held"


def _requested(fact: approvals.ReleaseRequested) -> str:
    asked = "The trainer completed the work and asked for payment"
    return f"{asked}: {fact.note}" if fact.note else asked


def _held(fact: payouts.PayoutHeld) -> str:
    return f"The payout of {_sum(fact)} waits: {fact.reason.replace('_', ' ')}"


def _withdrawn(fact: approvals.ReleaseRequestWithdrawn) -> str:
    if fact.because:
        return f"The request for payment ended: {fact.because}"
    return "The trainer took the request for payment back"


def _resolved(fact: approvals.DisputeResolved) -> str:
    to_trainer, to_employer = show(fact.to_trainer_minor, fact.currency), show(fact.to_employer_minor, fact.currency)
    return f"The dispute was settled: {to_trainer} to the trainer, {to_employer} to the employer. {fact.reason}"


def _refund(fact: funding.RefundRequested) -> str:
    if fact.cause in NEVER_HELD:
        return f"A charge that must not stand goes back to the employer: {show(fact.refund_minor, fact.currency)}"
    fees = f", with {show(fact.fees_minor, fact.currency)} of the fees" if fact.fees_minor else ""
    return f"{_sum(fact)} goes back to the employer{fees}"


def _from_platform(fact: funding.PlatformRefundRequested) -> str:
    fees = f", with {show(fact.fees_minor, fact.currency)} of the fees" if fact.fees_minor else ""
    lost = show(fact.lost_minor, fact.currency)
    return f"{lost} that the trainer was paid goes back to the employer from the platform's own money{fees}"


def _platform_refund_failed(fact: funding.PlatformRefundFailed) -> str:
    lost = show(fact.lost_minor, fact.currency)
    if fact.owed:
        return f"The refund of {lost} did not reach the employer's card; it will be paid otherwise"
    return f"The refund of {lost} from the platform's own money was not possible"


def _refund_failed(fact: funding.RefundFailed) -> str:
    if fact.owed:
        return f"The refund of {_sum(fact)} did not reach the employer's card; it will be paid otherwise"
    return f"The refund of {_sum(fact)} was not possible; the money is held again"


_FROZEN = {
    "card_dispute": "The employer's bank disputes the payment",
    "card_inquiry": "The employer's bank inquires about the payment",
    "transfer_reversed": "The money was taken back from the trainer's account",
}


def _frozen(fact: funding.FundsFrozen) -> str | None:
    if fact.cause == PARTIES:
        return None
    why = _FROZEN.get(fact.cause, "The payment is being looked into")
    return f"{why}: {show(fact.held_minor, fact.currency)} is frozen"


def _unfrozen(fact: funding.FundsUnfrozen) -> str | None:
    if fact.cause == PARTIES or fact.still_frozen:
        return None
    return f"{show(fact.held_minor, fact.currency)} is not frozen any more"


def _charged_back(fact: funding.MilestoneChargedBack) -> str:
    taken = show(fact.charged_back_minor + fact.recovery_minor, fact.currency)
    if fact.final:
        return f"The employer's bank decided for the employer: {taken} is gone"
    return f"The employer's bank took {taken} back; the bank has not decided yet"


def _failed(fact: funding.FundingFailed) -> str:
    if fact.code == "charge_converted":
        return "The payment arrived in another currency and cannot be held; our operators give it back"
    return "The payment failed; nothing was charged, and the employer was told why"


def _initiated(fact: payouts.PayoutInitiated) -> str:
    # Stripe's payouts to banks are made by day.
    until = f"; it can go to the bank from {fact.available_at:%-d %B %Y} on" if fact.available_at else ""
    return f"{_sum(fact)} was transferred to the trainer's account at Stripe{until}"


def _reversed(fact: payouts.PayoutReversed) -> str:
    how = "all" if fact.whole else show(fact.amount_minor, fact.currency)
    why = f": {fact.reason}" if fact.reason else ""
    return f"Of the payout {how} was taken back from the trainer's account{why}"


def _not_paid_out(fact: funding.ReleaseGivenUp) -> str:
    if not fact.recovered_minor:
        return f"{_sum(fact)} that was not paid out is held again"
    held_minor = fact.amount_minor - fact.recovered_minor
    rest = f"; {show(held_minor, fact.currency)} is held again" if held_minor else ""
    return f"{show(fact.recovered_minor, fact.currency)} that was not paid out makes good what the bank took{rest}"


_WORDINGS: dict[type[Message], Callable[[Any], str | None]] = {
    contracts.MilestoneAdded: _added,
    contracts.MilestoneAmended: lambda fact: f"The employer changed the terms; the amount is {_sum(fact)}",
    contracts.MilestoneCancelled: lambda _: "The employer cancelled the milestone",
    funding.FundingRequested: lambda fact: f"The employer is being charged for {_sum(fact)}",
    funding.FundingActionRequired: lambda _: "The employer's bank asks the employer to authenticate the payment",
    funding.FundingFailed: _failed,
    funding.MilestoneFunded: lambda fact: f"{show(fact.held_minor, fact.currency)} was charged and is held",
    funding.FundsReleased: lambda fact: f"{_sum(fact)} was released to the trainer",
    funding.ReleaseRefused: lambda fact: f"The release of {_sum(fact)} was not possible: {fact.reason}",
    approvals.ReleaseRequested: _requested,
    approvals.ReleaseRequestWithdrawn: _withdrawn,
    approvals.MilestoneDisputed: lambda fact: f"The milestone was disputed, what is held is frozen: {fact.reason}",
    approvals.DisputeResolved: _resolved,
    approvals.DisputeStopped: lambda fact: f"The dispute between the parties ended: {fact.reason}",
    funding.RefundRequested: _refund,
    funding.MilestoneRefunded: lambda fact: f"{_sum(fact)} was refunded to the employer",
    funding.RefundFailed: _refund_failed,
    funding.PlatformRefundRequested: _from_platform,
    funding.PlatformRefundMade: lambda fact: (
        f"{show(fact.refund_minor, fact.currency)} was refunded to the employer from the platform's own money"
    ),
    funding.PlatformRefundFailed: _platform_refund_failed,
    funding.FundsFrozen: _frozen,
    funding.FundsUnfrozen: _unfrozen,
    funding.MilestoneChargedBack: _charged_back,
    funding.ChargebackReversed: lambda _: "The employer's bank decided against the employer: the money is back",
    funding.FundsReturned: lambda fact: f"{_sum(fact)} is back from the trainer's account",
    funding.ReleaseGivenUp: _not_paid_out,
    payouts.PayoutGivenUp: lambda fact: f"The payout of {_sum(fact)} was given up and never made: {fact.reason}",
    payouts.PayoutReversed: _reversed,
    approvals.ChangesRequested: lambda fact: f"The employer asked for changes: {fact.reason}",
    approvals.MilestoneApproved: _approved,
    payouts.PayoutHeld: _held,
    payouts.PayoutInitiated: _initiated,
    payouts.PayoutInTransit: lambda fact: f"{_sum(fact)} is on its way to the trainer's bank",
    payouts.PayoutPaid: lambda fact: f"{_sum(fact)} was paid to the trainer's bank",
    payouts.PayoutFailed: lambda fact: f"The trainer's bank did not take {_sum(fact)}; the trainer was told what to do",
}
