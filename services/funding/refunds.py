"""Giving money back: who may, how much with which fees, and what became of it at Stripe. Pure.

Decided is owed: from the moment a refund is decided its money cannot be released any more. It is paid when Stripe's
totals say so, and comes back into held only when Stripe never made it.
"""

from collections.abc import Sequence
from datetime import datetime

from schemas import funding as said
from schemas import stripe
from schemas.base import Actor, Message
from schemas.funding import RefundCause
from schemas.money import currency_of, show
from services.funding import ledger, refund_events, states
from services.funding.fees import FeeRule, fees_returned_minor
from services.funding.ledger import Entry, Posting
from services.funding.records import Freeze, Funding, Milestone, Moved, Refund, concerns
from services.funding.standing import Money, moved
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found

OURS = "funding"
"""Who asks where a rule does: the service."""


def may_refund(milestone: Milestone | None, command: said.RefundMilestone) -> Refused | None:
    """Whether this actor may give this milestone's money back: its trainer, or an operator."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    if command.actor.role == "employer":
        return forbidden("the trainer gives the money back, or an operator decides: ask the trainer, or dispute")
    return wrong_sum(milestone, command)


def wrong_sum(milestone: Milestone, command: said.RefundMilestone | said.RefundFromPlatform) -> Refused | None:
    """Why this sum cannot be given back of any milestone in its currency; None: it can."""
    if command.currency is not None and command.currency != milestone.currency:
        return invalid("wrong_currency", f"currency: the contract is in {milestone.currency}")
    step = 10 if currency_of(milestone.currency).exponent == 3 else 1
    if command.amount_minor is not None and command.amount_minor % step:
        return invalid("wrong_amount", f"amount_minor: in {milestone.currency} it must end in 0")
    return None


def cause_of(actor: Actor) -> RefundCause:
    """Why a refund is made that somebody asked for."""
    if actor.party_id == said.BY_HOLD_LIMIT:
        return "hold_limit"
    return "given_back" if actor.role == "trainer" else "operator"


def request(
    money: Money | None,
    freezes: Sequence[Freeze],
    command: said.RefundMilestone,
    refund_id: str,
    rules: Sequence[FeeRule],
    posting: Posting,
) -> Moved | Refused | Unchanged:
    """Give back what was asked for, never more than this very milestone holds.

    `freezes`: those that hold. A frozen milestone is an operator's to refund; while the bank decides, nobody's.
    """
    held_minor = money.held_minor if money else 0
    if money is None or held_minor == 0:
        if money is not None and money.funding.state == states.REFUNDED and command.amount_minor is None:
            return Unchanged(detail="what was held is given back already")
        released = money is not None and money.funding.state == states.RELEASED
        what = "it was released: an operator reverses the transfer first" if released else "nothing is held"
        return conflict("nothing_to_refund", f"there is nothing to give back: {what}")
    causes = sorted({freeze.cause for freeze in freezes})
    if "card_dispute" in causes:
        return conflict(
            "charge_disputed", "the employer's bank decides about this money: Stripe refunds none of it now"
        )
    if causes and command.actor.role == "trainer":
        return conflict("funds_frozen", f"what is held is frozen ({', '.join(causes)}): an operator decides")
    amount_minor = command.amount_minor if command.amount_minor is not None else held_minor
    if amount_minor > held_minor:
        currency = money.funding.currency
        return conflict(
            "more_than_held",
            f"{show(held_minor, currency)} is held, {show(amount_minor, currency)} cannot be given back",
            held_minor=held_minor,
        )
    return ask(
        money, amount_minor, cause_of(command.actor), command.actor.party_id, command.reason or "", refund_id, rules,
        command.type_name, posting,
    )  # fmt: skip


def ask(
    money: Money,
    amount_minor: int,
    cause: RefundCause,
    requested_by: str,
    reason: str,
    refund_id: str,
    rules: Sequence[FeeRule],
    trigger: str,
    posting: Posting,
    *,
    with_all_fees: bool = False,
) -> Moved:
    """Take held money out for the employer, with its fees, and ask Stripe for the refund.

    `trigger`: the type of what caused it. `with_all_fees`: the employer bears none of them, whatever the rule.
    Raises ValueError when it is more than is held.
    """
    funding = money.funding
    fees_minor = money.fees_left_minor if with_all_fees else fees_with(money, amount_minor, rules)
    refund = begun(funding, refund_id, amount_minor, fees_minor, cause, requested_by, reason, posting.posted_at)
    return _taken(money, refund, trigger, posting, (create_refund(funding, refund),))


def fees_with(money: Money, amount_minor: int, rules: Sequence[FeeRule]) -> int:
    """The fees that go back with this part of the work, exact over all parts."""
    funding = money.funding
    before = money.given_back()
    charged = (funding.amount_minor, funding.marketplace_fee_minor, funding.initiation_fee_minor)
    total = amount_minor + sum(refund.amount_minor + refund.lost_minor for refund in before)
    wanted = fees_returned_minor(rules, funding.fee_rule, charged, min(total, funding.amount_minor), funding.currency)
    return max(0, min(wanted - sum(refund.fees_minor for refund in before), money.fees_left_minor))


def begun(
    funding: Funding,
    refund_id: str,
    amount_minor: int,
    fees_minor: int,
    cause: RefundCause,
    requested_by: str,
    reason: str,
    now: datetime,
) -> Refund:
    """A refund that nobody has answered yet."""
    return Refund(
        refund_id, funding.funding_id, funding.milestone_id, funding.contract_id, funding.employer_id,
        funding.trainer_id, states.ASKED, cause, amount_minor, fees_minor, funding.currency, requested_by, reason,
        None, 0, 0, 0, None, None, now, now, 0,
    )  # fmt: skip


def _taken(money: Money, refund: Refund, trigger: str, posting: Posting, calls: tuple[Message, ...] = ()) -> Moved:
    """The refund's money is the employer's now."""
    if refund.amount_minor > money.held_minor:
        raise ValueError(f"{refund.milestone_id}: {refund.amount_minor} to refund, {money.held_minor} held")
    entries = ledger.refund_requested(posting.also("refund_requested"), refund.amount_minor, refund.fees_minor)
    after = [*money.entries, *entries]
    event = refund_events.requested(refund, ledger.owed_minor(after, "held"))
    return Moved((event, *calls), entries, (moved(money.funding, trigger, after),), (refund,))


def create_refund(funding: Funding, refund: Refund) -> stripe.CreateRefund:
    """The call to Stripe."""
    return stripe.CreateRefund(
        contract_id=refund.contract_id,
        milestone_id=refund.milestone_id,
        funding_id=refund.funding_id,
        refund_id=refund.refund_id,
        payment_intent_id=funding.payment_intent_id or "",
        amount_minor=refund.refund_minor,
        currency=refund.currency,
        reason="duplicate" if refund.cause == "duplicate_charge" else "requested_by_customer",
        attempt=1,
    )


# -- what became of it -------------------------------------------------------------------------------------

_OUTCOME = {
    "pending": "pending",
    "requires_action": "pending",
    "succeeded": "succeeded",
    "failed": "failed",
    "canceled": "failed",
}


def changed(refund: Refund, held_minor: int, fact: stripe.RefundChanged, posting: Posting) -> Moved | None:
    """Stripe tells how far a refund is: its totals are booked, its state follows. None: nothing new."""
    after = refund._replace(
        stripe_refund_id=fact.stripe_refund_id,
        debited_minor=max(refund.debited_minor, fact.debited_minor),
        returned_minor=max(refund.returned_minor, fact.returned_minor),
    )
    outcome = _OUTCOME[fact.status]
    target = refund.move(fact.type_name, outcome)
    code = fact.failure_reason or fact.pending_reason or None
    if target is not None:
        after = after._replace(state=target, code=code if outcome != "succeeded" else None)
    if after == refund:
        return None
    after = after._replace(changed_at=posting.posted_at)
    event: tuple[Message, ...] = ()
    if target == states.MADE:
        event = refund_events.made(after, held_minor)
    elif target == states.OWED:
        event = refund_events.failed(after, held_minor, owed=True, code=code or fact.status)
    return Moved(event, _totals(refund, after, posting), refunds=(after,))


def _totals(before: Refund, after: Refund, posting: Posting) -> list[Entry]:
    """What Stripe moved since: as far as it pays what is owed, and what went beyond."""
    limit_minor = after.refund_minor - after.by_hand_minor
    entries: list[Entry] = []
    # One after the other, so that money that left and came back is seen doing both.
    out = after.debited_minor - before.debited_minor
    if out:
        paid = _within(after.debited_minor - before.returned_minor, limit_minor) - _within(
            before.debited_minor - before.returned_minor, limit_minor
        )
        entries += ledger.refund_made(posting.also("refund_made"), paid, out - paid)
    back = after.returned_minor - before.returned_minor
    if back:
        paid = _within(after.debited_minor - before.returned_minor, limit_minor) - _within(
            after.debited_minor - after.returned_minor, limit_minor
        )
        entries += ledger.refund_returned(posting.also("refund_returned"), paid, back - paid)
    return entries


def _within(net_minor: int, limit_minor: int) -> int:
    return max(0, min(net_minor, limit_minor))


def refused(refund: Refund, money: Money | None, code: str, message: str, posting: Posting) -> Moved | None:
    """Stripe did not make it: it is held again, or, where the charge must not stand, stays owed. None: stale."""
    if refund.debited_minor > refund.returned_minor:
        return None
    void = money is None or money.funding.funding_id != refund.funding_id
    target = refund.move(stripe.RefundRefused.type_name, "void" if void else "")
    if target is None:
        return None
    after = refund._replace(state=target, code=code, changed_at=posting.posted_at)
    if money is None or void:
        held_minor = money.held_minor if money else 0
        return Moved(refund_events.failed(after, held_minor, owed=True, code=code, message=message), refunds=(after,))
    entries = ledger.refund_refused(
        posting.also("refund_refused"), refund.amount_minor, refund.fees_minor, refund.lost_minor
    )
    everything = [*money.entries, *entries]
    event = refund_events.failed(after, ledger.owed_minor(everything, "held"), owed=False, code=code, message=message)
    if not refund.amount_minor:
        return Moved(event, entries, refunds=(after,))  # of the platform's own: the work's money is where it was
    funding = moved(money.funding, stripe.RefundRefused.type_name, everything)
    return Moved(event, entries, (funding,), (after,))


def made_at_stripe(
    known: Refund | None, money: Money | None, fact: stripe.RefundChanged, row: Refund, posting: Posting
) -> Moved | None:
    """Somebody refunded at Stripe by hand, or Stripe made what it had refused: book it as far as it is covered.

    `row`: the refund to be, with no sums yet. Taken from what is held, then from the fees; the rest is the platform's
    loss once it has left. None: it never came to be.
    """
    if fact.status in ("failed", "canceled") and fact.debited_minor == 0:
        return None
    refund = (known or row)._replace(
        state=states.ASKED, cause="made_at_stripe", amount_minor=0, fees_minor=0, code=None, lost_minor=0
    )
    told: Moved | None = None
    if money is not None and money.funding.funding_id == fact.funding_id:
        amount_minor = min(fact.amount_minor, money.held_minor)
        fees_minor = min(fact.amount_minor - amount_minor, money.fees_left_minor)
        refund = refund._replace(amount_minor=amount_minor, fees_minor=fees_minor)
        if amount_minor:
            told = _taken(money, refund, fact.type_name, posting)
        else:
            refund = refund._replace(fees_minor=0)
    held_minor = ledger.owed_minor([*money.entries, *(told.entries if told else ())], "held") if money else 0
    then = changed(refund, held_minor, fact, posting) or Moved(refunds=(refund,))
    if told is None:
        return then
    return Moved((*told.said, *then.said), [*told.entries, *then.entries], told.fundings, then.refunds or told.refunds)


def may_settle(milestone: Milestone | None, refund: Refund | None, command: said.RecordManualRefund) -> Refused | None:
    """Only an operator says that it was paid otherwise."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    if command.actor.role not in ("operator", "service"):
        return forbidden("an operator pays a failed refund by other means and records it")
    if refund is None or refund.milestone_id != milestone.milestone_id:
        return not_found("refund", command.refund_id)
    return None


def paid_by_hand(
    refund: Refund, held_minor: int, command: said.RecordManualRefund, posting: Posting
) -> Moved | Refused | Unchanged:
    """What was owed is paid from elsewhere."""
    if refund.state == states.BY_HAND:
        return Unchanged(detail="this refund is settled already")
    target = refund.move(command.type_name)
    if target is None:
        return conflict("refund_not_owed", f"this refund is {refund.state}: only one that failed is paid by hand")
    owed_minor = refund.owed_minor
    after = refund._replace(
        state=target,
        by_hand_minor=refund.by_hand_minor + owed_minor,
        reference=command.reference,
        changed_at=posting.posted_at,
    )
    entries = ledger.refund_paid_by_hand(posting.also("refund_paid_by_hand"), owed_minor)
    return Moved(refund_events.made(after, held_minor, by_hand=True), entries, refunds=(after,))
