"""When a night's reconciliation is due, what it freezes, and what is kept of it. Pure."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from services.auditor.reconcile.findings import Difference, Reconciliation, show
from services.auditor.reconcile.look import of_milestones
from services.auditor.reconcile.telling import tell

NEVER = -1
"""In place of an hour: no night's reconciliation."""

Identity = tuple[str, str, str, str, int]
"""Of a difference (`Difference.identity`)."""


@dataclass(frozen=True, slots=True)
class Kept:
    """The report of a night, as it is kept."""

    night: datetime
    """The hour (UTC) for which it was made."""
    at: datetime
    """When the sides were read, by the platform's clock."""
    looks: int
    agrees: bool
    differences: Sequence[Identity]
    """What nobody could explain."""
    short: Mapping[str, int]
    """What is not covered, in minor units by currency."""
    alarms: Sequence[str]
    frozen: Sequence[str]
    """The milestones that funding was asked to freeze."""
    lines: Sequence[str]
    """All of it in words."""


def due(now: datetime, hour: int, last: datetime | None) -> datetime | None:
    """The night to reconcile now; None: the last one was, or none is wanted.

    `last`: the night of the last report. Of several that were missed the latest is made up alone: a reconciliation
    reads everything from the beginning.
    """
    if hour == NEVER:
        return None
    night = now.replace(hour=hour, minute=0, second=0, microsecond=0)
    if night > now:
        night -= timedelta(days=1)
    return night if last is None or night > last else None


def to_freeze(report: Reconciliation, before: Kept | None) -> dict[tuple[str, str], list[Difference]]:
    """The milestones (with their contracts) to freeze, with what differs.

    A difference that the last report had was frozen then: where an operator has lifted that, it stays lifted, and the
    difference stays an alarm.
    """
    known = set(before.differences) if before else set()
    return of_milestones([difference for difference in report.unexplained if difference.identity not in known])


def kept(night: datetime, report: Reconciliation, frozen: Sequence[str]) -> Kept:
    """What is kept of a report. `frozen`: the milestones that funding was asked to freeze."""
    return Kept(
        night=night,
        at=report.at,
        looks=report.looks,
        agrees=report.agrees,
        differences=[difference.identity for difference in report.unexplained],
        short={cover.currency: cover.short_minor for cover in report.cover if cover.short_minor > 0},
        alarms=list(report.alarms),
        frozen=list(frozen),
        lines=list(tell(report)),
    )


def headline(report: Kept) -> str:
    """A report in one line."""
    if report.agrees:
        return "ledger, Stripe and topics agree"
    parts = [
        f"{count} {what}{'' if count == 1 else 's'}"
        for what, count in (("difference", len(report.differences)), ("alarm", len(report.alarms)))
        if count
    ]
    parts += [f"{show(short_minor, currency)} is not covered" for currency, short_minor in report.short.items()]
    if report.frozen:
        parts.append(f"newly frozen: {', '.join(report.frozen)}")
    return "; ".join(parts)
