"""Contracts and their milestones: commands to, and facts from, the `contracts` service."""

from datetime import date
from typing import Annotated, Literal

from pydantic import Field, StrictBool

from schemas.base import (
    CommandRejectedBody,
    CommandUnchangedBody,
    Description,
    Event,
    Identifier,
    Name,
    PartyCommand,
)
from schemas.money import AmountMinor, CurrencyCode

MilestoneStatus = Literal[
    "NOT_FUNDED", "ACTIVE_FUNDED", "PENDING_APPROVAL", "PAID", "DISPUTED", "CANCELLED", "REFUNDED"
]
FundingState = Literal[
    "none", "processing", "action_required", "failed", "funded", "refund_pending", "refunded", "charged_back"
]
PayoutState = Literal["none", "held", "initiated", "in_transit", "paid", "failed", "reversed"]
ContractState = Literal["active", "ending", "ended", "archived"]


ReviewDays = Annotated[int, Field(ge=1, le=90)]
"""Days from a request for release."""


class CreateContract(PartyCommand, topic="contracts.commands"):
    """Hire: a contract with its first milestone; `fund` charges that milestone at once ("Hire and Deposit")."""

    contract_id: Identifier
    milestone_id: Identifier
    job_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    title: Name
    currency: CurrencyCode
    milestone_name: Name | None = None
    description: Description
    amount_minor: AmountMinor
    due_date: date | None = None
    fund: StrictBool = False
    auto_approve_after_days: ReviewDays | None = None
    """Release what is asked for when the employer has not answered within these days; None: never by itself."""


class AddMilestone(PartyCommand, topic="contracts.commands", subject="milestone_id"):
    """Add a milestone to an active contract; no money moves."""

    contract_id: Identifier
    milestone_id: Identifier
    milestone_name: Name | None = None
    description: Description
    amount_minor: AmountMinor
    currency: CurrencyCode
    due_date: date | None = None


class AmendMilestone(PartyCommand, topic="contracts.commands", subject="milestone_id"):
    """Change what is given, only while nothing is funded or being funded; None leaves as it is."""

    contract_id: Identifier
    milestone_id: Identifier
    milestone_name: Name | None = None
    description: Description | None = None
    amount_minor: AmountMinor | None = None
    currency: CurrencyCode | None = None
    due_date: date | None = None


class CancelMilestone(PartyCommand, topic="contracts.commands", subject="milestone_id"):
    """Cancel a milestone that is not funded nor being funded."""

    contract_id: Identifier
    milestone_id: Identifier


class ArchiveContract(PartyCommand, topic="contracts.commands"):
    """Archive a contract whose milestones are all paid, cancelled or refunded."""

    contract_id: Identifier


class ContractCreated(Event, topic="contracts.events"):
    """An employer hired a trainer."""

    contract_id: Identifier
    job_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    title: Name
    currency: CurrencyCode
    auto_approve_after_days: ReviewDays | None = None
    """The review of a request ends after these days, and with it comes the approval; None: never by itself."""


class MilestoneAdded(Event, topic="contracts.events", subject="milestone_id"):
    """A milestone with its agreed amount. `fund`: the hire asked to charge it at once."""

    contract_id: Identifier
    milestone_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    number: int
    """From 1 in the contract."""
    milestone_name: Name | None = None
    description: Description
    amount_minor: AmountMinor
    currency: CurrencyCode
    due_date: date | None = None
    fund: bool = False


class MilestoneAmended(Event, topic="contracts.events", subject="milestone_id"):
    """The terms of a milestone as they are now."""

    contract_id: Identifier
    milestone_id: Identifier
    milestone_name: Name | None = None
    description: Description
    amount_minor: AmountMinor
    currency: CurrencyCode
    due_date: date | None = None


class MilestoneCancelled(Event, topic="contracts.events", subject="milestone_id"):
    """Ended before it was funded."""

    contract_id: Identifier
    milestone_id: Identifier


class MilestoneStatusChanged(Event, topic="contracts.events", subject="milestone_id"):
    """What everybody sees of a milestone, after each change of status, funding or payout state."""

    contract_id: Identifier
    milestone_id: Identifier
    status: MilestoneStatus
    funding_state: FundingState
    payout_state: PayoutState
    previous_status: MilestoneStatus


class ContractArchived(Event, topic="contracts.events"):
    """Put away: every milestone was resolved."""

    contract_id: Identifier


class CommandRejected(CommandRejectedBody, topic="contracts.events", key="asked_of", subject="command_id"):
    """`contracts` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="contracts.events", key="asked_of", subject="command_id"):
    """`contracts` was asked for what is so already."""
