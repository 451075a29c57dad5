"""What the facts of other services change of a milestone. Pure, and safe in any order between two services.

Facts of one service come in order, those of two do not: see `states`. So nothing here is refused: a fact moves what
the state tables say it moves, and the sums of money follow what the ledger says.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace

from schemas.approvals import (
    ChangesRequested,
    MilestoneApproved,
    ReleaseRequested,
    ReleaseRequestWithdrawn,
)
from schemas.base import Message
from schemas.funding import (
    FundingActionRequired,
    FundingFailed,
    FundingRequested,
    FundsReleased,
    MilestoneFunded,
    ReleaseRefused,
)
from schemas.payouts import PayoutFailed, PayoutHeld, PayoutInitiated, PayoutInTransit, PayoutPaid
from services.contracts import states
from services.contracts.messages import amended_event, status_event
from services.contracts.records import Milestone, Payout
from services.runtime.states import StateTable

MilestoneFact = (
    FundingRequested
    | FundingActionRequired
    | FundingFailed
    | MilestoneFunded
    | FundsReleased
    | ReleaseRefused
    | ReleaseRequested
    | ReleaseRequestWithdrawn
    | ChangesRequested
    | MilestoneApproved
)
PayoutFact = PayoutHeld | PayoutInitiated | PayoutInTransit | PayoutPaid | PayoutFailed


@dataclass(frozen=True, slots=True)
class Progress:
    """A milestone after a fact, and what is to be said of it."""

    milestone: Milestone
    said: tuple[Message, ...]
    payout: Payout | None = None


def heard(before: Milestone, fact: MilestoneFact) -> Progress:
    """Apply a fact about a charge, a review or a release."""
    counted = _count(before, fact)
    after = replace(
        counted,
        status=_move(states.STATUS, before.status, fact.type_name, _when(before, counted, fact)),
        funding_state=_move(states.FUNDING, before.funding_state, fact.type_name),
    )
    return Progress(after, _say(before, after))


def payout_heard(before: Milestone, payouts: Sequence[Payout], fact: PayoutFact) -> Progress:
    """Apply a fact about one release's way to the bank. `payouts`: all of this milestone's known so far."""
    known = next((payout for payout in payouts if payout.payout_id == fact.payout_id), None)
    payout = known or Payout(fact.payout_id, before.milestone_id, states.NONE)
    payout = replace(payout, state=_move(states.PAYOUT, payout.state, fact.type_name))
    of_all = {payout.state, *(other.state for other in payouts if other.payout_id != payout.payout_id)}
    furthest = next(state for state in states.FURTHEST_FROM_THE_BANK_FIRST if state in of_all)
    after = replace(before, payout_state=furthest)
    return Progress(after, _say(before, after), payout)


def _count(milestone: Milestone, fact: MilestoneFact) -> Milestone:
    """The sums after a fact."""
    match fact:
        case MilestoneFunded():
            # The terms may have changed while the charge was under way: what was charged counts (DOMAIN.md 4).
            return replace(milestone, held_minor=fact.held_minor, amount_minor=fact.held_minor)
        case FundsReleased():
            return replace(
                milestone,
                held_minor=fact.still_held_minor,
                released_minor=milestone.released_minor + fact.amount_minor,
                unsettled_minor=milestone.unsettled_minor - fact.amount_minor,
            )
        case ReleaseRefused():
            return replace(
                milestone,
                held_minor=fact.held_minor,
                unsettled_minor=milestone.unsettled_minor - fact.amount_minor,
            )
        case MilestoneApproved():
            return replace(milestone, unsettled_minor=milestone.unsettled_minor + fact.amount_minor)
        case _:
            return milestone


def _when(before: Milestone, counted: Milestone, fact: MilestoneFact) -> str:
    """Which edge of the status table a fact about a release takes: see `states`."""
    match fact:
        case MilestoneApproved():
            # Before the charge was heard of, nothing is known to be held: the approval says what is left.
            funded = before.funding_state == states.FUNDED
            left_minor = counted.uncommitted_minor if funded else fact.still_held_minor
        case FundsReleased() | ReleaseRefused():
            if counted.unsettled_minor < 0:
                return states.EARLY
            left_minor = counted.uncommitted_minor
        case _:
            return ""
    return states.PART if left_minor > 0 else states.REST


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
