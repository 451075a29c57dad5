"""All services in one process: their handlers, the runtime's worker, relay and timers, the gateway's desk."""

import hashlib
import logging
import random
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from datetime import timedelta
from random import Random
from typing import Any
from unittest import mock

from psycopg import OperationalError

from schemas.base import Command
from schemas.envelope import Envelope, write_headers
from services.approvals.service import SERVICE as APPROVALS
from services.contracts.service import SERVICE as CONTRACTS
from services.funding.service import SERVICE as FUNDING
from services.payouts import handlers as payouts_handlers
from services.payouts.service import SERVICE as PAYOUTS
from services.runtime import relay
from services.runtime.ids import IdSource
from services.runtime.lanes import lane_of
from services.runtime.processor import Processor
from services.runtime.relay import Relay
from services.runtime.service import Service
from services.runtime.settings import Settings
from services.runtime.timers import Timers
from services.runtime.worker import Worker
from services.stripe_gateway import caller, inbox, janitor
from services.stripe_gateway.service import SERVICE as GATEWAY
from tests.simulation.clock import SimulatedClock
from tests.simulation.gateway import SimulatedDesk
from tests.simulation.hub import Hub, Process, Signal
from tests.simulation.memory.broker import MemoryBroker, MemoryConsumer, Stored
from tests.simulation.memory.database import MemoryDatabase, MemoryTransaction
from tests.simulation.memory.worklist import MemoryWorkList
from tests.simulation.stripe import SimulatedStripe, seeded_ids

SERVICES: tuple[Service, ...] = (CONTRACTS, FUNDING, APPROVALS, PAYOUTS, GATEWAY)
_SETTINGS = Settings(poll_timeout_s=1e9)
_TIMER_POLL_S = 20.0
_GUARD_S = 20.0
"""Guards against lost notifications are long here: nothing loses them, and each costs steps."""


_PATIENCE = replace(payouts_handlers._PATIENCE, overdue_after=timedelta(seconds=90))
"""An operator is asked about a held payout within the story, where the product waits for a month."""


class Stop:
    """What a thread's stopping event is in a simulation: nobody sets it, waiting on it lets virtual time pass."""

    def __init__(self, hub: Hub) -> None:
        self._hub = hub
        self.signal = Signal()

    def is_set(self) -> bool:
        return False

    def set(self) -> None:
        raise NotImplementedError("a simulated process is killed, never stopped")

    def wait(self, timeout: float | None = None) -> bool:
        self._hub.wait(self.signal, timeout)
        return False


@dataclass(eq=False)
class Replica:
    """One process of a service."""

    service: Service
    process: Process
    worker: Worker
    relay: Relay
    timers: Timers
    stop: Stop
    desk: SimulatedDesk | None = None

    @property
    def failure(self) -> BaseException | None:
        """What ended a part of it."""
        return self.worker.failure or self.relay.failure or self.timers.failure


@dataclass
class Faults:
    """What may go wrong, and how likely it is at each occasion. All zero: a good day."""

    crash: float = 0.0
    """At each step of a service's process."""
    rebalance: float = 0.0
    """At each step."""
    database: float = 0.0
    """At each transaction's begin, and again after its commit."""
    lost_request: float = 0.0
    lost_answer: float = 0.0
    most_crashes: int = 12

    def stop(self) -> None:
        """From here on a good day."""
        self.crash = self.rebalance = self.database = self.lost_request = self.lost_answer = 0.0


@dataclass
class Trace:
    """What happened, in order; made readable only when it is wanted."""

    entries: list[tuple[float, str, str]] = field(default_factory=list)

    def text(self) -> str:
        """One line an entry: virtual seconds, who, what."""
        return "\n".join(f"{time_s:10.3f}  {who:<18} {what}" for time_s, who, what in self.entries)

    def digest(self) -> str:
        """The same for the same history."""
        return hashlib.sha256(self.text().encode()).hexdigest()


class World:
    """Everything that is simulated in one seed."""

    def __init__(self, seed: int, faults: Faults, replicas: int = 1) -> None:
        self.seed = seed
        self.hub = hub = Hub(seed)
        self.random = hub.random
        self.faults = faults
        self.clock = SimulatedClock(hub)
        self.trace = Trace()
        self.broker = MemoryBroker(hub)
        self.broker.on_append = self._note_record
        self.stripe = SimulatedStripe(hub, self.clock, self.note)
        self.stripe.lose = self._loses
        self.stripe.deliver = self._deliver
        self.databases = {service.name: self._database(service) for service in SERVICES}
        self.work_list = MemoryWorkList(self.databases[GATEWAY.name])
        self.replicas: list[Replica] = []
        self.crashes = 0
        self.poisoned = 0
        """Records that nobody can read, which were written so far."""
        self.waiting_to_start = 0
        self.outside = Process("outside")
        self.ids = self._id_source()
        hub.on_step = self._on_step
        for service in SERVICES:
            for _ in range(replicas):
                self.start(service)

    def _database(self, service: Service) -> MemoryDatabase:
        database = MemoryDatabase(service.name, self.hub)
        database.trouble = self._database_trouble
        database.on_commit = lambda transaction: self._committed(database, transaction)
        return database

    def _id_source(self) -> IdSource:
        return IdSource(lambda length: self.random.getrandbits(8 * length).to_bytes(length, "big"))

    def note(self, who: str, what: str) -> None:
        """Remember that something happened."""
        self.trace.entries.append((self.hub.time_s, who, what))

    # -- processes

    def start(self, service: Service) -> Replica:
        """A fresh process of a service: nothing of an earlier one is left but its database."""
        database, ids, stop = self.databases[service.name], self._id_source(), Stop(self.hub)
        process = Process(service.name)
        processor = Processor(service.name, service.handlers, database, self.clock, ids)
        worker = Worker(_SETTINGS, service.topics, processor, self.broker)
        publisher = Relay(service.name, database.open_log, self.broker, self.clock)
        timers = Timers(service.name, database, self.clock, _TIMER_POLL_S, 50)
        timers._observe_at = float("inf")
        replica = Replica(service, process, worker, publisher, timers, stop)
        for part in (worker, publisher, timers):
            part._stopping = stop  # type: ignore[assignment]
            self.hub.spawn(process, part.run)
        if service is GATEWAY:
            replica.desk = SimulatedDesk(
                self.hub, process, processor, self.work_list, self.stripe, lambda: worker.lanes
            )
            self.hub.spawn(process, replica.desk.run)
        self.replicas.append(replica)
        self.note(service.name, "starts")
        return replica

    def kill(self, replica: Replica) -> None:
        """kill -9; another takes its place after a while, and the group notices after another."""
        self.crashes += 1
        self.waiting_to_start += 1
        self.replicas.remove(replica)
        self.note(replica.service.name, "is killed")
        pause_s = self.random.choice((0.05, 1.0, 10.0))
        self.hub.spawn(self.outside, lambda: self._restart(replica, pause_s))
        self.hub.kill(replica.process)

    def _restart(self, replica: Replica, pause_s: float) -> None:
        group = self.broker.groups.get(replica.service.name)
        gone = [m for m in (group.members if group else []) if m._process is replica.process]
        self.hub.sleep(pause_s)
        if self.random.random() < 0.5:
            self._time_out(replica.service.name, gone)
            self.start(replica.service)
        else:
            self.start(replica.service)  # while the group still counts on the dead one
            self.hub.sleep(5.0)
            self._time_out(replica.service.name, gone)
        self.waiting_to_start -= 1

    def _time_out(self, group: str, gone: list[MemoryConsumer]) -> None:
        for consumer in gone:
            self.broker.leave(group, consumer)

    def replica_of(self, service: Service) -> Replica | None:
        """Any process of a service that is alive."""
        alive = [replica for replica in self.replicas if replica.service is service]
        return self.random.choice(alive) if alive else None

    def close(self) -> None:
        """End everybody, so that nothing of this seed is left for the next."""
        for replica in self.replicas:
            self.hub.kill(replica.process)
        self.hub.kill(self.stripe.process)
        self.hub.kill(self.outside)

    # -- faults

    def _on_step(self, process: Process, what: str) -> None:
        faults = self.faults
        if faults.crash and self.random.random() < faults.crash and self.crashes < faults.most_crashes:
            replica = next((replica for replica in self.replicas if replica.process is process), None)
            if replica is not None:
                self.note(process.name, f"crashes where {what}")
                self.kill(replica)
        if faults.rebalance and self.random.random() < faults.rebalance:
            service = self.random.choice(SERVICES)
            self.note(service.name, "is rebalanced")
            self.broker.rebalance(service.name)

    def _database_trouble(self, what: str) -> None:
        if self.faults.database and self.random.random() < self.faults.database:
            self.note("database", f"the connection is lost after {what}")
            raise OperationalError(f"the connection was lost (after {what})")

    def _loses(self, what: str) -> bool:
        chance = self.faults.lost_request if what == "request" else self.faults.lost_answer
        return chance > 0 and self.random.random() < chance

    # -- time and words from outside

    def jump(self, by: timedelta) -> None:
        """Move the platform's clock, as `tranche clock advance` does."""
        self.clock.advance(by)
        self.note("clock", f"jumps by {by}")
        for replica in self.replicas:
            self.hub.wake(replica.stop.signal)
        self.stripe.stir()

    def send(self, command: Command, times: int = 1, identifier: str = "") -> str:
        """An internal service sends a command, perhaps more than once; gives its id."""
        now = self.clock.now()
        identifier = identifier or self.ids.new("cmd", now)
        envelope = Envelope(identifier, command.type_name, "backoffice", command.subject, now, identifier, "")
        place = (command.topic, lane_of(command.key))
        for _ in range(times):
            self.broker.append(place, command.key.encode(), command.model_dump_json().encode(),
                               write_headers(envelope))  # fmt: skip
        return identifier

    def poison(self, plan: Random) -> None:
        """Somebody writes what nobody can read, to a topic with one consumer, at some moment."""
        topic = plan.choice(("contracts.commands", "funding.commands", "approvals.commands", "payouts.commands"))
        place, after_s = (topic, lane_of("ctr_001")), plan.choice((0.0, 1.0, 20.0))

        def write() -> None:
            self.hub.sleep(after_s)
            self.poisoned += 1
            self.broker.append(place, b"ctr_001", b"no message", [])

        self.hub.spawn(self.outside, write)

    def _deliver(self, raw: bytes, signature: str, endpoint: str, answer: Callable[[int], None]) -> None:
        replica = self.replica_of(GATEWAY)
        if replica is None or replica.desk is None:
            answer(0)
            return
        desk, ids = replica.desk, replica.worker._processor.ids

        def receive() -> None:
            try:
                status = desk.receive(raw, signature, endpoint, ids)
            except OperationalError:
                status = 500
            answer(status)

        self.hub.spawn(replica.process, receive)

    # -- notes and cheap checks

    def _note_record(self, record: Stored) -> None:
        headers = dict(record.headers_)
        kind, said = headers.get("ce_type", b"?").decode(), headers.get("ce_id", b"?").decode()
        source, number = headers.get("ce_source", b"?").decode(), headers.get("ce_sequence", b"-").decode()
        topic, partition = record.place
        self.note(
            source, f"{topic}[{partition}]@{record.number} {(record.key_ or b'?').decode()} #{number} {kind} {said}"
        )

    def _committed(self, database: MemoryDatabase, transaction: MemoryTransaction) -> None:
        if not (transaction.moved or transaction.lines or transaction.written):
            return
        moved = ", ".join(f"{t}[{p}]->{position.next_offset}" for (t, p), position in transaction.moved.items())
        lines = " ".join(str(line.sequence) for line, _ in transaction.lines)
        self.note(database.name, f"commits {moved or 'its own'}" + (f" saying {lines}" if lines else ""))

    # -- whether anything is left to do

    def failure(self) -> BaseException | None:
        """What ended a part of a service that should never end."""
        for replica in self.replicas:
            if replica.failure is not None:
                return replica.failure
        loops = [self.stripe.loop, *(replica.desk.loop for replica in self.replicas if replica.desk)]
        return next((_as_error(loop.failures[0]) for loop in loops if loop.failures), None)

    def quiet(self) -> bool:
        """Whether nobody has anything to do until the clock moves."""
        return self.waiting_to_start == 0 and not self.unfinished()

    def next_due_s(self) -> float | None:
        """Seconds until the next timer, or job or webhook of Stripe; None: nothing waits for the clock."""
        now = self.clock.now()
        dues = [t.due_at.timestamp() for d in self.databases.values() for t in d.state.timers.values()]
        dues += self.stripe.dues()
        return min(dues) - now.timestamp() if dues else None

    def unfinished(self) -> list[str]:
        """What is still on its way, in words."""
        found = []
        for service in SERVICES:
            database = self.databases[service.name]
            if database.state.cursors.get(service.name, 0) < (
                database.state.log[-1].sequence if database.state.log else 0
            ):
                found.append(f"{service.name} has lines to relay")
            positions = database.state.positions
            for place, records in self.broker.used.items():
                if place[0] in service.topics and (
                    place not in positions or positions[place].next_offset < len(records)
                ):
                    found.append(f"{service.name} has records of {place} to read")
            now = self.clock.now()
            if any(timer.due_at <= now for timer in database.state.timers.values()):
                found.append(f"{service.name} has timers due")
        found += [f"the call {attempt.idempotency_key} is open" for attempt in self.work_list._in_state("open")]
        found += [f"the webhook {i} waits" for i, kept in self.work_list.webhooks.items() if kept.state == "received"]
        if not self.stripe.at_rest():
            found.append("Stripe has work due")
        webhooks = self.stripe.sandbox.webhooks
        if webhooks._tasks or any(due <= self.clock.now().timestamp() + 120 for due, _ in webhooks._waiting.values()):
            found.append("Stripe has webhooks to deliver")
        return found


def _as_error(context: dict[str, Any]) -> BaseException:
    return context.get("exception") or RuntimeError(str(context.get("message")))


@contextmanager
def simulated(seed: int) -> Iterator[None]:
    """For the time of one seed: no log, no machine's chance, long guards."""
    level = logging.root.manager.disable
    logging.disable(logging.CRITICAL)
    state = random.getstate()
    random.seed(seed)
    try:
        with (
            seeded_ids(seed),
            mock.patch.object(caller, "_GUARD_S", _GUARD_S),
            mock.patch.object(inbox, "_GUARD_S", _GUARD_S),
            mock.patch.object(relay, "_ASIDE_S", _GUARD_S),
            mock.patch.object(janitor, "_ROUND_S", _GUARD_S),
            mock.patch.object(payouts_handlers, "_PATIENCE", _PATIENCE),
        ):
            yield
    finally:
        random.setstate(state)
        logging.disable(level)
