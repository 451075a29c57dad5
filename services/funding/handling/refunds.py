"""Giving money back, and what Stripe says became of it."""

import logging
from collections.abc import Callable, Sequence
from typing import Any, TypeVar

from schemas import funding as said
from schemas import stripe
from services.funding import platform_refunds, refunds, setting_aside, states
from services.funding.fees import FeeRule
from services.funding.freezes import freeze, holding
from services.funding.handling.common import (
    CONVERTED_REFUNDS,
    FREEZES,
    FUNDINGS,
    HANDLERS,
    LEDGER,
    MILESTONES,
    REFUNDS,
    RULES,
    apply_move,
    frame,
    freezes_of,
    funding_of,
    held_of,
    money_of,
)
from services.funding.ledger import Posting, of_currency, owed_minor
from services.funding.records import Freeze, Milestone, Moved, Refund
from services.funding.standing import Money
from services.funding.views import RefundView, refund_view
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context
from services.runtime.workspace import Load

logger = logging.getLogger(__name__)

C = TypeVar("C", said.RefundMilestone, said.RefundFromPlatform)


_MONEY_OF_MILESTONE: tuple[Load[Any], ...] = (
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
)


@HANDLERS.on(said.RefundMilestone, *_MONEY_OF_MILESTONE)
def refund_milestone(ctx: Context, command: said.RefundMilestone) -> Outcome:
    """Give held money back to the employer."""
    return _asked(ctx, command, refunds.may_refund, refunds.request)


@HANDLERS.on(said.RefundFromPlatform, *_MONEY_OF_MILESTONE)
def refund_from_platform(ctx: Context, command: said.RefundFromPlatform) -> Outcome:
    """Give the employer, of the platform's own, what the trainer has."""
    return _asked(ctx, command, platform_refunds.may, platform_refunds.request)


def _asked(
    ctx: Context,
    command: C,
    may: Callable[[Milestone | None, C], Refused | None],
    request: Callable[
        [Money | None, Sequence[Freeze], C, str, Sequence[FeeRule], Posting], Moved | Refused | Unchanged
    ],
) -> Outcome:
    milestone = ctx.get(MILESTONES, command.milestone_id)
    refused = may(milestone, command)
    if refused is not None or milestone is None:
        return refused
    money = money_of(ctx, milestone.contract_id, milestone.milestone_id)
    refund_id = ctx.new_id("rfd")
    posting = frame(ctx, "refund_requested", milestone.milestone_id, milestone.contract_id, milestone.currency)
    freezes = holding(freezes_of(ctx, milestone.milestone_id))
    return _answer(ctx, milestone.milestone_id, request(money, freezes, command, refund_id, RULES, posting))


def _answer(ctx: Context, milestone_id: str, decided: Moved | Refused | Unchanged) -> Outcome:
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _latest(ctx, milestone_id), decided.detail)
    if isinstance(decided, Refused):
        return decided
    apply_move(ctx, decided)
    return Accepted(lambda: refund_view(decided.refunds[0]))


@HANDLERS.on(
    said.RecordManualRefund,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def record_manual_refund(ctx: Context, command: said.RecordManualRefund) -> Outcome:
    """An operator paid by other means what a failed refund left owed."""
    refund = ctx.get(REFUNDS, command.refund_id)
    refused = refunds.may_settle(ctx.get(MILESTONES, command.milestone_id), refund, command)
    if refused is not None or refund is None:
        return refused
    posting = _of_refund(ctx, refund)
    decided = refunds.paid_by_hand(refund, held_of(ctx, refund.milestone_id, refund.currency), command, posting)
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: refund_view(refund), decided.detail)
    if isinstance(decided, Refused):
        return decided
    apply_move(ctx, decided)
    return Accepted(lambda: refund_view(decided.refunds[0]))


@HANDLERS.on(
    stripe.RefundChanged,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def refund_changed(ctx: Context, fact: stripe.RefundChanged) -> Outcome:
    """Book what moved at Stripe."""
    of_milestone = ctx.find(REFUNDS, "milestone_id", fact.milestone_id)
    known = next(
        (r for r in of_milestone if r.refund_id == fact.refund_id or r.stripe_refund_id == fact.stripe_refund_id), None
    )
    if known is None and fact.refund_id is not None:
        # We asked for it, so it must be here: what is about nothing is not dropped but parked.
        raise LookupError(f"Stripe tells of refund {fact.refund_id}, which is not in the database")
    if known is not None and known.state != states.REFUSED:
        held_minor = held_of(ctx, known.milestone_id, known.currency)
        apply_move(ctx, refunds.changed(known, held_minor, fact, _of_refund(ctx, known)))
        return None
    funding = funding_of(ctx, fact.funding_id)
    refund_id = known.refund_id if known else ctx.new_id("rfd")
    reason = "Refunded at Stripe."
    row = refunds.begun(funding, refund_id, 0, 0, "made_at_stripe", "stripe", reason, ctx.now)
    money = money_of(ctx, fact.contract_id, fact.milestone_id)
    posting = frame(ctx, "refund_requested", fact.milestone_id, fact.contract_id, fact.currency)
    made = refunds.made_at_stripe(known, money, fact, row, posting)
    if made is not None:
        logger.error(
            "%s of %s %s for %s was made at Stripe by hand; booked as far as it is covered",
            fact.stripe_refund_id, fact.amount_minor, fact.currency, fact.milestone_id,
        )  # fmt: skip
        apply_move(ctx, made)
        # Something happened past us: nothing is released until an operator has looked.
        held_minor = held_of(ctx, fact.milestone_id, fact.currency)
        apply_move(
            ctx,
            freeze(
                freezes_of(ctx, fact.milestone_id), fact.milestone_id, fact.contract_id, "reconciliation",
                fact.stripe_refund_id, "A refund was made at Stripe by hand.", held_minor, fact.currency, ctx.now,
            ),
        )  # fmt: skip
    return None


@HANDLERS.on(
    stripe.ConvertedRefundChanged,
    Load(FUNDINGS, "funding_id", lambda m, _: m.funding_id),
    Load(CONVERTED_REFUNDS, "funding_id", lambda m, _: m.funding_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def converted_refund_changed(ctx: Context, fact: stripe.ConvertedRefundChanged) -> Outcome:
    """A charge that was set aside is given back, at Stripe by hand."""
    funding = funding_of(ctx, fact.funding_id)
    entries = of_currency(ctx.find(LEDGER, "milestone_id", fact.milestone_id), fact.settled_currency)
    posting = frame(ctx, "set_aside_refunded", fact.milestone_id, fact.contract_id, fact.settled_currency)
    known = ctx.find(CONVERTED_REFUNDS, "funding_id", fact.funding_id)
    given = setting_aside.given_back(funding, known, owed_minor(entries, "set_aside"), fact, posting)
    if given is not None:
        ctx.put(CONVERTED_REFUNDS, given.refund)
        for entry in given.entries:
            ctx.put(LEDGER, entry)
    return None


@HANDLERS.on(
    stripe.RefundRefused,
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def refund_refused(ctx: Context, fact: stripe.RefundRefused) -> Outcome:
    """Stripe did not make it: the matter is closed with the reason, nobody tries it again by itself."""
    refund = ctx.get(REFUNDS, fact.refund_id)
    if refund is None:
        raise LookupError(f"Stripe refused refund {fact.refund_id}, which is not in the database")
    not_made(ctx, refund, fact.code, fact.message)
    return None


def not_made(ctx: Context, refund: Refund, code: str, message: str) -> None:
    """Nothing moved at Stripe: held again, or, where it must not be held, owed."""
    money = money_of(ctx, refund.contract_id, refund.milestone_id)
    apply_move(ctx, refunds.refused(refund, money, code, message, _of_refund(ctx, refund)))


def _of_refund(ctx: Context, refund: Refund) -> Posting:
    return frame(ctx, "refund_requested", refund.milestone_id, refund.contract_id, refund.currency)


def _latest(ctx: Context, milestone_id: str) -> RefundView | None:
    of_milestone = [r for r in ctx.find(REFUNDS, "milestone_id", milestone_id) if r.state != states.REFUSED]
    latest = max(of_milestone, key=lambda refund: (refund.requested_at, refund.refund_id), default=None)
    return refund_view(latest) if latest else None
