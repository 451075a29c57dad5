"""Timers: a command that a service gives itself later. Set in the transaction of the effects, fired once (ADR 5).

A handler says `ctx.at(due_at, command)`. Every replica looks for what is due by the injected clock and moves it, in one
transaction, from the table to the event log; the relay brings it to the service's own command topic, and from there it
is a command like any other: in its lane, decided once, answered.

There is no cancelling. Between "due" and "decided" the state can change at any time (the command may be on the topic
already), so the handler of a timer's command must look at the state anyway; a cancel would only be a second, weaker
guard. A command that came too late for its state is answered with `Unchanged`.
"""

import logging
import threading
import time
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from psycopg import OperationalError as PsycopgOperationalError
from sqlalchemy.exc import OperationalError as SqlalchemyOperationalError

from schemas.base import Message
from schemas.envelope import Envelope
from services.runtime import event_log, metrics
from services.runtime.clock import Clock
from services.runtime.event_log import Row
from services.runtime.ids import derived_id

if TYPE_CHECKING:
    from services.runtime.storage import Database, Transaction

logger = logging.getLogger(__name__)

_AGAIN_S = 1.0
_OBSERVE_EVERY_S = 5.0


class Timer(NamedTuple):
    """A command, and when to give it. A row of `timers`."""

    key: str
    name: str
    """With the key: which timer this is. Setting it again replaces it."""
    due_at: datetime
    command_id: str
    topic: str
    type: str
    subject: str
    correlation_id: str
    causation_id: str
    """The message whose decision set it."""
    traceparent: str
    body: str


def timer(cause: Envelope, due_at: datetime, command: Message, name: str = "") -> Timer:
    """The timer that a decision about `cause` sets. Without a `name`: one for each type and subject of the key.

    The command's id follows from what set it, for when and under which name: a decision that is made again after a
    crash sets the same command, and an answer to it is recognised.
    """
    name = name or f"{command.type_name}/{command.subject}"
    identifier = derived_id("cmd", "timer", command.topic, command.key, name, cause.id, due_at.isoformat())
    return Timer(
        command.key, name, due_at, identifier, command.topic, command.type_name, command.subject,
        cause.correlation_id, cause.id, cause.traceparent, command.model_dump_json(),
    )  # fmt: skip


def fire(transaction: "Transaction", now: datetime, most: int) -> int:
    """Move up to `most` due timers to the event log, the longest due first; returns how many. The caller commits.

    Rows that another replica has in hand are passed by, so nobody waits here and a timer is taken once.
    """
    taken = transaction.take_due_timers(now, most)
    taken.sort(key=lambda timer: (timer.due_at, timer.key, timer.name))
    event_log.append_commands(
        transaction,
        [
            Row(t.topic, t.key, t.type, t.subject, 0, t.command_id, now, t.correlation_id, t.causation_id, None,
                t.traceparent, t.body)
            for t in taken
        ],
    )  # fmt: skip
    return len(taken)


class Timers(threading.Thread):
    """Fires a service's due timers until stopped, on every replica. `failure` holds what ended it, if anything did."""

    def __init__(self, service: str, database: "Database", clock: Clock, poll_s: float, most: int) -> None:
        super().__init__(name=f"{service}-timers", daemon=True)
        self.failure: BaseException | None = None
        self._database = database
        self._clock = clock
        self._poll_s = poll_s
        self._most = most
        self._stopping = threading.Event()
        self._observe_at = 0.0

    def stop(self) -> None:
        """Let the batch in hand end."""
        self._stopping.set()

    def run(self) -> None:
        while not self._stopping.is_set():
            try:
                # Asked again at every look, never slept towards: the clock may jump, and others set timers.
                if self.fire() < self._most:
                    self._observe()
                    self._stopping.wait(self._poll_s)
            except (PsycopgOperationalError, SqlalchemyOperationalError) as error:
                logger.warning("timers wait for the database: %s", error)
                self._stopping.wait(_AGAIN_S)
            except Exception as error:
                # A service whose timers stand still must not look healthy.
                logger.exception("the timers stopped")
                self.failure = error
                return

    def fire(self) -> int:
        """One batch of what is due now, in one transaction; returns how many."""
        with self._database.transaction() as transaction:
            fired = fire(transaction, self._clock.now(), self._most)
        metrics.TIMERS_FIRED.inc(fired)
        return fired

    def _observe(self) -> None:
        if time.monotonic() < self._observe_at:
            return
        self._observe_at = time.monotonic() + _OBSERVE_EVERY_S
        waiting, first = self._database.timers()
        metrics.TIMERS_WAITING.set(waiting)
        late_s = (self._clock.now() - first).total_seconds() if first else 0.0
        metrics.TIMERS_OVERDUE.set(max(0.0, late_s))
