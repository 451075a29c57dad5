"""What contracts shows over HTTP."""

from collections.abc import Sequence
from datetime import date, datetime

from pydantic import BaseModel

from schemas.contracts import ContractState, FundingState, MilestoneStatus, PayoutState
from services.contracts.records import Contract, Entry, Milestone
from services.contracts.standing import is_frozen

LABELS: dict[str, str] = {
    "NOT_FUNDED": "Not Funded",
    "ACTIVE_FUNDED": "Active & Funded",
    "PENDING_APPROVAL": "Pending approval",
    "PAID": "Paid",
    "DISPUTED": "Disputed",
    "CANCELLED": "Cancelled",
    "REFUNDED": "Refunded",
}


class Sum(BaseModel):
    """A sum of money in minor units, zero allowed."""

    amount_minor: int
    currency: str


class MilestoneView(BaseModel):
    """A milestone as everybody sees it."""

    milestone_id: str
    contract_id: str
    number: int
    name: str | None
    description: str
    due_date: date | None
    status: MilestoneStatus
    label: str
    funding_state: FundingState
    payout_state: PayoutState
    amount: Sum
    held: Sum
    released: Sum
    refunded: Sum
    """Given back, or on its way to the employer (`funding_state` says which)."""
    charged_back: Sum
    """Taken by the employer's bank."""
    frozen: bool
    """What is held may not be released now."""
    created_at: datetime


class TimelineEntry(BaseModel):
    """Something that happened."""

    at: datetime
    type: str
    text: str


class MilestoneDetail(MilestoneView):
    """A milestone with all that happened to it, the oldest first."""

    timeline: list[TimelineEntry]


class ContractView(BaseModel):
    """A contract with its milestones, by number."""

    contract_id: str
    job_id: str
    employer_id: str
    trainer_id: str
    title: str
    currency: str
    state: ContractState
    auto_approve_after_days: int | None
    created_at: datetime
    milestones: list[MilestoneView]


class ContractList(BaseModel):
    """A page of contracts, the newest first. `next_cursor` leads to the next page."""

    data: list[ContractView]
    next_cursor: str | None
    has_more: bool


def milestone_view(milestone: Milestone) -> MilestoneView:
    """A milestone without its timeline."""
    return MilestoneView.model_validate(_fields(milestone))


def milestone_detail(milestone: Milestone, entries: Sequence[Entry]) -> MilestoneDetail:
    """A milestone with its timeline."""
    timeline = [
        TimelineEntry(at=entry.at, type=entry.type, text=entry.text)
        for entry in sorted(entries, key=lambda entry: (entry.at, entry.entry_id))
    ]
    return MilestoneDetail.model_validate({**_fields(milestone), "timeline": timeline})


def contract_view(contract: Contract, milestones: Sequence[Milestone]) -> ContractView:
    """A contract as its parties see it."""
    return ContractView.model_validate(
        {
            "contract_id": contract.contract_id,
            "job_id": contract.job_id,
            "employer_id": contract.employer_id,
            "trainer_id": contract.trainer_id,
            "title": contract.title,
            "currency": contract.currency,
            "state": contract.state,
            "auto_approve_after_days": contract.auto_approve_after_days,
            "created_at": contract.created_at,
            "milestones": [milestone_view(m) for m in sorted(milestones, key=lambda milestone: milestone.number)],
        }
    )


def _fields(milestone: Milestone) -> dict[str, object]:
    def money(amount_minor: int) -> Sum:
        return Sum(amount_minor=amount_minor, currency=milestone.currency)

    return {
        "milestone_id": milestone.milestone_id,
        "contract_id": milestone.contract_id,
        "number": milestone.number,
        "name": milestone.milestone_name,
        "description": milestone.description,
        "due_date": milestone.due_date,
        "status": milestone.status,
        "label": LABELS[milestone.status],
        "funding_state": milestone.funding_state,
        "payout_state": milestone.payout_state,
        "amount": money(milestone.amount_minor),
        "held": money(milestone.held_minor),
        "released": money(milestone.released_minor),
        "refunded": money(milestone.refunded_minor),
        "charged_back": money(milestone.charged_back_minor),
        "frozen": is_frozen(milestone),
        "created_at": milestone.created_at,
    }
