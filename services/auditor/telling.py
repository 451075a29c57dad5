"""A report in words: one line for each thing, with what to do."""

from collections.abc import Iterator
from datetime import timedelta

from services.auditor.audit import Report
from services.auditor.invariants import RULES

_SHOWN = 20
"""Violations of one rule that are listed one by one."""


def tell(report: Report) -> Iterator[str]:
    """The lines of a report, the broken rules first."""
    broken = [rule for rule in RULES if any(violation.rule is rule for violation in report.violations)]
    for rule in broken:
        found = [violation for violation in report.violations if violation.rule is rule]
        yield f"BROKEN {rule.name}: {rule.holds}"
        for violation in found[:_SHOWN]:
            yield f"    {violation.service or 'between services'}: {violation.ids}: {violation.found}"
        if len(found) > _SHOWN:
            yield f"    and {len(found) - _SHOWN} more"
        yield f"    why it matters: {rule.why}"
        yield f"    what to do: {rule.remedy}"
    for item in sorted(report.open_items, key=lambda item: item.age, reverse=True):
        where = item.service or "between services"
        yield f"open, {_age(item.age)}: {item.kind}: {where}: {item.id}: {item.what}"
    yield (
        f"{len(RULES) - len(broken)} of {len(RULES)} rules hold; {len(report.open_items)} open items; "
        f"{report.compared} streams compared, {report.on_its_way} on their way"
    )


def _age(age: timedelta) -> str:
    minutes = max(0, int(age.total_seconds() // 60))
    days, rest = divmod(minutes, 24 * 60)
    return f"{days} d {rest // 60} h" if days else f"{rest // 60} h {rest % 60} min"
