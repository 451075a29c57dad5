"""Releasing held money to the trainer's side, as approved: the one place where that is decided. Pure."""

from collections.abc import Sequence

from schemas import funding as said
from schemas.approvals import MilestoneApproved
from schemas.money import show
from services.funding import ledger
from services.funding.freezes import holding
from services.funding.ledger import Entry, Posting
from services.funding.records import Decided, Freeze, Funding
from services.funding.standing import moved


def release(
    funding: Funding | None,
    entries: Sequence[Entry],
    freezes: Sequence[Freeze],
    approved: MilestoneApproved,
    posting: Posting,
) -> Decided | said.ReleaseRefused:
    """Release held money as approved, never more than this very milestone holds, and nothing that is frozen.

    `entries` and `freezes`: all of the milestone's. This is the one place where release is decided (ARCHITECTURE.md,
    rule 1): a freeze that is recorded before it wins, one that comes after finds the money gone.
    """
    entries = ledger.of_currency(entries, approved.currency)
    held_minor = ledger.owed_minor(entries, "held")
    causes = sorted({freeze.cause for freeze in holding(freezes)})
    covered = funding is not None and funding.charge_id is not None and approved.amount_minor <= held_minor
    if funding is None or not covered or causes:
        asked = f"{show(approved.amount_minor, approved.currency)} was to be released"
        return said.ReleaseRefused(
            contract_id=approved.contract_id,
            milestone_id=approved.milestone_id,
            release_id=approved.release_id,
            amount_minor=approved.amount_minor,
            held_minor=held_minor,
            currency=approved.currency,
            code="frozen" if covered else "not_covered",
            reason=f"what is held is frozen ({', '.join(causes)})"
            if covered
            else f"{show(held_minor, approved.currency)} is held, {asked}",
        )
    made = ledger.funds_released(posting, approved.amount_minor)
    event = released(funding, approved.release_id, approved.amount_minor, held_minor - approved.amount_minor)
    return Decided(moved(funding, approved.type_name, [*entries, *made]), (event,), made)


def released(funding: Funding, release_id: str, amount_minor: int, still_held_minor: int) -> said.FundsReleased:
    """The event of money that is the trainer's now, to be transferred from this very charge."""
    return said.FundsReleased(
        contract_id=funding.contract_id,
        milestone_id=funding.milestone_id,
        release_id=release_id,
        employer_id=funding.employer_id,
        trainer_id=funding.trainer_id,
        amount_minor=amount_minor,
        still_held_minor=still_held_minor,
        currency=funding.currency,
        charge_id=funding.charge_id or "",
    )
