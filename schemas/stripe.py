"""One command per Stripe call that we make, one event per fact that Stripe tells us.

No card number, no client secret and no hosted page's address ever travels here: pages are reached through
links that the front door signs for the person who asked (docs/adr/0004).
"""

from typing import Literal

from schemas.base import Command, Event, Identifier, Moment
from schemas.money import AmountMinor, CurrencyCode, WholeMinor
from schemas.payouts import CountryCode

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


class TransferFailed(Event, topic="stripe.events", subject="payout_id"):
    """Stripe did not make the transfer (account not able to receive, balance short): nothing moved."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    account_id: Identifier
    attempt: int
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
