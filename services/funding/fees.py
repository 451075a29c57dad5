"""What the employer pays on top of a milestone. Rules are data (`fees.toml`) with a day from which they hold."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import NamedTuple

from schemas.money import currency_of, share


@dataclass(frozen=True, slots=True)
class FeeRule:
    """One dated rule."""

    id: str
    holds_from: date
    marketplace_basis_points: int
    initiation_minor: dict[str, int]
    """By currency, in minor units."""
    marketplace_returned_basis_points: int = 10_000
    """How much of the marketplace fee that belongs to a refunded part goes back with it: 10,000 is all of it."""
    initiation_returned_basis_points: int = 0


class Fees(NamedTuple):
    """The fees of one charge, in minor units of its currency."""

    rule: str
    marketplace_minor: int
    initiation_minor: int

    @property
    def total_minor(self) -> int:
        return self.marketplace_minor + self.initiation_minor


def load_rules(path: Path) -> tuple[FeeRule, ...]:
    """The rules in a file, oldest first. Raises ValueError when there is none."""
    found = tomllib.loads(path.read_text()).get("rule", [])
    rules = [
        FeeRule(
            rule["id"],
            rule["from"],
            rule["marketplace_basis_points"],
            dict(rule.get("initiation_minor", {})),
            **rule.get("refund", {}),
        )
        for rule in found
    ]
    if not rules:
        raise ValueError(f"{path.name} has no [[rule]]: give at least one, with the day from which it holds")
    return tuple(sorted(rules, key=lambda rule: rule.holds_from))


def fees_returned_minor(
    rules: Sequence[FeeRule], rule_id: str, charged: tuple[int, int, int], refunded_minor: int, currency: str
) -> int:
    """The fees that are the employer's once `refunded_minor` of the work is refunded, in minor units.

    `charged`: work, marketplace fee and initiation fee of the charge. A total, not a step: what a further refund gives
    back is the difference of two, so parts never add up to more or less than the whole. Half up, as fees are.
    """
    rule = next((rule for rule in rules if rule.id == rule_id), rules[-1])
    work_minor, marketplace_minor, initiation_minor = charged
    step = 10 if currency_of(currency).exponent == 3 else 1
    total = 0
    for fee_minor, basis_points in (
        (marketplace_minor, rule.marketplace_returned_basis_points),
        (initiation_minor, rule.initiation_returned_basis_points),
    ):
        unit = work_minor * 10_000 * step
        total += (fee_minor * basis_points * refunded_minor + unit // 2) // unit * step
    return total


def fees_for(rules: Sequence[FeeRule], now: datetime, amount_minor: int, currency: str, *, first: bool) -> Fees:
    """The fees of a charge made now. `first`: it is the contract's first funding.

    Raises ValueError when no rule holds yet.
    """
    today = now.astimezone(UTC).date()
    rule = next((rule for rule in reversed(rules) if rule.holds_from <= today), None)
    if rule is None:
        raise ValueError(f"no fee rule holds on {today}")
    return Fees(
        rule.id,
        share(amount_minor, rule.marketplace_basis_points, currency),
        rule.initiation_minor.get(currency, 0) if first else 0,
    )
