"""Moments that funding set itself."""

from schemas import funding as said
from services.funding import expiry, holding
from services.funding.handling import watching
from services.funding.handling.common import FUNDINGS, HANDLERS, LEDGER, held_of
from services.funding.handling.watching import HOLD_LIMITS, check_at
from services.runtime.decisions import Outcome, Unchanged
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(said.ExpireAuthentication, Load(FUNDINGS, "funding_id", lambda m, _: m.funding_id))
def expire_authentication(ctx: Context, command: said.ExpireAuthentication) -> Outcome:
    """Nobody came: the charge is given up."""
    decided = expiry.expire(ctx.get(FUNDINGS, command.funding_id), command, ctx.now)
    if isinstance(decided, Unchanged):
        return decided
    ctx.emit(decided)
    return None


@HANDLERS.on(
    said.CheckHoldLimit,
    Load(HOLD_LIMITS, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def check_hold_limit(ctx: Context, command: said.CheckHoldLimit) -> Outcome:
    """Warn, ask an operator to decide, or decide by the rule."""
    limit = holding.latest(ctx.find(HOLD_LIMITS, "milestone_id", command.milestone_id))
    if limit is None:
        return Unchanged(detail="nothing was ever held for this milestone")
    held_minor = held_of(ctx, command.milestone_id, limit.currency)
    checked = holding.check(limit, held_minor, ctx.now, watching.POLICY)
    if checked is None:
        return Unchanged(detail="nothing is held for this milestone any more")
    ctx.put(HOLD_LIMITS, checked.limit)
    ctx.emit(*checked.said)
    check_at(ctx, checked.again, limit)
    return None
