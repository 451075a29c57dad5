"""What everybody sees of a milestone, read off what is known of it. Pure.

Facts of one service come in order, those of two do not. So each thing that is known is moved by one service alone (the
review by `approvals`, the charge, the refunds, the chargebacks and the freezes by `funding`), or is a sum to which both
sides of an agreement add in any order (what is decided, and what the ledger answered). The status follows from them
all: whatever order they came in, it ends the same.
"""

from collections.abc import Iterable

from services.contracts import states
from services.contracts.records import Milestone

BANK = ("card_dispute", "card_inquiry")
"""Freezes that everybody sees as a dispute: the employer's bank asks for the money."""

PARTIES = "party_dispute"
"""A freeze that the review says as well, and says first."""
NEVER_HELD = frozenset({"duplicate_charge", "amount_mismatch"})
"""Causes of a refund whose charge was never held: it counts in no sum."""

PENDING = "pending"
MADE = "made"
OWED = "owed"
OPEN = "open"
LOST = "lost"
VOID = "void"


def charge_state(milestone: Milestone) -> str:
    """How far the charge is: what is shown may say more of it."""
    shown = milestone.funding_state
    return shown if shown in states.FUNDING.states else states.FUNDED


def status(milestone: Milestone) -> str:
    """The status that everybody sees."""
    charged = charge_state(milestone) == states.FUNDED
    if not charged and milestone.review == states.NONE:
        return states.CANCELLED if milestone.status == states.CANCELLED else states.NOT_FUNDED
    if milestone.review == states.DISPUTED or _bank_asks(milestone):
        return states.IN_DISPUTE
    decided_minor = milestone.released_minor + milestone.unsettled_minor
    if milestone.uncommitted_minor > 0:
        return states.PENDING_APPROVAL if milestone.review == states.REQUESTED else states.ACTIVE_FUNDED
    if decided_minor <= 0 and milestone.held_minor == 0 and _gone_back(milestone):
        return states.REFUNDED
    if milestone.review == states.REQUESTED:
        return states.PENDING_APPROVAL
    return states.PAID if decided_minor > 0 else states.ACTIVE_FUNDED


def funding_state(milestone: Milestone, charge: str) -> str:
    """How the employer's money stands. `charge`: how far the charge is."""
    if charge != states.FUNDED:
        return charge
    if milestone.chargebacks:
        return states.CHARGED_BACK
    found = _refunds(milestone)
    if PENDING in found or OWED in found:
        return states.REFUND_PENDING
    if MADE in found and milestone.held_minor == 0 and milestone.released_minor == 0:
        return states.MONEY_REFUNDED
    return states.FUNDED


def is_frozen(milestone: Milestone) -> bool:
    """Whether what is held may not be released now."""
    return bool(milestone.freezes) or milestone.review == states.DISPUTED or OPEN in _outcomes(milestone)


def refunded_minor(milestone: Milestone) -> int:
    """What went back to the employer or is on its way there; minor units of the work, without fees."""
    return sum(of["minor"] for of in milestone.refunds.values())


def charged_back_minor(milestone: Milestone) -> int:
    """What the employer's bank took of the work's money, and did not give back; minor units."""
    return sum(of["minor"] for of in milestone.chargebacks.values())


def _bank_asks(milestone: Milestone) -> bool:
    return any(freeze.startswith(BANK) for freeze in milestone.freezes) or OPEN in _outcomes(milestone)


def _gone_back(milestone: Milestone) -> bool:
    """Nothing is on its way any more, and something arrived, or is owed: an operator pays that otherwise."""
    found = _refunds(milestone)
    return PENDING not in found and (bool(found) or LOST in _outcomes(milestone))


def _refunds(milestone: Milestone) -> set[str]:
    return {of["state"] for of in milestone.refunds.values()} - {VOID}


def _outcomes(milestone: Milestone) -> Iterable[str]:
    return {of["state"] for of in milestone.chargebacks.values()}
