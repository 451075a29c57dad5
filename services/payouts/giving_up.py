"""Giving up a release that was never transferred (DOMAIN.md 2 and 9: only an operator, with a reason). Pure.

Decided on the payout's row, in the lane of its contract, as each step towards the transfer is: so of giving it up and
the account that comes back at the same moment one wins, and the other finds it done. A transfer that may still be made
is never given up: only what is held is, and what is held has no call to Stripe open.
"""

from collections.abc import Sequence
from datetime import datetime

from schemas import payouts as said
from services.payouts import states
from services.payouts.domain import PLATFORM, Decided, cover_of
from services.payouts.operators import asked_of
from services.payouts.records import Payout
from services.payouts.stops import is_decided
from services.runtime.decisions import Refused, Unchanged, conflict


def give_up(
    known: Payout | None, command: said.GiveUpPayout, stopped_by: Sequence[str], now: datetime
) -> Decided | Refused | Unchanged:
    """End a payout that waits for too long: it will never be made, and the ledger takes its money back.

    `stopped_by`: what keeps the milestone's released money from leaving, each `cause about`.
    """
    payout = asked_of(known, command, "gives a payout up")
    if isinstance(payout, Refused):
        return payout
    if payout.state == states.GIVEN_UP:
        return Unchanged(detail="this payout was given up already")
    target = payout.move(command.type_name)
    if target is None:
        return conflict(
            "payout_not_held", f"this payout is {payout.state}: only one that is held is given up", state=payout.state
        )
    if refused := _too_early(payout, stopped_by):
        return refused
    after = payout._replace(
        state=target,
        reason=command.reason,
        waits_for=None,
        held_since=None,
        overdue=False,
        given_up_by=command.actor.party_id,
        updated_at=now,
    )
    event = said.PayoutGivenUp(
        contract_id=payout.contract_id,
        milestone_id=payout.milestone_id,
        payout_id=payout.payout_id,
        release_id=payout.release_id,
        trainer_id=payout.trainer_id,
        amount_minor=payout.amount_minor,
        currency=payout.currency,
        given_up_by=command.actor.party_id,
        reason=command.reason,
    )
    return Decided(after, (event,))


def _too_early(payout: Payout, stopped_by: Sequence[str]) -> Refused | None:
    """Why a held payout is not an operator's to give up; None: it is."""
    if payout.waits_for in (PLATFORM, cover_of(payout.currency)):
        return conflict(
            "waits_for_balance", "the trainer can be paid: this waits for the platform's balance at Stripe, top it up"
        )
    if not payout.overdue:
        return conflict("payout_not_overdue", "this payout is not held for long: it may still go on by itself")
    if undecided := [stop for stop in stopped_by if not is_decided(stop)]:
        return conflict(
            "payment_in_question",
            f"the payment is looked into ({', '.join(undecided)}): what it ends in says whose the money is",
        )
    return None
