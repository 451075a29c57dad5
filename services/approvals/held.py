"""What the ledger says of held money, besides answering an approval: refunds, chargebacks, freezes. Pure.

The facts of `funding` come in order, and each names what is held after it: that is taken over as it is.
"""

from datetime import datetime

from schemas import approvals as said
from schemas.funding import (
    ChargebackReversed,
    FundsFrozen,
    FundsReturned,
    FundsUnfrozen,
    MilestoneChargedBack,
    MilestoneRefunded,
    RefundFailed,
    RefundRequested,
    ReleaseGivenUp,
)
from schemas.money import show
from services.approvals import states
from services.approvals.domain import (
    Decided,
    History,
    ReleaseOutcome,
    RoundOutcome,
    end_round,
    move,
    open_minor,
    part_or_rest,
    with_parties,
)
from services.approvals.records import Dispute, Release, Review, Round

HeldFact = (
    RefundRequested
    | MilestoneRefunded
    | RefundFailed
    | MilestoneChargedBack
    | ChargebackReversed
    | FundsReturned
    | ReleaseGivenUp
)
FreezeFact = FundsFrozen | FundsUnfrozen

_PARTIES = "party_dispute"
"""Our own doing: the state says it, and says it at once."""


def changed(history: History, fact: HeldFact, now: datetime) -> Decided:
    """What is held is another sum now. Raises LookupError for a milestone that is not known."""
    review = _known(history, fact)
    after = review._replace(held_minor=_held_minor(fact))
    answered = _refunding(history, fact)
    disputes = [answered if answered and of.dispute_id == answered.dispute_id else of for of in history.disputes]
    left_minor = open_minor(after, history.releases, disputes)
    # What the bank took before it has decided may come back: an open request stays open.
    undecided = isinstance(fact, MilestoneChargedBack) and not fact.final
    state = move(after.state, fact.type_name, states.PART if undecided else part_or_rest(left_minor))
    after = after._replace(state=state)
    if review.state == states.REQUESTED and state == states.CLOSED and history.last is not None:
        return _request_ended(after, history.last, fact, now)
    if history.open_dispute is not None and state != review.state:
        return _dispute_stopped(after, history.open_dispute, fact, now)
    return Decided(after, release=_given_up(history, fact), dispute=answered)


def _request_ended(review: Review, last: Round, fact: HeldFact, now: datetime) -> Decided:
    outcome: RoundOutcome = "charged_back" if isinstance(fact, MilestoneChargedBack) else "refunded"
    event = said.ReleaseRequestWithdrawn(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        round=last.round,
        because="the employer's bank took the money back"
        if outcome == "charged_back"
        else "the money went back to the employer",
    )
    return Decided(review, (event,), end_round(last, outcome, now))


def _dispute_stopped(review: Review, of: Dispute, fact: HeldFact, now: datetime) -> Decided:
    if isinstance(fact, MilestoneChargedBack):
        taken = show(fact.charged_back_minor, fact.currency)
        why = f"the employer's bank took {taken} back: its decision goes before one between the parties"
    else:
        why = "all that was held went back to the employer: there is nothing left to decide"
    event = said.DisputeStopped(
        contract_id=review.contract_id, milestone_id=review.milestone_id, dispute_id=of.dispute_id, reason=why
    )
    return Decided(review, (event,), dispute=of._replace(outcome="stopped", settlement=why, settled_at=now))


def freeze(history: History, fact: FreezeFact) -> Review | None:
    """A freeze came or went; None: nothing that is kept here. An operator may freeze what is not heard of here yet."""
    if fact.cause == _PARTIES:
        return None
    review = history.review or Review(
        fact.milestone_id, fact.contract_id, "", "", fact.currency, states.NOT_FUNDED, 0, 0, []
    )
    this = f"{fact.cause} {fact.about}"
    others = [freeze for freeze in review.freezes if freeze != this]
    if isinstance(fact, FundsFrozen):
        return review._replace(freezes=[*others, this])
    return review._replace(freezes=others if fact.still_frozen else [])


def _known(history: History, fact: HeldFact) -> Review:
    if history.review is not None:
        return history.review
    if isinstance(fact, RefundRequested | MilestoneRefunded | RefundFailed):
        # Of a charge that never counted: it was not told, and the milestone itself is not heard of yet.
        return with_parties(None, fact)
    # A charge comes first on the same topic, and it makes the row.
    raise LookupError(f"the ledger speaks of {fact.milestone_id}, which is not in the database")


def _held_minor(fact: HeldFact) -> int:
    return fact.still_held_minor if isinstance(fact, RefundRequested | MilestoneRefunded) else fact.held_minor


def _refunding(history: History, fact: HeldFact) -> Dispute | None:
    """The settled dispute whose employer's part the ledger just took up, or did not carry out at all."""
    if not isinstance(fact, RefundRequested | RefundFailed) or fact.cause != "dispute_decided":
        return None
    waiting = next((of for of in history.disputes if of.refunding_minor), None)
    return waiting._replace(refunding_minor=max(0, waiting.refunding_minor - fact.amount_minor)) if waiting else None


def _given_up(history: History, fact: HeldFact) -> Release | None:
    """The release that will not be paid out. None: another fact, or one that nobody approved here."""
    if not isinstance(fact, ReleaseGivenUp):
        return None
    outcome: ReleaseOutcome = "given_up"
    release = next((of for of in history.releases if of.release_id == fact.release_id), None)
    return release._replace(outcome=outcome, reason=fact.reason) if release else None
