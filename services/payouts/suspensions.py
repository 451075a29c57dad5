"""Whether released money may leave for trainers at all, by currency (scenarios 74 and 75). Pure.

The auditor says when what is owed is not covered by the platform's balance at Stripe, or is about to be swept from it,
and when that is over (ADR 9). An operator's word goes before the auditor's, for a while: a wrong "not covered" must not
stop everybody for ever, and a waiver that is forgotten must not last for ever.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from schemas import payouts as said
from schemas.base import Message
from services.payouts import states
from services.payouts.domain import PLATFORM, resumption
from services.payouts.records import Payout, Suspension
from services.runtime.clock import CLOCKS_APART
from services.runtime.decisions import Refused, Unchanged, conflict, forbidden


@dataclass(frozen=True, slots=True)
class SuspensionDecided:
    """What a decision about a currency's releases changes and says."""

    suspension: Suspension
    said: tuple[Message, ...]


def suspend(
    before: Suspension | None, command: said.SuspendReleases, now: datetime
) -> SuspensionDecided | Refused | Unchanged:
    """Let nothing in this currency leave. What was commanded before is on its way."""
    if command.actor.role != "service":
        return forbidden(
            "the auditor suspends releases; an operator freezes milestones: POST /v1/milestones/{id}/freeze"
        )
    new = Suspension(
        command.currency, states.NONE, command.cause, command.short_minor, command.reason, command.actor.party_id, now,
        None,
    )  # fmt: skip
    base = before or new
    target = base.move(command.type_name, _why_now(base, command, now))
    if target is None:
        word = (
            "an operator lets them go" if base.state == states.WAIVED else "they are suspended for this cause already"
        )
        return Unchanged(detail=f"releases in {command.currency}: {word}")
    after = new._replace(state=target)
    event = said.ReleasesSuspended(
        platform=PLATFORM,
        currency=after.currency,
        cause=command.cause,
        short_minor=after.short_minor,
        by=after.changed_by,
        reason=after.reason,
    )
    return SuspensionDecided(after, (event,))


def allow(
    before: Suspension | None,
    waiting: Sequence[Payout],
    command: said.AllowReleases,
    waiver: timedelta,
    now: datetime,
) -> SuspensionDecided | Refused | Unchanged:
    """Let them go: the auditor says that all is covered again; an operator takes it upon himself, for `waiver`.

    `waiting`: the payouts that wait for it; they go on.
    """
    if command.actor.role not in ("operator", "service"):
        return forbidden(f"an operator lets releases go, not the {command.actor.role}")
    by_operator = command.actor.role == "operator"
    target = before.move(command.type_name, states.BY_OPERATOR if by_operator else states.COVERED) if before else None
    if before is None or target is None:
        if by_operator:
            return conflict("not_suspended", f"releases in {command.currency} are not suspended: nothing is held back")
        return Unchanged(detail=f"releases in {command.currency} are not suspended")
    until = now + waiver if by_operator else None
    after = before._replace(
        state=target,
        reason=command.reason,
        changed_by=command.actor.party_id,
        changed_at=now,
        waived_until=until,
    )
    event = said.ReleasesAllowed(
        platform=PLATFORM, currency=after.currency, by=after.changed_by, reason=after.reason, waived_until=until
    )
    return SuspensionDecided(after, (event, *map(resumption, waiting)))


def is_suspended(suspension: Suspension | None) -> bool:
    """Whether nothing may leave now."""
    return suspension is not None and suspension.state == states.SUSPENDED


def _why_now(base: Suspension, command: said.SuspendReleases, now: datetime) -> str:
    """What the state table asks about a word of the auditor's."""
    lapsed = base.waived_until is not None and now + CLOCKS_APART >= base.waived_until
    match base.state:
        case states.SUSPENDED if command.cause != base.cause:
            return states.ANOTHER_CAUSE
        case states.WAIVED if lapsed:
            return states.LAPSED
        case _:
            return ""
