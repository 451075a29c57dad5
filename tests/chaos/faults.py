"""Doing what the schedule says. Each fault is over, and what it broke mended, when its function returns."""

import signal
import threading
import time
from collections.abc import Callable
from datetime import timedelta

import httpx
import psycopg

from tests.chaos import disk
from tests.chaos.schedule import Fault
from tests.chaos.stage import DECIDING, KAFKA, POSTGRES, Stage

_READY_S = 90.0
_BOTH_S = 3.0


class Hand(threading.Thread):
    """Does the faults of one list, one after the other."""

    def __init__(self, stage: Stage, faults: list[Fault], began_at: float, seconds: float) -> None:
        super().__init__(name="hand", daemon=True)
        self.stage = stage
        self.done: list[Fault] = []
        self.failed: list[str] = []
        """What the chaos itself could not do, e.g. start a replica: a fault of the fault, told in the report."""
        self._faults = faults
        self._began_at = began_at
        self._until = began_at + seconds
        self._stopping = threading.Event()

    def stop(self) -> None:
        """No further fault after the one in hand."""
        self._stopping.set()

    def run(self) -> None:
        for fault in self._faults:
            if self._stopping.wait(max(0.0, self._began_at + fault.at_s - time.monotonic())):
                return
            if time.monotonic() > self._until:
                return
            self.stage.say(f"{time.monotonic() - self._began_at:6.1f} s  {fault}")
            try:
                _DO[fault.kind](self.stage, fault)
            except (httpx.HTTPError, psycopg.Error, OSError, RuntimeError) as error:
                self.failed.append(f"{fault}: {error}"[:300])
                self.stage.say(f"   could not be done: {error}"[:300])
            else:
                self.done.append(fault)


def _kill(stage: Stage, fault: Fault) -> None:
    with stage.held_down(fault.target):
        stage.kill(fault.target)
        time.sleep(fault.how["away"])


def _stop(stage: Stage, fault: Fault) -> None:
    stage.end(fault.target)


def _backing_down(stage: Stage, fault: Fault) -> None:
    with stage.held_down(fault.target):
        match fault.kind:
            case "kafka-kill" | "postgres-kill":
                stage.kill(fault.target)
            case "postgres-immediate":
                stage.end(fault.target, signal.SIGQUIT)
            case _:
                stage.end(fault.target)
        time.sleep(fault.for_s)
    stage.await_ready((fault.target,), _READY_S)


def _fill_disk(stage: Stage, fault: Fault) -> None:
    folder = stage.disk_of(fault.target)
    with stage.held_down(fault.target):
        try:
            megabytes = disk.fill(folder) // 1_048_576
            time.sleep(fault.for_s)
            disk.fill(folder)  # what was freed meanwhile
            ended = stage.platform.processes.find(fault.target) is None
        finally:
            disk.relieve(folder)
        stage.say(f"   {megabytes} MB were left on its disk; {fault.target} {'ended' if ended else 'lives'}")
        if ended:
            stage.expect_end(fault.target)
    stage.await_ready((fault.target,), _READY_S)


def _rebalance(stage: Stage, fault: Fault) -> None:
    for number in range(fault.how["times"]):
        replica = stage.start_replica(fault.target, 2)
        time.sleep(fault.for_s / fault.how["times"] + 2)
        if number % 2:
            stage.platform.processes.kill(replica)
        stage.platform.processes.stop(replica, 25)


def _freeze(stage: Stage, fault: Fault) -> None:
    """It stands still and comes back as if nothing had been; meanwhile, it may be, another one does its work."""
    replica = ""
    stage.platform.processes.signal(fault.target, signal.SIGSTOP)
    try:
        if fault.how["beside"] and fault.target in DECIDING:
            replica = stage.start_replica(fault.target, 3)
        time.sleep(fault.for_s)
    finally:
        stage.platform.processes.signal(fault.target, signal.SIGCONT)
    if replica:
        time.sleep(_BOTH_S)
        stage.platform.processes.stop(replica, 25)


def _replay(stage: Stage, fault: Fault) -> None:
    services = DECIDING if fault.target == "all services" else (fault.target,)
    with stage.held_down(*services):
        for service in services:
            stage.kill(service)
        for service in services:
            moved = _to_the_start(stage, service)
            stage.say(f"   {service}: {moved} positions are at the start again")


def _to_the_start(stage: Stage, service: str) -> int:
    until = time.monotonic() + _READY_S
    while True:
        try:
            with psycopg.connect(f"{stage.database_url}/tranche_{service}", connect_timeout=5) as connection:
                return connection.execute("UPDATE consumer_positions SET next_offset = 0").rowcount
        except psycopg.OperationalError:  # another fault has its hands on the database
            if time.monotonic() > until:
                raise
            time.sleep(0.3)


def _cut(stage: Stage, fault: Fault) -> None:
    try:
        stage.network.suffer(fault.target, fault.how["how"])
        time.sleep(fault.for_s)
    finally:
        stage.network.suffer(fault.target, "none", drop=fault.how["drop"])


def _outage(stage: Stage, fault: Fault) -> None:
    with stage.held_down(fault.target):
        stage.kill(fault.target)
        time.sleep(fault.for_s)


def _stripe_faults(stage: Stage, fault: Fault) -> None:
    for rule in fault.how["rules"]:
        stage.control("POST", "faults", rule)
    time.sleep(fault.for_s)


def _webhooks(stage: Stage, fault: Fault) -> None:
    stage.control("PUT", "webhooks/policy", fault.how["policy"])
    time.sleep(fault.for_s)
    stage.control("PUT", "webhooks/policy", {})


def _clock(stage: Stage, fault: Fault) -> None:
    stage.clock.advance(timedelta(seconds=fault.how["jump_s"]))


_DO: dict[str, Callable[[Stage, Fault], None]] = {
    "kill": _kill,
    "stop": _stop,
    "kafka-kill": _backing_down,
    "kafka-stop": _backing_down,
    "postgres-kill": _backing_down,
    "postgres-immediate": _backing_down,
    "disk-kafka": _fill_disk,
    "disk-postgres": _fill_disk,
    "rebalance": _rebalance,
    "freeze": _freeze,
    "replay": _replay,
    "cut": _cut,
    "stripe-outage": _outage,
    "stripe-faults": _stripe_faults,
    "webhooks": _webhooks,
    "clock": _clock,
}


def heal(stage: Stage) -> None:
    """Take every trouble away: wires, disks, rules at Stripe. What is dead is started by its supervisor."""
    stage.network.heal()
    if not stage.no_disk:
        for name in (KAFKA, POSTGRES):
            disk.relieve(stage.disk_of(name))
    stage.control("DELETE", "faults")
    stage.control("PUT", "webhooks/policy", {})
