"""One run: the platform up, its people set up, load and faults together, calm, the verdict."""

import threading
import time
from pathlib import Path

from tests.chaos import plan as plans
from tests.chaos import schedule, settle, verdict
from tests.chaos.book import Book
from tests.chaos.faults import Hand, heal
from tests.chaos.load import Load
from tests.chaos.people import People
from tests.chaos.report import report
from tests.chaos.stage import BACKING, NAMES, Stage
from tests.chaos.watcher import Watcher

_READY_S = 120.0
_FINISH_S = 600.0
"""Longest wait for the plans of all milestones after the last fault."""
_CALM_S = 240.0
_SUM_EVERY_S = 30.0


class Run:
    """`whole()` does it all; `close()` ends every process."""

    def __init__(self, root: Path, seed: int, seconds: float, milestones: int, kinds: tuple[str, ...] = ()) -> None:
        self._seed = seed
        self._seconds = seconds
        self._kinds = kinds
        self._printing = threading.Lock()
        self.say(f"chaos: seed {seed}, {seconds:.0f} s of faults, {milestones} milestones")
        self.say(f"again: make chaos ARGS='--seed {seed} --seconds {seconds:.0f} --milestones {milestones}'")
        self.plan = plans.draw(seed, milestones, seconds)
        self.stage = Stage(root, self.say)
        self.people: People | None = None
        self._threads: list[Hand | Load | Watcher] = []

    def say(self, line: str) -> None:
        """One line for people, at once."""
        with self._printing:
            print(line, flush=True)

    def whole(self) -> list[str]:
        """From the set-up to the report; returns what is broken."""
        stage = self.stage
        if stage.no_disk:
            self.say(f"no full disks: {stage.no_disk}")
        self.people = People(stage.front_door, stage.token, self.plan)
        self.say(f"setting up {len(self.plan.employers)} employers and {len(self.plan.trainers)} trainers")
        self.people.set_up()
        book = Book(self.plan)
        watcher = Watcher(stage.kafka_bootstrap, book)
        began_at = time.monotonic()
        load = Load(stage.kafka_bootstrap, book, self.people, began_at)
        drawn = schedule.draw(self._seed, self._seconds, disks=not stage.no_disk, kinds=self._kinds)
        hands = [Hand(stage, faults, began_at, self._seconds) for faults in drawn]
        self._threads = [watcher, load, *hands]
        for thread in self._threads:
            thread.start()
        self._watch(book, hands, began_at)
        self.say(f"{time.monotonic() - began_at:6.1f} s  no more faults: everything is mended and comes to its end")
        heal(stage)
        missing = stage.await_ready((*BACKING, *NAMES), _READY_S)
        settle.finish_load(stage, load, time.monotonic() + _FINISH_S)
        busy = settle.calm(stage, time.monotonic() + _CALM_S)
        if not busy:
            self.say(f"{time.monotonic() - began_at:6.1f} s  calm; the clock moves day by day to the bank payouts")
            busy = settle.pass_days(stage, _CALM_S)
        load.stop()
        load.join(30)
        time.sleep(1)  # the watcher reads what came last
        found = verdict.judge(stage, book)
        found.broken += [f"{name} is not ready" for name in missing]
        found.broken += [f"{name} could not set up payouts: {why}" for name, why in load.came_late.items() if why]
        found.broken += [f"it does not come to rest: {what}" for what in busy]
        for line in report(hands, load, stage, found):
            self.say(line)
        self.say("BROKEN" if found.broken else "everything holds")
        return found.broken

    def close(self) -> None:
        """End every thread and process."""
        for thread in self._threads:
            thread.stop()
        for thread in self._threads:
            if thread.is_alive():
                thread.join(30)
        if self.people:
            self.people.close()
        self.stage.close()

    def _watch(self, book: Book, hands: list[Hand], began_at: float) -> None:
        """Until the faults are over; a line now and then says how the load stands."""
        said_at = time.monotonic()
        while any(hand.is_alive() for hand in hands) or time.monotonic() - began_at < self._seconds:
            time.sleep(0.2)
            if time.monotonic() - said_at < _SUM_EVERY_S:
                continue
            said_at = time.monotonic()
            with book.lock:
                seen = book.distinct()
                done = sum(one.act is None and one.added for one in seen)
                flying = sum(one.in_flight for one in seen)
                answered = len(book.sent) - len(book.open_commands())
            self.say(
                f"{said_at - began_at:6.1f} s  -- {flying} milestones in flight, {done} done; "
                f"{len(book.sent)} commands sent, {answered} answered"
            )
