"""Taking a transfer back from the trainer's account (DOMAIN.md 2: only an operator, with a reason). Pure.

What is asked counts at once: two reversals together are never more than was transferred. A reversal that was made at
Stripe by hand counts like our own. What Stripe refuses (the trainer's balance does not cover it) stays as an open item.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas import payouts as said
from schemas import stripe
from schemas.base import Message
from schemas.money import show
from services.payouts import states
from services.payouts.operators import asked_of
from services.payouts.records import Payout, Reversal
from services.runtime.decisions import Refused, Unchanged, conflict, invalid

ASKED = "asked"
MADE = "made"
REFUSED = "refused"
BY_HAND = "it was reversed at Stripe by hand"


@dataclass(frozen=True, slots=True)
class Reversed:
    """What a decision about a reversal changes and says."""

    payout: Payout
    said: tuple[Message, ...]
    reversal: Reversal | None = None


def reverse(
    known: Payout | None, command: said.ReversePayout, reversal_id: str, now: datetime
) -> Reversed | Refused | Unchanged:
    """Ask Stripe to take back a part of a transfer, or all that is left of it."""
    payout = _asked_of(known, command)
    if isinstance(payout, Refused):
        return payout
    target = payout.move(command.type_name)
    if target is None or payout.transfer_id is None:
        if payout.state == states.REVERSED and command.amount_minor is None:
            return Unchanged(detail="all of it was reversed already")
        return conflict("payout_not_reversible", f"this payout is {payout.state}: nothing of it is with the trainer")
    if payout.left_minor == 0 and command.amount_minor is None:
        return Unchanged(detail="the reversal of all that is left is under way")
    amount_minor = command.amount_minor or payout.left_minor
    if amount_minor > payout.left_minor:
        left, asked = show(payout.left_minor, payout.currency), show(amount_minor, payout.currency)
        return conflict(
            "more_than_left",
            f"amount: {left} of this payout is left to reverse, {asked} was asked for; give at most {left}",
            left={"amount_minor": payout.left_minor, "currency": payout.currency},
        )
    reversal = Reversal(
        reversal_id, payout.payout_id, payout.contract_id, amount_minor, command.reason, command.actor.party_id, ASKED,
        None, None, now, None,
    )  # fmt: skip
    call = stripe.ReverseTransfer(
        contract_id=payout.contract_id,
        milestone_id=payout.milestone_id,
        payout_id=payout.payout_id,
        reversal_id=reversal_id,
        transfer_id=payout.transfer_id,
        amount_minor=amount_minor,
        currency=payout.currency,
    )
    after = payout._replace(state=target, reversing_minor=payout.reversing_minor + amount_minor, updated_at=now)
    return Reversed(after, (call,), reversal)


def _asked_of(payout: Payout | None, command: said.ReversePayout) -> Payout | Refused:
    found = asked_of(payout, command, "reverses a payout")
    if isinstance(found, Payout) and command.currency not in (None, found.currency):
        return invalid("currency_mismatch", f"amount.currency: this payout is in {found.currency}")
    return found


def reversed_(payout: Payout, asked: Reversal | None, fact: stripe.TransferReversed, now: datetime) -> Reversed | None:
    """Money came back. `asked`: our own reversal, None for one made by hand. None: that is known.

    Raises ValueError when Stripe took back more than it transferred.
    """
    if fact.reversed_minor > payout.amount_minor or fact.currency != payout.currency:
        raise ValueError(
            f"{payout.payout_id}: Stripe reversed {fact.reversed_minor} {fact.currency}, transferred were "
            f"{payout.amount_minor} {payout.currency}"
        )
    known = asked.state == MADE if asked else fact.reversed_minor <= payout.reversed_minor
    if known:
        return None
    # The gateway counts reversals one by one, so the total never falls.
    total_minor = max(payout.reversed_minor, fact.reversed_minor)
    whole = total_minor == payout.amount_minor
    waiting_minor = asked.amount_minor if asked and asked.state == ASKED else 0
    after = payout._replace(
        state=payout.move(fact.type_name, states.WHOLE if whole else states.PART) or payout.state,
        reversed_minor=total_minor,
        reversing_minor=payout.reversing_minor - waiting_minor,
        updated_at=now,
    )
    event = said.PayoutReversed(
        contract_id=payout.contract_id,
        milestone_id=payout.milestone_id,
        payout_id=payout.payout_id,
        trainer_id=payout.trainer_id,
        amount_minor=fact.amount_minor,
        reversed_minor=total_minor,
        currency=payout.currency,
        transfer_id=fact.transfer_id,
        whole=whole,
        reason=asked.reason if asked else BY_HAND,
    )
    made = asked or Reversal(
        f"{fact.transfer_id}.{total_minor}", payout.payout_id, payout.contract_id, fact.amount_minor, BY_HAND, "stripe",
        ASKED, None, None, now, None,
    )  # fmt: skip
    return Reversed(after, (event,), made._replace(state=MADE, amount_minor=fact.amount_minor, ended_at=now))


def not_reversed(payout: Payout, asked: Reversal, code: str, message: str, now: datetime) -> Reversed | None:
    """Stripe did not take it back: an open item. None: that is known."""
    if asked.state != ASKED:
        return None
    amount = show(asked.amount_minor, payout.currency)
    why = message or code.replace("_", " ")
    event = said.PayoutReversalFailed(
        contract_id=payout.contract_id,
        milestone_id=payout.milestone_id,
        payout_id=payout.payout_id,
        trainer_id=payout.trainer_id,
        amount_minor=asked.amount_minor,
        currency=payout.currency,
        transfer_id=payout.transfer_id or "",
        code=code,
        reason=f"{amount} could not be taken back from the trainer's account ({why}). Try again when the trainer's "
        f"balance covers it, or settle it with the trainer; until then it is the platform's loss",
    )
    after = payout._replace(reversing_minor=payout.reversing_minor - asked.amount_minor, updated_at=now)
    return Reversed(after, (event,), asked._replace(state=REFUSED, code=code, detail=message or None, ended_at=now))


def of_payout(reversals: Sequence[Reversal]) -> list[Reversal]:
    """The oldest first."""
    return sorted(reversals, key=lambda of: (of.asked_at, of.reversal_id))
