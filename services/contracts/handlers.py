"""Which message goes to which decision of contracts."""

from typing import get_args

from schemas import contracts as said
from schemas.base import Message
from schemas.funding import PaymentMethodAdded, PaymentMethodRemoved
from schemas.payouts import PayoutAccountCreated
from services.contracts import domain, progress, tables
from services.contracts.domain import Decided, Known
from services.contracts.records import Contract, Entry, KnownMethod, KnownTrainer, Milestone, Payout
from services.contracts.settings import ContractsSettings
from services.contracts.timeline import describe, kind_of
from services.contracts.views import ContractView, MilestoneView, contract_view, milestone_view
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Refused, Unchanged, View
from services.runtime.handlers import Context, Handlers
from services.runtime.workspace import Load

HANDLERS = Handlers()

CONTRACTS = Entity(tables.contracts, Contract)
MILESTONES = Entity(tables.milestones, Milestone)
PAYOUTS = Entity(tables.payouts, Payout)
METHODS = Entity(tables.payment_methods, KnownMethod)
TRAINERS = Entity(tables.trainers, KnownTrainer)
TIMELINE = Entity(tables.timeline, Entry)

_COUNTRIES = ContractsSettings().countries
_CURRENCIES = ContractsSettings().currencies


# -- commands ----------------------------------------------------------------------------------------------


@HANDLERS.on(
    said.CreateContract,
    Load(CONTRACTS, "contract_id", lambda m, _: m.contract_id),
    Load(MILESTONES, "contract_id", lambda m, _: m.contract_id),
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
    Load(METHODS, "employer_id", lambda m, _: m.employer_id),
    Load(TRAINERS, "trainer_id", lambda m, _: m.trainer_id),
)
def hire(ctx: Context, command: said.CreateContract) -> Outcome:
    """A contract with its first milestone, which may be funded at once."""
    trainer = ctx.get(TRAINERS, command.trainer_id)
    known = Known(
        has_payment_method=any(not method.removed for method in ctx.find(METHODS, "employer_id", command.employer_id)),
        trainer_country=trainer.country if trainer else None,
        countries=_COUNTRIES,
        currencies=_CURRENCIES,
    )
    contract, milestone = ctx.get(CONTRACTS, command.contract_id), ctx.get(MILESTONES, command.milestone_id)
    decided = domain.hire(contract, milestone, command, known, ctx.now)
    return _answer(ctx, decided, lambda: _contract_view(ctx, command.contract_id))


@HANDLERS.on(
    said.AddMilestone,
    Load(CONTRACTS, "contract_id", lambda m, _: m.contract_id),
    Load(MILESTONES, "contract_id", lambda m, _: m.contract_id),
    Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
)
def add_milestone(ctx: Context, command: said.AddMilestone) -> Outcome:
    """One more milestone; no money moves."""
    contract, same_id = ctx.get(CONTRACTS, command.contract_id), ctx.get(MILESTONES, command.milestone_id)
    of_contract = ctx.find(MILESTONES, "contract_id", command.contract_id)
    decided = domain.add(contract, of_contract, same_id, command, ctx.now)
    return _answer(ctx, decided, lambda: _milestone_view(ctx, command.milestone_id))


@HANDLERS.on(said.AmendMilestone, Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id))
def amend_milestone(ctx: Context, command: said.AmendMilestone) -> Outcome:
    """Other terms."""
    decided = domain.amend(ctx.get(MILESTONES, command.milestone_id), command)
    return _answer(ctx, decided, lambda: _milestone_view(ctx, command.milestone_id))


@HANDLERS.on(said.CancelMilestone, Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id))
def cancel_milestone(ctx: Context, command: said.CancelMilestone) -> Outcome:
    """It will not be done."""
    decided = domain.cancel(ctx.get(MILESTONES, command.milestone_id), command)
    return _answer(ctx, decided, lambda: _milestone_view(ctx, command.milestone_id))


@HANDLERS.on(
    said.ArchiveContract,
    Load(CONTRACTS, "contract_id", lambda m, _: m.contract_id),
    Load(MILESTONES, "contract_id", lambda m, _: m.contract_id),
)
def archive_contract(ctx: Context, command: said.ArchiveContract) -> Outcome:
    """Put it away."""
    milestones = ctx.find(MILESTONES, "contract_id", command.contract_id)
    decided = domain.archive(ctx.get(CONTRACTS, command.contract_id), milestones, command)
    return _answer(ctx, decided, lambda: _contract_view(ctx, command.contract_id))


# -- what other services say -------------------------------------------------------------------------------


def _fact_heard(ctx: Context, fact: progress.MilestoneFact) -> Outcome:
    milestone = _milestone(ctx, fact.milestone_id)
    _record(ctx, milestone, fact)
    moved = progress.heard(milestone, fact)
    ctx.put(MILESTONES, moved.milestone)
    ctx.emit(*moved.said)
    return None


_MILESTONE_FACTS: tuple[type[progress.MilestoneFact], ...] = get_args(progress.MilestoneFact)
for _fact in _MILESTONE_FACTS:
    HANDLERS.on(_fact, Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id))(_fact_heard)


def _payout_heard(ctx: Context, fact: progress.PayoutFact) -> Outcome:
    milestone = _milestone(ctx, fact.milestone_id)
    _record(ctx, milestone, fact)
    moved = progress.payout_heard(milestone, ctx.find(PAYOUTS, "milestone_id", fact.milestone_id), fact)
    ctx.put(MILESTONES, moved.milestone)
    if moved.payout is not None:
        ctx.put(PAYOUTS, moved.payout)
    ctx.emit(*moved.said)
    return None


_PAYOUT_FACTS: tuple[type[progress.PayoutFact], ...] = get_args(progress.PayoutFact)
for _payout_fact in _PAYOUT_FACTS:
    HANDLERS.on(
        _payout_fact,
        Load(MILESTONES, "milestone_id", lambda m, _: m.milestone_id),
        Load(PAYOUTS, "milestone_id", lambda m, _: m.milestone_id),
    )(_payout_heard)


@HANDLERS.on(PaymentMethodAdded, Load(METHODS, "payment_method_id", lambda m, _: m.payment_method_id))
def method_added(ctx: Context, fact: PaymentMethodAdded) -> Outcome:
    """The employer can be charged."""
    _know(ctx, KnownMethod(fact.payment_method_id, fact.employer_id, removed=False))
    return None


@HANDLERS.on(PaymentMethodRemoved, Load(METHODS, "payment_method_id", lambda m, _: m.payment_method_id))
def method_removed(ctx: Context, fact: PaymentMethodRemoved) -> Outcome:
    """Not by this method any more."""
    _know(ctx, KnownMethod(fact.payment_method_id, fact.employer_id, removed=True))
    return None


def _know(ctx: Context, method: KnownMethod) -> None:
    if ctx.get(METHODS, method.payment_method_id) != method:
        ctx.put(METHODS, method)


@HANDLERS.on(PayoutAccountCreated, Load(TRAINERS, "trainer_id", lambda m, _: m.trainer_id))
def payout_account_created(ctx: Context, fact: PayoutAccountCreated) -> Outcome:
    """Where the trainer is paid."""
    known = KnownTrainer(fact.trainer_id, fact.country)
    if ctx.get(TRAINERS, fact.trainer_id) != known:
        ctx.put(TRAINERS, known)
    return None


# -- common steps ------------------------------------------------------------------------------------------


def _answer(ctx: Context, decided: domain.Decision, view: View) -> Outcome:
    if isinstance(decided, Refused):
        return decided
    if isinstance(decided, Unchanged):
        return Unchanged(view, decided.detail)
    _apply(ctx, decided)
    return Accepted(view)


def _apply(ctx: Context, decided: Decided) -> None:
    if decided.contract is not None:
        ctx.put(CONTRACTS, decided.contract)
    if decided.milestone is not None:
        ctx.put(MILESTONES, decided.milestone)
        for event in decided.said:
            _record(ctx, decided.milestone, event)
    ctx.emit(*decided.said)


def _record(ctx: Context, milestone: Milestone, fact: Message) -> None:
    if (text := describe(fact, milestone)) is not None:
        at = ctx.now if fact.topic == "contracts.events" else ctx.envelope.time
        ctx.append(TIMELINE, Entry(ctx.new_id("tml"), milestone.milestone_id, at, kind_of(fact), text))


def _milestone(ctx: Context, milestone_id: str) -> Milestone:
    milestone = ctx.get(MILESTONES, milestone_id)
    if milestone is None:
        # Every milestone begins here, so others can only know it from us: a fact about none is not dropped but parked.
        raise LookupError(f"a fact is about {milestone_id}, which is not in the database")
    return milestone


def _milestone_view(ctx: Context, milestone_id: str) -> MilestoneView:
    return milestone_view(_milestone(ctx, milestone_id))


def _contract_view(ctx: Context, contract_id: str) -> ContractView:
    contract = ctx.get(CONTRACTS, contract_id)
    if contract is None:
        raise LookupError(f"{contract_id} was decided about and is not there")
    return contract_view(contract, ctx.find(MILESTONES, "contract_id", contract_id))
