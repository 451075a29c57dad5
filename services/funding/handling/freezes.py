"""What freezes held money, and what lifts that: operators, Stripe's warnings and reviews."""

from schemas import funding as said
from schemas import stripe
from services.funding import freezes
from services.funding.handling.common import (
    FREEZES,
    HANDLERS,
    LEDGER,
    MILESTONES,
    apply_move,
    freezes_of,
    funding_of,
    held_of,
)
from services.funding.records import Moved
from services.funding.views import FreezeList, freeze_list
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(
    said.FreezeFunds,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def freeze_funds(ctx: Context, command: said.FreezeFunds) -> Outcome:
    """An operator, or reconciliation, freezes."""
    milestone = ctx.get(MILESTONES, command.milestone_id)
    refused = freezes.may_freeze(milestone, command)
    if refused is not None or milestone is None:
        return refused
    held_minor = held_of(ctx, milestone.milestone_id, milestone.currency)
    of_milestone = freezes_of(ctx, milestone.milestone_id)
    decided = freezes.freeze_by_operator(of_milestone, milestone, command, held_minor, ctx.now)
    return _answer(ctx, milestone.milestone_id, decided)


@HANDLERS.on(
    said.UnfreezeFunds,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def unfreeze_funds(ctx: Context, command: said.UnfreezeFunds) -> Outcome:
    """An operator lifts what is an operator's to lift."""
    milestone = ctx.get(MILESTONES, command.milestone_id)
    refused = freezes.may_freeze(milestone, command)
    if refused is not None or milestone is None:
        return refused
    held_minor = held_of(ctx, milestone.milestone_id, milestone.currency)
    of_milestone = freezes_of(ctx, milestone.milestone_id)
    return _answer(
        ctx, milestone.milestone_id, freezes.unfreeze_by_operator(of_milestone, command, held_minor, ctx.now)
    )


def _answer(ctx: Context, milestone_id: str, decided: Moved | Refused | Unchanged) -> Outcome:
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _shown(ctx, milestone_id), decided.detail)
    apply_move(ctx, decided)
    return Accepted(lambda: _shown(ctx, milestone_id))


def _shown(ctx: Context, milestone_id: str) -> FreezeList:
    return freeze_list(freezes_of(ctx, milestone_id))


@HANDLERS.on(
    stripe.EarlyFraudWarningRaised,
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def fraud_warning(ctx: Context, fact: stripe.EarlyFraudWarningRaised) -> Outcome:
    """The card's issuer suspects fraud: nothing is released until an operator, or the issuer, has decided."""
    funding = funding_of(ctx, fact.funding_id)
    held_minor = held_of(ctx, fact.milestone_id, funding.currency)
    of_milestone = freezes_of(ctx, fact.milestone_id)
    if fact.actionable:
        reason = f"The card's issuer suspects fraud ({fact.fraud_type}): refund it, or unfreeze it."
        made = freezes.freeze(
            of_milestone, fact.milestone_id, fact.contract_id, "fraud_warning", fact.warning_id, reason, held_minor,
            funding.currency, ctx.now,
        )  # fmt: skip
    else:
        reason = "The issuer's warning is settled."
        made = freezes.lift(of_milestone, [("fraud_warning", fact.warning_id)], reason, held_minor, ctx.now)
    apply_move(ctx, made)
    return None


@HANDLERS.on(
    stripe.ReviewChanged,
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def review_changed(ctx: Context, fact: stripe.ReviewChanged) -> Outcome:
    """Stripe's risk review: frozen while it is open."""
    funding = funding_of(ctx, fact.funding_id)
    held_minor = held_of(ctx, fact.milestone_id, funding.currency)
    of_milestone = freezes_of(ctx, fact.milestone_id)
    if fact.open:
        made = freezes.freeze(
            of_milestone, fact.milestone_id, fact.contract_id, "review", fact.review_id,
            f"Stripe reviews the payment ({fact.reason}).", held_minor, funding.currency, ctx.now,
        )  # fmt: skip
    else:
        reason = f"Stripe closed its review: {fact.reason}."
        made = freezes.lift(of_milestone, [("review", fact.review_id)], reason, held_minor, ctx.now)
    apply_move(ctx, made)
    return None
