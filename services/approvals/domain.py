"""Decisions about reviews. Pure: rows, a message, the time and fresh ids in; rows and messages out.

States move only along the edges of `states.REVIEW`. Approving is decided here, releasing by the ledger of `funding`:
what was approved is taken off what can still be approved at once, and stays off or comes back as the ledger answers.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Literal

from schemas import approvals as said
from schemas.base import Actor, Message
from schemas.contracts import MilestoneAdded
from schemas.funding import (
    FundsReleased,
    MilestoneFunded,
    MilestoneRefunded,
    RefundFailed,
    RefundRequested,
    ReleaseRefused,
)
from schemas.money import show
from services.approvals import states
from services.approvals.records import Dispute, Release, Review, Round
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found
from services.runtime.states import Edge

RoundOutcome = Literal[
    "open", "withdrawn", "changes_requested", "approved", "approved_in_part", "disputed", "refunded", "charged_back"
]
ReleaseOutcome = Literal["approved", "released", "refused", "given_up"]
"""`approved`: the ledger has not answered yet. `given_up`: it was released and will not be paid out."""

Asked = (
    said.RequestRelease
    | said.WithdrawRequest
    | said.RequestChanges
    | said.ApproveMilestone
    | said.DisputeMilestone
    | said.ResolveDispute
)


@dataclass(frozen=True, slots=True)
class History:
    """Everything of a milestone's review, as it is before a decision."""

    review: Review | None
    rounds: Sequence[Round]
    releases: Sequence[Release]
    disputes: Sequence[Dispute] = ()

    @property
    def open_dispute(self) -> Dispute | None:
        """The dispute that is not settled yet, if there is one."""
        return next((of for of in self.disputes if of.outcome == "open"), None)

    @property
    def last(self) -> Round | None:
        return max(self.rounds, key=lambda of: of.round, default=None)

    @property
    def open_to_approval_minor(self) -> int:
        """What is held and not approved yet, in minor units of the review's currency."""
        return open_minor(self.review, self.releases, self.disputes)


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision changes and says."""

    review: Review
    said: tuple[Message, ...] = ()
    round: Round | None = None
    release: Release | None = None
    dispute: Dispute | None = None


Decision = Decided | Refused | Unchanged


def open_minor(review: Review | None, releases: Sequence[Release], disputes: Sequence[Dispute] = ()) -> int:
    """What is held and not decided about yet, in minor units of the review's currency: approved, or the employer's by
    a settled dispute, without an answer of the ledger so far."""
    held_minor = review.held_minor if review else 0
    approved_minor = sum(release.amount_minor for release in releases if release.outcome == "approved")
    return held_minor - approved_minor - sum(dispute.refunding_minor for dispute in disputes)


# -- what the parties ask ----------------------------------------------------------------------------------


def request_release(history: History, command: said.RequestRelease, now: datetime, period: timedelta) -> Decision:
    """The trainer says the work is done: a round begins, to be reviewed within `period`."""
    review = asked_of(history, command)
    if isinstance(review, Refused):
        return review
    if refused := _only(command.actor, "trainer", "asks for release"):
        return refused
    if review.state == states.REQUESTED:
        return Unchanged(detail="release was asked for already; the employer reviews it")
    edge = states.REVIEW.edge(review.state, command.type_name)
    if edge is None:
        return not_releasable(review)
    if refused := frozen(review):
        return refused
    asked = Round(
        review.milestone_id, review.round + 1, command.note, list(command.links), now, now + period, "open", None, None
    )
    event = said.ReleaseRequested(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        employer_id=review.employer_id,
        trainer_id=review.trainer_id,
        round=asked.round,
        note=asked.note,
        links=command.links,
        review_due_at=asked.review_due_at,
    )
    return Decided(review._replace(state=edge.target, round=asked.round), (event,), asked)


def withdraw_request(history: History, command: said.WithdrawRequest, now: datetime) -> Decision:
    """The trainer takes the request back."""
    review = asked_of(history, command)
    if isinstance(review, Refused):
        return review
    if refused := _only(command.actor, "trainer", "withdraws a request"):
        return refused
    last = history.last
    edge = states.REVIEW.edge(review.state, command.type_name)
    if edge is None or last is None:
        if review.state == states.FUNDED and last is not None and last.outcome == "withdrawn":
            return Unchanged(detail="the request was withdrawn already")
        return _no_request(review)
    event = said.ReleaseRequestWithdrawn(
        contract_id=review.contract_id, milestone_id=review.milestone_id, round=last.round
    )
    return Decided(review._replace(state=edge.target), (event,), end_round(last, "withdrawn", now))


def request_changes(history: History, command: said.RequestChanges, now: datetime) -> Decision:
    """The employer wants something changed first."""
    review = asked_of(history, command)
    if isinstance(review, Refused):
        return review
    if refused := _only(command.actor, "employer", "asks for changes"):
        return refused
    last = history.last
    edge = states.REVIEW.edge(review.state, command.type_name)
    if edge is None or last is None:
        if review.state == states.FUNDED and last is not None and last.reason == command.reason:
            return Unchanged(detail="these changes were asked for already")
        return _no_request(review)
    event = said.ChangesRequested(
        contract_id=review.contract_id, milestone_id=review.milestone_id, round=last.round, reason=command.reason
    )
    return Decided(
        review._replace(state=edge.target), (event,), end_round(last, "changes_requested", now, command.reason)
    )


def approve(history: History, command: said.ApproveMilestone, release_id: str, now: datetime) -> Decision:
    """The employer releases what is held, or the part that the command names."""
    review = asked_of(history, command)
    if isinstance(review, Refused):
        return review
    if refused := _only(command.actor, "employer", "approves a release"):
        return refused
    if command.currency not in (None, review.currency):
        return invalid("currency_mismatch", f"amount.currency: this milestone is in {review.currency}")
    if stop := _approved_before(history, command) or _kept_back(review):
        return stop
    amount_minor = command.amount_minor or history.open_to_approval_minor
    left_minor = history.open_to_approval_minor - amount_minor
    edge = states.REVIEW.edge(review.state, command.type_name, part_or_rest(left_minor))
    # Open is less than nothing while the ledger has still to refuse an approval whose money is gone.
    if edge is None or left_minor < 0 or amount_minor <= 0:
        return _not_covered(history, command) if review.state != states.NOT_FUNDED else not_releasable(review)
    return _approved(review, history.last, command.actor, Release(
        release_id, review.milestone_id, review.round if review.state == states.REQUESTED else 0, amount_minor,
        command.actor.party_id, now, "approved", None,
    ), left_minor, edge)  # fmt: skip


def _approved(
    review: Review, last: Round | None, actor: Actor, release: Release, left_minor: int, edge: Edge
) -> Decided:
    event = said.MilestoneApproved(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        release_id=release.release_id,
        employer_id=review.employer_id,
        trainer_id=review.trainer_id,
        amount_minor=release.amount_minor,
        still_held_minor=left_minor,
        currency=review.currency,
        approved_by=actor.party_id,
    )
    ended = None
    if review.state == states.REQUESTED and last is not None:
        ended = end_round(last, "approved" if left_minor == 0 else "approved_in_part", release.approved_at)
    return Decided(review._replace(state=edge.target), (event,), ended, release)


def _approved_before(history: History, command: said.ApproveMilestone) -> Refused | Unchanged | None:
    """In `approved` everything held is approved: asking for the same again is answered with what is so."""
    review = history.review
    if review is None or review.state != states.APPROVED:
        return None
    last = max(history.releases, key=lambda of: (of.approved_at, of.release_id), default=None)
    if last is None or last.outcome == "refused":
        return None
    if command.amount_minor in (None, last.amount_minor):
        return Unchanged(detail="the release was approved already")
    return not_releasable(review)


# -- who may, and why not ----------------------------------------------------------------------------------


def asked_of(history: History, command: Asked) -> Review | Refused:
    review = history.review
    if review is None or review.contract_id != command.contract_id or not concerns(command.actor, review):
        return not_found("milestone", command.milestone_id)
    return review


def concerns(actor: Actor, review: Review) -> bool:
    """Operators and services may act on any review, parties on their own."""
    return actor.role in ("operator", "service") or actor.party_id in (review.employer_id, review.trainer_id)


def _only(actor: Actor, role: Literal["employer", "trainer"], does: str) -> Refused | None:
    if actor.role in (role, "operator", "service"):
        return None
    return forbidden(f"the {role} {does}, not the {actor.role}")


def not_releasable(review: Review) -> Refused:
    if review.state == states.NOT_FUNDED:
        return conflict("milestone_not_funded", "nothing is held for this milestone yet: it must be funded first")
    if review.state == states.DISPUTED:
        return conflict(
            "milestone_disputed", "this milestone is disputed: what is held stays frozen until it is settled"
        )
    if review.state == states.CLOSED:
        return conflict("nothing_held", "nothing is held for this milestone any more")
    return conflict("milestone_not_releasable", "everything that was held for this milestone is approved already")


def _kept_back(review: Review) -> Refused | None:
    return not_releasable(review) if review.state in (states.DISPUTED, states.CLOSED) else frozen(review)


def frozen(review: Review) -> Refused | None:
    """What is held may not be released now; None: it may. The ledger has the last word on that as well."""
    if not review.freezes:
        return None
    causes = review.frozen_by
    why = "; ".join(_FREEZES[cause] for cause in causes)
    return conflict("funds_frozen", f"what is held for this milestone is frozen: {why}", causes=causes)


_FREEZES = {
    "card_dispute": "the employer's bank disputes the payment",
    "card_inquiry": "the employer's bank inquires about the payment",
    "fraud_warning": "the card's issuer warned of fraud",
    "review": "the payment is being reviewed",
    "operator": "an operator froze it",
    "reconciliation": "our books and Stripe's differ, and an operator looks into it",
    "transfer_reversed": "it was taken back from the trainer's account, and an operator decides about it",
}


def _no_request(review: Review) -> Refused:
    if review.state in (states.NOT_FUNDED, states.DISPUTED, states.CLOSED):
        return not_releasable(review)
    why = "the release was approved already" if review.state == states.APPROVED else "there is no open request"
    return conflict("release_not_requested", f"{why}: this can be done only while a request for release is open")


def _not_covered(history: History, command: said.ApproveMilestone) -> Refused:
    review, open_to_approval_minor = history.review, history.open_to_approval_minor
    if review is None or command.amount_minor is None:
        return conflict("not_covered", "nothing is held that could be approved")
    asked, held = show(command.amount_minor, review.currency), show(open_to_approval_minor, review.currency)
    return conflict(
        "not_covered",
        f"amount: {held} is held and not approved yet, {asked} was to be approved; give at most {held}",
        held={"amount_minor": open_to_approval_minor, "currency": review.currency},
    )


def end_round(of: Round, outcome: RoundOutcome, now: datetime, reason: str | None = None) -> Round:
    return of._replace(outcome=outcome, reason=reason, ended_at=now)


def part_or_rest(left_minor: int) -> str:
    return states.PART if left_minor > 0 else states.REST


# -- what other services say -------------------------------------------------------------------------------


def milestone_added(review: Review | None, fact: MilestoneAdded) -> Review | None:
    """Learn of a milestone; None: its funding was heard of first, so all is known."""
    known = with_parties(review, fact)
    return None if known == review else known


def milestone_funded(review: Review | None, fact: MilestoneFunded) -> Review:
    """Money is held: the review is open. The fact carries all that is needed where the milestone was not heard of."""
    known = with_parties(review, fact)
    return known._replace(state=move(known.state, fact.type_name), held_minor=fact.held_minor)


def with_parties(
    review: Review | None, fact: MilestoneAdded | MilestoneFunded | RefundRequested | MilestoneRefunded | RefundFailed
) -> Review:
    """The review of a milestone once a fact has named its parties, which makes it where it was not heard of."""
    if review is None:
        return Review(
            fact.milestone_id, fact.contract_id, fact.employer_id, fact.trainer_id, fact.currency, states.NOT_FUNDED,
            0, 0, [],
        )  # fmt: skip
    # A freeze may be heard of first, and it does not name them.
    return review if review.employer_id else review._replace(employer_id=fact.employer_id, trainer_id=fact.trainer_id)


def ledger_answered(history: History, fact: FundsReleased | ReleaseRefused) -> Decided:
    """The ledger released what was approved, or refused: what is held is what it says. Raises LookupError for a
    milestone that was never funded."""
    review = history.review
    if review is None:
        # A charge comes first on the same topic, and it makes the row.
        raise LookupError(f"the ledger answers about {fact.milestone_id}, which is not in the database")
    asked = next((release for release in history.releases if release.release_id == fact.release_id), None)
    answered = asked and _answered(asked, fact)
    held_minor = fact.still_held_minor if isinstance(fact, FundsReleased) else fact.held_minor
    after = review._replace(held_minor=held_minor)
    waiting = [release for release in history.releases if release.release_id != fact.release_id]
    when = part_or_rest(open_minor(after, waiting, history.disputes))
    if when == states.REST and any(release.outcome == "approved" for release in waiting):
        when = states.WAITING
    state = move(after.state, fact.type_name, when)
    return Decided(after._replace(state=state), release=answered)


def _answered(release: Release, fact: FundsReleased | ReleaseRefused) -> Release:
    outcome: ReleaseOutcome = "released" if isinstance(fact, FundsReleased) else "refused"
    return release._replace(outcome=outcome, reason=fact.reason if isinstance(fact, ReleaseRefused) else None)


def move(state: str, trigger: str, when: str = "") -> str:
    edge = states.REVIEW.edge(state, trigger, when)
    return edge.target if edge else state
