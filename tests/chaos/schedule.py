"""What happens to whom and when, drawn from the seed before anything starts: the same seed, the same schedule."""

import random
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any

from deploy.local.services import SANDBOX
from tests.chaos.stage import CONSUMERS, DECIDING, GATEWAY, KAFKA, NAMES, POSTGRES

SERVICES = {"kill": 10, "stop": 3, "rebalance": 2, "freeze": 4, "replay": 2}
"""Kinds of faults of the services' processes, with their weights."""
BACKING = {
    "kafka-kill": 2,
    "kafka-stop": 1,
    "postgres-kill": 2,
    "postgres-immediate": 2,
    "disk-kafka": 1,
    "disk-postgres": 1,
}
"""Kinds of faults of the broker and the database."""
SURROUNDINGS = {"cut": 8, "stripe-outage": 2, "stripe-faults": 6, "webhooks": 5, "clock": 3}
"""Kinds of faults in what is around the processes."""

_WIRES = (
    *((f"{name}-{KAFKA}", 2) for name in CONSUMERS),
    *((f"{name}-{POSTGRES}", 2) for name in DECIDING),
    *((f"portal-{name}", 1) for name in DECIDING),
    (f"{GATEWAY}-stripe", 4),
    ("stripe-webhooks", 4),
)
_STRIPE_FAULTS = (
    "timeout_before", "timeout_after", "error_500_before", "error_500_after", "bad_gateway", "conflict",
    "rate_limit", "lock_timeout", "slow", "truncated",
)  # fmt: skip
_STRIPE_PATHS = (
    "/v1/payment_intents", "/v1/payment_intents/*/confirm", "/v1/payment_intents/*", "/v1/transfers", "/v1/charges/*",
    "*",
)  # fmt: skip
_WEBHOOKS: dict[str, dict[str, Any]] = {
    "late": {"delay_s": 8.0},
    "twice": {"duplicate": 2},
    "under two ids": {"duplicate_with_new_id": True},
    "out of order": {"reorder_window_s": 6.0},
    "before the answer": {"before_answer": True},
    "never": {"drop": ["*"]},
}
_JUMPS_S = (60, 3_600, 6 * 3_600, 25 * 3_600)
"""The last one beyond what Stripe remembers a key for."""
_HANDS = ((SERVICES, (2.0, 8.0)), (BACKING, (12.0, 30.0)), (SURROUNDINGS, (2.0, 8.0)))
"""What one hand does, and how long it rests between two: broker and database are everybody's, so there longest."""


@dataclass(frozen=True)
class Fault:
    """One fault: not before `at_s` (seconds of the run), to whom, for how long, and how exactly."""

    at_s: float
    kind: str
    target: str
    for_s: float = 0.0
    how: dict[str, Any] = field(default_factory=dict)

    def __str__(self) -> str:
        how = ", ".join(f"{name} {value}" for name, value in self.how.items() if name != "policy")
        lasts = f" for {self.for_s:.0f} s" if self.for_s else ""
        return f"{self.kind:<18} {self.target}{f' ({how})' if how else ''}{lasts}"


def draw(seed: int, seconds: float, *, disks: bool, kinds: Sequence[str] = ()) -> list[list[Fault]]:
    """Three hands' worth of faults, each in order of time. `kinds`: only these; without `disks` none is filled."""
    hands = []
    for number, (weights, gap_s) in enumerate(_HANDS):
        chance = random.Random(f"{seed}-{number}")
        wanted = {
            kind: weight
            for kind, weight in weights.items()
            if (not kinds or kind in kinds) and (disks or not kind.startswith("disk"))
        }
        hands.append(_hand(chance, wanted, gap_s, seconds))
    return hands


def _hand(chance: random.Random, weights: dict[str, int], gap_s: tuple[float, float], seconds: float) -> list[Fault]:
    faults: list[Fault] = []
    at_s = chance.uniform(*gap_s)
    # Each kind once before any comes again, as far as the time goes.
    first = list(weights)
    chance.shuffle(first)
    while weights and at_s < seconds:
        kind = first.pop() if first else chance.choices(list(weights), list(weights.values()))[0]
        fault = _one(chance, kind, at_s)
        faults.append(fault)
        at_s += fault.for_s + chance.uniform(*gap_s)
    return faults


def _one(chance: random.Random, kind: str, at_s: float) -> Fault:
    match kind:
        case "kill":
            return Fault(at_s, kind, chance.choice(NAMES), how={"away": round(chance.uniform(0, 3), 1)})
        case "stop":
            return Fault(at_s, kind, chance.choice(NAMES))
        case "kafka-kill" | "kafka-stop":
            return Fault(at_s, kind, KAFKA, chance.uniform(0, 6))
        case "postgres-kill" | "postgres-immediate":
            return Fault(at_s, kind, POSTGRES, chance.uniform(0, 5))
        case "disk-kafka" | "disk-postgres":
            return Fault(at_s, kind, kind.removeprefix("disk-"), chance.uniform(4, 10))
        case "rebalance":
            return Fault(at_s, kind, chance.choice(DECIDING), 12.0, {"times": chance.randint(2, 4)})
        case "freeze":
            # Longer than the broker waits for a sign of life (5 s): what comes back is a former owner.
            return Fault(at_s, kind, chance.choice(NAMES), chance.uniform(3, 14), {"beside": chance.random() < 0.6})
        case "replay":
            everybody = chance.random() < 0.5
            return Fault(at_s, kind, "all services" if everybody else chance.choice(DECIDING))
        case "cut":
            names, weights = zip(*_WIRES, strict=True)
            how = chance.choices(("cut", "silent", "slow"), (3, 3, 2))[0]
            drop = chance.random() < 0.5
            return Fault(
                at_s, kind, chance.choices(names, weights)[0], chance.uniform(2, 14), {"how": how, "drop": drop}
            )
        case "stripe-outage":
            return Fault(at_s, kind, SANDBOX, chance.uniform(8, 25))
        case "stripe-faults":
            rules = [
                {
                    "kind": chance.choice(_STRIPE_FAULTS),
                    "path": chance.choice(_STRIPE_PATHS),
                    "times": chance.randint(1, 12),
                    "seconds": 9.0,
                }
                for _ in range(chance.randint(1, 3))
            ]
            return Fault(at_s, kind, SANDBOX, 6.0, {"rules": rules})
        case "webhooks":
            named = chance.choice(list(_WEBHOOKS))
            return Fault(at_s, kind, SANDBOX, chance.uniform(8, 25), {"how": named, "policy": _WEBHOOKS[named]})
        case "clock":
            return Fault(at_s, kind, "everybody", how={"jump_s": chance.choice(_JUMPS_S)})
    raise ValueError(f"no such kind of fault: {kind}")
