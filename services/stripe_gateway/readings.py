"""What Stripe said, without Stripe's library: readings of its objects, and the answers to our calls.

They travel inside the process as parts of local commands, so they are pydantic models; no client secret, no address of
a hosted page and no card number is in any of them.
"""

from typing import Annotated, Literal

from pydantic import BaseModel, ConfigDict, Field

from schemas.base import Moment
from schemas.stripe import CapabilityStatus, DisputeStatus

RefundStatus = Literal["pending", "requires_action", "succeeded", "failed", "canceled"]
BankPayoutStatus = Literal["pending", "in_transit", "paid", "failed", "canceled"]


class _Reading(BaseModel):
    model_config = ConfigDict(frozen=True, extra="forbid")


class CardTrouble(_Reading):
    """Why a charge did not go through."""

    code: str
    decline_code: str = ""
    advice_code: str = ""
    message: str = ""
    charge_id: str = ""
    """The failed charge, where there is one: tells one decline from another."""
    payment_method_id: str = ""

    @property
    def wants_authentication(self) -> bool:
        """The bank wants the card's holder to authenticate. Issuers say it in either place."""
        return "authentication_required" in (self.code, self.decline_code)


class ChargeReading(_Reading):
    """Money that came in, with Stripe's fee."""

    charge_id: str
    balance_transaction_id: str
    charge_minor: int
    fee_minor: int
    currency: str
    available_at: Moment


class ConvertedReading(_Reading):
    """Money that came in and that Stripe converted, with Stripe's fee in what it became."""

    charge_id: str
    balance_transaction_id: str
    charge_minor: int
    currency: str
    settled_minor: int
    fee_minor: int
    settled_currency: str
    available_at: Moment


class IntentReading(_Reading):
    """A payment intent."""

    kind: Literal["intent"] = "intent"
    payment_intent_id: str
    status: str
    charge: ChargeReading | None = None
    """Of an intent that succeeded; None until its balance transaction is known."""
    converted: ConvertedReading | None = None
    """Of one that succeeded, in place of `charge`: it settled in another currency."""
    trouble: CardTrouble | None = None
    cancellation_reason: str = ""


class RefundReading(_Reading):
    """A refund, with what left the platform's balance for it and what came back."""

    kind: Literal["refund"] = "refund"
    stripe_refund_id: str
    refund_id: str = ""
    """From its metadata; empty: it was made at Stripe by hand."""
    payment_intent_id: str
    status: RefundStatus
    amount_minor: int
    debited_minor: int
    returned_minor: int
    currency: str
    settled_currency: str = ""
    """Of what left the balance and came back, where Stripe converted it; empty: `currency`."""
    pending_reason: str = ""
    failure_reason: str = ""


class ReversalReading(_Reading):
    """A reversal of a transfer."""

    kind: Literal["reversal"] = "reversal"
    stripe_reversal_id: str
    reversal_id: str = ""
    """From its metadata; empty: it was made at Stripe by hand."""
    transfer_id: str
    amount_minor: int
    currency: str


class TransferReading(_Reading):
    """A transfer that was made."""

    kind: Literal["transfer"] = "transfer"
    transfer_id: str
    account_id: str
    amount_minor: int
    currency: str
    available_at: Moment | None = None
    """From when the trainer's balance has it; None where that was not read."""


class AccountReading(_Reading):
    """A connected account."""

    kind: Literal["account"] = "account"
    account_id: str
    transfers: CapabilityStatus
    requirements: tuple[str, ...] = ()
    details_submitted: bool = False


class CustomerReading(_Reading):
    """A customer."""

    kind: Literal["customer"] = "customer"
    customer_id: str


class MethodReading(_Reading):
    """A saved card; `attached` says whether it can still be charged."""

    kind: Literal["method"] = "method"
    payment_method_id: str
    attached: bool
    brand: str = ""
    last4: str = ""
    exp_month: int = 0
    exp_year: int = 0


class BankPayoutReading(_Reading):
    """A payout of a connected account to its bank."""

    kind: Literal["bank_payout"] = "bank_payout"
    stripe_payout_id: str
    account_id: str
    status: BankPayoutStatus
    amount_minor: int
    currency: str
    arrival_at: Moment | None = None
    failure_code: str | None = None
    transfer_ids: tuple[str, ...] = ()


class DisputeReading(_Reading):
    """A cardholder's dispute, with what moved on the platform's balance."""

    kind: Literal["dispute"] = "dispute"
    dispute_id: str
    charge_id: str
    status: DisputeStatus
    reason: str
    amount_minor: int
    withdrawn_minor: int
    reinstated_minor: int
    fee_minor: int
    currency: str
    evidence_due_at: Moment | None = None
    is_charge_refundable: bool = False


class EvidenceReading(_Reading):
    """How far the evidence of a dispute is."""

    kind: Literal["evidence"] = "evidence"
    dispute_id: str
    submitted: bool
    """The bank has it."""


class WarningReading(_Reading):
    """An issuer's suspicion of a charge."""

    kind: Literal["warning"] = "warning"
    warning_id: str
    charge_id: str
    fraud_type: str
    actionable: bool


class ReviewReading(_Reading):
    """A risk review of a payment."""

    kind: Literal["review"] = "review"
    review_id: str
    open: bool
    reason: str


class BalanceReading(_Reading):
    """What the platform has at Stripe in one currency."""

    currency: str
    available_minor: int
    pending_minor: int
    reserved_minor: int


RiskReading = Annotated[DisputeReading | WarningReading | ReviewReading, Field(discriminator="kind")]

Reading = Annotated[
    IntentReading
    | RefundReading
    | TransferReading
    | ReversalReading
    | AccountReading
    | CustomerReading
    | MethodReading
    | BankPayoutReading
    | EvidenceReading,
    Field(discriminator="kind"),
]


class Answered(_Reading):
    """Done; what Stripe has now."""

    outcome: Literal["answered"] = "answered"
    reading: Reading


class Declined(_Reading):
    """A no that is a fact of business."""

    outcome: Literal["declined"] = "declined"
    trouble: CardTrouble
    http_status: int
    request_id: str = ""


class Refused(_Reading):
    """A no that no rule foresees."""

    outcome: Literal["refused"] = "refused"
    code: str
    message: str
    http_status: int
    request_id: str = ""


class Unanswered(_Reading):
    """Nobody can say whether it was done."""

    outcome: Literal["unanswered"] = "unanswered"
    reason: str


Answer = Annotated[Answered | Declined | Refused | Unanswered, Field(discriminator="outcome")]
