"""What makes a payment doubtful: card disputes, fraud warnings, reviews. What a reading of one tells. Pure."""

from schemas import stripe
from services.stripe_gateway import states
from services.stripe_gateway.readings import DisputeReading, ReviewReading, RiskReading, WarningReading
from services.stripe_gateway.records import Dispute, FraudWarning, Intent, Review, Risk
from services.stripe_gateway.told import Told, WrongObjectError, check


def new(reading: RiskReading, intent: Intent) -> Risk:
    """The row of one that nothing was told of yet."""
    about = (intent.contract_id, intent.milestone_id, intent.funding_id)
    if isinstance(reading, DisputeReading):
        return Dispute(
            reading.dispute_id, *about, reading.charge_id, states.NONE, "", 0, 0, 0, 0, reading.currency, None, False
        )
    if isinstance(reading, WarningReading):
        return FraudWarning(reading.warning_id, *about, reading.charge_id, states.NONE)
    return Review(reading.review_id, *about, states.NONE)


def read(risk: Risk, reading: RiskReading) -> Told:
    """What a reading tells. Raises WrongObjectError when the two do not belong together."""
    if isinstance(risk, Dispute) and isinstance(reading, DisputeReading):
        return _dispute_read(risk, reading)
    if isinstance(risk, FraudWarning) and isinstance(reading, WarningReading):
        return _warning_read(risk, reading)
    if isinstance(risk, Review) and isinstance(reading, ReviewReading):
        return _review_read(risk, reading)
    raise WrongObjectError(f"a reading of a {reading.kind} cannot tell of a {type(risk).__name__}")


def _dispute_read(dispute: Dispute, reading: DisputeReading) -> Told:
    """A dispute as Stripe has it now: told when it moved, when money moved, or when there is more to know."""
    check(dispute.dispute_id, reading.dispute_id, dispute.funding_id)
    check(dispute.charge_id, reading.charge_id, dispute.dispute_id)
    target = dispute.move(reading.status)
    # What moved, moved: a reading that shows less is older. (The fee may be given back.)
    older = reading.withdrawn_minor < dispute.withdrawn_minor or reading.reinstated_minor < dispute.reinstated_minor
    if target is None or older:
        return Told(dispute)
    now = dispute._replace(
        state=target,
        reason=reading.reason,
        amount_minor=reading.amount_minor,
        withdrawn_minor=reading.withdrawn_minor,
        reinstated_minor=reading.reinstated_minor,
        fee_minor=reading.fee_minor,
        evidence_due_at=reading.evidence_due_at,
        is_charge_refundable=reading.is_charge_refundable,
    )
    if now == dispute:
        return Told(dispute)
    event = stripe.ChargeDisputeChanged(
        contract_id=now.contract_id,
        milestone_id=now.milestone_id,
        funding_id=now.funding_id,
        charge_id=now.charge_id,
        dispute_id=now.dispute_id,
        status=reading.status,
        reason=now.reason,
        amount_minor=now.amount_minor,
        withdrawn_minor=now.withdrawn_minor,
        reinstated_minor=now.reinstated_minor,
        fee_minor=now.fee_minor,
        currency=now.currency,
        evidence_due_at=now.evidence_due_at,
        is_charge_refundable=now.is_charge_refundable,
    )
    return Told(now, (event,))


def _warning_read(warning: FraudWarning, reading: WarningReading) -> Told:
    target = warning.move("actionable" if reading.actionable else "over")
    if target is None:
        return Told(warning)
    raised = stripe.EarlyFraudWarningRaised(
        contract_id=warning.contract_id,
        milestone_id=warning.milestone_id,
        funding_id=warning.funding_id,
        charge_id=warning.charge_id,
        warning_id=warning.warning_id,
        fraud_type=reading.fraud_type,
        actionable=reading.actionable,
    )
    return Told(warning._replace(state=target), (raised,))


def _review_read(review: Review, reading: ReviewReading) -> Told:
    target = review.move(states.OPEN if reading.open else states.CLOSED)
    if target is None:
        return Told(review)
    changed = stripe.ReviewChanged(
        contract_id=review.contract_id,
        milestone_id=review.milestone_id,
        funding_id=review.funding_id,
        review_id=review.review_id,
        open=reading.open,
        reason=reading.reason,
    )
    return Told(review._replace(state=target), (changed,))
