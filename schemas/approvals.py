"""The review of the work: commands to, and facts from, the `approvals` service."""

from schemas.base import (
    CommandRejectedBody,
    CommandUnchangedBody,
    Event,
    Identifier,
    Links,
    Moment,
    PartyCommand,
    Reason,
)
from schemas.money import AmountMinor, CurrencyCode, WholeMinor


class RequestRelease(PartyCommand, topic="approvals.commands", subject="milestone_id"):
    """The trainer says that the work is done and asks for payment."""

    contract_id: Identifier
    milestone_id: Identifier
    note: Reason | None = None
    links: Links = ()


class WithdrawRequest(PartyCommand, topic="approvals.commands", subject="milestone_id"):
    """The trainer takes the request back."""

    contract_id: Identifier
    milestone_id: Identifier


class RequestChanges(PartyCommand, topic="approvals.commands", subject="milestone_id"):
    """The employer asks for changes, saying which."""

    contract_id: Identifier
    milestone_id: Identifier
    reason: Reason


class ApproveMilestone(PartyCommand, topic="approvals.commands", subject="milestone_id"):
    """The employer releases what is held, or a part of it when an amount is given."""

    contract_id: Identifier
    milestone_id: Identifier
    amount_minor: AmountMinor | None = None
    currency: CurrencyCode | None = None


class ReleaseRequested(Event, topic="approvals.events", subject="milestone_id"):
    """A round of review begins."""

    contract_id: Identifier
    milestone_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    round: int
    """From 1 in the milestone."""
    note: Reason | None = None
    links: Links = ()
    review_due_at: Moment


class ReleaseRequestWithdrawn(Event, topic="approvals.events", subject="milestone_id"):
    """The trainer took the request back."""

    contract_id: Identifier
    milestone_id: Identifier
    round: int


class ChangesRequested(Event, topic="approvals.events", subject="milestone_id"):
    """The employer wants changes first."""

    contract_id: Identifier
    milestone_id: Identifier
    round: int
    reason: Reason


class MilestoneApproved(Event, topic="approvals.events", subject="milestone_id"):
    """The employer approved the release of an amount; the ledger has the last word."""

    contract_id: Identifier
    milestone_id: Identifier
    release_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    amount_minor: AmountMinor
    still_held_minor: WholeMinor
    currency: CurrencyCode
    approved_by: Identifier


class CommandRejected(CommandRejectedBody, topic="approvals.events", key="asked_of", subject="command_id"):
    """`approvals` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="approvals.events", key="asked_of", subject="command_id"):
    """`approvals` was asked for what is so already."""
