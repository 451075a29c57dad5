"""Stripe's answers to a charge."""

import logging

from schemas import stripe
from schemas.base import Message
from services.funding import charge_answers, metrics, setting_aside, states, voiding
from services.funding.declines import Decline, explain
from services.funding.freezes import freeze
from services.funding.handling.common import (
    ATTEMPTS,
    FREEZES,
    FUNDINGS,
    HANDLERS,
    LEDGER,
    MILESTONES,
    REFUNDS,
    apply,
    apply_move,
    freezes_of,
    funding_of,
    held_of,
    posting_for,
)
from services.funding.handling.evidence import not_submitted
from services.funding.handling.refunds import not_made
from services.funding.records import Funding
from services.funding.settings import FundingSettings
from services.funding.standing import of_milestone, standing
from services.runtime.decisions import Outcome
from services.runtime.handlers import Context
from services.runtime.workspace import Load

LIFE = FundingSettings().authentication_life

logger = logging.getLogger(__name__)


@HANDLERS.on(
    stripe.PaymentIntentCreated,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
)
def intent_created(ctx: Context, fact: stripe.PaymentIntentCreated) -> Outcome:
    """Charge the chosen method; or cancel it, where the milestone was funded otherwise or cancelled meanwhile."""
    funding = funding_of(ctx, fact.funding_id)
    milestone = ctx.get(MILESTONES, funding.milestone_id)
    wanted = not _funded_otherwise(ctx, funding) and not (milestone is not None and milestone.cancelled)
    apply(ctx, charge_answers.intent_created(funding, fact, wanted=wanted))
    return None


@HANDLERS.on(
    stripe.PaymentIntentSucceeded,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(ATTEMPTS, "milestone_id", lambda m, _: m.milestone_id),
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
)
def charged(ctx: Context, fact: stripe.PaymentIntentSucceeded) -> Outcome:
    """Hold the money; or give it back at once, where the charge must not stand."""
    funding = funding_of(ctx, fact.funding_id)
    answered, posting = posting_for(ctx, funding, "charge_answered"), posting_for(ctx, funding, "charge_succeeded")
    last = _standing(ctx, funding)
    cause = voiding.must_not_stand(funding, fact, ctx.get(MILESTONES, funding.milestone_id), last)
    if cause is None:
        rival = last if last and last.funding_id != funding.funding_id and last.state in states.UNDER_WAY else None
        apply(ctx, charge_answers.charged(funding, fact, answered, posting, rival))
        return None
    held_minor = held_of(ctx, funding.milestone_id, fact.currency)
    void = voiding.void(funding, fact, cause, ctx.new_id("rfd"), held_minor, answered, posting)
    if void is not None:
        metrics.VOIDED_CHARGES.labels(cause).inc()
        logger.error(
            "%s of %s must not stand (%s): Stripe charged %s %s, asked were %s %s; it goes back whole",
            funding.funding_id, funding.milestone_id, cause, fact.charge_minor, fact.currency, funding.charge_minor,
            funding.currency,
        )  # fmt: skip
        apply(ctx, void)
    return None


@HANDLERS.on(
    stripe.ChargeConverted,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(ATTEMPTS, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def charge_converted(ctx: Context, fact: stripe.ChargeConverted) -> Outcome:
    """Set the money aside, and freeze the milestone until an operator has looked."""
    funding = funding_of(ctx, fact.funding_id)
    answered, posting = posting_for(ctx, funding, "charge_answered"), posting_for(ctx, funding, "charge_set_aside")
    decided = setting_aside.set_aside(funding, fact, answered, posting)
    if decided is None:
        return None
    logger.error(
        "%s of %s is set aside: %s %s were charged, and %s %s came to the balance",
        funding.funding_id, funding.milestone_id, fact.charge_minor, fact.currency, fact.settled_minor,
        fact.settled_currency,
    )  # fmt: skip
    apply(ctx, decided)
    held_minor = held_of(ctx, funding.milestone_id, funding.currency)
    freezes = freezes_of(ctx, funding.milestone_id)
    apply_move(
        ctx,
        freeze(
            freezes, funding.milestone_id, funding.contract_id, "reconciliation", fact.charge_id,
            setting_aside.why_frozen(fact), held_minor, funding.currency, ctx.now,
        ),
    )  # fmt: skip
    return None


@HANDLERS.on(
    stripe.PaymentIntentFailed,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(ATTEMPTS, "milestone_id", lambda m, _: m.milestone_id),
)
def declined(ctx: Context, fact: stripe.PaymentIntentFailed) -> Outcome:
    """Say why, and what helps."""
    decline = explain(fact.code, fact.decline_code, fact.advice_code)
    cancelled = fact.code == "payment_intent_canceled"
    _decline(ctx, fact, fact.funding_id, fact.attempt, decline, cancelled=cancelled)
    return None


@HANDLERS.on(stripe.PaymentIntentActionRequired, Load(FUNDINGS, "funding_id", lambda m, _: m.funding_id))
def action_required(ctx: Context, fact: stripe.PaymentIntentActionRequired) -> Outcome:
    """Show the employer the way to the bank's page."""
    apply(ctx, charge_answers.action_required(funding_of(ctx, fact.funding_id), fact, ctx.now, LIFE))
    return None


@HANDLERS.on(
    stripe.PaymentIntentCanceled,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(ATTEMPTS, "milestone_id", lambda m, _: m.milestone_id),
)
def canceled(ctx: Context, fact: stripe.PaymentIntentCanceled) -> Outcome:
    """Nobody pays it any more: the next try begins an intent of its own."""
    funding = funding_of(ctx, fact.funding_id)
    decline = charge_answers.why_canceled(funding, fact)
    _decline(ctx, fact, funding.funding_id, funding.attempt, decline, cancelled=True)
    return None


_CHARGING = (stripe.CreatePaymentIntent.type_name, stripe.ConfirmPaymentIntent.type_name)


@HANDLERS.on(stripe.CallRefused, Load(FUNDINGS, "funding_id", lambda m, _: m.about))
def call_refused(ctx: Context, fact: stripe.CallRefused) -> Outcome:
    """Stripe did not take the call: an operator sees the open item. Nothing moved at Stripe."""
    if fact.command_type in _CHARGING and (funding := ctx.get(FUNDINGS, fact.about)) is not None:
        _decline(ctx, fact, funding.funding_id, funding.attempt, explain("call_refused"))
    elif fact.command_type == stripe.CreateRefund.type_name and (refund := ctx.get(REFUNDS, fact.about)) is not None:
        not_made(ctx, refund, fact.code or "call_refused", fact.message)
    elif fact.command_type == stripe.SubmitDisputeEvidence.type_name:
        not_submitted(ctx, fact)
    return None


def _decline(
    ctx: Context, fact: Message, funding_id: str, attempt: int, decline: Decline, *, cancelled: bool = False
) -> None:
    funding = funding_of(ctx, funding_id)
    answered = posting_for(ctx, funding, "charge_answered")
    quiet = _funded_otherwise(ctx, funding)
    apply(
        ctx,
        charge_answers.declined(funding, fact.type_name, attempt, decline, answered, cancelled=cancelled, quiet=quiet),
    )


def _standing(ctx: Context, funding: Funding) -> Funding | None:
    return standing(of_milestone(ctx.find(FUNDINGS, "contract_id", funding.contract_id), funding.milestone_id))


def _funded_otherwise(ctx: Context, funding: Funding) -> bool:
    """Another charge of the milestone stands."""
    last = _standing(ctx, funding)
    return last is not None and last.funding_id != funding.funding_id and last.state in states.WITH_MONEY
