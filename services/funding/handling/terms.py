"""The terms of milestones, from contracts."""

from schemas.contracts import MilestoneAdded, MilestoneAmended, MilestoneCancelled
from services.funding import charging, refunds, states
from services.funding.handling.charges import begin, not_begun
from services.funding.handling.common import (
    FUNDINGS,
    HANDLERS,
    MILESTONES,
    RULES,
    apply_move,
    money_of,
    posting_for,
)
from services.funding.records import Milestone
from services.funding.standing import of_milestone, standing
from services.runtime.decisions import Outcome, Refused
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(MilestoneAdded, Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id))
def milestone_added(ctx: Context, added: MilestoneAdded) -> Outcome:
    """Remember the terms; the hire may ask to fund at once."""
    milestone = Milestone(
        added.milestone_id, added.contract_id, added.employer_id, added.trainer_id, added.number, added.description,
        added.amount_minor, added.currency, cancelled=False,
    )  # fmt: skip
    if ctx.get(MILESTONES, milestone.milestone_id) is None:
        ctx.put(MILESTONES, milestone)
    if not added.fund:
        return None
    outcome = begin(ctx, milestone, None, added.type_name)
    if isinstance(outcome, Refused):
        # The hire stands, its money does not: everybody sees why. No attempt was made, so its number is 0.
        ctx.emit(not_begun(milestone, outcome))
    return None


@HANDLERS.on(MilestoneAmended, Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id))
def milestone_amended(ctx: Context, amended: MilestoneAmended) -> Outcome:
    """New terms: the next charge uses them."""
    if (milestone := ctx.get(MILESTONES, amended.milestone_id)) is not None:
        terms = milestone._replace(description=amended.description, amount_minor=amended.amount_minor)
        ctx.put(MILESTONES, terms)
    return None


@HANDLERS.on(
    MilestoneCancelled,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
)
def milestone_cancelled(ctx: Context, cancelled: MilestoneCancelled) -> Outcome:
    """It cannot be funded any more; a charge that is under way is stopped, one that came in goes back whole."""
    milestone = ctx.get(MILESTONES, cancelled.milestone_id)
    if milestone is None or milestone.cancelled:
        return None
    ctx.put(MILESTONES, milestone._replace(cancelled=True))
    last = standing(of_milestone(ctx.find(FUNDINGS, "contract_id", cancelled.contract_id), cancelled.milestone_id))
    if last is not None and last.state in states.UNDER_WAY and last.payment_intent_id is not None:
        ctx.emit(charging.cancel(last, "requested_by_customer"))
    money = money_of(ctx, cancelled.contract_id, cancelled.milestone_id)
    if money is not None and money.held_minor > 0:
        refund_id, posting = ctx.new_id("rfd"), posting_for(ctx, money.funding, "refund_requested")
        reason = "The milestone was cancelled."
        apply_move(
            ctx,
            refunds.ask(
                money, money.held_minor, "milestone_cancelled", refunds.OURS, reason, refund_id, RULES,
                cancelled.type_name, posting, with_all_fees=True,
            ),
        )  # fmt: skip
    return None
