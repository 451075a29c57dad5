"""Asking for a charge: who may, by which card, how often, over what sum. Pure."""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Literal

from schemas import funding as said
from schemas import stripe
from schemas.money import MAXIMUM_MINOR, show
from services.funding import ledger, states
from services.funding.fees import Fees
from services.funding.ledger import Posting
from services.funding.records import (
    Attempt,
    Decided,
    Funding,
    Milestone,
    PaymentMethod,
    concerns,
    has_expired,
)
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found

TRIES_A_DAY = 4
TRIES_IN_ALL = 8
"""DOMAIN.md 4, per payment method and milestone; the networks allow no more (STRIPE.md 1.2)."""

_WENT = {
    states.RELEASED: "paid out",
    states.REFUNDED: "given back",
    states.CHARGED_BACK: "taken back by the bank",
}
"""Where money went of which nothing is held any more."""


def may_fund(milestone: Milestone | None, command: said.FundMilestone) -> Refused | None:
    """Whether this actor may fund this milestone at all."""
    actor = command.actor
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(actor, milestone):
        return not_found("milestone", command.milestone_id)
    if actor.role == "trainer":
        return forbidden("the employer funds a milestone, not the trainer")
    if milestone.cancelled:
        return conflict("milestone_not_fundable", "this milestone was cancelled")
    return None


def choose_method(methods: Sequence[PaymentMethod], wanted: str | None, now: datetime) -> PaymentMethod | Refused:
    """The method to charge: the one named, else the default. One that has expired is not tried at all."""
    usable = [method for method in methods if not method.removed]
    if not usable:
        return conflict("payment_method_required", "add a payment method first, on the page at setup_url")
    chosen: PaymentMethod | None
    if wanted is None:
        chosen = next((method for method in usable if method.is_default), usable[-1])
    else:
        chosen = next((method for method in usable if method.payment_method_id == wanted), None)
    if chosen is None:
        return invalid("unknown_payment_method", f"payment_method_id: there is no payment method {wanted} on file")
    if has_expired(chosen, now):
        month = f"{chosen.exp_month:02}/{chosen.exp_year}"
        return conflict(
            "payment_method_expired", f"the card ending in {chosen.last4} expired {month}: add another, or name one"
        )
    return chosen


def check_tries(attempts: Sequence[Attempt], method_id: str, now: datetime) -> Refused | None:
    """The card networks' limits on trying a declined method again."""
    failed = [attempt for attempt in attempts if attempt.payment_method_id == method_id and attempt.outcome == "failed"]
    if any(attempt.advice == "do_not_try_again" for attempt in failed):
        return conflict("use_another_method", "the bank asked not to try this card again: use another payment method")
    today = [attempt for attempt in failed if attempt.ended_at > now - timedelta(days=1)]
    if len(failed) >= TRIES_IN_ALL or len(today) >= TRIES_A_DAY:
        wait = "" if len(failed) >= TRIES_IN_ALL else ", or try again tomorrow"
        return conflict("too_many_attempts", f"this payment method was declined too often: use another{wait}")
    return None


def begin(
    milestone: Milestone,
    last: Funding | None,
    method: PaymentMethod,
    fees: Fees,
    trigger: str,
    funding_id: str,
    posting: Posting,
) -> Decided | Refused | Unchanged:
    """Begin a charge, or its next attempt after a decline.

    `last`: this milestone's standing funding. `funding_id` is used where a new funding begins: the first, or one
    whose terms changed since the last was declined (its payment intent has another amount).
    """
    if last is not None and last.state in (*states.UNDER_WAY, states.FUNDED):
        return Unchanged(detail="this milestone is funded, or being funded, already")
    if last is not None and last.state in _WENT:
        return conflict("milestone_not_fundable", f"this milestone was funded and {_WENT[last.state]} already")
    if last is not None and last.state == states.SET_ASIDE:
        return conflict(
            "charge_set_aside",
            f"what was charged came in another currency than {milestone.currency} and is given back: cancel this"
            " milestone and hire in a currency that is supported",
        )
    charge_minor = milestone.amount_minor + fees.total_minor
    if charge_minor > MAXIMUM_MINOR:
        return invalid(
            "amount_too_large", f"with fees the charge is {show(charge_minor, milestone.currency)}: too large"
        )
    # The parts too, not the sum alone: another amount with other fees may come to the same charge.
    sums = (milestone.amount_minor, fees.marketplace_minor, fees.initiation_minor, milestone.currency)
    failed = last is not None and last.state == states.FAILED
    again = failed and last is not None and last.payment_intent_id is not None and _sums(last) == sums
    state = last.state if again and last is not None else states.NONE
    edge = states.FUNDING.edge(state, trigger)
    if edge is None:
        return conflict("milestone_not_fundable", f"this milestone cannot be funded now ({state})")
    if again and last is not None:
        funding = last._replace(
            state=edge.target, attempt=last.attempt + 1, payment_method_id=method.payment_method_id,
            fee_rule=fees.rule, expires_at=None,
        )  # fmt: skip
    else:
        funding = Funding(
            funding_id, milestone.milestone_id, milestone.contract_id, milestone.employer_id, milestone.trainer_id,
            edge.target, 1, method.payment_method_id, milestone.amount_minor, fees.marketplace_minor,
            fees.initiation_minor, milestone.currency, fees.rule, None, None, None, posting.posted_at,
        )  # fmt: skip
    call = confirm(funding) if again else _create(funding, milestone)
    # Nobody is to pay the former terms any more; should they have been paid already, Stripe tells that instead.
    former = last if failed and not again else None
    first = (cancel(former, "abandoned"),) if former is not None and former.payment_intent_id is not None else ()
    return Decided(funding, (*first, _requested(funding), call), ledger.charge_requested(posting, funding.charge_minor))


def _sums(funding: Funding) -> tuple[int, int, int, str]:
    return funding.amount_minor, funding.marketplace_fee_minor, funding.initiation_fee_minor, funding.currency


def _requested(funding: Funding) -> said.FundingRequested:
    return said.FundingRequested(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        payment_method_id=funding.payment_method_id,
        attempt=funding.attempt,
        amount_minor=funding.amount_minor,
        marketplace_fee_minor=funding.marketplace_fee_minor,
        initiation_fee_minor=funding.initiation_fee_minor,
        charge_minor=funding.charge_minor,
        currency=funding.currency,
        fee_rule=funding.fee_rule,
    )


def _create(funding: Funding, milestone: Milestone) -> stripe.CreatePaymentIntent:
    return stripe.CreatePaymentIntent(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        charge_minor=funding.charge_minor,
        currency=funding.currency,
        description=f"Contract {funding.contract_id}, milestone {milestone.number}",
    )


def confirm(funding: Funding) -> stripe.ConfirmPaymentIntent:
    return stripe.ConfirmPaymentIntent(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        payment_intent_id=funding.payment_intent_id or "",
        payment_method_id=funding.payment_method_id,
        attempt=funding.attempt,
    )


def cancel(
    funding: Funding, reason: Literal["abandoned", "duplicate", "requested_by_customer"]
) -> stripe.CancelPaymentIntent:
    """The call that ends a payment intent for good."""
    return stripe.CancelPaymentIntent(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        payment_intent_id=funding.payment_intent_id or "",
        reason=reason,
    )
