"""Trainers' payout accounts, transfers and bank payouts: commands to, and facts from, `payouts`."""

from typing import Annotated, Literal

from pydantic import StringConstraints

from schemas.base import Command, CommandRejectedBody, CommandUnchangedBody, Event, Identifier, Moment, PartyCommand
from schemas.money import AmountMinor, CurrencyCode

CountryCode = Annotated[str, StringConstraints(pattern=r"^[A-Z]{2}$")]
PayoutAccountStatus = Literal["none", "started", "restricted", "ready", "disabled"]


class StartPayoutAccount(PartyCommand, topic="payouts.commands", key="trainer_id"):
    """Open a payout account in a supported country; the trainer completes it on a page that Stripe hosts."""

    trainer_id: Identifier
    country: CountryCode


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


class PayoutInitiated(Event, topic="payouts.events", subject="milestone_id"):
    """The transfer to the trainer's Stripe account was made."""

    contract_id: Identifier
    milestone_id: Identifier
    payout_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    currency: CurrencyCode
    transfer_id: Identifier


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


class CommandRejected(CommandRejectedBody, topic="payouts.events", key="asked_of", subject="command_id"):
    """`payouts` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="payouts.events", key="asked_of", subject="command_id"):
    """`payouts` was asked for what is so already."""
