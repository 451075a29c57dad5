"""What keeps released money from leaving for the trainer while its payment is in question. Pure.

A release is the ledger's word and stands. But as long as the money has not left, a dispute at the bank or a freeze
holds it: what is transferred can only be taken back as far as the trainer still has it.
"""

from schemas.funding import ChargebackReversed, FundsFrozen, FundsUnfrozen, MilestoneChargedBack
from services.payouts.records import Stop

NOT_OURS = frozenset({"party_dispute", "transfer_reversed"})
"""Freezes of what is held alone: they say nothing against what was released before."""

_CHARGED_BACK = "charged_back"

Fact = FundsFrozen | FundsUnfrozen | MilestoneChargedBack | ChargebackReversed


def heard(before: Stop | None, fact: Fact) -> Stop | None:
    """What holds after a fact; None: nothing changed."""
    known = before or Stop(fact.milestone_id, fact.contract_id, [])
    if isinstance(fact, MilestoneChargedBack | ChargebackReversed):
        this = f"{_CHARGED_BACK} {fact.dispute_id}"
    else:
        this = f"{fact.cause} {fact.about}"
    others = [cause for cause in known.causes if cause != this]
    causes = [*others, this] if _holds(fact) else others
    return None if causes == list(known.causes) else known._replace(causes=causes)


def is_decided(cause: str) -> bool:
    """Whether nobody decides about a cause any more: what the bank took, once the freeze of its dispute is lifted."""
    return cause.startswith(f"{_CHARGED_BACK} ")


def _holds(fact: Fact) -> bool:
    match fact:
        case FundsFrozen():
            return fact.cause not in NOT_OURS
        case MilestoneChargedBack():
            # The trainer's side has to make it good: a lost dispute does not let it go.
            return fact.recovery_minor > 0
        case _:
            return False
