"""How long held money may stay held, and what is said before that ends. Pure.

Stripe lets a platform hold money for a number of days by its country (`hold_limits.toml`). One timer follows each
charge from moment to moment: warnings, the day from which an operator must decide, and the end, where the rule decides.
A check looks at what is held then: after a partial release the rest keeps its limit, and where nothing is held there is
nothing to say. Money that comes back is looked at anew.
"""

import tomllib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import date, datetime, timedelta
from pathlib import Path
from typing import NamedTuple

from schemas.base import Actor, Message
from schemas.funding import BY_HOLD_LIMIT, HoldLimitNear, MilestoneFunded, RefundMilestone
from services.runtime.clock import CLOCKS_APART

_DAY = timedelta(days=1)
_RULE = Actor(role="service", party_id=BY_HOLD_LIMIT)


@dataclass(frozen=True, slots=True)
class HoldDays:
    """Stripe's limits, with where and when they were read."""

    source: str
    as_of: date
    default_days: int
    by_country: dict[str, int]

    def days_in(self, country: str) -> int:
        """The limit of a platform in this country (ISO 3166, two letters)."""
        return self.by_country.get(country, self.default_days)


def load_hold_days(path: Path) -> HoldDays:
    """The limits in a file. Raises KeyError naming what it lacks."""
    data = tomllib.loads(path.read_text())
    return HoldDays(data["source"], data["as_of"], data["default_days"], dict(data["days"]))


@dataclass(frozen=True, slots=True)
class HoldPolicy:
    """When what is said about a limit, in days before it."""

    days: int
    """From the charge to the limit."""
    warnings: tuple[int, ...]
    decision: int
    """From here on an operator must decide."""


class HoldLimit(NamedTuple):
    """Until when the money of one charge may be held. A row of `hold_limits`."""

    funding_id: str
    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    currency: str
    hold_until: datetime
    decide_since: datetime | None
    """Since when an operator must decide."""

    def days_left(self, now: datetime) -> int:
        """Begun days counted whole; 0 or below: the limit has passed."""
        return -((now - self.hold_until) // _DAY)


@dataclass(frozen=True, slots=True)
class Checked:
    """What a check changes and says, and when to look again."""

    limit: HoldLimit
    said: tuple[Message, ...]
    again: datetime


def begin(funded: MilestoneFunded, now: datetime, policy: HoldPolicy) -> HoldLimit:
    """The limit of a charge that came in now."""
    return HoldLimit(
        funded.funding_id, funded.milestone_id, funded.contract_id, funded.employer_id, funded.trainer_id,
        funded.currency, now + policy.days * _DAY, None,
    )  # fmt: skip


def latest(limits: Sequence[HoldLimit]) -> HoldLimit | None:
    """The limit of a milestone's money: that of its last charge."""
    return max(limits, key=lambda limit: (limit.hold_until, limit.funding_id), default=None)


def next_check(limit: HoldLimit, after: datetime, policy: HoldPolicy) -> datetime:
    """The first moment after `after` at which there may be something to say; past the limit, the next day."""
    days = (*policy.warnings, policy.decision, 0)
    moments = [moment for before in days if (moment := limit.hold_until - before * _DAY) > after]
    return min(moments, default=after + _DAY)


def check(limit: HoldLimit, held_minor: int, now: datetime, policy: HoldPolicy) -> Checked | None:
    """What is due about money that is held; None: nothing is held, so there is nothing to say."""
    if held_minor <= 0:
        return None
    reached = now + CLOCKS_APART
    again = next_check(limit, reached, policy)
    if reached >= limit.hold_until:
        # Said again each day while it is held: a refusal (the bank has frozen it) must not be the end of it.
        refund = RefundMilestone(
            actor=_RULE, contract_id=limit.contract_id, milestone_id=limit.milestone_id,
            reason="The time for which this money may be held is over.",
        )  # fmt: skip
        return Checked(limit._replace(decide_since=limit.decide_since or now), (refund,), again)
    if reached < limit.hold_until - max((*policy.warnings, policy.decision)) * _DAY:
        return Checked(limit, (), again)  # money that came back, and there is time
    decides = reached >= limit.hold_until - policy.decision * _DAY
    near = HoldLimitNear(
        contract_id=limit.contract_id,
        milestone_id=limit.milestone_id,
        funding_id=limit.funding_id,
        employer_id=limit.employer_id,
        trainer_id=limit.trainer_id,
        held_minor=held_minor,
        currency=limit.currency,
        hold_until=limit.hold_until,
        days_left=limit.days_left(now),
        operator_decides=decides,
    )
    if decides:
        limit = limit._replace(decide_since=limit.decide_since or now)
    return Checked(limit, (near,), again)
