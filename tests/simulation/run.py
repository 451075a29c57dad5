"""One seed: a world, its people and its faults, from the first word to the last cent."""

from dataclasses import dataclass
from datetime import timedelta
from functools import partial
from random import Random

from services.stripe_sandbox.resources import disputes
from tests.simulation.invariants import Invariants
from tests.simulation.people import People
from tests.simulation.stories import a_milestone, an_auditor
from tests.simulation.world import Faults, World, simulated

MOST_STEPS = 60_000
_MOST_JUMPS = 40
_PATH_FAULTS = (
    "timeout_before", "timeout_after", "error_500_before", "error_500_after", "bad_gateway", "conflict", "rate_limit",
    "lock_timeout", "truncated",
)  # fmt: skip


@dataclass
class Result:
    """What became of a seed."""

    seed: int
    world: World
    steps: int
    failure: BaseException | None = None


def run(seed: int) -> Result:
    """Simulate one seed. `failure` says what broke; the world's trace tells how."""
    with simulated(seed):
        plan = Random(seed)
        world = World(seed, _faults(plan), replicas=plan.choice((1, 1, 2)))
        invariants, people = Invariants(world), People(world)
        result = Result(seed, world, 0)
        try:
            _disturb_stripe(world, plan)
            for number in range(1, plan.choice((1, 1, 1, 2, 3)) + 1):
                people.begin(a_milestone, number)
            for _ in range(plan.choice((0, 0, 0, 1, 2))):
                world.poison(plan)
            people.begin(an_auditor, plan.choice((0, 1, 3)))
            world.hub.run(lambda: people.busy == 0 or world.failure() is not None, MOST_STEPS)
            _come_to_rest(world, plan)
            invariants.at_the_end(people)
        except Exception as error:
            result.failure = error
            world.note("failure", repr(error))
        result.steps = world.hub.steps
        world.close()
        return result


def _faults(plan: Random) -> Faults:
    if plan.random() < 0.1:
        return Faults()  # a good day must work, too
    return Faults(
        crash=plan.choice((0, 0.001, 0.004)),
        rebalance=plan.choice((0, 0.002)),
        database=plan.choice((0, 0.01)),
        lost_request=plan.choice((0, 0.05)),
        lost_answer=plan.choice((0, 0.1)),
    )


def _disturb_stripe(world: World, plan: Random) -> None:
    policy = world.stripe.sandbox.webhooks.policy
    policy.delay_s = plan.choice((0, 0, 20))
    policy.duplicate = plan.choice((0, 0, 1))
    policy.duplicate_with_new_id = plan.random() < 0.2
    policy.reorder_window_s = plan.choice((0, 0, 30))
    for _ in range(plan.choice((0, 0, 1, 3))):
        path = plan.choice(
            ("/v1/payment_intents", "/v1/payment_intents/*/confirm", "/v1/transfers*", "/v1/customers", "/v2/*")
        )
        world.stripe.fault(plan.choice(_PATH_FAULTS), path, plan.randrange(4), plan.choice((1, 2, 5)))


def _come_to_rest(world: World, plan: Random) -> None:
    """No more faults; time passes until nobody has anything to do, and nothing is to come."""
    world.note("director", "no more faults")
    world.faults.stop()
    world.stripe.sandbox.faults.clear()
    _until_quiet(world)
    for dispute in list(world.stripe.sandbox.store.newest_first("dispute")):
        outcome = plan.choice(("won", "lost", ""))  # else nobody answers, and the bank decides
        if outcome and dispute["status"] == "needs_response":
            world.note("bank", f"{dispute['id']} is {outcome}")
            world.stripe.within(partial(disputes.decide, dispute=dispute["id"], outcome=outcome))
    world.jump(timedelta(hours=1))  # the janitor looks for calls of which nobody knows what became
    _until_quiet(world)
    for _ in range(_MOST_JUMPS):
        due_s = world.next_due_s()
        if due_s is None:
            return
        world.jump(timedelta(seconds=max(3600.0, due_s)))
        _until_quiet(world)


def _until_quiet(world: World) -> None:
    limit_s = world.hub.time_s + 4_000
    world.hub.run(lambda: world.hub.time_s > limit_s or world.failure() is not None or world.quiet(), MOST_STEPS)
