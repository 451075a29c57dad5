"""The events of contracts, made from its rows."""

from schemas import contracts as said
from services.contracts.records import Contract, Milestone


def created_event(contract: Contract) -> said.ContractCreated:
    """An employer hired a trainer."""
    return said.ContractCreated(
        contract_id=contract.contract_id,
        job_id=contract.job_id,
        employer_id=contract.employer_id,
        trainer_id=contract.trainer_id,
        title=contract.title,
        currency=contract.currency,
        auto_approve_after_days=contract.auto_approve_after_days,
    )


def added_event(milestone: Milestone, *, fund: bool) -> said.MilestoneAdded:
    """A milestone; `fund` asks `funding` to charge it at once."""
    return said.MilestoneAdded(
        contract_id=milestone.contract_id,
        milestone_id=milestone.milestone_id,
        employer_id=milestone.employer_id,
        trainer_id=milestone.trainer_id,
        number=milestone.number,
        milestone_name=milestone.milestone_name,
        description=milestone.description,
        amount_minor=milestone.amount_minor,
        currency=milestone.currency,
        due_date=milestone.due_date,
        fund=fund,
    )


def amended_event(milestone: Milestone) -> said.MilestoneAmended:
    """Its terms as they are now."""
    return said.MilestoneAmended(
        contract_id=milestone.contract_id,
        milestone_id=milestone.milestone_id,
        milestone_name=milestone.milestone_name,
        description=milestone.description,
        amount_minor=milestone.amount_minor,
        currency=milestone.currency,
        due_date=milestone.due_date,
    )


def status_event(before: Milestone, after: Milestone) -> said.MilestoneStatusChanged:
    """What everybody sees of it now. Raises pydantic's ValidationError for a state that is not published."""
    return said.MilestoneStatusChanged.model_validate(
        {
            "contract_id": after.contract_id,
            "milestone_id": after.milestone_id,
            "status": after.status,
            "funding_state": after.funding_state,
            "payout_state": after.payout_state,
            "previous_status": before.status,
        }
    )
