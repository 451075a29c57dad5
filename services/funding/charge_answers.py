"""Stripe's answers to a charge: created, succeeded, declined, to be authenticated. Pure."""

from datetime import datetime, timedelta

from schemas import funding as said
from schemas import stripe
from services.funding import ledger, states
from services.funding.charging import cancel, confirm
from services.funding.declines import Decline, explain
from services.funding.ledger import Entry, Posting
from services.funding.records import Attempt, Decided, Funding

AUTHENTICATION_LIFE = timedelta(hours=23)
"""The authentication page works for this long unless a setting says otherwise (DOMAIN.md 4)."""


def intent_created(funding: Funding, fact: stripe.PaymentIntentCreated, *, wanted: bool = True) -> Decided | None:
    """The payment intent exists: charge the method. `wanted`: else cancel it, nobody is to pay it any more."""
    target = funding.move(fact.type_name)
    if target is None or funding.payment_intent_id is not None:
        return None
    funding = funding._replace(state=target, payment_intent_id=fact.payment_intent_id)
    return Decided(funding, (confirm(funding) if wanted else cancel(funding, "duplicate"),))


def charged(
    funding: Funding,
    fact: stripe.PaymentIntentSucceeded,
    answered: Posting,
    posting: Posting,
    rival: Funding | None = None,
) -> Decided | None:
    """The money came in: hold it. The caller has voided what must not stand (`voiding.must_not_stand`).

    `answered` closes the charge in flight, `posting` books the money; both are caused by the same fact. `rival`:
    another funding of the milestone that is under way: it is cancelled, this one is adopted.
    """
    target = funding.move(fact.type_name)
    if target is None:
        return None
    entries = [
        *no_longer_in_flight(funding, answered),
        *ledger.charge_succeeded(posting, funding.amount_minor, funding.fees_minor, fact.stripe_fee_minor),
    ]
    funding = funding._replace(
        state=target, payment_intent_id=fact.payment_intent_id, charge_id=fact.charge_id, expires_at=None
    )
    event = said.MilestoneFunded(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        attempt=funding.attempt,
        held_minor=funding.amount_minor,
        marketplace_fee_minor=funding.marketplace_fee_minor,
        initiation_fee_minor=funding.initiation_fee_minor,
        charge_minor=funding.charge_minor,
        stripe_fee_minor=fact.stripe_fee_minor,
        currency=funding.currency,
        payment_intent_id=fact.payment_intent_id,
        charge_id=fact.charge_id,
    )
    # One without an intent yet is cancelled as soon as it has one.
    others = (cancel(rival, "duplicate"),) if rival is not None and rival.payment_intent_id is not None else ()
    return Decided(funding, (event, *others), entries, ended(funding, "succeeded", posting.posted_at))


def no_longer_in_flight(funding: Funding, answered: Posting) -> list[Entry]:
    """A charge in flight has its answer; a declined one had it before."""
    return ledger.charge_answered(answered, funding.charge_minor) if funding.state in states.UNDER_WAY else []


def declined(
    funding: Funding,
    trigger: str,
    attempt: int,
    decline: Decline,
    answered: Posting,
    *,
    cancelled: bool = False,
    quiet: bool = False,
) -> Decided | None:
    """The charge was declined: nothing is held, another try may follow. A late word of an earlier attempt is stale.

    `cancelled`: Stripe cancelled the payment intent itself. `quiet`: another funding holds the milestone's money, so
    that this one failed is no news.
    """
    target = funding.move(trigger)
    if target is None or attempt != funding.attempt:
        return None
    # A cancelled intent takes no further try: the next one begins with an intent of its own.
    intent_id = None if cancelled else funding.payment_intent_id
    was, funding = funding, funding._replace(state=target, payment_intent_id=intent_id, expires_at=None)
    if was.state not in states.UNDER_WAY:
        return Decided(funding, ())
    event = said.FundingFailed(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        attempt=funding.attempt,
        code=decline.code,
        reason=decline.reason,
        advice=decline.advice,
        can_retry=decline.can_retry,
        amount_minor=funding.amount_minor,
        currency=funding.currency,
    )
    attempted = ended(funding, "failed", answered.posted_at, decline)
    return Decided(funding, () if quiet else (event,), no_longer_in_flight(was, answered), attempted)


def why_canceled(funding: Funding, fact: stripe.PaymentIntentCanceled) -> Decline:
    """What to tell the employer: nobody authenticated in time, or the charge was given up."""
    abandoned = funding.state == states.ACTION_REQUIRED and fact.reason in ("abandoned", "automatic", "")
    return explain("authentication_expired" if abandoned else "payment_intent_canceled")


def action_required(
    funding: Funding, fact: stripe.PaymentIntentActionRequired, now: datetime, life: timedelta = AUTHENTICATION_LIFE
) -> Decided | None:
    """The bank wants the employer to authenticate: show the page, the charge stays in flight."""
    target = funding.move(fact.type_name)
    if target is None or fact.attempt != funding.attempt:
        return None
    funding = funding._replace(state=target, expires_at=now + life)
    event = said.FundingActionRequired(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        attempt=funding.attempt,
        expires_at=now + life,
    )
    return Decided(funding, (event,))


def ended(funding: Funding, outcome: str, now: datetime, decline: Decline | None = None) -> Attempt:
    """The attempt, now that it has an answer."""
    return Attempt(
        funding.funding_id, funding.attempt, funding.milestone_id, funding.payment_method_id, outcome,
        decline.code if decline else None, decline.reason if decline else None,
        decline.advice if decline else None, now,
    )  # fmt: skip
