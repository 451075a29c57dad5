"""Trainers' payout accounts, transfers and bank payouts: commands to, and facts from, `payouts`."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.base import (
    Command,
    CommandRejectedBody,
    CommandUnchangedBody,
    Event,
    Identifier,
    Moment,
    PartyCommand,
    PlatformKey,
    Reason,
)
from schemas.money import AmountMinor, CurrencyCode, WholeMinor

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
SuspensionCause = Literal["not_covered", "payouts_not_manual"]
PayoutAccountStatus = Literal["none", "started", "restricted", "ready", "disabled"]


class StartPayoutAccount(PartyCommand, topic="payouts.commands", key="trainer_id"):
    """Open a payout account in a supported country; the trainer completes it on a page that Stripe hosts."""

    trainer_id: Identifier
    country: CountryCode


class ReversePayout(PartyCommand, topic="payouts.commands", subject="payout_id"):
    """An operator takes a transfer back from the trainer's account, all that is left of it or a part."""

    contract_id: Identifier
    payout_id: Identifier
    amount_minor: AmountMinor | None = None
    currency: CurrencyCode | None = None
    reason: Reason


class GiveUpPayout(PartyCommand, topic="payouts.commands", subject="payout_id"):
    """An operator gives up a release that waited too long for its trainer's account and was never transferred."""

    contract_id: Identifier
    payout_id: Identifier
    reason: Reason


class ResumePayout(Command, topic="payouts.commands", subject="payout_id"):
    """Try a held release again, now that the trainer's account is ready. Given by `payouts` to itself."""

    contract_id: Identifier
    payout_id: Identifier


class RecordBankPayout(Command, topic="payouts.commands", subject="payout_id"):
    """What Stripe told of the bank payout that carries this release. Given by `payouts` to itself, so that a
    party's fact is applied in the order of the contract."""

    contract_id: Identifier
    payout_id: Identifier
    stripe_payout_id: Identifier
    status: Literal["in_transit", "paid", "failed"]
    arrival_at: Moment | None = None
    failure_code: str | None = None


class CheckPayout(Command, topic="payouts.commands", key="trainer_id", subject="payout_id"):
    """Look at a payout beside what is known of its trainer. Given by `payouts` to itself after a step in the order of
    the contract, so that no fact of the trainer that came at the same moment (account ready, bank payout) is missed."""

    trainer_id: Identifier
    payout_id: Identifier


class SuspendReleases(PartyCommand, topic="payouts.commands", key="platform", subject="currency"):
    """Let no released money in this currency leave for a trainer: what is owed is not covered by the platform's
    balance at Stripe, or is about to be swept from it. Given by the auditor."""

    platform: PlatformKey
    currency: CurrencyCode
    cause: SuspensionCause
    short_minor: WholeMinor = 0
    """What is missing, in minor units."""
    reason: Reason


class AllowReleases(PartyCommand, topic="payouts.commands", key="platform", subject="currency"):
    """Let released money in this currency leave again: all is covered (the auditor), or an operator takes it upon
    himself for a while, whatever the auditor says."""

    platform: PlatformKey
    currency: CurrencyCode
    reason: Reason


class CheckCover(Command, topic="payouts.commands", key="platform", subject="payout_id"):
    """Look at a payout that is held because releases are suspended: they may have been let go at the same moment.
    Given by `payouts` to itself."""

    platform: PlatformKey
    payout_id: Identifier


class PayoutAccountCreated(Event, topic="payouts.events", key="trainer_id"):
    """A trainer began to set up payouts."""

    trainer_id: Identifier
    country: CountryCode


class PayoutAccountUpdated(Event, topic="payouts.events", key="trainer_id"):
    """The account's status changed; `requirements` names what Stripe still wants."""

    trainer_id: Identifier
    status: PayoutAccountStatus
    requirements: tuple[str, ...] = ()
    reason: str | None = None


class PayoutHeld(Event, topic="payouts.events", subject="milestone_id"):
    """Released, but it waits: the reason says for what. It goes on by itself."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    reason: str
    overdue: bool = False
    """It waits for so long that an operator has to decide what becomes of it."""


class PayoutInitiated(Event, topic="payouts.events", subject="milestone_id"):
    """The transfer to the trainer's Stripe account was made."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    transfer_id: Identifier
    available_at: Moment | None = None
    """Until then it is pending there and cannot leave for the bank. None: Stripe did not say."""


class PayoutInTransit(Event, topic="payouts.events", subject="milestone_id"):
    """A bank payout carries it to the trainer's bank."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    stripe_payout_id: Identifier
    arrival_at: Moment | None = None


class PayoutPaid(Event, topic="payouts.events", subject="milestone_id"):
    """The bank has it (Stripe may still say otherwise within five business days: `payout_failed`)."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    stripe_payout_id: Identifier
    arrival_at: Moment | None = None


class PayoutFailed(Event, topic="payouts.events", subject="milestone_id"):
    """The bank refused it: the money is on the trainer's Stripe balance, the bank details need correcting."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    stripe_payout_id: Identifier
    failure_code: str


class PayoutGivenUp(Event, topic="payouts.events", subject="milestone_id"):
    """It was never transferred and never will be. The ledger takes the money back: `funding.release_given_up`."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    release_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    given_up_by: Identifier
    """The operator who decided it."""
    reason: Reason


class PayoutReversed(Event, topic="payouts.events", subject="milestone_id"):
    """Money of this payout came back from the trainer's account. `reversed_minor`: all of it so far."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    reversed_minor: AmountMinor
    currency: CurrencyCode
    transfer_id: Identifier
    whole: bool
    """Nothing of it is left with the trainer."""
    reason: str = ""


class PayoutReversalFailed(Event, topic="payouts.events", subject="milestone_id"):
    """Stripe did not take it back: the trainer's balance does not cover it. An open item for an operator."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    transfer_id: Identifier
    code: str
    reason: str


class ReleasesSuspended(Event, topic="payouts.events", key="platform", subject="currency"):
    """No released money in this currency leaves for a trainer. It waits as `payout_held`, and goes on by itself."""

    platform: PlatformKey
    currency: CurrencyCode
    cause: SuspensionCause
    short_minor: WholeMinor
    """What is missing, in minor units."""
    by: Identifier
    reason: str


class ReleasesAllowed(Event, topic="payouts.events", key="platform", subject="currency"):
    """Released money in this currency leaves again; what waited goes on."""

    platform: PlatformKey
    currency: CurrencyCode
    by: Identifier
    reason: str
    waived_until: Moment | None = None
    """An operator let it go, whatever the auditor says until then. None: all is covered."""


class CommandRejected(CommandRejectedBody, topic="payouts.events", key="asked_of", subject="command_id"):
    """`payouts` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="payouts.events", key="asked_of", subject="command_id"):
    """`payouts` was asked for what is so already."""
