"""A cardholder disputes a charge at the bank: what it freezes, from where its money is taken, how it comes back. Pure.

An inquiry only freezes. What the bank takes comes, for the work, from what is held; where that was paid out already,
it is a debt of the trainer's side, to be recovered by reversing the transfer; what was given back before, and whatever
goes beyond the charge, is the platform's loss. The fees' part comes from the fees. Each dispute remembers its parts, so
what the bank gives back undoes exactly what was taken.
"""

from collections.abc import Sequence
from datetime import datetime

from schemas import funding as said
from schemas import stripe
from schemas.base import Message
from schemas.money import split
from services.funding import freezes as freezing
from services.funding import ledger, states
from services.funding.freezes import FreezeReason
from services.funding.ledger import Posting, Taken
from services.funding.records import CardDispute, Freeze, Funding, Moved
from services.funding.releasing import released
from services.funding.standing import Money, moved

_KINDS: dict[str, str] = {
    "warning_needs_response": "inquiry",
    "warning_under_review": "inquiry",
    "warning_closed": "closed",
    "needs_response": "open",
    "under_review": "open",
    "appeal_needs_response": "appeal",
    "appeal_under_review": "appeal",
    "prevented": "closed",
    "won": "won",
    "lost": "lost",
}
_WHY = {
    states.INQUIRY: "The employer's bank inquires about the charge.",
    states.OPEN: "The employer disputed the charge at the bank.",
}


def changed(
    known: CardDispute | None,
    money: Money | None,
    freezes: Sequence[Freeze],
    fact: stripe.ChargeDisputeChanged,
    release_id: str,
    posting: Posting,
) -> Moved | None:
    """Stripe tells how a dispute stands. None: nothing new.

    `money`: the milestone's, where a charge stands. `freezes`: all of the milestone's. `release_id`: for what is
    released again when it is won.
    """
    before = known or _opened(fact, posting.posted_at)
    target = before.move(fact.type_name, _KINDS[fact.status])
    after = before._replace(
        withdrawn_minor=max(before.withdrawn_minor, fact.withdrawn_minor),
        reinstated_minor=max(before.reinstated_minor, fact.reinstated_minor),
    )
    if target is not None:
        after = after._replace(
            state=target, status=fact.status, reason=fact.reason, amount_minor=fact.amount_minor,
            fee_minor=fact.fee_minor, evidence_due_at=fact.evidence_due_at,
            is_charge_refundable=fact.is_charge_refundable,
        )  # fmt: skip
    if after == before:
        return None
    after = after._replace(changed_at=posting.posted_at)
    fee = ledger.dispute_fee(posting.also("dispute_fee"), after.fee_minor - before.fee_minor)
    if money is None or money.funding.funding_id != fact.funding_id:
        return _of_no_standing_charge(before, after, posting).then(Moved(entries=fee))
    frozen = _freeze(money, freezes, after, posting.posted_at)
    taken, after = _withdraw(money, before, after, posting)
    money = money.after(taken)
    given, after = _reinstate(money, before, after, release_id, posting)
    held_minor = money.held_minor
    told = _charged_back(money.funding, before, after, held_minor)
    money = money.after(given)
    lifted = _lift(money, freezing.after(freezes, frozen), after, posting.posted_at)
    made = frozen.then(taken).then(Moved(told)).then(given).then(lifted)
    return made.then(Moved(entries=fee, disputes=(after,)))


def _opened(fact: stripe.ChargeDisputeChanged, now: datetime) -> CardDispute:
    return CardDispute(
        fact.dispute_id, fact.funding_id, fact.milestone_id, fact.contract_id, fact.charge_id, states.NONE, fact.status,
        fact.reason, fact.amount_minor, fact.currency, 0, 0, 0, 0, 0, 0, 0, 0, fact.evidence_due_at,
        fact.is_charge_refundable, now, now,
    )  # fmt: skip


# -- freezing ------------------------------------------------------------------------------------------------


def _freeze(money: Money, freezes: Sequence[Freeze], dispute: CardDispute, now: datetime) -> Moved:
    if dispute.state not in _WHY:
        return Moved()
    return freezing.freeze(
        freezes, dispute.milestone_id, dispute.contract_id,
        "card_inquiry" if dispute.state == states.INQUIRY else "card_dispute", dispute.dispute_id,
        _WHY[dispute.state], money.held_minor, money.funding.currency, now,
    )  # fmt: skip


def _lift(money: Money, freezes: Sequence[Freeze], dispute: CardDispute, now: datetime) -> Moved:
    """What it does not need any more: an inquiry that became a dispute, or all once it is over."""
    inquiry: FreezeReason = ("card_inquiry", dispute.dispute_id)
    decision: FreezeReason = ("card_dispute", dispute.dispute_id)
    if dispute.state == states.INQUIRY:
        return Moved()
    over = dispute.state != states.OPEN
    reason = f"The bank's dispute is {dispute.status}." if over else "The inquiry became a dispute."
    which = (inquiry, decision) if over else (inquiry,)
    return freezing.lift(freezes, which, reason, money.held_minor, now)


# -- what the bank takes -------------------------------------------------------------------------------------


def _withdraw(money: Money, before: CardDispute, after: CardDispute, posting: Posting) -> tuple[Moved, CardDispute]:
    if after.withdrawn_minor == before.withdrawn_minor:
        return Moved(), after
    taken = where_from(money, before.withdrawn_minor, after.withdrawn_minor)
    after = after._replace(
        from_held_minor=after.from_held_minor + taken.held,
        from_fees_minor=after.from_fees_minor + taken.fees,
        debt_minor=after.debt_minor + taken.debt,
        lost_minor=after.lost_minor + taken.lost,
    )
    entries = ledger.funds_withdrawn(posting.also("funds_withdrawn"), taken)
    funding = moved(money.funding, states.WITHDRAWN, [*money.entries, *entries])
    return Moved(entries=entries, fundings=(funding,)), after


def where_from(money: Money, before_minor: int, after_minor: int) -> Taken:
    """From where a dispute's next money is taken: `before_minor` of the charge went before it, then `after_minor`.

    The charge's parts, work and fees, are taken in proportion, exact over several withdrawals.
    """
    funding = money.funding
    parts = [funding.amount_minor, funding.fees_minor]
    work_before, fees_before = split(min(before_minor, funding.charge_minor), parts)
    work_after, fees_after = split(min(after_minor, funding.charge_minor), parts)
    work, fees = work_after - work_before, fees_after - fees_before
    held = min(work, money.held_minor)
    # For what the platform gave the employer of its own the trainer has to make good already.
    paid_out = (
        ledger.owed_minor(money.entries, "released")
        - ledger.balance_minor(money.entries, "trainer_debts")
        - ledger.owed_minor(money.entries, "platform_refunds")
    )
    debt = min(work - held, max(0, paid_out))
    from_fees = min(fees, money.fees_left_minor)
    return Taken(held, from_fees, debt, after_minor - before_minor - held - debt - from_fees)


def _charged_back(funding: Funding, before: CardDispute, after: CardDispute, held_minor: int) -> tuple[Message, ...]:
    """Told when the bank took more, and once more when it keeps it for good."""
    final = after.state in (states.LOST, states.CLOSED) and after.with_bank_minor > 0
    told_final = before.state in (states.LOST, states.CLOSED) and before.with_bank_minor > 0
    took_more = after.withdrawn_minor > before.withdrawn_minor and after.with_bank_minor > 0
    if not took_more and not (final and not told_final):
        return ()
    event = said.MilestoneChargedBack(
        contract_id=after.contract_id,
        milestone_id=after.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        dispute_id=after.dispute_id,
        charged_back_minor=after.from_held_minor,
        fees_minor=after.from_fees_minor,
        recovery_minor=after.debt_minor + after.recovered_minor,
        dispute_fee_minor=max(0, after.fee_minor),
        held_minor=held_minor,
        currency=after.currency,
        final=final,
    )
    return (event,)


def _of_no_standing_charge(before: CardDispute, after: CardDispute, posting: Posting) -> Moved:
    """A charge that went back whole is disputed too: nobody but the platform bears what the bank takes."""
    taken = after.withdrawn_minor - before.withdrawn_minor
    given = after.reinstated_minor - before.reinstated_minor
    entries = [
        *ledger.funds_withdrawn(posting.also("funds_withdrawn"), Taken(0, 0, 0, taken)),
        *ledger.funds_reinstated(posting.also("funds_reinstated"), Taken(0, 0, 0, given)),
    ]
    return Moved(entries=entries, disputes=(after._replace(lost_minor=after.lost_minor + taken - given),))


# -- what it gives back --------------------------------------------------------------------------------------


def _reinstate(
    money: Money, before: CardDispute, after: CardDispute, release_id: str, posting: Posting
) -> tuple[Moved, CardDispute]:
    given_minor = after.reinstated_minor - before.reinstated_minor
    if not given_minor:
        return Moved(), after
    # The parties' money first, the platform's last.
    left = given_minor
    held, left = _part(after.from_held_minor, left)
    recovered, left = _part(after.recovered_minor, left)
    debt, left = _part(after.debt_minor, left)
    fees, left = _part(after.from_fees_minor, left)
    after = after._replace(
        from_held_minor=after.from_held_minor - held,
        recovered_minor=after.recovered_minor - recovered,
        debt_minor=after.debt_minor - debt,
        from_fees_minor=after.from_fees_minor - fees,
        lost_minor=after.lost_minor - left,
    )
    entries = ledger.funds_reinstated(posting.also("funds_reinstated"), Taken(held + recovered, fees, debt, left))
    if recovered:
        # The trainer had it, by a release that stands: it goes there again.
        entries += ledger.funds_released(posting.also("funds_released"), recovered)
    everything = [*money.entries, *entries]
    funding = moved(money.funding, states.REINSTATED, everything)
    held_minor = ledger.owed_minor(everything, "held")
    event = said.ChargebackReversed(
        contract_id=after.contract_id,
        milestone_id=after.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        dispute_id=after.dispute_id,
        restored_minor=held + recovered,
        held_minor=held_minor + recovered,
        currency=after.currency,
    )
    told: tuple[Message, ...] = (event,) if before.with_bank_minor else ()
    if recovered:
        told = (*told, released(funding, release_id, recovered, held_minor))
    return Moved(told, entries, (funding,)), after


def _part(of_minor: int, left_minor: int) -> tuple[int, int]:
    part = min(of_minor, left_minor)
    return part, left_minor - part
