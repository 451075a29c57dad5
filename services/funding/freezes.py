"""Freezing what a milestone holds, and lifting that: nothing frozen is released, each reason ends by itself. Pure."""

from collections.abc import Sequence
from datetime import datetime

from schemas import funding as said
from schemas.funding import FreezeCause
from services.funding.records import Freeze, Milestone, Moved, concerns
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden, not_found

FreezeReason = tuple[FreezeCause, str]
"""Cause, and what it is about."""
LIFTABLE: frozenset[FreezeCause] = frozenset(
    {"operator", "reconciliation", "fraud_warning", "review", "transfer_reversed"}
)
"""An operator's to lift. A dispute is lifted by who decides it: the bank, or `approvals`."""


def holding(freezes: Sequence[Freeze]) -> list[Freeze]:
    """Those that were not lifted."""
    return [freeze for freeze in freezes if freeze.lifted_at is None]


def freeze(
    freezes: Sequence[Freeze],
    milestone_id: str,
    contract_id: str,
    cause: FreezeCause,
    about: str,
    reason: str,
    held_minor: int,
    currency: str,
    now: datetime,
) -> Moved:
    """Freeze for this reason; empty where it holds already. `freezes`: all of the milestone's."""
    if any((f.cause, f.about) == (cause, about) for f in holding(freezes)):
        return Moved()
    event = said.FundsFrozen(
        contract_id=contract_id,
        milestone_id=milestone_id,
        cause=cause,
        about=about,
        held_minor=held_minor,
        currency=currency,
        reason=reason,
    )
    row = Freeze(milestone_id, cause, about, contract_id, currency, reason, now, None)
    return Moved((event,), freezes=(row,))


def lift(
    freezes: Sequence[Freeze],
    which: Sequence[FreezeReason],
    reason: str,
    held_minor: int,
    now: datetime,
) -> Moved:
    """Lift those of `which` (cause and about) that hold; empty where none does."""
    hold = holding(freezes)
    going = [f for f in hold if (f.cause, f.about) in which]
    made = Moved()
    for number, one in enumerate(going, start=1):
        event = said.FundsUnfrozen(
            contract_id=one.contract_id,
            milestone_id=one.milestone_id,
            cause=one.cause,
            about=one.about,
            held_minor=held_minor,
            currency=one.currency,
            still_frozen=len(hold) > number,
            reason=reason,
        )
        made = made.then(Moved((event,), freezes=(one._replace(lifted_at=now),)))
    return made


def after(freezes: Sequence[Freeze], made: Moved) -> list[Freeze]:
    """All of the milestone's once a decision is carried out."""
    by_reason = {(f.cause, f.about): f for f in (*freezes, *made.freezes)}
    return list(by_reason.values())


def may_freeze(milestone: Milestone | None, command: said.FreezeFunds | said.UnfreezeFunds) -> Refused | None:
    """Operators and services freeze and unfreeze, parties do not."""
    if milestone is None or milestone.contract_id != command.contract_id or not concerns(command.actor, milestone):
        return not_found("milestone", command.milestone_id)
    if command.actor.role not in ("operator", "service"):
        return forbidden("an operator freezes money; parties dispute: POST /v1/milestones/{id}/dispute")
    return None


def freeze_by_operator(
    freezes: Sequence[Freeze], milestone: Milestone, command: said.FreezeFunds, held_minor: int, now: datetime
) -> Moved | Unchanged:
    """An operator, or reconciliation, freezes."""
    made = freeze(
        freezes, milestone.milestone_id, milestone.contract_id, command.cause, command.actor.party_id, command.reason,
        held_minor, milestone.currency, now,
    )  # fmt: skip
    return made if made.said else Unchanged(detail="it is frozen for this reason already")


def unfreeze_by_operator(
    freezes: Sequence[Freeze], command: said.UnfreezeFunds, held_minor: int, now: datetime
) -> Moved | Refused | Unchanged:
    """Lift whatever is an operator's to lift."""
    hold = holding(freezes)
    if not hold:
        return Unchanged(detail="it is not frozen")
    which = [(f.cause, f.about) for f in hold if f.cause in LIFTABLE]
    if not which:
        causes = ", ".join(sorted({f.cause for f in hold}))
        return conflict("not_an_operators_freeze", f"it is frozen by {causes}: that ends when it is decided")
    return lift(freezes, which, command.reason, held_minor, now)
