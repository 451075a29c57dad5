"""Charges that Stripe converted, as the platform's balance is not kept in their currency: booked in what they became,
and set aside. Pure.

The milestone's money is a sum in the milestone's currency, to be transferred from that very charge; a transfer from a
converted charge is made in another one (STRIPE.md 1.4, 1.8). So nothing of it is held, and nothing can be released.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from schemas import funding as said
from schemas import stripe
from services.funding import ledger
from services.funding.charge_answers import ended, no_longer_in_flight
from services.funding.ledger import Entry, Posting
from services.funding.records import ConvertedRefund, Decided, Funding

_REASON = "The payment arrived in another currency and cannot be held for this milestone. Our operators give it back."


def set_aside(funding: Funding, fact: stripe.ChargeConverted, answered: Posting, posting: Posting) -> Decided | None:
    """Book what came to the balance as owed to the employer, beside what the milestone holds. None: that is known."""
    target = funding.move(fact.type_name)
    if target is None:
        return None
    posting = posting._replace(currency=fact.settled_currency)
    entries = [
        *no_longer_in_flight(funding, answered),
        *ledger.charge_set_aside(posting, fact.settled_minor, fact.stripe_fee_minor),
    ]
    funding = funding._replace(
        state=target, payment_intent_id=fact.payment_intent_id, charge_id=fact.charge_id, expires_at=None
    )
    event = said.FundingFailed(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        funding_id=funding.funding_id,
        employer_id=funding.employer_id,
        attempt=funding.attempt,
        code="charge_converted",
        reason=_REASON,
        advice="do_not_try_again",
        can_retry=False,
        amount_minor=funding.amount_minor,
        currency=funding.currency,
    )
    return Decided(funding, (event,), entries, ended(funding, "succeeded", posting.posted_at))


def why_frozen(fact: stripe.ChargeConverted) -> str:
    """For the operator."""
    return (
        f"Stripe converted the charge to {fact.settled_currency}: it is set aside. Refund {fact.payment_intent_id} at "
        "Stripe, and see why the platform's balance is not kept in the contract's currency."
    )


@dataclass(frozen=True, slots=True)
class Given:
    """What a refund of it moves."""

    refund: ConvertedRefund
    entries: Sequence[Entry]


_OVER = ("failed", "canceled")


def given_back(
    funding: Funding,
    known: Sequence[ConvertedRefund],
    owed_minor: int,
    fact: stripe.ConvertedRefundChanged,
    posting: Posting,
) -> Given | None:
    """Book what left the balance for a refund, and what came back of it. None: that is known.

    `known`: the refunds of this charge; `owed_minor`: what of it is still set aside. The rate is another one on each
    day: the refund that gives the rest of the charge back pays all that is owed, whatever it cost; the platform bears
    the difference, or keeps it. Raises ValueError for another currency than the charge was settled in.
    """
    before = next((refund for refund in known if refund.stripe_refund_id == fact.stripe_refund_id), None)
    if before is not None and before.settled_currency != fact.settled_currency:
        raise ValueError(f"{fact.stripe_refund_id} moved {before.settled_currency} and now {fact.settled_currency}")
    base = before or ConvertedRefund(
        fact.stripe_refund_id, funding.funding_id, funding.milestone_id, funding.contract_id, fact.status,
        fact.amount_minor, 0, 0, 0, fact.settled_currency, posting.posted_at,
    )  # fmt: skip
    after = base._replace(
        status=fact.status,
        debited_minor=max(base.debited_minor, fact.debited_minor),
        returned_minor=max(base.returned_minor, fact.returned_minor),
    )
    if after == before:
        return None
    posting = posting._replace(currency=fact.settled_currency)
    entries: list[Entry] = []
    if out_minor := after.debited_minor - base.debited_minor:
        others_minor = sum(r.amount_minor for r in known if r != before and r.status not in _OVER)
        is_the_rest = others_minor + fact.amount_minor >= funding.charge_minor
        paid_minor = owed_minor if is_the_rest else min(out_minor, owed_minor)
        entries += ledger.set_aside_refunded(posting.also("set_aside_refunded"), paid_minor, out_minor - paid_minor)
        after = after._replace(paid_minor=base.paid_minor + paid_minor)
    if back_minor := after.returned_minor - base.returned_minor:
        paid_minor = after.paid_minor
        entries += ledger.set_aside_returned(posting.also("set_aside_returned"), paid_minor, back_minor - paid_minor)
        after = after._replace(paid_minor=0)
    return Given(after._replace(changed_at=posting.posted_at), entries)
