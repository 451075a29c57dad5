"""Approved money is released; what was transferred, came back, or never left, is booked."""

from schemas import funding as said
from schemas import stripe
from schemas.approvals import MilestoneApproved
from schemas.payouts import PayoutGivenUp
from services.funding import given_up_releases, releasing, returned_transfers
from services.funding.handling.common import (
    APPROVALS,
    DISPUTES,
    FREEZES,
    FUNDINGS,
    HANDLERS,
    LEDGER,
    REFUNDS,
    RETURNED,
    apply,
    apply_move,
    frame,
    freezes_of,
    money_of,
)
from services.funding.ledger import transfer_made
from services.funding.records import Approval
from services.funding.standing import of_milestone, standing
from services.runtime.decisions import Outcome
from services.runtime.handlers import Context
from services.runtime.workspace import Load


@HANDLERS.on(
    MilestoneApproved,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(APPROVALS, "release_id", lambda m, _: m.release_id),
)
def milestone_approved(ctx: Context, approved: MilestoneApproved) -> Outcome:
    """Release what the ledger covers and nothing freezes, or refuse."""
    funding = standing(of_milestone(ctx.find(FUNDINGS, "contract_id", approved.contract_id), approved.milestone_id))
    entries = ctx.find(LEDGER, "milestone_id", approved.milestone_id)
    posting = frame(ctx, "funds_released", approved.milestone_id, approved.contract_id, approved.currency)
    decided = releasing.release(funding, entries, freezes_of(ctx, approved.milestone_id), approved, posting)
    if isinstance(decided, said.ReleaseRefused):
        ctx.emit(decided)
        return None
    apply(ctx, decided)
    approval = Approval(
        approved.release_id, approved.milestone_id, approved.contract_id, approved.amount_minor, approved.currency,
        approved.approved_by, ctx.envelope.time,
    )  # fmt: skip
    ctx.put(APPROVALS, approval)
    return None


@HANDLERS.on(stripe.TransferCreated)
def transfer_created(ctx: Context, fact: stripe.TransferCreated) -> Outcome:
    """Book what left for the trainer's account."""
    posting = frame(ctx, "transfer_made", fact.milestone_id, fact.contract_id, fact.currency)
    for entry in transfer_made(posting, fact.amount_minor):
        ctx.put(LEDGER, entry)
    return None


@HANDLERS.on(
    stripe.TransferReversed,
    Load(RETURNED, "transfer_id", lambda m, _: m.transfer_id),
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(FREEZES, "milestone_id", lambda m, _: m.milestone_id),
    Load(DISPUTES, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
)
def transfer_reversed(ctx: Context, fact: stripe.TransferReversed) -> Outcome:
    """Book what came back from it."""
    money = money_of(ctx, fact.contract_id, fact.milestone_id)
    if money is None:
        # What was transferred was released, so it must be here: it is not dropped but parked.
        raise LookupError(f"transfer {fact.transfer_id} is of {fact.milestone_id}, which has no money")
    known = ctx.get(RETURNED, fact.transfer_id)
    disputes = ctx.find(DISPUTES, "milestone_id", fact.milestone_id)
    posting = frame(ctx, "transfer_reversed", fact.milestone_id, fact.contract_id, fact.currency)
    freezes = freezes_of(ctx, fact.milestone_id)
    apply_move(ctx, returned_transfers.returned(known, money, disputes, freezes, fact, posting))
    return None


@HANDLERS.on(
    PayoutGivenUp,
    Load(FUNDINGS, "contract_id", lambda m, _: m.contract_id),
    Load(LEDGER, "milestone_id", lambda m, _: m.milestone_id),
    Load(DISPUTES, "milestone_id", lambda m, _: m.milestone_id),
    Load(REFUNDS, "milestone_id", lambda m, _: m.milestone_id),
)
def payout_given_up(ctx: Context, fact: PayoutGivenUp) -> Outcome:
    """Take back what was released and will never leave."""
    money = money_of(ctx, fact.contract_id, fact.milestone_id)
    if money is None:
        # What was to be paid out was released, so it must be here: it is not dropped but parked.
        raise LookupError(f"payout {fact.payout_id} is of {fact.milestone_id}, which has no money")
    disputes = ctx.find(DISPUTES, "milestone_id", fact.milestone_id)
    posting = frame(ctx, "release_given_up", fact.milestone_id, fact.contract_id, fact.currency)
    apply_move(ctx, given_up_releases.hold_again(money, disputes, fact, posting))
    return None
