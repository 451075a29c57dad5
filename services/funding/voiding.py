"""Charges that succeeded and must not stand: booked as they came and given back whole, with all fees. Pure."""

from schemas import funding as said
from schemas import stripe
from schemas.base import Message
from schemas.funding import RefundCause
from services.funding import ledger, refund_events, refunds, states
from services.funding.charge_answers import ended, no_longer_in_flight
from services.funding.ledger import Posting
from services.funding.records import Decided, Funding, Milestone

_REASONS: dict[RefundCause, str] = {
    "duplicate_charge": "The milestone was funded by another charge already.",
    "amount_mismatch": "Stripe charged another sum than was asked for.",
    "milestone_cancelled": "The milestone was cancelled before the charge succeeded.",
}


def must_not_stand(
    funding: Funding, fact: stripe.PaymentIntentSucceeded, milestone: Milestone | None, standing: Funding | None
) -> RefundCause | None:
    """Why a charge that succeeded goes back at once. `standing`: the funding that speaks for the milestone."""
    if (fact.charge_minor, fact.currency) != (funding.charge_minor, funding.currency):
        return "amount_mismatch"
    if standing is not None and standing.funding_id != funding.funding_id and standing.state in states.WITH_MONEY:
        return "duplicate_charge"
    if milestone is not None and milestone.cancelled:
        return "milestone_cancelled"
    return None


def void(
    funding: Funding,
    fact: stripe.PaymentIntentSucceeded,
    cause: RefundCause,
    refund_id: str,
    held_minor: int,
    answered: Posting,
    posting: Posting,
) -> Decided | None:
    """Book what came in as owed to the employer, and ask Stripe to refund it. It is never held, so never released.

    `held_minor`: what the milestone holds, which this does not touch. None: this success was heard before.
    """
    target = funding.move(fact.type_name, "void")
    if target is None:
        return None
    in_flight = funding.state in states.UNDER_WAY
    mismatch = cause == "amount_mismatch"
    # Another sum than asked has no parts that could be told apart.
    work_minor = fact.charge_minor if mismatch else funding.amount_minor
    fees_minor = 0 if mismatch else funding.fees_minor
    posting = posting._replace(kind="charge_voided", currency=fact.currency)
    entries = [
        *no_longer_in_flight(funding, answered),
        *ledger.charge_voided(posting, work_minor, fees_minor, fact.stripe_fee_minor),
    ]
    funding = funding._replace(
        state=target, payment_intent_id=fact.payment_intent_id, charge_id=fact.charge_id, expires_at=None
    )
    refund = refunds.begun(
        funding, refund_id, work_minor, fees_minor, cause, refunds.OURS, _REASONS[cause], posting.posted_at
    )._replace(currency=fact.currency)
    # A milestone that another charge funded has not failed.
    failed: tuple[Message, ...] = (_failed(funding, cause),) if in_flight and cause != "duplicate_charge" else ()
    told = (*failed, refund_events.requested(refund, held_minor), refunds.create_refund(funding, refund))
    return Decided(funding, told, entries, ended(funding, "succeeded", posting.posted_at), refund)


def _failed(funding: Funding, cause: RefundCause) -> said.FundingFailed:
    return said.FundingFailed(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        attempt=funding.attempt,
        code=cause,
        reason=f"{_REASONS[cause]} What was charged goes back to the card.",
        advice="try_again_later",
        can_retry=cause != "milestone_cancelled",
        amount_minor=funding.amount_minor,
        currency=funding.currency,
    )
