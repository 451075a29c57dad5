"""Employers and trainers: what they ask of the platform, over Kafka and over HTTP, and what they do on Stripe's pages.

Each contract is a fiber of the world outside, which never crashes. People are impatient: they ask twice, they give up
waiting, they go on before the platform has caught up. What they may not do is refused, which is fine.
"""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, TypeVar, cast

from psycopg import OperationalError

from schemas import payouts
from schemas.base import Actor, Command
from services.funding.service import SERVICE as FUNDING
from services.payouts.service import SERVICE as PAYOUTS
from services.runtime.http import Call, Gate
from services.runtime.processor import Batch
from services.runtime.service import Service
from services.runtime.tokens import Caller
from services.stripe_gateway.local_commands import EnsureCustomer
from services.stripe_gateway.service import SERVICE as GATEWAY
from services.stripe_sandbox import banks
from services.stripe_sandbox.resources import accounts_state
from tests.simulation.hub import Signal
from tests.simulation.world import Replica, World

T = TypeVar("T")
_PERSON = {
    "given_name": "Jenny", "surname": "Rosen", "email": None, "id_number": "000000000",
    "day": 1, "month": 1, "year": 1990,
}  # fmt: skip
_PATIENCE_S = 400.0


@dataclass(frozen=True)
class Promise:
    """A command that somebody gave over Kafka: it must come to an end. Over HTTP the answer was waited for."""

    service: Service
    command: Command
    identifier: str


class People:
    """Everybody, and what they were promised."""

    def __init__(self, world: World) -> None:
        self.world = world
        self.promises: list[Promise] = []
        self.busy = 0
        self._keys = 0

    def begin(self, story: Callable[["People", int], None], number: int) -> None:
        """A story begins, with a number of its own: a fiber."""
        self.busy += 1

        def tell() -> None:
            story(self, number)
            self.busy -= 1

        self.world.hub.spawn(self.world.outside, tell)

    # -- asking the platform

    def ask(self, service: Service, command: Command, actor: Actor) -> None:
        """Over Kafka (perhaps twice) or over HTTP (again and again until there is an answer)."""
        if self.world.random.random() < 0.5:
            self.tell(service, command)
        else:
            self._over_http(service, command, actor)

    def tell(self, service: Service, command: Command) -> None:
        """Over Kafka, perhaps twice: what one says first is taken first."""
        times = 2 if self.world.random.random() < 0.2 else 1
        self.promises.append(Promise(service, command, self.world.send(command, times)))

    def _over_http(self, service: Service, command: Command, actor: Actor) -> None:
        self._keys += 1
        key, answers = f"key-{self._keys}", set[tuple[int, bytes]]()
        wanted = 2 if self.world.random.random() < 0.2 else 1
        while wanted:
            answer = self.within(service, lambda replica: _run(replica, command, actor, key))
            if answer is not None:
                answers.add(answer)
                wanted -= 1
        assert len(answers) == 1, f"one Idempotency-Key had {len(answers)} answers: {answers}"
        self.world.note("people", f"{command.type_name} over HTTP: {next(iter(answers))[0]}")

    def within(self, service: Service, work: Callable[[Replica], T]) -> T | None:
        """Do something in a process of a service; None when it died or had trouble on the way."""
        world, done = self.world, Signal()
        replica = world.replica_of(service)
        if replica is None:
            world.hub.sleep(0.5)
            return None
        found: list[T] = []

        def act() -> None:
            try:
                found.append(work(replica))
            except OperationalError:
                pass
            finally:
                world.hub.wake(done)

        world.hub.spawn(replica.process, act)
        # A process that dies before it began wakes nobody.
        world.hub.wait(done, 30.0)
        return found[0] if found else None

    def until(self, look: Callable[[], Any], patience_s: float = _PATIENCE_S) -> bool:
        """Look now and then; False when patience ends."""
        hub = self.world.hub
        ends_s = hub.time_s + patience_s
        pause_s = 0.25
        while not look():
            if hub.time_s >= ends_s:
                return False
            hub.sleep(pause_s)
            pause_s = min(8.0, 2 * pause_s)
        return True

    def think(self) -> None:
        """A while passes, or none."""
        self.world.hub.sleep(self.world.random.choice((0.0, 0.1, 2.0)))

    # -- on Stripe's pages

    def save_card(self, employer_id: str, token: str) -> bool:
        """The set-up page: a customer is made, the card is saved. True once funding knows of it."""
        database = self.world.databases[GATEWAY.name]
        while self.within(GATEWAY, lambda replica: _ensure_customer(replica, employer_id)) is None:
            pass

        def customer() -> str | None:
            rows = database.table("customers", employer_id=employer_id)
            return rows[0].customer_id if rows else None

        if not self.until(customer):
            return False
        made = self.world.stripe.call(
            "POST", "/v1/setup_intents",
            {"customer": customer(), "payment_method": token, "confirm": True, "usage": "off_session",
             "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"}},
        )  # fmt: skip
        card = made["payment_method"]
        known = self.world.databases[FUNDING.name]
        return self.until(lambda: known.table("payment_methods", payment_method_id=card))

    def open_account(self, trainer_id: str) -> bool:
        """Onboarding: an account is made and filled in. True once it was submitted."""
        actor = Actor(role="trainer", party_id=trainer_id)
        self.ask(PAYOUTS, payouts.StartPayoutAccount(actor=actor, trainer_id=trainer_id, country="US"), actor)
        database = self.world.databases[GATEWAY.name]

        def account() -> str | None:
            rows = database.table("accounts", trainer_id=trainer_id)
            return rows[0].account_id if rows else None

        if not self.until(account):
            return False
        self.think()
        account_id = account()
        bank = banks.find_bank("US", banks.TEST_ROUTING_NUMBER, banks.suggested_number("US"))
        self.world.stripe.within(lambda ctx: accounts_state.submit(ctx, account_id, dict(_PERSON), bank))
        return True


def _run(replica: Replica, command: Command, actor: Actor, key: str) -> tuple[int, bytes]:
    processor = replica.worker._processor
    gate = Gate(processor, cast(Any, None), cast(Any, replica.worker._settings))
    call = Call(gate, Caller(actor.role, actor.party_id), key, f"hash of {key}", "")
    response = call.run(command)
    return response.status_code, bytes(response.body)


def _ensure_customer(replica: Replica, employer_id: str) -> bool:
    processor = replica.worker._processor
    processor.run(Batch([processor.delivery(EnsureCustomer(employer_id=employer_id))]))
    return True
