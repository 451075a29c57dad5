"""What the facts of other services change of a milestone. Pure, and safe in any order between two services.

Nothing is refused here: a fact moves what its own service alone decides, the sums follow what the ledger says, and
what everybody sees is read off all of it (`standing`).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from schemas.approvals import (
    ChangesRequested,
    DisputeResolved,
    DisputeStopped,
    MilestoneApproved,
    MilestoneDisputed,
    ReleaseRequested,
    ReleaseRequestWithdrawn,
)
from schemas.base import Message
from schemas.funding import (
    ChargebackReversed,
    FundingActionRequired,
    FundingFailed,
    FundingRequested,
    FundsFrozen,
    FundsReleased,
    FundsReturned,
    FundsUnfrozen,
    MilestoneChargedBack,
    MilestoneFunded,
    MilestoneRefunded,
    PlatformRefundFailed,
    PlatformRefundMade,
    PlatformRefundRequested,
    RefundFailed,
    RefundRequested,
    ReleaseGivenUp,
    ReleaseRefused,
)
from schemas.payouts import (
    PayoutFailed,
    PayoutGivenUp,
    PayoutHeld,
    PayoutInitiated,
    PayoutInTransit,
    PayoutPaid,
    PayoutReversed,
)
from services.contracts import standing, states
from services.contracts.messages import amended_event, status_event
from services.contracts.records import Milestone, Payout
from services.runtime.states import StateTable

ReviewFact = (
    ReleaseRequested
    | ReleaseRequestWithdrawn
    | ChangesRequested
    | MilestoneApproved
    | MilestoneDisputed
    | DisputeResolved
    | DisputeStopped
)
ChargeFact = FundingRequested | FundingActionRequired | FundingFailed | MilestoneFunded
MoneyFact = (
    FundsReleased
    | ReleaseRefused
    | RefundRequested
    | MilestoneRefunded
    | RefundFailed
    | FundsFrozen
    | FundsUnfrozen
    | MilestoneChargedBack
    | ChargebackReversed
    | FundsReturned
    | ReleaseGivenUp
)
PlatformFact = PlatformRefundRequested | PlatformRefundMade | PlatformRefundFailed
"""Of the platform's own money: told to both parties, and in none of the milestone's sums."""
MilestoneFact = ChargeFact | MoneyFact | PlatformFact | ReviewFact
PayoutFact = PayoutHeld | PayoutInitiated | PayoutInTransit | PayoutPaid | PayoutFailed | PayoutReversed | PayoutGivenUp


@dataclass(frozen=True, slots=True)
class Progress:
    """A milestone after a fact, and what is to be said of it."""

    milestone: Milestone
    said: tuple[Message, ...]
    payout: Payout | None = None


def heard(before: Milestone, fact: MilestoneFact) -> Progress:
    """Apply a fact about a charge, a review or held money."""
    void = standing.VOID if _is_void(before, fact) else ""
    charge = _move(states.FUNDING, standing.charge_state(before), fact.type_name, void)
    known = before._replace(review=_move(states.REVIEW, before.review, fact.type_name))
    known = _decided(known, fact, charge) if isinstance(fact, ReviewFact) else _told(known, fact)
    known = known._replace(
        refunded_minor=standing.refunded_minor(known),
        charged_back_minor=standing.charged_back_minor(known),
        funding_state=standing.funding_state(known, charge),
    )
    after = known._replace(status=standing.status(known))
    return Progress(after, _say(before, after))


def payout_heard(before: Milestone, payouts: Sequence[Payout], fact: PayoutFact) -> Progress:
    """Apply a fact about one release's way to the bank. `payouts`: all of this milestone's known so far."""
    known = next((payout for payout in payouts if payout.payout_id == fact.payout_id), None)
    payout = known or Payout(fact.payout_id, before.milestone_id, states.NONE)
    when = states.PART if isinstance(fact, PayoutReversed) and not fact.whole else ""
    payout = payout._replace(state=_move(states.PAYOUT, payout.state, fact.type_name, when))
    of_all = {payout.state, *(other.state for other in payouts if other.payout_id != payout.payout_id)}
    furthest = next(state for state in states.FURTHEST_FROM_THE_BANK_FIRST if state in of_all)
    after = before._replace(payout_state=states.NONE if furthest in states.NEVER_BEGAN else furthest)
    return Progress(after, _say(before, after), payout)


def _decided(milestone: Milestone, fact: ReviewFact, charge: str) -> Milestone:
    """What approvals decided about held money is taken off at once, until the ledger answers."""
    match fact:
        case MilestoneApproved():
            left_minor, decided_minor, returned_minor = fact.still_held_minor, fact.amount_minor, 0
        case DisputeResolved():
            left_minor, decided_minor, returned_minor = 0, fact.to_trainer_minor, fact.to_employer_minor
        case _:
            return milestone
    after = milestone._replace(
        unsettled_minor=milestone.unsettled_minor + decided_minor,
        returning_minor=milestone.returning_minor + returned_minor,
    )
    if charge == states.FUNDED:
        return after
    # The charge is not heard of yet: what approvals knows to be held is all that is known.
    return after._replace(held_minor=left_minor + after.unsettled_minor + after.returning_minor)


def _told(milestone: Milestone, fact: ChargeFact | MoneyFact | PlatformFact) -> Milestone:
    """What the ledger says: the sums are as it gives them."""
    changed: dict[str, Any] = {}
    match fact:
        case MilestoneFunded():
            # The terms may have changed while the charge was under way: what was charged counts (DOMAIN.md 4).
            changed = {"held_minor": fact.held_minor, "amount_minor": fact.held_minor}
        case FundsReleased():
            changed = {
                "held_minor": fact.still_held_minor,
                "released_minor": milestone.released_minor + fact.amount_minor,
                "unsettled_minor": milestone.unsettled_minor - fact.amount_minor,
            }
        case ReleaseRefused():
            changed = {
                "held_minor": fact.held_minor,
                "unsettled_minor": milestone.unsettled_minor - fact.amount_minor,
            }
        case RefundRequested() | MilestoneRefunded() | RefundFailed():
            changed = _refund_told(milestone, fact)
        case FundsFrozen() | FundsUnfrozen():
            changed = {"held_minor": fact.held_minor, "freezes": _freezes(milestone, fact)}
        case MilestoneChargedBack():
            state = standing.LOST if fact.final else standing.OPEN
            this = {fact.dispute_id: {"state": state, "minor": fact.charged_back_minor}}
            changed = {"held_minor": fact.held_minor, "chargebacks": {**milestone.chargebacks, **this}}
        case ChargebackReversed():
            changed = _given_back(milestone, fact)
        case FundsReturned() | ReleaseGivenUp():
            changed = {
                "held_minor": fact.held_minor,
                "released_minor": milestone.released_minor - fact.amount_minor,
                "chargebacks": _made_good(milestone, fact),
            }
    return milestone._replace(**changed)


def _refund_told(milestone: Milestone, fact: RefundRequested | MilestoneRefunded | RefundFailed) -> dict[str, Any]:
    before = milestone.refunds.get(fact.refund_id)
    if _is_void(milestone, fact) or (before is not None and before["state"] == standing.VOID):
        return {"refunds": {**milestone.refunds, fact.refund_id: {"state": standing.VOID, "minor": 0}}}
    refunds = {refund_id: of for refund_id, of in milestone.refunds.items() if refund_id != fact.refund_id}
    never_made = isinstance(fact, RefundFailed) and not fact.owed
    if not never_made:
        refunds[fact.refund_id] = {"state": _REFUND_STATES[type(fact)], "minor": fact.amount_minor}
    # A settlement that the ledger did not carry out is told by a refund that nobody asked for before.
    answers = isinstance(fact, RefundRequested) or (never_made and before is None)
    decided = answers and not isinstance(fact, MilestoneRefunded) and fact.cause == "dispute_decided"
    return {
        "held_minor": fact.held_minor if isinstance(fact, RefundFailed) else fact.still_held_minor,
        "refunds": refunds,
        "returning_minor": milestone.returning_minor - (fact.amount_minor if decided else 0),
    }


_REFUND_STATES: dict[type[Message], str] = {
    RefundRequested: standing.PENDING,
    MilestoneRefunded: standing.MADE,
    RefundFailed: standing.OWED,
}


def _freezes(milestone: Milestone, fact: FundsFrozen | FundsUnfrozen) -> Sequence[str]:
    if fact.cause == standing.PARTIES:
        return milestone.freezes
    this = f"{fact.cause} {fact.about}"
    others = [freeze for freeze in milestone.freezes if freeze != this]
    return [*others, this] if isinstance(fact, FundsFrozen) else others


def _given_back(milestone: Milestone, fact: ChargebackReversed) -> dict[str, Any]:
    """What the bank gave back undoes its chargeback first; the rest the trainer had made good, and the ledger releases
    that to the trainer once more, unasked: it says so next."""
    left_minor, standing_ones = fact.restored_minor, dict[str, Any]()
    for name in (fact.dispute_id, *(name for name in milestone.chargebacks if name != fact.dispute_id)):
        of = milestone.chargebacks.get(name)
        if of is None or (name != fact.dispute_id and not of.get("made_good")):
            standing_ones |= {name: of} if of else {}
            continue
        undone_minor = min(left_minor, of["minor"])
        left_minor -= undone_minor
        if of["minor"] > undone_minor:
            standing_ones[name] = {**of, "state": standing.LOST, "minor": of["minor"] - undone_minor}
    before = milestone.chargebacks.get(fact.dispute_id, {"minor": 0})
    again_minor = max(0, fact.restored_minor - before["minor"])
    return {
        "held_minor": fact.held_minor,
        "chargebacks": standing_ones,
        "unsettled_minor": milestone.unsettled_minor + again_minor,
    }


def _made_good(milestone: Milestone, fact: FundsReturned | ReleaseGivenUp) -> Mapping[str, Any]:
    """What was the trainer's and went to the bank's chargeback is no release any more."""
    if not fact.recovered_minor:
        return milestone.chargebacks
    name = fact.transfer_id if isinstance(fact, FundsReturned) else fact.payout_id
    before = milestone.chargebacks.get(name, {"minor": 0})
    made_good = {"state": standing.LOST, "minor": before["minor"] + fact.recovered_minor, "made_good": True}
    return {**milestone.chargebacks, name: made_good}


def _is_void(milestone: Milestone, fact: MilestoneFact) -> bool:
    if not isinstance(fact, RefundRequested):
        return False
    # Cancelled before its charge counted: that was never held either.
    cancelled = fact.cause == "milestone_cancelled" and standing.charge_state(milestone) != states.FUNDED
    return fact.cause in standing.NEVER_HELD or cancelled


def _move(table: StateTable, state: str, trigger: str, when: str = "") -> str:
    edge = table.edge(state, trigger, when)
    return edge.target if edge else state


def _say(before: Milestone, after: Milestone) -> tuple[Message, ...]:
    events: list[Message] = []
    if after.amount_minor != before.amount_minor:
        events.append(amended_event(after))
    if _shown(after) != _shown(before):
        events.append(status_event(before, after))
    return tuple(events)


def _shown(milestone: Milestone) -> tuple[str, str, str]:
    return milestone.status, milestone.funding_state, milestone.payout_state
