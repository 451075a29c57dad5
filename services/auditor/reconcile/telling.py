"""A reconciliation in words: what is wrong first, what to do beside it, then the figures."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence

from services.auditor.reconcile.findings import Cover, Difference, Reconciliation, Sums, show

_DAYS_SHOWN = 7
_SHOWN = 50
_WHAT_TO_DO = {
    "Stripe and topics": "look the object up at Stripe. Told of another sum, or of nothing: it was made past us, or a "
    "webhook was lost. `tranche explain` the milestone; have Stripe send the object's event again.",
    "facts and ledger": "`tranche explain` the milestone and find the posting that has no fact, or the fact that has "
    "no posting; correct it by a new posting, the ledger is append-only.",
    "topics and ledger": "`tranche dlq list funding` says why it could not be handled; redrive it when that is mended.",
    "funding.events and ledger": "what funding published is not what it booked: somebody wrote past its code. Stop "
    "releases of the milestone; correct by a new posting.",
    "topics and payouts": "`tranche explain` the transfer: payouts was told of it and did not say so, or says what it "
    "was never told.",
    "bank payout and its parts": "compare the payout with its balance transactions in the trainer's account at Stripe.",
}


def tell(report: Reconciliation, *, all_days: bool = False) -> Iterator[str]:
    """The lines of a report."""
    yield from (f"ALARM {alarm}" for alarm in report.alarms)
    for cover in report.cover:
        if cover.short_minor > 0:
            yield f"SHORT {covered(cover)}"
            yield "    what to do: releases wait by themselves; top the balance up at Stripe, find what left."
    yield from _unexplained(report.unexplained)
    for difference in report.explained[:_SHOWN]:
        yield f"in flight: {_line(difference)}: {difference.explained}"
    if len(report.explained) > _SHOWN:
        yield f"in flight: and {len(report.explained) - _SHOWN} more"
    yield from _table(report.sums, all_days=all_days)
    for own in report.own:
        yield f"the platform's own: {own.movements} {own.type}, {show(own.amount_minor, own.currency)}"
    yield from (f"covered {covered(cover)}" for cover in report.cover if cover.short_minor <= 0)
    yield from report.details
    yield _compared(report)
    yield from _remainder(report)


def _compared(report: Reconciliation) -> str:
    """How much was looked at; what there was none of is left out."""
    said = f"{_count(report.objects, 'object')} at Stripe and {_count(report.milestones, 'milestone')} compared"
    if report.on_its_way:
        said += f" ({report.on_its_way} more on their way)"
    if report.bank_payouts:
        verb = "carries" if report.bank_payouts == 1 else "carry"
        said += f"; {_count(report.bank_payouts, 'bank payout')} {verb} {_count(report.carried, 'transfer')}"
    looks = f" after {report.looks} looks" if report.looks > 1 else ""
    return f"{said}; as of {report.at:%Y-%m-%d %H:%M:%S} UTC{looks}"


def _count(number: int, thing: str) -> str:
    return f"{number} {thing}{'' if number == 1 else 's'}"


def _unexplained(differences: Sequence[Difference]) -> Iterator[str]:
    by_sides: dict[str, list[Difference]] = defaultdict(list)
    for difference in differences:
        by_sides[difference.between].append(difference)
    for sides, found in by_sides.items():
        yield f"DIFFERENT {sides}: {len(found)}"
        for difference in found[:_SHOWN]:
            yield f"    {_line(difference)}: {difference.says}"
        if len(found) > _SHOWN:
            yield f"    and {len(found) - _SHOWN} more"
        yield f"    what to do: {_WHAT_TO_DO[sides]}"


def _line(difference: Difference) -> str:
    whose = f" of {difference.milestone_id} ({difference.contract_id})" if difference.milestone_id else ""
    if difference.milestone_id == difference.id:
        whose = f" ({difference.contract_id})"
    return f"{difference.what} {difference.id}{whose} by {show(difference.amount_minor, difference.currency)}"


def _table(sums: Sequence[Sums], *, all_days: bool) -> Iterator[str]:
    row = "{:10}  {:>20}  {:>20}  {:>20}".format
    if sums:
        yield row("UTC day", "Stripe", "ledger", "topics")
    for currency in sorted({line.currency for line in sums}):
        lines = [line for line in sums if line.currency == currency]
        shown = lines if all_days else [
            line for number, line in enumerate(lines)
            if number >= len(lines) - _DAYS_SHOWN or not line.stripe_minor == line.ledger_minor == line.facts_minor
        ]  # fmt: skip
        if hidden := len(lines) - len(shown):
            yield f"{hidden} earlier days of {currency.upper()} on which all three agree"
        for line in shown:
            yield row(f"{line.day}", *(show(amount, currency) for amount in line.sides))
        if len(lines) > 1:
            yield row("all days", *(show(sum(line.sides[side] for line in lines), currency) for side in range(3)))


def covered(cover: Cover) -> str:
    """What is owed in one currency beside what is there."""
    owed = " + ".join(f"{name} {show(amount, cover.currency)}" for name, amount in cover.owed_minor.items() if amount)
    there = (
        f"available {show(cover.available_minor, cover.currency)} + pending {show(cover.pending_minor, cover.currency)}"
    )
    if cover.in_flight_minor:
        there += f" - in flight {show(cover.in_flight_minor, cover.currency)}"
    reserved = (
        f" (and {show(cover.reserved_minor, cover.currency)} in connect_reserved)" if cover.reserved_minor else ""
    )
    short = f": {show(cover.short_minor, cover.currency)} is missing" if cover.short_minor > 0 else ""
    sign = ">" if cover.short_minor > 0 else "<="
    return f"{cover.currency.upper()}: {owed or 'nothing owed'} {sign} {there}{reserved}{short}"


def _remainder(report: Reconciliation) -> Iterator[str]:
    left: dict[str, int] = defaultdict(int)
    for difference in report.unexplained:
        left[difference.currency] += abs(difference.amount_minor)
    currencies: Iterable[str] = sorted({line.currency for line in report.sums} | set(left)) or ["usd"]
    for currency in currencies:
        yield f"unexplained remainder: {show(left[currency], currency)}"
