"""Asking for a charge."""

from schemas import funding as said
from services.funding import charging, states
from services.funding.fees import fees_for
from services.funding.handling.common import (
    ATTEMPTS,
    FUNDINGS,
    HANDLERS,
    METHODS,
    MILESTONES,
    RULES,
    apply,
    employer_of,
    shown,
)
from services.funding.ledger import Posting
from services.funding.records import Milestone
from services.funding.standing import of_milestone, standing
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(
    said.FundMilestone,
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(METHODS, "employer_id", lambda m, ws: employer_of(ws, m.milestone_id)),
)
def fund_milestone(ctx: Context, command: said.FundMilestone) -> Outcome:
    """Charge the employer and hold the money."""
    milestone = ctx.get(MILESTONES, command.milestone_id)
    refused = charging.may_fund(milestone, command)
    if refused is not None or milestone is None:
        return refused
    return begin(ctx, milestone, command.payment_method_id, command.type_name)


def begin(ctx: Context, milestone: Milestone, wanted: str | None, trigger: str) -> Outcome:
    of_contract = ctx.find(FUNDINGS, "contract_id", milestone.contract_id)
    last = standing(of_milestone(of_contract, milestone.milestone_id))
    method = charging.choose_method(ctx.find(METHODS, "employer_id", milestone.employer_id), wanted, ctx.now)
    if isinstance(method, Refused):
        # What is under way or done needs no method any more.
        done = last is not None and last.state not in states.OVER
        return Unchanged(lambda: shown(ctx, last)) if done else method
    if last is not None and last.state in states.OVER:
        tried = charging.check_tries(
            ctx.find(ATTEMPTS, "milestone_id", milestone.milestone_id), method.payment_method_id, ctx.now
        )
        if tried is not None:
            return tried
        trigger = said.FundMilestone.type_name
    others = [funding for funding in of_contract if funding.milestone_id != milestone.milestone_id]
    first = not any(funding.initiation_fee_minor and funding.state not in states.OVER for funding in others)
    fees = fees_for(RULES, ctx.now, milestone.amount_minor, milestone.currency, first=first)
    funding_id = ctx.new_id("fnd")
    posting = Posting(
        ctx.new_id("pst"), "charge_requested", milestone.milestone_id, milestone.contract_id, milestone.currency,
        ctx.envelope.id, ctx.now,
    )  # fmt: skip
    decided = charging.begin(milestone, last, method, fees, trigger, funding_id, posting)
    if isinstance(decided, Unchanged):
        return Unchanged(lambda: shown(ctx, last), decided.detail)
    if isinstance(decided, Refused):
        return decided
    apply(ctx, decided)
    return Accepted(lambda: shown(ctx, decided.funding))


def not_begun(milestone: Milestone, refused: Refused) -> said.FundingFailed:
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
