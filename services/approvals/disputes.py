"""Decisions about disputes between the parties (DOMAIN.md 6). Pure, like `domain`.

A dispute freezes what is held and not decided about. An operator settles it to the cent: one part to the trainer, which
is an approval like any other, the other back to the employer. `funding` carries both out and has the last word.
"""

from datetime import datetime

from schemas import approvals as said
from schemas.money import show
from services.approvals import states
from services.approvals.domain import (
    Decided,
    Decision,
    History,
    asked_of,
    end_round,
    frozen,
    not_releasable,
)
from services.approvals.records import Dispute, Release, Review
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found

BANK_CAUSES = frozenset({"card_dispute", "card_inquiry"})
"""While the employer's bank asks about the payment, the parties cannot settle it between them."""


def dispute(history: History, command: said.DisputeMilestone, dispute_id: str, now: datetime) -> Decision:
    """Either party disputes what is held: it freezes, and an open request ends."""
    review = asked_of(history, command)
    if isinstance(review, Refused):
        return review
    if review.state == states.DISPUTED:
        return Unchanged(detail="this milestone is disputed already")
    edge = states.REVIEW.edge(review.state, command.type_name)
    if edge is None:
        return not_releasable(review)
    if BANK_CAUSES.intersection(review.frozen_by):
        return frozen(review) or not_releasable(review)
    opened = Dispute(
        dispute_id, review.milestone_id, review.contract_id, command.actor.party_id, command.reason, now, "open",
        0, 0, 0, None, None, None, None,
    )  # fmt: skip
    event = said.MilestoneDisputed(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        dispute_id=dispute_id,
        employer_id=review.employer_id,
        trainer_id=review.trainer_id,
        opened_by=opened.opened_by,
        reason=opened.reason,
    )
    last = history.last
    ended = end_round(last, "disputed", now, command.reason) if last and review.state == states.REQUESTED else None
    return Decided(review._replace(state=edge.target), (event,), ended, dispute=opened)


def resolve(history: History, command: said.ResolveDispute, release_id: str, now: datetime) -> Decision:
    """An operator settles the open dispute: the two parts sum to what is held and not decided about."""
    review = asked_of(history, command)
    if isinstance(review, Refused):
        return review
    if command.actor.role != "operator":
        return forbidden(f"an operator settles a dispute, not the {command.actor.role}")
    of = next((of for of in history.disputes if of.dispute_id == command.dispute_id), None)
    if of is None:
        return not_found("dispute", command.dispute_id)
    # Another freeze than the dispute's own: the ledger could carry out neither part.
    if stop := _settled_before(of, command) or frozen(review) or _not_the_sum(history, review, command):
        return stop
    return _resolved(review, of, command, release_id if command.to_trainer_minor else None, now)


def _settled_before(of: Dispute, command: said.ResolveDispute) -> Refused | Unchanged | None:
    if of.outcome == "open":
        return None
    parts = (command.to_trainer_minor, command.to_employer_minor)
    if of.outcome == "resolved" and parts == (of.to_trainer_minor, of.to_employer_minor):
        return Unchanged(detail="the dispute was settled so already")
    return conflict("dispute_closed", f"this dispute is closed ({of.outcome}): {of.settlement}")


def _not_the_sum(history: History, review: Review, command: said.ResolveDispute) -> Refused | None:
    if command.currency != review.currency:
        return invalid("currency_mismatch", f"to_trainer, to_employer: this milestone is in {review.currency}")
    held_minor, given_minor = history.open_to_approval_minor, command.to_trainer_minor + command.to_employer_minor
    if given_minor == held_minor:
        return None
    held, given = show(held_minor, review.currency), show(given_minor, review.currency)
    return conflict(
        "parts_do_not_sum",
        f"to_trainer and to_employer sum to {given}, held is {held}: give two parts that sum to {held}",
        held={"amount_minor": held_minor, "currency": review.currency},
        given={"amount_minor": given_minor, "currency": review.currency},
    )


def _resolved(
    review: Review, of: Dispute, command: said.ResolveDispute, release_id: str | None, now: datetime
) -> Decision:
    to_trainer_minor = command.to_trainer_minor
    edge = states.REVIEW.edge(review.state, command.type_name, states.PART if to_trainer_minor else states.REST)
    if edge is None:
        return not_releasable(review)
    settled = of._replace(
        outcome="resolved",
        to_trainer_minor=to_trainer_minor,
        to_employer_minor=command.to_employer_minor,
        refunding_minor=command.to_employer_minor,
        release_id=release_id,
        settled_by=command.actor.party_id,
        settlement=command.reason,
        settled_at=now,
    )
    release = None
    if release_id is not None:
        release = Release(
            release_id, review.milestone_id, 0, to_trainer_minor, command.actor.party_id, now, "approved", None
        )
    event = said.DisputeResolved(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        dispute_id=of.dispute_id,
        release_id=release_id,
        employer_id=review.employer_id,
        trainer_id=review.trainer_id,
        to_trainer_minor=to_trainer_minor,
        to_employer_minor=command.to_employer_minor,
        currency=review.currency,
        resolved_by=command.actor.party_id,
        reason=command.reason,
    )
    return Decided(review._replace(state=edge.target), (event,), release=release, dispute=settled)
