"""Answering a dispute at the bank: what the platform knows of the payment, put in words, and who may send it. Pure.

The bank takes one answer each time it asks, and decides by it. So it is whole from the first: what was agreed, when the
charge was made, who approved the work and when, what was refunded of this very charge and when, and what the operator
has to add. It names parties by our ids alone.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas import funding as said
from schemas import stripe
from schemas.approvals import BY_RULE
from schemas.base import Message
from schemas.money import show
from services.funding import states
from services.funding.records import Approval, CardDispute, Evidence, Milestone, Refund, concerns
from services.funding.standing import Money
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, not_found

ANSWERABLE = frozenset({"needs_response", "warning_needs_response"})
"""The statuses, as Stripe names them, in which the bank asks."""


@dataclass(frozen=True, slots=True)
class Answered:
    """What a decision about evidence changes and says."""

    evidence: Evidence
    said: tuple[Message, ...]


@dataclass(frozen=True, slots=True)
class Payment:
    """All that is known of a disputed payment."""

    milestone: Milestone
    money: Money
    """Of the charge that is disputed."""
    charged_at: datetime
    approvals: Sequence[Approval]


def may_answer(
    milestone: Milestone | None, dispute: CardDispute | None, command: said.SubmitDisputeEvidence
) -> Refused | None:
    """Only an operator speaks for the platform."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    if command.actor.role != "operator":
        return forbidden(f"an operator answers the bank, not the {command.actor.role}")
    if dispute is None or dispute.milestone_id != milestone.milestone_id:
        return not_found("card dispute", command.dispute_id)
    return None


def answer(
    dispute: CardDispute,
    payment: Payment | None,
    before: Sequence[Evidence],
    command: said.SubmitDisputeEvidence,
    evidence_id: str,
    now: datetime,
) -> Answered | Refused | Unchanged:
    """Send the bank what is known of the payment. `before`: all answers to this dispute so far."""
    given = [of for of in before if of.asked_in == dispute.status and of.state != states.REFUSED]
    if given:
        return Unchanged(detail="this was answered already: the bank takes one answer each time it asks")
    if dispute.status not in ANSWERABLE:
        return conflict("dispute_not_answerable", f"the dispute is {dispute.status}: the bank asks for nothing now")
    if dispute.evidence_due_at is not None and now >= dispute.evidence_due_at:
        return conflict("evidence_too_late", f"the bank took evidence until {dispute.evidence_due_at.isoformat()}")
    if payment is None:
        return conflict("charge_does_not_stand", "this charge went back whole: there is nothing to say for it")
    row = Evidence(
        evidence_id, dispute.dispute_id, dispute.milestone_id, dispute.contract_id, dispute.status, states.NONE,
        command.actor.party_id, None, now, now,
    )  # fmt: skip
    texts = _texts(dispute, payment, command.statement)
    about = {
        "contract_id": dispute.contract_id,
        "milestone_id": dispute.milestone_id,
        "dispute_id": dispute.dispute_id,
        "evidence_id": evidence_id,
    }
    event = said.DisputeEvidenceGiven(
        **about,
        **texts,
        given_by=command.actor.party_id,
        statement=command.statement or "",
        due_at=dispute.evidence_due_at,
    )
    call = stripe.SubmitDisputeEvidence(**about, **texts, funding_id=dispute.funding_id)
    return Answered(row._replace(state=row.move(command.type_name) or row.state), (event, call))


def submitted(given: Sequence[Evidence], fact: stripe.DisputeEvidenceSubmitted, now: datetime) -> Answered | None:
    """The bank has it. None: that is known, or it was submitted at Stripe by hand."""
    return _moved(given, fact.type_name, now)


def refused(
    given: Sequence[Evidence], due_at: datetime | None, fact: stripe.CallRefused, now: datetime
) -> Answered | None:
    """Stripe did not take it: an operator may give another answer while the bank asks. None: that is known."""
    moved = _moved(given, fact.type_name, now)
    if moved is None:
        return None
    code = fact.code or "call_refused"
    row = moved.evidence._replace(code=code)
    event = said.DisputeEvidenceRefused(
        contract_id=row.contract_id,
        milestone_id=row.milestone_id,
        dispute_id=row.dispute_id,
        evidence_id=row.evidence_id,
        code=code,
        reason=f"Stripe did not take the evidence; give it anew while the bank still asks. Stripe says: {fact.message}",
        due_at=due_at,
    )
    return Answered(row, (event,))


def _moved(given: Sequence[Evidence], trigger: str, now: datetime) -> Answered | None:
    for row in given:
        target = row.move(trigger)
        if target is not None:
            return Answered(row._replace(state=target, changed_at=now), ())
    return None


# -- in words --------------------------------------------------------------------------------------------------


def _texts(dispute: CardDispute, payment: Payment, statement: str | None) -> dict[str, str]:
    """By Stripe's names. None is longer than Stripe takes: descriptions and statements are bounded far below."""
    approved = sorted(payment.approvals, key=lambda of: (of.approved_at, of.release_id))
    refunds = sorted(payment.money.given_back(), key=lambda of: (of.requested_at, of.refund_id))
    lines = [
        *([statement, ""] if statement else []),
        _charged(dispute, payment),
        *(_approved(of) for of in approved),
        *(_refunded(of) for of in refunds),
    ]
    return {
        "product_description": f"Work by a freelance trainer, milestone {payment.milestone.number} of a contract: "
        f"{payment.milestone.description}",
        "service_date": _day(approved[0].approved_at) if approved else "",
        "refund_refusal_explanation": _why_no_more(payment, refunds, approved),
        "uncategorized_text": "\n".join(lines),
    }


def _charged(dispute: CardDispute, payment: Payment) -> str:
    funding = payment.money.funding
    return (
        f"{_day(payment.charged_at)}: the card was charged {show(funding.charge_minor, funding.currency)} "
        f"({dispute.charge_id}) by order of the customer {funding.employer_id}: "
        f"{show(funding.amount_minor, funding.currency)} for the work, "
        f"{show(funding.fees_minor, funding.currency)} of fees."
    )


def _approved(approval: Approval) -> str:
    amount = show(approval.amount_minor, approval.currency)
    if approval.approved_by == BY_RULE:
        return (
            f"{_day(approval.approved_at)}: the period to review the work ended without an objection of the customer, "
            f"and {amount} was released as agreed."
        )
    return f"{_day(approval.approved_at)}: {approval.approved_by} approved the work and the release of {amount}."


def _refunded(refund: Refund) -> str:
    amount, name = show(_given_minor(refund), refund.currency), refund.stripe_refund_id or refund.refund_id
    how = {
        states.MADE: "was refunded to the same card",
        states.BY_HAND: "was paid back to the customer by another way",
    }.get(refund.state, "is being refunded to the customer")
    return f"{_day(refund.requested_at)}: {amount} of this charge {how} ({name})."


def _why_no_more(payment: Payment, refunds: Sequence[Refund], approved: Sequence[Approval]) -> str:
    funding = payment.money.funding
    back_minor = sum(_given_minor(refund) for refund in refunds)
    if not back_minor:
        return ""
    left = show(funding.charge_minor - back_minor, funding.currency)
    rest = f" The rest, {left}, is for work that was approved." if approved else f" {left} is left of the charge."
    whole = show(funding.charge_minor, funding.currency)
    return f"Of {whole}, {show(back_minor, funding.currency)} was given back already and is not owed again.{rest}"


def _given_minor(refund: Refund) -> int:
    """What the customer got or gets: of a refund made at Stripe by hand, also what no book covers."""
    return max(refund.refund_minor, refund.debited_minor - refund.returned_minor)


def _day(moment: datetime) -> str:
    return f"{moment.day} {moment:%B %Y}"
