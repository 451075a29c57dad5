"""Giving the employer what the trainer has, from the platform's own money: an operator alone decides that. Pure.

The way back is to reverse the transfer. What the trainer's balance does not cover can only be given at the platform's
loss. It is a loss until the trainer makes it good: what comes back later goes there before anything is held again.
"""

from collections.abc import Sequence
from datetime import datetime

from schemas import funding as said
from schemas.money import show
from services.funding import ledger, refund_events, refunds
from services.funding.fees import FeeRule
from services.funding.ledger import Posting
from services.funding.records import Freeze, Milestone, Moved, Refund, concerns
from services.funding.standing import Money
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, not_found


def may(milestone: Milestone | None, command: said.RefundFromPlatform) -> Refused | None:
    """Whether this actor may spend the platform's money on this milestone: an operator."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    if command.actor.role != "operator":
        return forbidden(f"an operator decides about the platform's own money, not the {command.actor.role}")
    return refunds.wrong_sum(milestone, command)


def request(
    money: Money | None,
    freezes: Sequence[Freeze],
    command: said.RefundFromPlatform,
    refund_id: str,
    rules: Sequence[FeeRule],
    posting: Posting,
) -> Moved | Refused | Unchanged:
    """Give what was asked for, never more than the trainer has of this very milestone. `freezes`: those that hold."""
    left_minor = money.with_trainer_minor if money else 0
    if money is None or left_minor == 0:
        if money is not None and command.amount_minor is None and any(r.lost_minor for r in money.given_back()):
            return Unchanged(detail="all that the trainer has of it is given back already")
        return conflict(
            "nothing_with_the_trainer",
            "the trainer has nothing of it: what is held is refunded, and what was not transferred is given up first",
        )
    if any(freeze.cause == "card_dispute" for freeze in freezes):
        return conflict(
            "charge_disputed", "the employer's bank decides about this money: Stripe refunds none of it now"
        )
    amount_minor = command.amount_minor or left_minor
    if amount_minor > left_minor:
        currency = money.funding.currency
        return conflict(
            "more_than_transferred",
            f"the trainer has {show(left_minor, currency)} of it that the employer has not got back, "
            f"{show(amount_minor, currency)} cannot be given",
            left_minor=left_minor,
        )
    fees_minor = refunds.fees_with(money, amount_minor, rules)
    begun = refunds.begun(
        money.funding, refund_id, 0, fees_minor, "operator", command.actor.party_id, command.reason, posting.posted_at
    )
    refund = begun._replace(lost_minor=amount_minor)
    entries = ledger.refund_requested(posting.also("refund_requested"), 0, fees_minor, amount_minor)
    told = (refund_events.from_platform(refund), refunds.create_refund(money.funding, refund))
    return Moved(told, entries, refunds=(refund,))


def repay(given: Sequence[Refund], amount_minor: int, now: datetime) -> tuple[list[Refund], int]:
    """What came back from the trainer makes good what the platform gave of its own, the oldest first. `given`: the
    refunds that stand.

    Returns the refunds that are the milestone's own money now, and how much of it all.
    """
    left_minor, changed = amount_minor, []
    for refund in sorted(given, key=lambda r: (r.requested_at, r.refund_id)):
        part_minor = min(left_minor, refund.lost_minor)
        if part_minor:
            changed.append(
                refund._replace(
                    amount_minor=refund.amount_minor + part_minor,
                    lost_minor=refund.lost_minor - part_minor,
                    changed_at=now,
                )
            )
            left_minor -= part_minor
    return changed, amount_minor - left_minor


def told_again(repaid: Sequence[Refund], held_minor: int) -> Moved:
    """Refunds that the trainer made good, as the milestone's own money."""
    events = [event for refund in repaid for event in refund_events.made_good(refund, held_minor)]
    return Moved(tuple(events), refunds=tuple(repaid))
