"""What funding says may have a deadline: its timer is set in the same transaction, whoever said it."""

from collections.abc import Callable, Iterable
from datetime import datetime, timedelta
from typing import Any

from schemas import funding as said
from schemas.base import Message
from services.funding import holding, tables
from services.funding.holding import HoldLimit
from services.funding.settings import FundingSettings
from services.runtime.bulk import Entity
from services.runtime.handlers import Context

HOLD_LIMITS = Entity(tables.hold_limits, HoldLimit)
POLICY = FundingSettings().hold_policy()


def watch(ctx: Context, messages: Iterable[Message]) -> None:
    """Set the timers of what is being said."""
    for message in messages:
        if (set_timer := _TIMERS.get(type(message))) is not None:
            set_timer(ctx, message)


def _authentication(ctx: Context, message: said.FundingActionRequired) -> None:
    expire = said.ExpireAuthentication(
        contract_id=message.contract_id, milestone_id=message.milestone_id, funding_id=message.funding_id,
        attempt=message.attempt,
    )  # fmt: skip
    ctx.at(message.expires_at, expire)


def _held(ctx: Context, message: said.MilestoneFunded) -> None:
    limit = holding.begin(message, ctx.now, POLICY)
    ctx.put(HOLD_LIMITS, limit)
    check_at(ctx, holding.next_check(limit, ctx.now, POLICY), limit)


def _held_again(ctx: Context, message: said.FundsReturned | said.ReleaseGivenUp | said.ChargebackReversed) -> None:
    _check_again(ctx, message.milestone_id, ctx.now)


def _refund_failed(ctx: Context, message: said.RefundFailed) -> None:
    # Not at once: Stripe would be asked for the same refund again and again.
    _check_again(ctx, message.milestone_id, ctx.now + timedelta(days=1))


_TIMERS: dict[type[Message], Callable[[Context, Any], None]] = {
    said.FundingActionRequired: _authentication,
    said.MilestoneFunded: _held,
    said.FundsReturned: _held_again,
    said.ReleaseGivenUp: _held_again,
    said.ChargebackReversed: _held_again,
    said.RefundFailed: _refund_failed,
}


def _check_again(ctx: Context, milestone_id: str, at: datetime) -> None:
    limit = holding.latest(ctx.find(HOLD_LIMITS, "milestone_id", milestone_id))
    if limit is not None:
        check_at(ctx, at, limit)


def check_at(ctx: Context, at: datetime, limit: HoldLimit) -> None:
    """Look at what is held then, in place of the look that is set."""
    ctx.at(at, said.CheckHoldLimit(contract_id=limit.contract_id, milestone_id=limit.milestone_id))
