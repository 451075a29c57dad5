"""Disputes: at the bank, and between the parties."""

from schemas import stripe
from schemas.approvals import DisputeResolved, DisputeStopped, MilestoneDisputed
from services.funding import card_disputes, freezes, settlements
from services.funding.freezes import FreezeReason
from services.funding.handling.common import (
    DISPUTES,
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
    held_of,
    money_of,
)
from services.runtime.decisions import Outcome
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(
    stripe.ChargeDisputeChanged,
    Load(DISPUTES, "dispute_id", lambda m, _: m.dispute_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
)
def charge_dispute_changed(ctx: Context, fact: stripe.ChargeDisputeChanged) -> Outcome:
    """The bank decides: freeze, book what it takes and gives back, say how it ended."""
    money = money_of(ctx, fact.contract_id, fact.milestone_id)
    known = ctx.get(DISPUTES, fact.dispute_id)
    posting = frame(ctx, "funds_withdrawn", fact.milestone_id, fact.contract_id, fact.currency)
    of_milestone = freezes_of(ctx, fact.milestone_id)
    apply_move(ctx, card_disputes.changed(known, money, of_milestone, fact, ctx.new_id("rel"), posting))
    return None


@HANDLERS.on(
    MilestoneDisputed,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def milestone_disputed(ctx: Context, fact: MilestoneDisputed) -> Outcome:
    """A party disputes: what is held freezes."""
    milestone = ctx.get(MILESTONES, fact.milestone_id)
    if milestone is None:
        # It was funded, so it must be here.
        raise LookupError(f"{fact.milestone_id} is disputed, which is not in the database")
    held_minor = held_of(ctx, fact.milestone_id, milestone.currency)
    apply_move(
        ctx,
        freezes.freeze(
            freezes_of(ctx, fact.milestone_id), fact.milestone_id, fact.contract_id, "party_dispute", fact.dispute_id,
            fact.reason, held_minor, milestone.currency, ctx.now,
        ),
    )  # fmt: skip
    return None


@HANDLERS.on(
    DisputeResolved,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
)
def dispute_resolved(ctx: Context, fact: DisputeResolved) -> Outcome:
    """One part to the trainer, the other to the employer: both or neither."""
    money = money_of(ctx, fact.contract_id, fact.milestone_id)
    posting = frame(ctx, "funds_released", fact.milestone_id, fact.contract_id, fact.currency)
    of_milestone = freezes_of(ctx, fact.milestone_id)
    apply_move(ctx, settlements.settle(money, of_milestone, fact, ctx.new_id("rfd"), RULES, posting))
    return None


@HANDLERS.on(
    DisputeStopped,
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def dispute_stopped(ctx: Context, fact: DisputeStopped) -> Outcome:
    """It ends undecided: its freeze is lifted, the bank's own holds on."""
    of_milestone = freezes_of(ctx, fact.milestone_id)
    currency = of_milestone[0].currency if of_milestone else ""
    held_minor = held_of(ctx, fact.milestone_id, currency)
    which: list[FreezeReason] = [("party_dispute", fact.dispute_id)]
    apply_move(ctx, freezes.lift(of_milestone, which, fact.reason, held_minor, ctx.now))
    return None
