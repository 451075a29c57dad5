"""The review of the work: commands to, and facts from, the `approvals` service."""

from schemas.base import (
    Command,
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

BY_RULE = "auto_approval"
"""`approved_by` where nobody answered within the review period of a contract that approves automatically."""


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


class DisputeMilestone(PartyCommand, topic="approvals.commands", subject="milestone_id"):
    """Either party disputes a funded milestone: what is held freezes until the dispute is settled."""

    contract_id: Identifier
    milestone_id: Identifier
    reason: Reason


class ResolveDispute(PartyCommand, topic="approvals.commands", subject="milestone_id"):
    """An operator settles a dispute to the cent: the two parts sum to what is held."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    to_trainer_minor: WholeMinor
    to_employer_minor: WholeMinor
    currency: CurrencyCode
    reason: Reason


class CheckReview(Command, topic="approvals.commands", subject="milestone_id"):
    """Approvals looks at an open request at a time that it set itself: a reminder is due, or the period has ended."""

    contract_id: Identifier
    milestone_id: Identifier
    round: int
    """The request it is about; another one is open or none: nothing to do."""


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
    """The request for release is open no more. `because`: empty where the trainer took it back, else what ended it."""

    contract_id: Identifier
    milestone_id: Identifier
    round: int
    because: str = ""


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


class ApprovalDue(Event, topic="approvals.events", subject="milestone_id"):
    """The employer has not answered a request: its review ends soon, or has ended."""

    contract_id: Identifier
    milestone_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    round: int
    review_due_at: Moment
    days_left: int
    """Until `review_due_at`, begun days counted whole; below zero: days since then."""
    approves_itself: bool = False
    """Whether the release is approved automatically at `review_due_at` if nobody answers."""


class MilestoneDisputed(Event, topic="approvals.events", subject="milestone_id"):
    """A party disputed: the money freezes."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    employer_id: Identifier
    trainer_id: Identifier
    opened_by: Identifier
    reason: Reason


class DisputeResolved(Event, topic="approvals.events", subject="milestone_id"):
    """The dispute is settled; the ledger releases one part and refunds the other."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    release_id: Identifier | None = None
    """Of the trainer's part; None where there is none."""
    employer_id: Identifier
    trainer_id: Identifier
    to_trainer_minor: WholeMinor
    to_employer_minor: WholeMinor
    currency: CurrencyCode
    resolved_by: Identifier
    reason: Reason


class DisputeStopped(Event, topic="approvals.events", subject="milestone_id"):
    """The dispute between the parties ends undecided: the employer's bank took the matter over."""

    contract_id: Identifier
    milestone_id: Identifier
    dispute_id: Identifier
    reason: str


class CommandRejected(CommandRejectedBody, topic="approvals.events", key="asked_of", subject="command_id"):
    """`approvals` refused a command from its topic."""


class CommandUnchanged(CommandUnchangedBody, topic="approvals.events", key="asked_of", subject="command_id"):
    """`approvals` was asked for what is so already."""
