"""Charges, the held-funds ledger and payment methods: commands to, and facts from, the `funding` service."""

from typing import Literal

from schemas.base import CommandRejectedBody, CommandUnchangedBody, Event, Identifier, Moment, PartyCommand
from schemas.money import AmountMinor, CurrencyCode, WholeMinor

RetryAdvice = Literal["try_again_later", "use_another_method", "confirm_card_data", "do_not_try_again"]


class FundMilestone(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """Charge the employer's default payment method, or the one named, and hold the money."""

    contract_id: Identifier
    milestone_id: Identifier
    payment_method_id: Identifier | None = None


class SetDefaultPaymentMethod(PartyCommand, topic="funding.commands", key="employer_id"):
    """Charge this method from now on when none is named."""

    employer_id: Identifier
    payment_method_id: Identifier


class RemovePaymentMethod(PartyCommand, topic="funding.commands", key="employer_id"):
    """Forget a method; the last one stays while a funding is under way."""

    employer_id: Identifier
    payment_method_id: Identifier


class PaymentMethodAdded(Event, topic="funding.events", key="employer_id", subject="payment_method_id"):
    """An employer can be charged off-session by this method."""

    employer_id: Identifier
    payment_method_id: Identifier
    brand: str
    last4: str
    exp_month: int
    exp_year: int
    is_default: bool


class PaymentMethodRemoved(Event, topic="funding.events", key="employer_id", subject="payment_method_id"):
    """The method can no longer be charged. `new_default_id`: which one is the default now, if any."""

    employer_id: Identifier
    payment_method_id: Identifier
    new_default_id: Identifier | None = None


class DefaultPaymentMethodChanged(Event, topic="funding.events", key="employer_id", subject="payment_method_id"):
    """This method is charged when none is named."""

    employer_id: Identifier
    payment_method_id: Identifier


class FundingRequested(Event, topic="funding.events", subject="milestone_id"):
    """A charge was begun. charge = amount + marketplace fee + initiation fee, all in minor units."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    payment_method_id: Identifier
    attempt: int
    amount_minor: AmountMinor
    marketplace_fee_minor: WholeMinor
    initiation_fee_minor: WholeMinor
    charge_minor: AmountMinor
    currency: CurrencyCode
    fee_rule: Identifier
    """Which dated rule the fees come from."""


class FundingActionRequired(Event, topic="funding.events", subject="milestone_id"):
    """The bank asks the employer to authenticate; the page is at GET /v1/milestones/{id}/funding."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    attempt: int
    expires_at: Moment


class MilestoneFunded(Event, topic="funding.events", subject="milestone_id"):
    """The charge succeeded; `held_minor` is held for this milestone."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    attempt: int
    held_minor: AmountMinor
    marketplace_fee_minor: WholeMinor
    initiation_fee_minor: WholeMinor
    charge_minor: AmountMinor
    stripe_fee_minor: WholeMinor
    currency: CurrencyCode
    payment_intent_id: Identifier
    charge_id: Identifier


class FundingFailed(Event, topic="funding.events", subject="milestone_id"):
    """The charge was declined, or nobody authenticated it in time. No money moved."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    attempt: int
    code: str
    """Stripe's decline code where telling it is safe (`insufficient_funds`), else `card_declined`."""
    reason: str
    """For people: what happened and what to do."""
    advice: RetryAdvice
    can_retry: bool
    amount_minor: AmountMinor
    currency: CurrencyCode


class FundsReleased(Event, topic="funding.events", subject="milestone_id"):
    """The ledger moved held money to the trainer's side: a transfer may now be made from this very charge."""

    contract_id: Identifier
    milestone_id: Identifier
    release_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    still_held_minor: WholeMinor
    currency: CurrencyCode
    charge_id: Identifier


class ReleaseRefused(Event, topic="funding.events", subject="milestone_id"):
    """An approval that the ledger does not cover: nothing was released, the review is open again."""

    contract_id: Identifier
    milestone_id: Identifier
    release_id: Identifier
    amount_minor: AmountMinor
    held_minor: WholeMinor
    currency: CurrencyCode
    reason: str


class CommandRejected(CommandRejectedBody, topic="funding.events", key="asked_of", subject="command_id"):
    """`funding` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="funding.events", key="asked_of", subject="command_id"):
    """`funding` was asked for what is so already or under way."""
