"""Runs a service's own decisions on what it took, in a database of its own, and keeps what they come to.

Nothing is published (no relay runs on that database), nobody is called, no live table is touched.
"""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from pathlib import Path
from typing import Any
from uuid import uuid4

import psycopg
from psycopg import sql

from schemas.envelope import Envelope, UnreadableRecordError, read_body, write_headers
from services.auditor.audit import AuditError
from services.auditor.replay.order import Input
from services.auditor.topics import Said
from services.runtime.database import migrate, open_engine
from services.runtime.databases import create_database
from services.runtime.handlers import Handlers
from services.runtime.ids import IdSource
from services.runtime.postgres import Postgres
from services.runtime.processor import Batch, Processor
from services.runtime.records import Delivery, Record
from services.runtime.settings import database_on
from services.runtime.worker import read_record


class Now:
    """The clock of the rebuild: the moment at which each message was decided."""

    def __init__(self) -> None:
        self.moment = datetime(2000, 1, 1, tzinfo=UTC)

    def now(self) -> datetime:
        return self.moment


class KnownIds(IdSource):
    """Gives the ids that the live service gave, as far as it published them.

    A fresh id of a prefix is the first one of that prefix in what the service said to the message in hand, unless it
    was known before. One that was never published (of a posting) is made up.
    """

    def __init__(self, *, events: bool = False) -> None:
        """`events`: the ids of the lines themselves, too."""
        super().__init__()
        self._events = events
        self._known: set[str] = set()
        self._fresh: list[str] = []

    def expect(self, said: Sequence[Said]) -> None:
        """From now on: what the service said to this message."""
        # The answer to a command of our own names that command, whose id looks like a line's.
        self._known.update(line.envelope.causation_id for line in said)
        self._fresh = [name for line in said for name in _strings(line.body) if name not in self._known]
        if self._events:
            self._fresh += [line.envelope.id for line in said]

    def know(self, *bodies: Mapping[str, Any]) -> None:
        """These were there before."""
        self._known.update(name for body in bodies for name in _strings(body))

    def new(self, prefix: str, now: datetime) -> str:
        """See IdSource."""
        found = next((name for name in self._fresh if name.startswith(f"{prefix}_")), None)
        if found is None:
            return super().new(prefix, now)
        self._fresh = [name for name in self._fresh if name != found]
        return found


@dataclass
class Rebuilt:
    """What the decisions came to."""

    failed: dict[str, str] = field(default_factory=dict)
    """Messages that could not be decided, by id, with the reason."""
    decided: int = 0


@contextmanager
def scratch(server: str, service: str, folder: Path) -> Iterator[str]:
    """The URL of an empty, migrated database beside the live ones, dropped at the end. Raises AuditError."""
    name = f"replay_{service}_{uuid4().hex[:12]}"
    try:
        with psycopg.connect(database_on(server, "postgres"), autocommit=True) as admin:
            create_database(admin, name)
            try:
                # It is thrown away: nothing of it needs to reach the disk in time.
                admin.execute(sql.SQL("ALTER DATABASE {} SET synchronous_commit = off").format(sql.Identifier(name)))
                url = database_on(server, name)
                migrate(url, folder)
                yield url
            finally:
                admin.execute(sql.SQL("DROP DATABASE {} WITH (FORCE)").format(sql.Identifier(name)))
    except psycopg.OperationalError as error:
        raise AuditError(f"no database can be made beside the live ones: {str(error).splitlines()[0]}") from error


def run(service: str, handlers: Handlers, url: str, inputs: Sequence[Input]) -> Rebuilt:
    """Decide every input, one a transaction, at the time at which it was decided."""
    clock, ids, rebuilt = Now(), KnownIds(), Rebuilt()
    engine = open_engine(url, pool_size=1)
    try:
        processor = Processor(service, handlers, Postgres(engine), clock, ids)
        for item in inputs:
            delivery = _delivery(item, service)
            clock.moment = max(clock.moment, item.at)
            ids.know(delivery.message.model_dump(mode="json"))
            ids.expect(item.said)
            try:
                processor.run(Batch([delivery]))
                rebuilt.decided += 1
            except Exception as error:  # noqa: BLE001 - whatever a handler raises is a finding of the replay
                rebuilt.failed[item.cause_id] = f"{type(error).__name__}: {error}"
            ids.know(*(line.body for line in item.said))
    finally:
        engine.dispose()
    return rebuilt


def is_readable(said: Said) -> bool:
    """Whether it is a message by the catalogue. What is none, the service buried and never decided."""
    try:
        read_record(record_of(said))
    except UnreadableRecordError:
        return False
    return True


def record_of(said: Said) -> Record:
    """A message as the consumer had it."""
    headers = write_headers(said.envelope)
    return Record(said.topic, said.partition, said.offset, said.key.encode(), headers, said.raw)


def _delivery(item: Input, service: str) -> Delivery:
    message = item.message
    if not isinstance(message, Said):
        envelope = Envelope(item.cause_id, message.type_name, service, message.subject, item.at, item.cause_id, "")
        return Delivery(envelope, message.key, message)
    # Its stream was checked when it was taken: here what was parked or given up is simply not there.
    body = read_body(message.envelope.type, message.raw)
    return Delivery(message.envelope._replace(stream_version=0), message.key, body, record_of(message))


def _strings(body: Any) -> Iterator[str]:
    if isinstance(body, str):
        yield body
    elif isinstance(body, Mapping):
        for value in body.values():
            yield from _strings(value)
    elif isinstance(body, list | tuple):
        for value in body:
            yield from _strings(value)
