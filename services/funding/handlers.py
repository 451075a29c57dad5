"""Which message goes to which decision of funding."""

import logging
from dataclasses import replace

from schemas import funding as said
from schemas import stripe
from schemas.approvals import MilestoneApproved
from schemas.base import Message
from schemas.contracts import MilestoneAdded, MilestoneAmended, MilestoneCancelled
from services.funding import domain, payment_methods, states, tables
from services.funding.declines import Decline, explain
from services.funding.domain import Attempt, Decided, Funding, Milestone, PaymentMethod
from services.funding.fees import fees_for
from services.funding.ledger import Entry, Kind, Posting, transfer_made
from services.funding.settings import FundingSettings
from services.funding.views import FundingView, MethodView, funding_view, method_view
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Load, Workspace

logger = logging.getLogger(__name__)

HANDLERS = Handlers()

MILESTONES = Entity(tables.milestones, Milestone)
FUNDINGS = Entity(tables.fundings, Funding)
ATTEMPTS = Entity(tables.funding_attempts, Attempt)
METHODS = Entity(tables.payment_methods, PaymentMethod)
LEDGER = Entity(tables.ledger_entries, Entry)

_RULES = FundingSettings().fee_rules()


# -- the terms, from contracts -----------------------------------------------------------------------------


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
    outcome = _fund(ctx, milestone, None, added.type_name)
    if isinstance(outcome, Refused):
        # The hire stands, its money does not: everybody sees why. No attempt was made, so its number is 0.
        ctx.emit(_not_begun(milestone, outcome))
    return None


@HANDLERS.on(MilestoneAmended, Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id))
def milestone_amended(ctx: Context, amended: MilestoneAmended) -> Outcome:
    """New terms: the next charge uses them."""
    if (milestone := ctx.get(MILESTONES, amended.milestone_id)) is not None:
        terms = replace(milestone, description=amended.description, amount_minor=amended.amount_minor)
        ctx.put(MILESTONES, terms)
    return None


@HANDLERS.on(MilestoneCancelled, Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id))
def milestone_cancelled(ctx: Context, cancelled: MilestoneCancelled) -> Outcome:
    """It cannot be funded any more."""
    if (milestone := ctx.get(MILESTONES, cancelled.milestone_id)) is not None:
        ctx.put(MILESTONES, replace(milestone, cancelled=True))
    return None


# -- asking for a charge -----------------------------------------------------------------------------------


@HANDLERS.on(
    said.FundMilestone,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(METHODS, "employer_id", lambda m, ws: _employer_of(ws, m.milestone_id)),
)
def fund_milestone(ctx: Context, command: said.FundMilestone) -> Outcome:
    """Charge the employer and hold the money."""
    milestone = ctx.get(MILESTONES, command.milestone_id)
    refused = domain.may_fund(milestone, command)
    if refused is not None or milestone is None:
        return refused
    return _fund(ctx, milestone, command.payment_method_id, command.type_name)


def _fund(ctx: Context, milestone: Milestone, wanted: str | None, trigger: str) -> Outcome:
    of_contract = ctx.find(FUNDINGS, "contract_id", milestone.contract_id)
    last = domain.standing([funding for funding in of_contract if funding.milestone_id == milestone.milestone_id])
    method = domain.choose_method(ctx.find(METHODS, "employer_id", milestone.employer_id), wanted)
    if isinstance(method, Refused):
        # What is under way or done needs no method any more.
        return Unchanged(lambda: _view(ctx, last)) if last and last.state != states.FAILED else method
    if last is not None and last.state == states.FAILED:
        tried = domain.check_tries(
            ctx.find(ATTEMPTS, "milestone_id", milestone.milestone_id), method.payment_method_id, ctx.now
        )
        if tried is not None:
            return tried
        trigger = said.FundMilestone.type_name
    others = [funding for funding in of_contract if funding.milestone_id != milestone.milestone_id]
    first = not any(funding.initiation_fee_minor and funding.state != states.FAILED for funding in others)
    fees = fees_for(_RULES, ctx.now, milestone.amount_minor, milestone.currency, first=first)
    funding_id = ctx.new_id("fnd")
    posting = Posting(
        ctx.new_id("pst"), "charge_requested", milestone.milestone_id, milestone.contract_id, milestone.currency,
        ctx.envelope.id, ctx.now,
    )  # fmt: skip
    decided = domain.begin(milestone, last, method, fees, trigger, funding_id, posting)
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _view(ctx, last), decided.detail)
    if isinstance(decided, Refused):
        return decided
    _apply(ctx, decided)
    return Accepted(lambda: _view(ctx, decided.funding))


def _not_begun(milestone: Milestone, refused: Refused) -> said.FundingFailed:
    return said.FundingFailed(
        contract_id=milestone.contract_id,
        milestone_id=milestone.milestone_id,
        funding_id=milestone.milestone_id,
        employer_id=milestone.employer_id,
        attempt=0,
        code=refused.code,
        reason=refused.detail,
        advice="use_another_method",
        can_retry=True,
        amount_minor=milestone.amount_minor,
        currency=milestone.currency,
    )


# -- Stripe's answers --------------------------------------------------------------------------------------


@HANDLERS.on(stripe.PaymentIntentCreated, Load(FUNDINGS, "funding_id", lambda m, _: m.funding_id))
def intent_created(ctx: Context, fact: stripe.PaymentIntentCreated) -> Outcome:
    """Charge the chosen method."""
    _apply(ctx, domain.intent_created(_funding(ctx, fact.funding_id), fact))
    return None


@HANDLERS.on(
    stripe.PaymentIntentSucceeded,
    Load(FUNDINGS, "funding_id", lambda m, _: m.funding_id),
    Load(ATTEMPTS, "milestone_id", lambda m, _: m.milestone_id),
)
def charged(ctx: Context, fact: stripe.PaymentIntentSucceeded) -> Outcome:
    """Hold the money."""
    funding = _funding(ctx, fact.funding_id)
    answered, posting = _posting(ctx, funding, "charge_answered"), _posting(ctx, funding, "charge_succeeded")
    _apply(ctx, domain.charged(funding, fact, answered, posting))
    if funding.state == states.FAILED:
        of_contract = ctx.find(FUNDINGS, "contract_id", funding.contract_id)
        twice = [f for f in of_contract if f.milestone_id == funding.milestone_id and f.state != states.FAILED]
        if len(twice) > 1:
            logger.error("%s was charged twice: refund one of %s", funding.milestone_id, twice)
    return None


@HANDLERS.on(
    stripe.PaymentIntentFailed,
    Load(FUNDINGS, "funding_id", lambda m, _: m.funding_id),
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
    _apply(ctx, domain.action_required(_funding(ctx, fact.funding_id), fact, ctx.now))
    return None


@HANDLERS.on(stripe.CallRefused, Load(FUNDINGS, "funding_id", lambda m, _: m.about))
def call_refused(ctx: Context, fact: stripe.CallRefused) -> Outcome:
    """Stripe did not take the call: the funding failed, an operator sees the open item."""
    funding = ctx.get(FUNDINGS, fact.about)
    if funding is not None:
        _decline(ctx, fact, funding.funding_id, funding.attempt, explain("call_refused"))
    return None


def _decline(
    ctx: Context, fact: Message, funding_id: str, attempt: int, decline: Decline, *, cancelled: bool = False
) -> None:
    funding = _funding(ctx, funding_id)
    answered = _posting(ctx, funding, "charge_answered")
    _apply(ctx, domain.declined(funding, fact.type_name, attempt, decline, answered, cancelled=cancelled))


# -- releasing ---------------------------------------------------------------------------------------------


@HANDLERS.on(
    MilestoneApproved,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
)
def milestone_approved(ctx: Context, approved: MilestoneApproved) -> Outcome:
    """Release what the ledger covers, or refuse."""
    of_contract = ctx.find(FUNDINGS, "contract_id", approved.contract_id)
    funding = domain.standing([funding for funding in of_contract if funding.milestone_id == approved.milestone_id])
    posting = Posting(
        ctx.new_id("pst"), "funds_released", approved.milestone_id, approved.contract_id, approved.currency,
        ctx.envelope.id, ctx.now,
    )  # fmt: skip
    decided = domain.release(funding, ctx.find(LEDGER, "milestone_id", approved.milestone_id), approved, posting)
    if isinstance(decided, said.ReleaseRefused):
        ctx.emit(decided)
    else:
        _apply(ctx, decided)
    return None


@HANDLERS.on(stripe.TransferCreated)
def transfer_created(ctx: Context, fact: stripe.TransferCreated) -> Outcome:
    """Book what left for the trainer's account."""
    posting = Posting(
        ctx.new_id("pst"), "transfer_made", fact.milestone_id, fact.contract_id, fact.currency, ctx.envelope.id, ctx.now
    )
    for entry in transfer_made(posting, fact.amount_minor):
        ctx.put(LEDGER, entry)
    return None


# -- payment methods ---------------------------------------------------------------------------------------


@HANDLERS.on(stripe.PaymentMethodAttached, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def method_attached(ctx: Context, fact: stripe.PaymentMethodAttached) -> Outcome:
    """A set-up page was completed."""
    methods = ctx.find(METHODS, "employer_id", fact.employer_id)
    if any(method.payment_method_id == fact.payment_method_id for method in methods):
        return None
    new = PaymentMethod(
        fact.payment_method_id, fact.employer_id, fact.brand, fact.last4, fact.exp_month, fact.exp_year,
        is_default=True, removed=False, added_at=ctx.now,
    )  # fmt: skip
    _change(ctx, payment_methods.add(methods, new))
    return None


@HANDLERS.on(stripe.PaymentMethodDetached, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def method_detached(ctx: Context, fact: stripe.PaymentMethodDetached) -> Outcome:
    """Gone at Stripe: do not charge it again."""
    changed = payment_methods.detached(ctx.find(METHODS, "employer_id", fact.employer_id), fact.payment_method_id)
    if changed is not None:
        _change(ctx, changed)
    return None


@HANDLERS.on(said.SetDefaultPaymentMethod, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def set_default_method(ctx: Context, command: said.SetDefaultPaymentMethod) -> Outcome:
    """Charge this one from now on."""
    if (refused := payment_methods.may_change(command)) is not None:
        return refused
    methods = ctx.find(METHODS, "employer_id", command.employer_id)
    decided = payment_methods.set_default(methods, command.payment_method_id)
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: _methods(ctx, command.employer_id), decided.detail)
    _change(ctx, decided)
    return Accepted(lambda: _methods(ctx, command.employer_id))


@HANDLERS.on(said.RemovePaymentMethod, Load(METHODS, "employer_id", lambda m, _: m.employer_id))
def remove_method(ctx: Context, command: said.RemovePaymentMethod) -> Outcome:
    """Forget one."""
    if (refused := payment_methods.may_change(command)) is not None:
        return refused
    under_way = any(
        funding.state in states.UNDER_WAY for funding in ctx.find(FUNDINGS, "employer_id", command.employer_id)
    )
    methods = ctx.find(METHODS, "employer_id", command.employer_id)
    decided = payment_methods.remove(methods, command.payment_method_id, funding_under_way=under_way)
    if isinstance(decided, Refused):
        return decided
    _change(ctx, decided)
    return Accepted(lambda: _methods(ctx, command.employer_id))


# -- common steps ------------------------------------------------------------------------------------------


def _apply(ctx: Context, decided: Decided | None) -> None:
    if decided is None:
        return
    ctx.put(FUNDINGS, decided.funding)
    for entry in decided.entries:
        ctx.put(LEDGER, entry)
    if decided.attempt is not None:
        # A success after a decline answers the same attempt anew: its row may be stored already.
        ctx.find(ATTEMPTS, "milestone_id", decided.attempt.milestone_id)
        ctx.put(ATTEMPTS, decided.attempt)
    ctx.emit(*decided.said)


def _change(ctx: Context, changed: payment_methods.Changed) -> None:
    methods, events = changed
    for method in methods:
        ctx.put(METHODS, method)
    ctx.emit(*events)


def _posting(ctx: Context, funding: Funding, kind: Kind) -> Posting:
    return Posting(
        ctx.new_id("pst"), kind, funding.milestone_id, funding.contract_id, funding.currency, ctx.envelope.id, ctx.now
    )


def _funding(ctx: Context, funding_id: str) -> Funding:
    funding = ctx.get(FUNDINGS, funding_id)
    if funding is None:
        # The command that made it was ours, so it must be here: an answer to nothing is not dropped but parked.
        raise LookupError(f"Stripe's answer is about {funding_id}, which is not in the database")
    return funding


def _employer_of(rows: Workspace, milestone_id: str) -> str | None:
    milestone = rows.get(MILESTONES, milestone_id)
    return milestone.employer_id if milestone else None


def _view(ctx: Context, funding: Funding | None) -> FundingView | None:
    if funding is None:
        return None
    return funding_view(funding, ctx.find(ATTEMPTS, "milestone_id", funding.milestone_id))


def _methods(ctx: Context, employer_id: str) -> dict[str, list[MethodView]]:
    return {"data": [method_view(m) for m in ctx.find(METHODS, "employer_id", employer_id) if not m.removed]}
