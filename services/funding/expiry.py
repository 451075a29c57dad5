"""A charge that waits for the employer's authentication, and nobody comes. Pure."""

from datetime import datetime

from schemas import stripe
from schemas.funding import ExpireAuthentication
from services.funding import states
from services.funding.records import Funding
from services.runtime.clock import CLOCKS_APART
from services.runtime.decisions import Unchanged


def expire(
    funding: Funding | None, command: ExpireAuthentication, now: datetime
) -> stripe.CancelPaymentIntent | Unchanged:
    """Give the charge up at Stripe. Stripe answers what became of it: canceled, or paid in the last moment.

    The state stays until that answer comes: an employer who authenticates while the call waits has paid.
    """
    if funding is None or funding.state != states.ACTION_REQUIRED or funding.attempt != command.attempt:
        return Unchanged(detail="nothing waits for authentication any more")
    if funding.payment_intent_id is None or (funding.expires_at and now + CLOCKS_APART < funding.expires_at):
        return Unchanged(detail="there is still time to authenticate")
    return stripe.CancelPaymentIntent(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        payment_intent_id=funding.payment_intent_id,
        reason="abandoned",
    )
