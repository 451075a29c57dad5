"""One command per Stripe call that we make, one event per fact that Stripe tells us.

No card number, no client secret and no hosted page's address ever travels here: pages are reached through
links that the front door signs for the person who asked (docs/adr/0004).
"""

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.base import Command, Event, Identifier, Moment, PlatformKey
from schemas.money import AmountMinor, CurrencyCode, WholeMinor
from schemas.payouts import CountryCode

EvidenceText = Annotated[str, StringConstraints(max_length=20_000)]
"""A field of a dispute's evidence, with Stripe's limit; empty: it is left out."""

CapabilityStatus = Literal["active", "pending", "restricted", "unsupported", "rejected"]


class CreatePaymentIntent(Command, topic="stripe.commands", subject="funding_id"):
    """Create, unconfirmed, the one payment intent of a funding."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    charge_minor: AmountMinor
    currency: CurrencyCode
    description: str


class ConfirmPaymentIntent(Command, topic="stripe.commands", subject="funding_id"):
    """Charge a payment method off-session. Each attempt has its own number and so its own idempotency key."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    payment_method_id: Identifier
    attempt: int


class CreateAccount(Command, topic="stripe.commands", key="trainer_id"):
    """Open the trainer's connected account (Accounts v2, recipient)."""

    trainer_id: Identifier
    country: CountryCode


class CreateTransfer(Command, topic="stripe.commands", subject="payout_id"):
    """Move released money to the trainer's account, from that very charge."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    account_id: Identifier
    charge_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    attempt: int


class CancelPaymentIntent(Command, topic="stripe.commands", subject="funding_id"):
    """Cancel a payment intent that nobody is to pay any more. Should it have succeeded, that is told instead."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    reason: Literal["abandoned", "duplicate", "requested_by_customer"]


class CreateRefund(Command, topic="stripe.commands", subject="refund_id"):
    """Give money back to the card that it came from. A refund that was refused may be tried again: `attempt`."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    refund_id: Identifier
    payment_intent_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    reason: Literal["requested_by_customer", "duplicate", "fraudulent"]
    attempt: int


class SubmitDisputeEvidence(Command, topic="stripe.commands", subject="dispute_id"):
    """Submit evidence against a cardholder's dispute, in Stripe's own fields: once each time that the bank asks."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    dispute_id: Identifier
    evidence_id: Identifier
    product_description: EvidenceText = ""
    service_date: EvidenceText = ""
    refund_refusal_explanation: EvidenceText = ""
    """What was refunded of this charge, and why no more goes back."""
    uncategorized_text: EvidenceText = ""


class ReverseTransfer(Command, topic="stripe.commands", subject="payout_id"):
    """Take money back from the trainer's account, as far as it is there."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    reversal_id: Identifier
    transfer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode


class DetachPaymentMethod(Command, topic="stripe.commands", key="employer_id", subject="payment_method_id"):
    """Forget a saved payment method."""

    employer_id: Identifier
    payment_method_id: Identifier


class CallRefused(Event, topic="stripe.events", key="asked_of", subject="command_id"):
    """Stripe refused a call in a way that no rule foresees: an open item for an operator."""

    asked_of: Identifier
    command_id: Identifier
    command_type: str
    about: Identifier
    """The funding, payout or party of the command."""
    http_status: int
    code: str
    message: str
    request_id: str = ""


class CustomerCreated(Event, topic="stripe.events", key="employer_id", subject="customer_id"):
    """The employer's customer object."""

    employer_id: Identifier
    customer_id: Identifier


class PaymentMethodAttached(Event, topic="stripe.events", key="employer_id", subject="payment_method_id"):
    """A set-up page was completed: this method may be charged off-session."""

    employer_id: Identifier
    payment_method_id: Identifier
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class PaymentMethodDetached(Event, topic="stripe.events", key="employer_id", subject="payment_method_id"):
    """The method can no longer be charged."""

    employer_id: Identifier
    payment_method_id: Identifier


class PaymentIntentCreated(Event, topic="stripe.events", subject="funding_id"):
    """The payment intent of a funding exists; nothing is charged yet."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier


class PaymentIntentSucceeded(Event, topic="stripe.events", subject="funding_id"):
    """Charged. Stripe's fee and the net come from the charge's balance transaction."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    charge_id: Identifier
    balance_transaction_id: Identifier
    charge_minor: AmountMinor
    stripe_fee_minor: WholeMinor
    currency: CurrencyCode
    available_at: Moment


class ChargeConverted(Event, topic="stripe.events", subject="funding_id"):
    """Charged, and converted by Stripe: the platform's balance is not kept in the currency of the charge. It takes the
    place of `payment_intent_succeeded`, so that nobody takes the charge for money that the balance has."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    charge_id: Identifier
    balance_transaction_id: Identifier
    charge_minor: AmountMinor
    currency: CurrencyCode
    settled_minor: WholeMinor
    """What came to the balance for it, before Stripe's fee."""
    stripe_fee_minor: WholeMinor
    """In the settled currency."""
    settled_currency: CurrencyCode
    available_at: Moment


class PaymentIntentFailed(Event, topic="stripe.events", subject="funding_id"):
    """Declined. The payment intent lives on and takes another method."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    attempt: int
    code: str
    decline_code: str = ""
    advice_code: str = ""
    message: str = ""


class PaymentIntentActionRequired(Event, topic="stripe.events", subject="funding_id"):
    """The bank wants the employer to authenticate this attempt."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    attempt: int


class PaymentIntentCanceled(Event, topic="stripe.events", subject="funding_id"):
    """The payment intent is canceled: it takes no further try, and no money came in."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    payment_intent_id: Identifier
    reason: str = ""


class PaymentMethodUpdated(Event, topic="stripe.events", key="employer_id", subject="payment_method_id"):
    """The network or the bank renewed a saved card."""

    employer_id: Identifier
    payment_method_id: Identifier
    brand: str
    last4: str
    exp_month: int
    exp_year: int


class RefundChanged(Event, topic="stripe.events", subject="stripe_refund_id"):
    """A refund, read anew from Stripe. The sums are totals so far, from its balance transactions."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    stripe_refund_id: Identifier
    refund_id: Identifier | None = None
    """None: it was not asked for by us, but made at Stripe by hand."""
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"]
    amount_minor: AmountMinor
    debited_minor: WholeMinor
    """What left the platform's balance for it."""
    returned_minor: WholeMinor
    """What came back to the balance because it failed later."""
    currency: CurrencyCode
    pending_reason: str = ""
    failure_reason: str = ""


class ConvertedRefundChanged(Event, topic="stripe.events", subject="stripe_refund_id"):
    """A refund of a charge that Stripe converted, read anew: it moves the balance in another currency than it is in. It
    takes the place of `refund_changed`. The sums on the balance are totals so far."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    stripe_refund_id: Identifier
    status: Literal["pending", "requires_action", "succeeded", "failed", "canceled"]
    amount_minor: AmountMinor
    """What the card gets, in the currency of the charge."""
    currency: CurrencyCode
    debited_minor: WholeMinor
    """What left the platform's balance for it, in the settled currency."""
    returned_minor: WholeMinor
    """What came back to the balance because it failed later."""
    settled_currency: CurrencyCode


class RefundRefused(Event, topic="stripe.events", subject="refund_id"):
    """Stripe did not make the refund (charge disputed, nothing left to refund): nothing moved."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    refund_id: Identifier
    attempt: int
    code: str
    message: str = ""


DisputeStatus = Literal[
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "appeal_needs_response",
    "appeal_under_review",
    "prevented",
    "won",
    "lost",
]


class ChargeDisputeChanged(Event, topic="stripe.events", subject="dispute_id"):
    """A cardholder disputed a charge at the bank; read anew from Stripe. The sums are totals so far.

    A status that begins with `warning_` is an inquiry: no money moved.
    """

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    charge_id: Identifier
    dispute_id: Identifier
    status: DisputeStatus
    reason: str
    amount_minor: AmountMinor
    """What is disputed; it may differ from what was charged."""
    withdrawn_minor: WholeMinor
    """What Stripe took from the platform's balance for it, without fees."""
    reinstated_minor: WholeMinor
    """What Stripe gave back, without fees."""
    fee_minor: WholeMinor
    """What Stripe kept for handling it."""
    currency: CurrencyCode
    evidence_due_at: Moment | None = None
    is_charge_refundable: bool = False


class DisputeEvidenceSubmitted(Event, topic="stripe.events", subject="dispute_id"):
    """Stripe took the evidence and gave it to the cardholder's bank, which decides."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    dispute_id: Identifier


class EarlyFraudWarningRaised(Event, topic="stripe.events", subject="charge_id"):
    """The card's issuer suspects fraud; most such charges are disputed later. `actionable`: it is still open."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    charge_id: Identifier
    warning_id: Identifier
    fraud_type: str
    actionable: bool


class ReviewChanged(Event, topic="stripe.events", subject="funding_id"):
    """Stripe's risk review of a payment was opened or closed."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    review_id: Identifier
    open: bool
    reason: str
    """While open, why it was opened; when closed, how: `approved`, `refunded`, `refunded_as_fraud`, `disputed`."""


class AccountCreated(Event, topic="stripe.events", key="trainer_id", subject="account_id"):
    """The trainer's connected account exists; it cannot receive money yet."""

    trainer_id: Identifier
    account_id: Identifier


class AccountUpdated(Event, topic="stripe.events", key="trainer_id", subject="account_id"):
    """What the account can do now, read anew from Stripe."""

    trainer_id: Identifier
    account_id: Identifier
    transfers: CapabilityStatus
    requirements: tuple[str, ...] = ()
    details_submitted: bool = False


class TransferCreated(Event, topic="stripe.events", subject="payout_id"):
    """The money is on the trainer's Stripe account (available when the charge's funds are)."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    transfer_id: Identifier
    account_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    available_at: Moment | None = None
    """Until then it is pending there and cannot leave for the bank. None: it was not read."""


class TransferFailed(Event, topic="stripe.events", subject="payout_id"):
    """Stripe did not make the transfer (account not able to receive, balance short): nothing moved."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    account_id: Identifier
    attempt: int
    code: str
    message: str = ""


class TransferReversed(Event, topic="stripe.events", subject="payout_id"):
    """Money came back from the trainer's account. `reversed_minor` is the total so far."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    transfer_id: Identifier
    reversal_id: Identifier | None = None
    """None: it was not asked for by us, but made at Stripe by hand."""
    amount_minor: AmountMinor
    reversed_minor: AmountMinor
    currency: CurrencyCode


class ReversalRefused(Event, topic="stripe.events", subject="payout_id"):
    """Stripe did not reverse the transfer (the trainer's balance is short, nothing left to reverse): nothing moved."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    transfer_id: Identifier
    reversal_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    code: str
    message: str = ""


class BankPayoutChanged(Event, topic="stripe.events", key="trainer_id", subject="stripe_payout_id"):
    """A payout from the trainer's Stripe balance to the bank, read anew from Stripe.

    `transfer_ids` are the transfers that it carries, once Stripe can say; before that it is empty.
    """

    trainer_id: Identifier
    account_id: Identifier
    stripe_payout_id: Identifier
    status: Literal["pending", "in_transit", "paid", "failed", "canceled"]
    amount_minor: AmountMinor
    currency: CurrencyCode
    arrival_at: Moment | None = None
    failure_code: str | None = None
    transfer_ids: tuple[Identifier, ...] = ()


class PlatformBalanceChanged(Event, topic="stripe.events", key="platform"):
    """What the platform has at Stripe in one currency, read anew. Any of the sums may be negative."""

    platform: PlatformKey
    available_minor: int
    pending_minor: int
    reserved_minor: int
    """Kept by Stripe against trainers' negative balances (`connect_reserved`)."""
    currency: CurrencyCode


class PlatformAlarm(Event, topic="stripe.events", key="platform"):
    """Something about the platform's own account that an operator must look at now."""

    platform: PlatformKey
    code: str
    """`payouts_not_manual`, `unexpected_payout`, `charged_another_sum`, `charge_converted`."""
    about: Identifier
    """The object at Stripe, or the thing of ours."""
    detail: str
    """For people: what happened and what to do."""
