"""A dispute between the parties: it freezes; settled, one part is released and the other refunded, at once. Pure."""

from collections.abc import Sequence

from schemas import funding as said
from schemas.approvals import DisputeResolved
from schemas.base import Message
from schemas.money import show
from services.funding import freezes as freezing
from services.funding import ledger, refunds
from services.funding.fees import FeeRule
from services.funding.freezes import FreezeReason
from services.funding.ledger import Posting
from services.funding.records import Freeze, Moved
from services.funding.releasing import released
from services.funding.standing import Money, moved


def settle(
    money: Money | None,
    freezes: Sequence[Freeze],
    fact: DisputeResolved,
    refund_id: str,
    rules: Sequence[FeeRule],
    posting: Posting,
) -> Moved:
    """Carry out a settlement whole, or none of it.

    It needs that the two parts sum to what is held and that nothing else than the dispute itself froze it. Otherwise
    both parts are told as refused, and an operator's freeze takes the place of the dispute's: the money stays where it
    is until an operator decides anew.
    """
    ours: FreezeReason = ("party_dispute", fact.dispute_id)
    others = [f for f in freezing.holding(freezes) if (f.cause, f.about) != ours]
    held_minor = money.held_minor if money else 0
    if money is None or others or fact.to_trainer_minor + fact.to_employer_minor != held_minor:
        return _refused(money, freezes, others, held_minor, fact, refund_id, posting)
    reason = "The dispute is settled."
    made = freezing.lift(freezes, [ours], reason, held_minor, posting.posted_at)
    if fact.to_trainer_minor and fact.release_id is not None and money.funding.charge_id is not None:
        entries = ledger.funds_released(posting.also("funds_released"), fact.to_trainer_minor)
        event = released(money.funding, fact.release_id, fact.to_trainer_minor, fact.to_employer_minor)
        funding = moved(money.funding, fact.type_name, [*money.entries, *entries])
        made = made.then(Moved((event,), entries, (funding,)))
        money = money.after(made)
    if fact.to_employer_minor:
        made = made.then(
            refunds.ask(
                money, fact.to_employer_minor, "dispute_decided", fact.resolved_by, fact.reason, refund_id, rules,
                fact.type_name, posting,
            )
        )  # fmt: skip
    return made


def _refused(
    money: Money | None,
    freezes: Sequence[Freeze],
    others: Sequence[Freeze],
    held_minor: int,
    fact: DisputeResolved,
    refund_id: str,
    posting: Posting,
) -> Moved:
    asked = show(fact.to_trainer_minor + fact.to_employer_minor, fact.currency)
    why = (
        f"frozen ({', '.join(sorted({f.cause for f in others}))})"
        if others
        else f"{show(held_minor, fact.currency)} is held, {asked} was settled"
    )
    told: list[Message] = []
    if fact.to_trainer_minor and fact.release_id is not None:
        told.append(
            said.ReleaseRefused(
                contract_id=fact.contract_id,
                milestone_id=fact.milestone_id,
                release_id=fact.release_id,
                amount_minor=fact.to_trainer_minor,
                held_minor=held_minor,
                currency=fact.currency,
                reason=why,
                code="frozen" if others else "not_covered",
            )
        )
    if fact.to_employer_minor:
        told.append(
            said.RefundFailed(
                contract_id=fact.contract_id,
                milestone_id=fact.milestone_id,
                refund_id=refund_id,
                funding_id=money.funding.funding_id if money else fact.milestone_id,
                employer_id=fact.employer_id,
                trainer_id=fact.trainer_id,
                amount_minor=fact.to_employer_minor,
                refund_minor=fact.to_employer_minor,
                held_minor=held_minor,
                currency=fact.currency,
                owed=False,
                code="frozen" if others else "not_covered",
                reason=f"The settlement was not carried out: {why}. An operator decides anew.",
                cause="dispute_decided",
            )
        )
    frozen = freezing.freeze(
        freezes, fact.milestone_id, fact.contract_id, "operator", fact.dispute_id,
        f"A settlement could not be carried out: {why}", held_minor, fact.currency, posting.posted_at,
    )  # fmt: skip
    ours: FreezeReason = ("party_dispute", fact.dispute_id)
    lifted = freezing.lift(
        freezing.after(freezes, frozen),
        [ours],
        "An operator decides anew.",
        held_minor,
        posting.posted_at,
    )
    return Moved(tuple(told)).then(frozen).then(lifted)
