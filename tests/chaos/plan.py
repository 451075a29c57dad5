"""Who hires whom for what, and what shall become of each milestone: drawn from the seed before anything starts."""

import random
from dataclasses import dataclass, field

GOOD, DECLINED, AUTHENTICATED = "4242424242424242", "4000000000000341", "4000002760003184"
"""Charged at once; saved, and every charge is declined; asks for authentication at every charge."""
CARDS = (GOOD, DECLINED, AUTHENTICATED)
CURRENCY = "usd"

ENDS: dict[str, tuple[int, tuple[str, ...]]] = {
    "paid": (44, ("fund", "request", "approve")),
    "paid in two parts": (8, ("fund", "request", "approve_part", "request", "approve")),
    "paid after changes": (8, ("fund", "request", "changes", "request", "approve")),
    "paid after a withdrawal": (5, ("fund", "request", "withdraw", "request", "approve")),
    "paid without a request": (5, ("fund", "approve")),
    "paid after a decline": (7, ("fund_declined", "fund", "request", "approve")),
    "paid after authentication": (6, ("fund_authenticated", "authenticate", "request", "approve")),
    "held": (7, ("fund",)),
    "under review": (4, ("fund", "request")),
    "declined": (2, ("fund_declined",)),
    "cancelled": (4, ("cancel",)),
    "given back": (4, ("fund", "refund")),
    "given back in part, the rest paid": (3, ("fund", "refund_part", "request", "approve")),
    "disputed, to the trainer": (3, ("fund", "request", "dispute", "resolve_trainer")),
    "disputed, to the employer": (3, ("fund", "dispute", "resolve_employer")),
    "disputed, halved": (4, ("fund", "request", "dispute", "resolve_half")),
}
"""What becomes of milestones: weight, and the acts that lead there."""
_BY_HTTP = 0.15
_RAMP = 0.12
"""In this part of the time all contracts begin and get their milestones, so that they are in flight together."""
_LAST = 0.93


@dataclass
class Act:
    """One thing that somebody does for a milestone, not before `due_s` of the run."""

    kind: str
    due_s: float
    by_http: bool


@dataclass
class Milestone:
    """One milestone of the plan."""

    milestone_id: str
    contract_id: str
    employer_id: str
    trainer_id: str
    amount_minor: int
    end: str
    first: bool
    """It comes with its contract."""
    hired_with_deposit: bool
    """Its contract's creation asks to charge it at once."""
    begin: Act
    acts: list[Act] = field(default_factory=list)


@dataclass(frozen=True)
class Plan:
    """The whole load."""

    employers: tuple[str, ...]
    trainers: tuple[str, ...]
    milestones: tuple[Milestone, ...]
    late: dict[str, float]
    """Trainers that set up their payouts only at this second of the run: what is released before waits for them."""

    @property
    def contracts(self) -> int:
        return sum(milestone.first for milestone in self.milestones)


def draw(seed: int, milestones: int, seconds: float) -> Plan:
    """So many milestones, over a contract for about eight of them."""
    chance = random.Random(f"{seed}-load")
    employers = tuple(f"emp_{seed}_{number}" for number in range(max(2, min(10, milestones // 60))))
    trainers = tuple(f"trn_{seed}_{number}" for number in range(max(2, min(14, milestones // 50))))
    planned: list[Milestone] = []
    contract = 0
    while len(planned) < milestones:
        contract += 1
        contract_id = f"ctr_{seed}_{contract}"
        pair = chance.choice(employers), chance.choice(trainers)
        began_s = chance.uniform(0, seconds * _RAMP)
        for number in range(min(chance.randint(5, 11), milestones - len(planned))):
            end = chance.choices(list(ENDS), [weight for weight, _ in ENDS.values()])[0]
            kinds = ENDS[end][1]
            begin_s = began_s if number == 0 else chance.uniform(began_s, seconds * _RAMP)
            due = sorted(chance.uniform(begin_s, seconds * _LAST) for _ in kinds)
            planned.append(
                Milestone(
                    milestone_id=f"mls_{seed}_{contract}_{number}",
                    contract_id=contract_id,
                    employer_id=pair[0],
                    trainer_id=pair[1],
                    amount_minor=chance.randint(1_000, 90_000),
                    end=end,
                    first=number == 0,
                    hired_with_deposit=number == 0 and kinds[0] == "fund" and chance.random() < 0.6,
                    begin=Act("begin", begin_s, number != 0 and chance.random() < _BY_HTTP),
                    acts=[Act(kind, at, chance.random() < _BY_HTTP) for kind, at in zip(kinds, due, strict=True)],
                )
            )
    late = {name: chance.uniform(0.2, 0.9) * seconds for name in trainers[:: max(2, len(trainers) // 3)]}
    return Plan(employers, trainers, tuple(planned), late)
