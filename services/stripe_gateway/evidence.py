"""Answering a cardholder's dispute: what a command asks of Stripe, and what the answer tells. Pure.

Stripe takes evidence while the bank asks, and once: so the same evidence is never submitted twice, and a call that
comes too late is refused by what Stripe last told of the dispute, or by Stripe itself.
"""

from collections.abc import Sequence

from schemas import stripe
from services.stripe_gateway import parameters, states
from services.stripe_gateway.opening import Decided, Opening, ask, refuse
from services.stripe_gateway.readings import EvidenceReading
from services.stripe_gateway.records import Attempt, Dispute
from services.stripe_gateway.told import Told, check


def submit(
    dispute: Dispute | None, command: stripe.SubmitDisputeEvidence, asked: Sequence[Attempt], opening: Opening
) -> Decided:
    """Ask to give evidence to the cardholder's bank."""
    if dispute is None or dispute.funding_id != command.funding_id:
        detail = f"{command.dispute_id} is no dispute of {command.funding_id}"
        return Decided(said=(refuse(opening, command, command.dispute_id, "unknown_dispute", detail),))
    call = parameters.submit_dispute_evidence(command)
    return ask(command, dispute.dispute_id, call, asked, opening, dispute, dispute.take(command.type_name))


def submitted(dispute: Dispute, reading: EvidenceReading) -> Told:
    """The bank has it. What becomes of the dispute is read from the dispute itself."""
    check(dispute.dispute_id, reading.dispute_id, dispute.funding_id)
    if dispute.take(states.ANSWERED) is None:
        return Told(dispute)
    event = stripe.DisputeEvidenceSubmitted(
        contract_id=dispute.contract_id,
        milestone_id=dispute.milestone_id,
        funding_id=dispute.funding_id,
        dispute_id=dispute.dispute_id,
    )
    return Told(dispute, (event,))
