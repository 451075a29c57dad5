"""Reconciles while the platform runs: looks, and looks again until what is left is no mere moment."""

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from datetime import datetime

from services.auditor.reconcile import bank_payouts, compare
from services.auditor.reconcile.cover import covers, flying, swept
from services.auditor.reconcile.findings import Difference, Reconciliation, show
from services.auditor.reconcile.own_side import read_own_side
from services.auditor.reconcile.stripe_side import Account, StripeSide, sums_that_differ
from services.auditor.topics import read_topics

TOPICS = ("stripe.events", "funding.events", "payouts.events")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """Where the three sides are read."""

    urls: Mapping[str, str]
    """Of each service's database."""
    kafka_bootstrap: str
    stripe: StripeSide


def reconcile(
    around: Surroundings,
    now: Callable[[], datetime],
    looks: int = 4,
    pause_s: float = 1.0,
    sleep: Callable[[float], None] = time.sleep,
) -> Reconciliation:
    """Compare the three sides. What the first look finds must be there in the last as well, the very same: all that
    the platform was just doing is gone by then.

    Each look reads our databases first, the topics next and Stripe last: whatever is on an earlier side must be on a
    later one. Raises AuditError, TopicsUnreadableError, StripeUnreadableError.
    """
    report = _look(around, now(), 1)
    for number in range(2, looks + 1):
        if report.agrees:
            return report
        sleep(pause_s)
        report = _lasting(report, _look(around, now(), number))
    return report


def _lasting(before: Reconciliation, after: Reconciliation) -> Reconciliation:
    """The later look, without what is new or other than before: it is on its way."""
    known = {difference.identity for difference in before.differences}
    unexplained = [difference for difference in after.unexplained if difference.identity in known]
    passing = len(after.unexplained) - len(unexplained)
    short = {cover.currency for cover in before.cover if cover.short_minor > 0}
    cover = [
        # A shortage that was not there a moment ago is a transfer or a refund between two readings.
        one
        if one.short_minor <= 0 or one.currency in short
        else one._replace(in_flight_minor=one.in_flight_minor - one.short_minor)
        for one in after.cover
    ]
    kept = [*unexplained, *after.explained]
    return replace(
        after, differences=kept, cover=cover, details=[f"{passing} differences came and went"] if passing else []
    )


def _look(around: Surroundings, at: datetime, number: int) -> Reconciliation:
    own = read_own_side(around.urls)
    topics = compare.read(own, read_topics(around.kafka_bootstrap, TOPICS))
    account = around.stripe.read()
    compared = compare.compare(own, topics, account)
    carried = bank_payouts.check(topics, around.stripe)
    differences = [*compared.differences, *carried.differences]
    explained = [difference for difference in differences if difference.explained]
    return Reconciliation(
        at=at,
        looks=number,
        sums=compared.sums,
        differences=differences,
        cover=covers(own.saldos, account.balances, flying(explained)),
        own=compared.own,
        alarms=alarms(account),
        objects=compared.objects,
        milestones=compared.milestones,
        on_its_way=compared.on_its_way,
        bank_payouts=carried.payouts,
        carried=carried.transfers,
    )


def alarms(account: Account) -> Sequence[str]:
    """What is wrong with the platform's own account (scenario 74)."""
    found = []
    if words := swept(account.payout_interval):
        found.append(words)
    found.extend(
        f"{moved.object_id}: Stripe's schedule paid {show(-moved.net_minor, moved.currency)} of the platform's balance "
        f"to our bank on {moved.at:%Y-%m-%d}. Held money may be in it: see what is covered, and top the balance up."
        for moved in account.transactions
        if moved.type == "payout" and moved.automatic
    )
    found.extend(
        f"Stripe's balance is {show(left, currency)} more than the sum of its balance transactions: one was not "
        "listed, or money moves faster than it can be read"
        for currency, left in sorted(sums_that_differ(account.transactions, account.balances).items())
    )
    return found


def of_milestones(differences: Sequence[Difference]) -> dict[tuple[str, str], list[Difference]]:
    """Unexplained differences by milestone and contract, for those that know theirs."""
    found: dict[tuple[str, str], list[Difference]] = {}
    for difference in differences:
        if difference.milestone_id and difference.contract_id and not difference.explained:
            found.setdefault((difference.milestone_id, difference.contract_id), []).append(difference)
    return found
