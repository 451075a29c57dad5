"""Decisions about contracts and their terms. Pure: rows, a command and the time in; rows and messages out.

States move only along the edges of `states`. What other services say is applied by `progress`.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from schemas import contracts as said
from schemas.base import Actor, Message
from schemas.money import check_chargeable
from services.contracts import states
from services.contracts.messages import added_event, amended_event, created_event, status_event
from services.contracts.records import Contract, Milestone
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, invalid, not_found
from services.runtime.states import Edge

MOST_MILESTONES = 500
"""In one contract (DOMAIN.md 13)."""


@dataclass(frozen=True, slots=True)
class Known:
    """What was heard of the two parties before a hire."""

    has_payment_method: bool
    trainer_country: str | None
    """None: the trainer has not begun to set up payouts."""
    countries: frozenset[str]
    """Where trainers can be paid."""
    currencies: frozenset[str]
    """What the platform's balance at Stripe is kept in."""


@dataclass(frozen=True, slots=True)
class Decided:
    """What a decision changes and says."""

    said: tuple[Message, ...]
    contract: Contract | None = None
    milestone: Milestone | None = None


Decision = Decided | Refused | Unchanged


# -- hiring ------------------------------------------------------------------------------------------------


def hire(
    contract: Contract | None, milestone: Milestone | None, command: said.CreateContract, known: Known, now: datetime
) -> Decision:
    """A contract with its first milestone. `contract` and `milestone`: what already has these ids."""
    if refused := _may_hire(command) or _chargeable(command.amount_minor, command.currency):
        return refused
    new = Contract(
        command.contract_id, command.job_id, command.employer_id, command.trainer_id, command.title,
        command.currency, states.ACTIVE, now, command.auto_approve_after_days,
    )  # fmt: skip
    if stop := _made_before(new, contract, milestone) or _not_ready(command, known):
        return stop
    first = _milestone(new, 1, command, now)
    if command.fund:
        first = first._replace(funding_state=_target(states.FUNDING.edge(first.funding_state, command.type_name)))
    return Decided((created_event(new), added_event(first, fund=command.fund)), new, first)


def _may_hire(command: said.CreateContract) -> Refused | None:
    actor = command.actor
    if actor.role == "trainer":
        return forbidden("the employer hires, not the trainer")
    if actor.role == "employer" and actor.party_id != command.employer_id:
        return forbidden("employer_id: an employer hires for itself; give the party's id of your token")
    if command.employer_id == command.trainer_id:
        return invalid("same_party", "trainer_id: nobody can hire themselves; it must differ from employer_id")
    return None


def _made_before(new: Contract, same_id: Contract | None, milestone: Milestone | None) -> Refused | Unchanged | None:
    if same_id is not None:
        if same_id._replace(state=new.state, created_at=new.created_at) == new:
            return Unchanged(detail="this contract was made already")
        return conflict("contract_exists", f"{new.contract_id} is another contract's id: use a fresh one")
    if milestone is not None:
        return conflict("milestone_exists", f"{milestone.milestone_id} is another milestone's id: use a fresh one")
    return None


def _not_ready(command: said.CreateContract, known: Known) -> Refused | None:
    """What `funding` or `payouts` would refuse later is refused now, as far as it was heard of; and what Stripe would
    convert, which could then be neither held nor paid out in the contract's currency (docs/adr/0007)."""
    if command.currency not in known.currencies:
        return invalid(
            "currency_not_supported",
            f"currency: contracts are not made in {command.currency} here; use one of "
            f"{', '.join(sorted(known.currencies))}",
        )
    if known.trainer_country is not None and known.trainer_country not in known.countries:
        return invalid(
            "country_not_supported",
            f"trainer_id: this trainer is paid in {known.trainer_country}, where payouts are not possible",
        )
    if command.fund and not known.has_payment_method:
        return conflict(
            "payment_method_required", "add a payment method first, on the page at setup_url, or hire without funding"
        )
    return None


def _chargeable(amount_minor: int, currency: str) -> Refused | None:
    """Amounts that Stripe would not charge are refused when they are agreed, not when they are due."""
    try:
        check_chargeable(amount_minor, currency)
    except ValueError as error:
        return invalid("amount_out_of_bounds", f"amount_minor: {error}")
    return None


def _milestone(
    contract: Contract, number: int, command: said.CreateContract | said.AddMilestone, now: datetime
) -> Milestone:
    return Milestone(
        command.milestone_id, contract.contract_id, contract.employer_id, contract.trainer_id, number,
        command.milestone_name, command.description, command.amount_minor, contract.currency, command.due_date,
        states.NOT_FUNDED, states.NONE, states.NONE, 0, 0, 0, 0, now, 0, 0, states.NONE, [], {}, {},
    )  # fmt: skip


# -- the terms ---------------------------------------------------------------------------------------------


def add(
    contract: Contract | None,
    milestones: Sequence[Milestone],
    same_id: Milestone | None,
    command: said.AddMilestone,
    now: datetime,
) -> Decision:
    """Another milestone. `milestones`: the contract's; `same_id`: what already has this id."""
    if contract is None or not concerns(command.actor, contract):
        return not_found("contract", command.contract_id)
    stop = (
        _employer_only(command.actor)
        or _added_before(contract, same_id)
        or _no_room(contract, milestones)
        or _same_currency(contract.currency, command.currency)
        or _chargeable(command.amount_minor, command.currency)
    )
    if stop:
        return stop
    number = max((milestone.number for milestone in milestones), default=0) + 1
    new = _milestone(contract, number, command, now)
    return Decided((added_event(new, fund=False),), milestone=new)


def _added_before(contract: Contract, same_id: Milestone | None) -> Refused | Unchanged | None:
    if same_id is None:
        return None
    if same_id.contract_id == contract.contract_id:
        return Unchanged(detail="this milestone was added already")
    return conflict("milestone_exists", f"{same_id.milestone_id} is another milestone's id: use a fresh one")


def _no_room(contract: Contract, milestones: Sequence[Milestone]) -> Refused | None:
    if contract.state != states.ACTIVE:
        return conflict("contract_ended", f"this contract is {contract.state}: nothing can be added to it")
    if len(milestones) >= MOST_MILESTONES:
        return invalid("too_many_milestones", f"a contract has at most {MOST_MILESTONES} milestones")
    return None


def amend(milestone: Milestone | None, command: said.AmendMilestone) -> Decision:
    """Other terms, while no money is in it nor on its way."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    stop = _employer_only(command.actor) or _same_currency(milestone.currency, command.currency or milestone.currency)
    if stop:
        return stop
    amended = milestone._replace(
        milestone_name=command.milestone_name or milestone.milestone_name,
        description=command.description or milestone.description,
        amount_minor=command.amount_minor or milestone.amount_minor,
        due_date=command.due_date or milestone.due_date,
    )
    if amended == milestone:
        return Unchanged(detail="these are its terms already")
    target = _editable(milestone, command.type_name)
    if isinstance(target, Refused):
        return target
    if refused := _chargeable(amended.amount_minor, milestone.currency):
        return refused
    amended = amended._replace(status=target)
    return Decided((amended_event(amended),), milestone=amended)


def cancel(milestone: Milestone | None, command: said.CancelMilestone) -> Decision:
    """End a milestone that never had money."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    if refused := _employer_only(command.actor):
        return refused
    if milestone.status == states.CANCELLED:
        return Unchanged(detail="this milestone is cancelled already")
    target = _editable(milestone, command.type_name)
    if isinstance(target, Refused):
        return target
    new = milestone._replace(status=target)
    cancelled = said.MilestoneCancelled(contract_id=new.contract_id, milestone_id=new.milestone_id)
    return Decided((cancelled, status_event(milestone, new)), milestone=new)


def _editable(milestone: Milestone, trigger: str) -> str | Refused:
    """The status after an edit or a cancellation."""
    edge = states.STATUS.edge(milestone.status, trigger)
    if edge is None:
        return conflict(
            "milestone_not_editable",
            f"this milestone is {milestone.status}: only one that is {states.NOT_FUNDED} can be edited or cancelled",
        )
    if milestone.funding_state in states.UNDER_WAY:
        return conflict(
            "milestone_not_editable",
            "its funding is under way: it can be edited or cancelled if the charge fails, not before",
        )
    return edge.target


def _employer_only(actor: Actor) -> Refused | None:
    if actor.role == "trainer":
        return forbidden("this is the employer's to do, not the trainer's")
    return None


def _same_currency(of_contract: str, given: str) -> Refused | None:
    if given == of_contract:
        return None
    return invalid("currency_mismatch", f"amount.currency: this contract is in {of_contract}, not in {given}")


# -- putting away ------------------------------------------------------------------------------------------


def archive(contract: Contract | None, milestones: Sequence[Milestone], command: said.ArchiveContract) -> Decision:
    """Put a contract away once nothing in it is open."""
    if contract is None or not concerns(command.actor, contract):
        return not_found("contract", command.contract_id)
    if refused := _employer_only(command.actor):
        return refused
    if contract.state == states.ARCHIVED:
        return Unchanged(detail="this contract is archived already")
    if open_ones := [milestone for milestone in milestones if not is_resolved(milestone)]:
        named = ", ".join(f"{milestone.number} ({milestone.status})" for milestone in open_ones)
        return conflict(
            "unresolved_milestones",
            f"each milestone must be PAID, CANCELLED or REFUNDED first; open: {named}",
            milestones=[
                {
                    "milestone_id": m.milestone_id,
                    "number": m.number,
                    "status": m.status,
                    "funding_state": m.funding_state,
                }
                for m in open_ones
            ],
        )
    new = contract._replace(state=_target(states.CONTRACT.edge(contract.state, command.type_name)))
    return Decided((said.ContractArchived(contract_id=contract.contract_id),), contract=new)


def is_resolved(milestone: Milestone) -> bool:
    """Whether no money is in it and none is on its way in: the ledger confirmed the release, no charge is open."""
    return (
        milestone.status in states.RESOLVED
        and milestone.held_minor == 0
        and milestone.funding_state not in states.UNDER_WAY
    )


def concerns(actor: Actor, about: Contract | Milestone) -> bool:
    """Operators and services may act on any contract, parties on their own."""
    return actor.role in ("operator", "service") or actor.party_id in (about.employer_id, about.trainer_id)


def _target(edge: Edge | None) -> str:
    if edge is None:
        raise LookupError("the state table has no edge for what was just checked to be allowed")
    return edge.target
