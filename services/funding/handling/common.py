"""What all handlers of funding share: the tables, and the steps that end every decision."""

from services.funding import payment_methods, states, tables
from services.funding.balances import funds_moved
from services.funding.handling.watching import watch
from services.funding.ledger import Entry, Kind, Posting, of_currency, owed_minor
from services.funding.records import (
    Approval,
    Attempt,
    CardDispute,
    ConvertedRefund,
    Decided,
    Evidence,
    Freeze,
    Funding,
    Milestone,
    Moved,
    PaymentMethod,
    Refund,
    ReturnedTransfer,
)
from services.funding.settings import FundingSettings
from services.funding.standing import Money, of_milestone, standing
from services.funding.views import FundingView, MethodView, funding_view, method_view
from services.runtime.bulk import Entity
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Workspace

HANDLERS = Handlers()

MILESTONES = Entity(tables.milestones, Milestone)
FUNDINGS = Entity(tables.fundings, Funding)
ATTEMPTS = Entity(tables.funding_attempts, Attempt)
METHODS = Entity(tables.payment_methods, PaymentMethod)
LEDGER = Entity(tables.ledger_entries, Entry)
REFUNDS = Entity(tables.refunds, Refund)
FREEZES = Entity(tables.freezes, Freeze)
DISPUTES = Entity(tables.card_disputes, CardDispute)
EVIDENCE = Entity(tables.dispute_evidence, Evidence)
APPROVALS = Entity(tables.approvals, Approval)
RETURNED = Entity(tables.returned_transfers, ReturnedTransfer)
CONVERTED_REFUNDS = Entity(tables.converted_refunds, ConvertedRefund)

RULES = FundingSettings().fee_rules()


def apply(ctx: Context, decided: Decided | None) -> None:
    if decided is None:
        return
    ctx.put(FUNDINGS, decided.funding)
    for entry in decided.entries:
        ctx.put(LEDGER, entry)
    if decided.attempt is not None:
        # A success after a decline answers the same attempt anew: its row may be stored already.
        ctx.find(ATTEMPTS, "milestone_id", decided.attempt.milestone_id)
        ctx.put(ATTEMPTS, decided.attempt)
    if decided.refund is not None:
        ctx.put(REFUNDS, decided.refund)
    watch(ctx, decided.said)
    ctx.emit(*decided.said, *funds_moved(decided.entries))


def apply_move(ctx: Context, made: Moved | None) -> None:
    """Money that came in has moved."""
    if made is None:
        return
    for funding in made.fundings:
        ctx.put(FUNDINGS, funding)
    for entry in made.entries:
        ctx.put(LEDGER, entry)
    for refund in made.refunds:
        ctx.put(REFUNDS, refund)
    for freeze in made.freezes:
        ctx.put(FREEZES, freeze)
    for dispute in made.disputes:
        ctx.put(DISPUTES, dispute)
    for returned in made.returned:
        ctx.put(RETURNED, returned)
    watch(ctx, made.said)
    ctx.emit(*made.said, *funds_moved(made.entries))


def change(ctx: Context, changed: payment_methods.Changed) -> None:
    methods, events = changed
    for method in methods:
        ctx.put(METHODS, method)
    ctx.emit(*events)


def money_of(ctx: Context, contract_id: str, milestone_id: str) -> Money | None:
    """The milestone's money, where a charge of it stands."""
    funding = standing(of_milestone(ctx.find(FUNDINGS, "contract_id", contract_id), milestone_id))
    if funding is None or funding.state not in states.WITH_MONEY:
        return None
    entries = of_currency(ctx.find(LEDGER, "milestone_id", milestone_id), funding.currency)
    return Money(funding, entries, ctx.find(REFUNDS, "milestone_id", milestone_id))


def held_of(ctx: Context, milestone_id: str, currency: str) -> int:
    """What the milestone holds, in minor units."""
    return owed_minor(of_currency(ctx.find(LEDGER, "milestone_id", milestone_id), currency), "held")


def freezes_of(ctx: Context, milestone_id: str) -> list[Freeze]:
    """All freezes of the milestone, lifted ones too."""
    return ctx.find(FREEZES, "milestone_id", milestone_id)


def frame(ctx: Context, kind: Kind, milestone_id: str, contract_id: str, currency: str) -> Posting:
    """The frame of a posting of this decision."""
    return Posting(ctx.new_id("pst"), kind, milestone_id, contract_id, currency, ctx.envelope.id, ctx.now)


def posting_for(ctx: Context, funding: Funding, kind: Kind) -> Posting:
    return frame(ctx, kind, funding.milestone_id, funding.contract_id, funding.currency)


def funding_of(ctx: Context, funding_id: str) -> Funding:
    funding = ctx.get(FUNDINGS, funding_id)
    if funding is None:
        # The command that made it was ours, so it must be here: an answer to nothing is not dropped but parked.
        raise LookupError(f"Stripe's answer is about {funding_id}, which is not in the database")
    return funding


def employer_of(rows: Workspace, milestone_id: str) -> str | None:
    milestone = rows.get(MILESTONES, milestone_id)
    return milestone.employer_id if milestone else None


def shown(ctx: Context, funding: Funding | None) -> FundingView | None:
    """A funding as its employer sees it."""
    if funding is None:
        return None
    return funding_view(
        funding,
        ctx.find(ATTEMPTS, "milestone_id", funding.milestone_id),
        ctx.find(REFUNDS, "milestone_id", funding.milestone_id),
        freezes_of(ctx, funding.milestone_id),
        ctx.find(DISPUTES, "milestone_id", funding.milestone_id),
        ctx.find(EVIDENCE, "milestone_id", funding.milestone_id),
    )


def methods_of(ctx: Context, employer_id: str) -> dict[str, list[MethodView]]:
    return {"data": [method_view(m) for m in ctx.find(METHODS, "employer_id", employer_id) if not m.removed]}
