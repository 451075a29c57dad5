"""What is told of a refund. Pure.

A refund is of the milestone's own money (`refund_requested`, `milestone_refunded`, `refund_failed`: its sums are the
milestone's) or of the platform's (`platform_refund_...`), or, where the trainer made good a part of that, of both: then
each part has its event.
"""

from typing import Any

from schemas import funding as said
from schemas.base import Message
from services.funding import states
from services.funding.records import Refund


def requested(refund: Refund, still_held_minor: int) -> said.RefundRequested:
    """Money of the milestone is the employer's now."""
    return said.RefundRequested(
        **_about(refund),
        amount_minor=refund.amount_minor,
        fees_minor=refund.fees_minor,
        still_held_minor=still_held_minor,
        cause=refund.cause,
        requested_by=refund.requested_by,
        reason=refund.reason,
    )


def from_platform(refund: Refund) -> said.PlatformRefundRequested:
    """Money of the platform's own is the employer's now."""
    return said.PlatformRefundRequested(
        **_about(refund),
        lost_minor=refund.lost_minor,
        fees_minor=refund.fees_minor,
        decided_by=refund.requested_by,
        reason=refund.reason,
    )


def made_good(refund: Refund, held_minor: int) -> tuple[Message, ...]:
    """A part of it, or all, is of the milestone's own money now: what is so of that, told from the beginning."""
    asked = requested(refund, held_minor)
    match refund.state:
        case states.MADE | states.BY_HAND:
            return asked, _refunded(refund, held_minor, by_hand=refund.state == states.BY_HAND)
        case states.OWED:
            return asked, _refund_failed(refund, held_minor, owed=True, code=refund.code or "failed", message="")
        case _:
            return (asked,)


def made(refund: Refund, held_minor: int, *, by_hand: bool = False) -> tuple[Message, ...]:
    """It reached the employer. Nothing, where no money of the milestone or of the platform was in it."""
    told: list[Message] = []
    if refund.amount_minor:
        told.append(_refunded(refund, held_minor, by_hand=by_hand))
    if refund.lost_minor:
        told.append(said.PlatformRefundMade(**_about(refund), lost_minor=refund.lost_minor, by_hand=by_hand))
    return tuple(told)


def failed(refund: Refund, held_minor: int, *, owed: bool, code: str, message: str = "") -> tuple[Message, ...]:
    """It did not reach the employer. `owed`: an operator pays it otherwise; else it is as if it was never asked for."""
    told: list[Message] = []
    if refund.amount_minor:
        told.append(_refund_failed(refund, held_minor, owed=owed, code=code, message=message))
    if refund.lost_minor:
        reason = _why(_OWED if owed else "Stripe did not make the refund; the platform lost nothing.", message)
        told.append(
            said.PlatformRefundFailed(
                **_about(refund), lost_minor=refund.lost_minor, owed=owed, code=code, reason=reason
            )
        )
    return tuple(told)


_OWED = (
    "The card did not take the refund; it is owed to the employer. An operator pays it by another way and records it."
)


def _refunded(refund: Refund, held_minor: int, *, by_hand: bool) -> said.MilestoneRefunded:
    return said.MilestoneRefunded(
        **_about(refund),
        amount_minor=refund.amount_minor,
        fees_minor=refund.fees_minor,
        still_held_minor=held_minor,
        by_hand=by_hand,
    )


def _refund_failed(refund: Refund, held_minor: int, *, owed: bool, code: str, message: str) -> said.RefundFailed:
    return said.RefundFailed(
        **_about(refund),
        amount_minor=refund.amount_minor,
        held_minor=held_minor,
        owed=owed,
        code=code,
        reason=_why(_OWED if owed else "Stripe did not make the refund; the money is held again.", message),
        cause=refund.cause,
    )


def _why(what: str, message: str) -> str:
    return f"{what} Stripe says: {message}" if message else what


def _about(refund: Refund) -> dict[str, Any]:
    return {
        "contract_id": refund.contract_id,
        "milestone_id": refund.milestone_id,
        "refund_id": refund.refund_id,
        "funding_id": refund.funding_id,
        "employer_id": refund.employer_id,
        "trainer_id": refund.trainer_id,
        "refund_minor": refund.refund_minor,
        "currency": refund.currency,
    }
