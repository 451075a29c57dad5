"""Commands that the gateway gives itself inside its process. They are on no topic and in no catalogue."""

from schemas.base import Command, Identifier, PlatformKey
from services.stripe_gateway.readings import (
    AccountReading,
    Answer,
    BalanceReading,
    BankPayoutReading,
    IntentReading,
    MethodReading,
    RefundReading,
    ReversalReading,
    RiskReading,
    TransferReading,
)


class RecordAnswer(Command, topic="stripe_gateway.local", key="about_key", subject="attempt_id", local=True):
    """Close a call with Stripe's answer."""

    about_key: Identifier
    """The record key of the command that the call is for."""
    attempt_id: Identifier
    answer: Answer


class RecordIntent(Command, topic="stripe_gateway.local", subject="funding_id", local=True):
    """A payment intent was read anew."""

    contract_id: Identifier
    funding_id: Identifier
    reading: IntentReading


class RecordTransfer(Command, topic="stripe_gateway.local", subject="payout_id", local=True):
    """A transfer was read anew."""

    contract_id: Identifier
    payout_id: Identifier
    reading: TransferReading


class RecordRefund(Command, topic="stripe_gateway.local", subject="refund_id", local=True):
    """A refund was read anew."""

    contract_id: Identifier
    funding_id: Identifier
    refund_id: Identifier
    """Ours, or Stripe's own for one that was made by hand."""
    reading: RefundReading


class RecordReversals(Command, topic="stripe_gateway.local", subject="payout_id", local=True):
    """A transfer was read anew, with all its reversals, oldest first."""

    contract_id: Identifier
    payout_id: Identifier
    reading: TransferReading
    reversals: tuple[ReversalReading, ...]


class RecordRisk(Command, topic="stripe_gateway.local", subject="funding_id", local=True):
    """A card dispute, a fraud warning or a review was read anew."""

    contract_id: Identifier
    funding_id: Identifier
    reading: RiskReading


class RecordBalance(Command, topic="stripe_gateway.local", key="platform", local=True):
    """The platform's own balance was read anew, in all currencies."""

    platform: PlatformKey
    readings: tuple[BalanceReading, ...]


class RecordAlarm(Command, topic="stripe_gateway.local", key="platform", local=True):
    """Something about the platform's own account is wrong, or right again."""

    platform: PlatformKey
    code: str
    about: Identifier
    detail: str = ""
    wrong: bool = True


class RecordAccount(Command, topic="stripe_gateway.local", key="trainer_id", local=True):
    """A connected account was read anew."""

    trainer_id: Identifier
    reading: AccountReading


class RecordMethod(Command, topic="stripe_gateway.local", key="employer_id", local=True):
    """A saved card was read anew."""

    employer_id: Identifier
    reading: MethodReading


class RecordBankPayout(Command, topic="stripe_gateway.local", key="trainer_id", local=True):
    """A payout to a trainer's bank was read anew."""

    trainer_id: Identifier
    reading: BankPayoutReading


class EnsureCustomer(Command, topic="stripe_gateway.local", key="employer_id", local=True):
    """The employer is about to save a card: have a customer for them at Stripe."""

    employer_id: Identifier


class AuthenticateIntent(Command, topic="stripe_gateway.local", subject="funding_id", local=True):
    """The employer is here to authenticate: confirm the intent on-session, with the same card."""

    contract_id: Identifier
    funding_id: Identifier
    return_url: str
