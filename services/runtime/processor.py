"""One transaction: messages in, decisions, effects and events out. Kafka batches and HTTP calls share it.

The order of its statements is what makes effects happen exactly once (docs/architecture.md, "The way of a message"):

1. lock the lanes of the batch, so that nobody else decides about these keys until commit;
2. read the positions and skip what lies below them, drop commands that are answered and events that were seen;
3. load, decide message by message;
4. write the event log, from the first decision on, then versions, rows and positions; commit them together.
"""

import logging
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from psycopg import errors

from schemas.base import MESSAGES, Message
from schemas.envelope import Envelope
from services.runtime import event_log
from services.runtime.clock import Clock
from services.runtime.decisions import Outcome, Refused, Unchanged
from services.runtime.event_log import Line, LogWriter
from services.runtime.handlers import Context, Handlers
from services.runtime.ids import IdSource
from services.runtime.lanes import lane_of
from services.runtime.parking import Parking
from services.runtime.records import Delivery, Record, Unreadable, as_text, stands_before
from services.runtime.storage import Database, Known, Transaction, Wanted
from services.runtime.timers import timer
from services.runtime.workspace import Workspace

logger = logging.getLogger(__name__)

TRANSIENT = (errors.OperationalError, errors.DeadlockDetected, errors.SerializationFailure)
"""Trouble of the database, not of a message: try the same batch again."""
NOT_TRANSIENT = (errors.ProgramLimitExceeded,)
"""An OperationalError by its class, but a message's fault (a text too long for its index): it would hold for ever."""

_WROTE_NOTHING = (Refused, Unchanged)
"""Written here: a union of both would be made anew for each message."""


@dataclass(slots=True)
class Batch:
    """What is decided in one transaction."""

    deliveries: Sequence[Delivery]
    unreadable: Sequence[Unreadable] = ()
    positions: dict[tuple[str, int], int] = field(default_factory=dict)
    """For each (topic, partition) that was read: the offset after its last record."""
    topic_ids: dict[str, str] = field(default_factory=dict)


AfterDecisions = Callable[[Transaction, list[Outcome]], None]


class Processor:
    """Runs batches against one service's database. Threads may share it: each run is a transaction of its own."""

    def __init__(self, service: str, handlers: Handlers, database: Database, clock: Clock, ids: IdSource) -> None:
        self.service = service
        self.database = database
        self.clock = clock
        self.ids = ids
        self._parking = Parking(service, clock, ids)
        self._handlers = handlers
        self._rejected = MESSAGES.get(f"{service}.command_rejected.v1")
        self._unchanged = MESSAGES.get(f"{service}.command_unchanged.v1")

    def run(self, batch: Batch, within: AfterDecisions | None = None) -> list[Outcome]:
        """Decide a batch in one transaction; returns the outcome of each delivery, None where it was a duplicate.

        `within` runs in the transaction after the decisions (the HTTP layer keeps its answer there). Raises what a
        handler raises, and psycopg errors; then nothing was changed.
        """
        with self.database.transaction() as transaction:
            return self._run(transaction, batch, within)

    def park(
        self, delivery: Delivery, reason: str, positions: dict[tuple[str, int], int], topic_ids: dict[str, str]
    ) -> None:
        """Set a message aside with its key: it cannot be handled, all other keys go on. Moves the position."""
        with self.database.transaction() as transaction:
            # Its stream's version does not move: nothing that is parked was seen, so a redrive can go on from there.
            due, _, log = self._take(transaction, Batch([delivery], positions=positions))
            if due[0] is not None and delivery.record is not None:
                log.append(self._parking.bury(transaction, delivery.record, delivery.key, reason, parked=True))
            log.end()
            transaction.move(positions, topic_ids)

    def _run(self, transaction: Transaction, batch: Batch, within: AfterDecisions | None) -> list[Outcome]:
        due, moved, log = self._take(transaction, batch)
        workspace = Workspace(transaction)
        self._load(workspace, [delivery for delivery in due if isinstance(delivery, Delivery)])
        now = self.clock.now()
        outcomes: list[Outcome] = [
            self._decide(workspace, item, now, log.append) if isinstance(item, Delivery) else item for item in due
        ]
        if within is not None:
            within(transaction, outcomes)
        log.end()
        workspace.flush()
        if moved:
            transaction.see(moved)
        if batch.positions:
            transaction.move(batch.positions, batch.topic_ids)
        return outcomes

    def settle(self, transaction: Transaction, delivery: Delivery) -> None:
        """Decide one message inside the caller's transaction, which holds its key's lane and knows that it is due.

        For what waited (`redrive.py`): parking, positions and versions are the caller's. Raises what a handler raises.
        """
        lines: list[Line] = []
        workspace = Workspace(transaction)
        self._load(workspace, [delivery])
        self._decide(workspace, delivery, self.clock.now(), lines.append)
        workspace.flush()
        event_log.append(transaction, lines)

    # -- 1 and 2: what is due ------------------------------------------------------------------------------

    def _take(
        self, transaction: Transaction, batch: Batch
    ) -> tuple[list[Delivery | Refused | None], dict[tuple[str, str], int], LogWriter]:
        """What is to be decided, in the batch's order; the versions of others' streams once that is done; the log."""
        lanes = {lane_of(delivery.key) for delivery in batch.deliveries}
        lanes.update(partition for _, partition in batch.positions)
        missed = {stream for unreadable in batch.unreadable if (stream := unreadable.stream)}
        lanes.update(lane_of(key) for _, key in missed)
        commands = [d.envelope.id for d in batch.deliveries if d.message.is_command]
        streams = sorted({(d.envelope.source, d.key) for d in batch.deliveries if d.envelope.stream_version} | missed)
        keys = {delivery.key for delivery in batch.deliveries}
        known = transaction.take(Wanted(lanes, {topic for topic, _ in batch.positions}, commands, streams, keys))
        log = LogWriter(transaction, known.versions)
        return *self._sift(transaction, batch, known, log), log

    def _sift(
        self, transaction: Transaction, batch: Batch, known: Known, log: LogWriter
    ) -> tuple[list[Delivery | Refused | None], dict[tuple[str, str], int]]:
        due: list[Delivery | Refused | None] = []
        moved: dict[tuple[str, str], int] = {}
        unreadable = list(batch.unreadable)
        for delivery in batch.deliveries:
            record, envelope, key = delivery.record, delivery.envelope, delivery.key
            if unreadable and record is not None:
                self._bury_unreadable(transaction, unreadable, record, known, log)
            if record is not None and record.offset < known.positions.get((record.topic, record.partition), 0):
                due.append(None)
            elif key in known.parked:
                due.append(PARKED if record is None else None)
                if record is not None:
                    self._parking.queue_behind(transaction, record, key, "waits behind an earlier message of its key")
            elif delivery.message.is_command:
                due.append(None if envelope.id in known.done else delivery)
                known.done.add(envelope.id)
            elif envelope.stream_version:
                stream = (envelope.source, key)
                seen = known.seen.get(stream, 0)
                if envelope.stream_version == seen + 1:
                    known.seen[stream] = moved[stream] = seen + 1
                    due.append(delivery)
                else:
                    due.append(None)  # a duplicate, unless it is a gap
                    if envelope.stream_version > seen + 1 and record is not None:
                        reason = (
                            f"a loss in the stream {envelope.source}/{key}: version {envelope.stream_version} "
                            f"came after version {seen}"
                        )
                        log.append(self._parking.bury(transaction, record, key, reason, parked=True))
                        known.parked.add(key)
            else:
                due.append(delivery)
        self._bury_unreadable(transaction, unreadable, None, known, log)
        return due, moved

    # -- what cannot be handled ----------------------------------------------------------------------------

    def _bury_unreadable(
        self, transaction: Transaction, left: list[Unreadable], until: Record | None, known: Known, log: LogWriter
    ) -> None:
        """Take out of `left` what stands before a record in its partition (all, when None) and bury it.

        An event that its stream will miss waits with its key, so that it can be put back or given up by name; the
        next of its stream would be a gap.
        """
        for unreadable in [u for u in left if until is None or stands_before(u.record, until)]:
            left.remove(unreadable)
            record, envelope, stream = unreadable.record, unreadable.envelope, unreadable.stream
            if record.offset < known.positions.get((record.topic, record.partition), 0):
                continue
            missed = stream is not None and envelope is not None and envelope.stream_version > known.seen.get(stream, 0)
            key = as_text(record.key)
            log.append(self._parking.bury(transaction, record, key, unreadable.reason, parked=missed))
            if missed:
                known.parked.add(key)

    # -- 3: load and decide --------------------------------------------------------------------------------

    def _load(self, workspace: Workspace, due: Iterable[Delivery]) -> None:
        # Handlers' loads are taken step by step, so that the same table is asked once for the whole batch.
        planned = [(registered.loads, d.message) for d in due if (registered := self._handlers.get(d.envelope.type))]
        step = 0
        while planned := [(loads, message) for loads, message in planned if step < len(loads)]:
            wanted: dict[tuple[Any, str], set[str]] = {}
            for loads, message in planned:
                load = loads[step]
                if (value := load.value(message, workspace)) is not None:
                    wanted.setdefault((load.entity, load.column), set()).add(value)
            for (entity, column), values in wanted.items():
                workspace.fetch(entity, column, values)
            step += 1

    def _decide(self, workspace: Workspace, delivery: Delivery, now: datetime, say: Callable[[Line], None]) -> Outcome:
        envelope, message = delivery.envelope, delivery.message
        registered = self._handlers.get(envelope.type)
        if registered is None:
            return None
        context = Context(envelope, now, workspace, self.ids)
        before = workspace.writes
        outcome = registered.handle(context, message)
        if isinstance(outcome, _WROTE_NOTHING) and workspace.writes != before:
            raise RuntimeError(f"{envelope.type} was refused after it had written: decide first, write then")
        said = context.said
        if message.is_command and delivery.record is not None:
            said = said or self._answer(delivery, outcome)
        command_id = envelope.id if message.is_command else None
        for spoken in said:
            if spoken.versioned and spoken.key != delivery.key:
                raise RuntimeError(
                    f"{spoken.type_name} about {spoken.key} was said while deciding about {delivery.key}: its lane is "
                    "not held; send a command about it to its own topic instead"
                )
            say(Line(spoken, context.new_id("evt"), now, envelope.correlation_id, envelope.id, command_id,
                     envelope.traceparent))  # fmt: skip
            command_id = None
        for due_at, command, name in context.later:
            self._check_timer(delivery, command)
            workspace.set_timer(timer(envelope, due_at, command, name))
        return outcome

    def _check_timer(self, delivery: Delivery, command: Message) -> None:
        if not command.is_command or command.type_name not in MESSAGES or self._handlers.get(command.type_name) is None:
            raise RuntimeError(f"{command.type_name} cannot be a timer's: it is no command that {self.service} takes")
        if command.key != delivery.key:
            raise RuntimeError(
                f"a timer for {command.key} was set while deciding about {delivery.key}: its lane is not held; send a "
                "command about it to your own topic and set the timer there"
            )

    def _answer(self, delivery: Delivery, outcome: Outcome) -> list[Message]:
        """Over Kafka every command is answered, so that it is known to be done: refusals are facts, too."""
        about = {
            "asked_of": delivery.key,
            "command_id": delivery.envelope.id,
            "command_type": delivery.envelope.type,
        }
        if isinstance(outcome, Refused) and self._rejected is not None:
            return [self._rejected.model_validate({**about, "code": outcome.code, "detail": outcome.detail})]
        if not isinstance(outcome, Refused) and self._unchanged is not None:
            # Nothing said by a handler that had nothing to say is no answer: read again after months, the same command
            # would be decided anew, on what has become of things since.
            detail = outcome.detail if isinstance(outcome, Unchanged) else "there was nothing left to do"
            return [self._unchanged.model_validate({**about, "detail": detail})]
        return []

    def delivery(self, command: Message, identifier: str | None = None, correlation_id: str = "",
                 traceparent: str = "") -> Delivery:  # fmt: skip
        """A command that this process gives itself (an HTTP call, an outcome), ready to run."""
        now = self.clock.now()
        identifier = identifier or self.ids.new("cmd", now)
        envelope = Envelope(
            identifier, command.type_name, self.service, command.subject, now, correlation_id or identifier, "",
            traceparent=traceparent,
        )  # fmt: skip
        return Delivery(envelope, command.key, command)


PARKED = Refused(
    "conflict",
    "parked",
    "something that came before could not be handled; an operator was told, try again when it is resolved",
)
"""The answer over HTTP while a key is parked. It passes, so it is never kept for an Idempotency-Key."""
