"""What several looks at the platform's balance come to, and which commands follow. Pure."""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import NamedTuple

from schemas import money
from schemas.base import Actor, Command
from schemas.payouts import AllowReleases, SuspendReleases, SuspensionCause
from services.auditor.reconcile.cover import swept
from services.auditor.reconcile.findings import Cover
from services.auditor.reconcile.telling import covered

ACTOR = Actor(role="service", party_id="auditor")


class Look(NamedTuple):
    """One look: what is owed beside what is there, by currency, and how often Stripe pays that out to our bank."""

    covers: Sequence[Cover]
    payout_interval: str


class Verdict(NamedTuple):
    """Whether releases in one currency may leave."""

    currency: str
    cause: SuspensionCause | None
    """Why not; None: they may."""
    short_minor: int
    """What is missing, in minor units; negative: what is there beyond what is owed."""
    reason: str


class Standing(NamedTuple):
    """What payouts does about one currency at the moment."""

    state: str
    """`suspended`, `waived` (an operator lets releases go), `allowed`."""
    cause: str | None
    waived_until: datetime | None


def verdicts(looks: Sequence[Look]) -> list[Verdict]:
    """One for each currency that has a balance or in which something is owed, of the platform's currencies.

    What is missing in one look and not in another was a transfer or a refund between two readings: the least counts.
    """
    least: dict[str, Cover] = {}
    for look in looks:
        for cover in look.covers:
            known = least.get(cover.currency)
            if known is None or cover.short_minor < known.short_minor:
                least[cover.currency] = cover
    interval = looks[-1].payout_interval
    return [_verdict(cover, interval) for currency, cover in sorted(least.items()) if currency in money.CURRENCIES]


def _verdict(cover: Cover, interval: str) -> Verdict:
    if cover.short_minor > 0:
        return Verdict(cover.currency, "not_covered", cover.short_minor, covered(cover))
    if words := swept(interval):
        return Verdict(cover.currency, "payouts_not_manual", cover.short_minor, words)
    return Verdict(cover.currency, None, cover.short_minor, covered(cover))


def commands(found: Sequence[Verdict], standing: Mapping[str, Standing], now: datetime) -> list[Command]:
    """What payouts is told: only what it does not do already."""
    wanted: list[Command] = []
    for verdict in found:
        stands = standing.get(verdict.currency)
        if verdict.cause is None:
            if stands is not None and stands.state != "allowed":
                wanted.append(
                    AllowReleases(
                        actor=ACTOR, platform="platform", currency=verdict.currency, reason=f"covered: {verdict.reason}"
                    )
                )
        elif _is_to_be_suspended(stands, verdict.cause, now):
            wanted.append(
                SuspendReleases(
                    actor=ACTOR,
                    platform="platform",
                    currency=verdict.currency,
                    cause=verdict.cause,
                    short_minor=max(0, verdict.short_minor),
                    reason=verdict.reason,
                )
            )
    return wanted


def _is_to_be_suspended(stands: Standing | None, cause: SuspensionCause, now: datetime) -> bool:
    if stands is None or stands.state == "allowed":
        return True
    if stands.state == "waived":
        return stands.waived_until is not None and now >= stands.waived_until
    return stands.cause != cause
