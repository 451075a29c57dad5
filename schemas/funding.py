"""Charges, the held-funds ledger and payment methods: commands to, and facts from, the `funding` service."""

from typing import Literal

from schemas.base import (
    Command,
    CommandRejectedBody,
    CommandUnchangedBody,
    Event,
    Identifier,
    Moment,
    PartyCommand,
    Reason,
)
from schemas.money import AmountMinor, ChangeMinor, CurrencyCode, WholeMinor
from schemas.stripe import EvidenceText

RefundCause = Literal[
    "given_back",
    "operator",
    "dispute_decided",
    "hold_limit",
    "duplicate_charge",
    "amount_mismatch",
    "milestone_cancelled",
    "made_at_stripe",
]
"""Why money goes back. From `hold_limit` on nobody asked for it here: a limit, a charge that must not stand, a
milestone that was cancelled, or a refund that was made at Stripe by hand."""

FreezeCause = Literal[
    "party_dispute",
    "card_dispute",
    "card_inquiry",
    "fraud_warning",
    "review",
    "operator",
    "reconciliation",
    "transfer_reversed",
]

RetryAdvice = Literal["try_again_later", "use_another_method", "confirm_card_data", "do_not_try_again"]


BY_HOLD_LIMIT = "hold_limit"
"""The party of a refund that the limit for holding money decided."""


class FundMilestone(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """Charge the employer's default payment method, or the one named, and hold the money."""

    contract_id: Identifier
    milestone_id: Identifier
    payment_method_id: Identifier | None = None


class RefundMilestone(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """Give held money back to the employer, all of it or a part: by the trainer, or by an operator."""

    contract_id: Identifier
    milestone_id: Identifier
    amount_minor: AmountMinor | None = None
    """Of the work; the fees that go back with it are the rule's. None: all that is held."""
    currency: CurrencyCode | None = None
    reason: Reason | None = None


class RefundFromPlatform(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """An operator gives the employer, from the platform's own money, what the trainer has and cannot be taken back: all
    of it or a part. It is the platform's loss until the trainer makes it good."""

    contract_id: Identifier
    milestone_id: Identifier
    amount_minor: AmountMinor | None = None
    """Of the work; the fees that go back with it are the rule's. None: all that the trainer has of it."""
    currency: CurrencyCode | None = None
    reason: Reason


class SubmitDisputeEvidence(PartyCommand, topic="funding.commands", subject="dispute_id"):
    """An operator answers a dispute at the bank: what the platform knows of the payment goes there, with the operator's
    own words. The bank takes one answer each time that it asks."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    statement: Reason | None = None


class RecordManualRefund(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """An operator paid a failed refund to the employer by other means: what is owed is settled."""

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    reference: Reason
    """The bank's reference, and whatever tells an auditor how it was paid."""


class FreezeFunds(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """An operator, or reconciliation, freezes what is held for one milestone."""

    contract_id: Identifier
    milestone_id: Identifier
    cause: Literal["operator", "reconciliation", "review"] = "operator"
    reason: Reason


class UnfreezeFunds(PartyCommand, topic="funding.commands", subject="milestone_id"):
    """An operator lifts the freezes that are an operator's to lift; a bank's dispute is not."""

    contract_id: Identifier
    milestone_id: Identifier
    reason: Reason


class ExpireAuthentication(Command, topic="funding.commands", subject="funding_id"):
    """The time that funding gave the employer to authenticate is over: give the charge up, if it still waits."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    attempt: int


class CheckHoldLimit(Command, topic="funding.commands", subject="milestone_id"):
    """Funding looks at what is held for a milestone at a time that it set itself: the limit for holding it is near."""

    contract_id: Identifier
    milestone_id: Identifier


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


class HoldLimitNear(Event, topic="funding.events", subject="milestone_id"):
    """Money may not be held for ever: what is still held must be released or given back before `hold_until`."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    held_minor: AmountMinor
    currency: CurrencyCode
    hold_until: Moment
    days_left: int
    """Begun days counted whole."""
    operator_decides: bool = False
    """An operator must decide now; else it is refunded at `hold_until`."""


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
    code: Literal["not_covered", "frozen"] = "not_covered"
    """For programs: less is held, or what is held may not move now."""


class RefundRequested(Event, topic="funding.events", subject="milestone_id"):
    """The ledger moved held money to the employer's side; Stripe is asked to refund it. It cannot be released.

    Causes `duplicate_charge` and `amount_mismatch`, and `milestone_cancelled` for a milestone that was never funded:
    the money of a charge that does not stand. It was never held; the milestone's own money and status stay as they are.
    """

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    """Of the work."""
    fees_minor: WholeMinor
    """Of the platform's fees, given back with it."""
    refund_minor: AmountMinor
    """What the card gets: both together."""
    still_held_minor: WholeMinor
    currency: CurrencyCode
    cause: RefundCause
    requested_by: Identifier
    reason: str = ""


class MilestoneRefunded(Event, topic="funding.events", subject="milestone_id"):
    """Stripe refunded it, or an operator paid it otherwise."""

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    fees_minor: WholeMinor
    refund_minor: AmountMinor
    still_held_minor: WholeMinor
    currency: CurrencyCode
    by_hand: bool = False


class RefundFailed(Event, topic="funding.events", subject="milestone_id"):
    """A refund did not reach the card. `owed`: it is owed to the employer, an operator pays it otherwise; else Stripe
    never made it and the money is held again."""

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    refund_minor: AmountMinor
    held_minor: WholeMinor
    currency: CurrencyCode
    owed: bool
    code: str
    reason: str
    """For people: what happened and what to do."""
    cause: RefundCause | None = None
    """Why it was to be made. `dispute_decided` with a refund that nobody asked for before: a settlement that could not
    be carried out."""


class PlatformRefundRequested(Event, topic="funding.events", subject="milestone_id"):
    """An operator gives the employer money of the platform's own, for work whose money the trainer has: Stripe is asked
    to refund it. What was released stays so; held money is not touched."""

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    lost_minor: AmountMinor
    """Of the work, at the platform's loss."""
    fees_minor: WholeMinor
    """Of the platform's fees, given back with it."""
    refund_minor: AmountMinor
    """What the card gets: both together."""
    currency: CurrencyCode
    decided_by: Identifier
    reason: Reason


class PlatformRefundMade(Event, topic="funding.events", subject="milestone_id"):
    """Stripe made a refund from the platform's own money, or an operator paid it otherwise."""

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    lost_minor: AmountMinor
    """What of it is the platform's loss; the trainer made good the rest meanwhile."""
    refund_minor: AmountMinor
    currency: CurrencyCode
    by_hand: bool = False


class PlatformRefundFailed(Event, topic="funding.events", subject="milestone_id"):
    """A refund from the platform's own money did not reach the card. `owed`: an operator pays it otherwise; else Stripe
    never made it, and nothing is lost."""

    contract_id: Identifier
    milestone_id: Identifier
    refund_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    lost_minor: AmountMinor
    refund_minor: AmountMinor
    currency: CurrencyCode
    owed: bool
    code: str
    reason: str
    """For people: what happened and what to do."""


class FundsFrozen(Event, topic="funding.events", subject="milestone_id"):
    """What is held may not be released until this is lifted."""

    contract_id: Identifier
    milestone_id: Identifier
    cause: FreezeCause
    about: Identifier
    """The dispute, the warning, the review, the transfer; for an operator's freeze, the operator."""
    held_minor: WholeMinor
    currency: CurrencyCode
    reason: str = ""


class FundsUnfrozen(Event, topic="funding.events", subject="milestone_id"):
    """One freeze was lifted. `still_frozen`: another one holds on."""

    contract_id: Identifier
    milestone_id: Identifier
    cause: FreezeCause
    about: Identifier
    held_minor: WholeMinor
    currency: CurrencyCode
    still_frozen: bool
    reason: str = ""


class MilestoneChargedBack(Event, topic="funding.events", subject="milestone_id"):
    """The employer's bank took the money back. `final`: for good (the dispute is lost); before that it may be won.

    The sums are what this dispute took so far: from held money, from the platform's fees, and, where the money was
    paid out already, what the trainer's side has to make good (`recovery_minor`).
    """

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    dispute_id: Identifier
    charged_back_minor: WholeMinor
    fees_minor: WholeMinor
    recovery_minor: WholeMinor
    dispute_fee_minor: WholeMinor
    held_minor: WholeMinor
    currency: CurrencyCode
    final: bool


class DisputeEvidenceGiven(Event, topic="funding.events", subject="milestone_id"):
    """An operator answered a dispute at the bank: Stripe is asked to submit this, in its own fields."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    evidence_id: Identifier
    given_by: Identifier
    statement: str = ""
    """The operator's own words; they are in `uncategorized_text` as well."""
    product_description: EvidenceText = ""
    service_date: EvidenceText = ""
    refund_refusal_explanation: EvidenceText = ""
    uncategorized_text: EvidenceText = ""
    due_at: Moment | None = None
    """Until when the bank takes it."""


class DisputeEvidenceRefused(Event, topic="funding.events", subject="milestone_id"):
    """Stripe did not take the evidence: the dispute is still to be answered. An open item for an operator."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    evidence_id: Identifier
    code: str
    reason: str
    """For people: what happened and what to do."""
    due_at: Moment | None = None


class ChargebackReversed(Event, topic="funding.events", subject="milestone_id"):
    """The dispute was won: what the bank took is back."""

    contract_id: Identifier
    milestone_id: Identifier
    funding_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    dispute_id: Identifier
    restored_minor: WholeMinor
    """To held money."""
    held_minor: WholeMinor
    currency: CurrencyCode


class FundsReturned(Event, topic="funding.events", subject="milestone_id"):
    """A transfer was reversed: the money is back from the trainer's account."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    transfer_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    recovered_minor: WholeMinor
    """Of it, what made good a chargeback. The rest first makes good what the platform gave the employer of its own
    (that refund is told anew, as one of this money), then it is held again, frozen."""
    held_minor: WholeMinor
    currency: CurrencyCode


class ReleaseGivenUp(Event, topic="funding.events", subject="milestone_id"):
    """Released money that was never transferred is held again: an operator gave the payout up. It may be refunded, or
    approved anew. It is not frozen: nothing about it is in question."""

    contract_id: Identifier
    milestone_id: Identifier
    release_id: Identifier
    payout_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    recovered_minor: WholeMinor
    """Of it, what made good a chargeback; the rest goes as that of `funds_returned` does."""
    held_minor: WholeMinor
    currency: CurrencyCode
    reason: Reason


class FundsMoved(Event, topic="funding.events", subject="milestone_id"):
    """By how much the balances of a milestone's money changed otherwise than by `milestone_funded` and
    `funds_released`. With those two, the sums of these are the ledger's balances: for analysts, who keep no states.

    charged = held + released + refunded + charged back, so what was charged changed by the sum of the four.
    """

    contract_id: Identifier
    milestone_id: Identifier
    held_change_minor: ChangeMinor
    released_change_minor: ChangeMinor
    refunded_change_minor: ChangeMinor
    charged_back_change_minor: ChangeMinor
    fees_change_minor: ChangeMinor
    """The platform's own fees."""
    currency: CurrencyCode


class CommandRejected(CommandRejectedBody, topic="funding.events", key="asked_of", subject="command_id"):
    """`funding` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="funding.events", key="asked_of", subject="command_id"):
    """`funding` was asked for what is so already or under way."""
