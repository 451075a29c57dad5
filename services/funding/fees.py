"""What the employer pays on top of a milestone. Rules are data (`fees.toml`) with a day from which they hold."""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path

from schemas.money import share


@dataclass(frozen=True, slots=True)
class FeeRule:
    """One dated rule."""

    id: str
    holds_from: date
    marketplace_basis_points: int
    initiation_minor: dict[str, int]
    """By currency, in minor units."""


@dataclass(frozen=True, slots=True)
class Fees:
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
        FeeRule(rule["id"], rule["from"], rule["marketplace_basis_points"], dict(rule.get("initiation_minor", {})))
        for rule in found
    ]
    if not rules:
        raise ValueError(f"{path.name} has no [[rule]]: give at least one, with the day from which it holds")
    return tuple(sorted(rules, key=lambda rule: rule.holds_from))


def fees_for(rules: Sequence[FeeRule], now: datetime, amount_minor: int, currency: str, *, first: bool) -> Fees:
    """The fees of a charge made now. `first`: it is the contract's first funding.

    Raises ValueError when no rule holds yet.
    """
    today = now.astimezone(UTC).date()
    holding = [rule for rule in rules if rule.holds_from <= today]
    if not holding:
        raise ValueError(f"no fee rule holds on {today}")
    rule = holding[-1]
    return Fees(
        rule.id,
        share(amount_minor, rule.marketplace_basis_points, currency),
        rule.initiation_minor.get(currency, 0) if first else 0,
    )
