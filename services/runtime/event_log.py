"""The append-only event log: everything a service ever said, numbered, and read back without a gap.

Numbers are given while transactions run side by side, so a lower number can become visible after a higher one,
and whoever reads "greater than my cursor" would skip it. Waiting for older transaction ids (`xid8`) is not
enough either: a transaction that began early and then waited for a lane writes the later fact under the smaller
id, and the stream would be published out of order (ADR 0003 has the run).

So a writer announces, before it takes its first number, the last number given so far: a shared advisory lock
whose key is that floor, let go by the commit. A reader takes the last number given, then the lowest floor still
announced, and reads up to the lesser of the two: whatever is not visible up to there was announced, and lies
above. Writers never wait for each other. Along each stream the order is right because a key's lane is held from
before the number is taken until after the commit.
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import TYPE_CHECKING, NamedTuple

from schemas.base import Message

if TYPE_CHECKING:
    from services.runtime.storage import Log, Transaction

CHANNEL = "event_log"
"""NOTIFY wakes the relay here."""


class Line(NamedTuple):
    """Something to say, with why it is said."""

    message: Message
    event_id: str
    time: datetime
    correlation_id: str
    causation_id: str
    command_id: str | None
    """On the first answer to a command: its id. Unique, so a command is never answered twice."""
    traceparent: str


class Row(NamedTuple):
    """A line as it is stored, without its number."""

    topic: str
    key: str
    type: str
    subject: str
    stream_version: int
    event_id: str
    time: datetime
    correlation_id: str
    causation_id: str
    command_id: str | None
    traceparent: str
    body: str


_PIECE = 200
"""Lines that are written at once: the database takes them in while the next messages are decided."""


class LogWriter:
    """Writes what one transaction says at the log's end, each event with the next version of its stream.

    The caller holds the lanes of all keys, so versions cannot be given twice.
    """

    def __init__(self, transaction: "Transaction", versions: Mapping[str, int]) -> None:
        """`versions`: of all keys that an event may be about; one that is missing has said nothing yet."""
        self._transaction = transaction
        self._versions = versions
        self._moved: dict[str, int] = {}
        self._rows: list[Row] = []

    def append(self, line: Line) -> None:
        """Say something. It is written with its piece, or at the `end`."""
        message = line.message
        key = message.key
        version = 0
        if message.versioned:
            version = self._moved[key] = self._moved.get(key, self._versions.get(key, 0)) + 1
        self._rows.append(
            Row(message.topic, key, message.type_name, message.subject, version, line.event_id, line.time,
                line.correlation_id, line.causation_id, line.command_id, line.traceparent,
                message.model_dump_json())
        )  # fmt: skip
        if len(self._rows) == _PIECE:
            self._write()

    def end(self) -> None:
        """Write what is left, and move the streams' versions."""
        if self._rows:
            self._write()
        moved, versions = self._moved, self._versions
        if moved:
            new = {key: version for key, version in moved.items() if key not in versions}
            known = {key: version for key, version in moved.items() if key in versions}
            self._transaction.advance(new, known)

    def _write(self) -> None:
        self._transaction.say(self._rows)
        self._rows = []


def append(transaction: "Transaction", lines: Sequence[Line]) -> None:
    """Write lines at the log's end, for one who has not asked for the versions before; as LogWriter does."""
    writer = LogWriter(
        transaction, transaction.versions({line.message.key for line in lines if line.message.versioned})
    )
    for line in lines:
        writer.append(line)
    writer.end()


def append_commands(transaction: "Transaction", rows: Sequence[Row]) -> None:
    """Write commands whose bodies were made earlier at the log's end. Without versions, so no lane need be held."""
    if rows:
        transaction.say(rows)


class Logged(NamedTuple):
    """A line as the relay reads it."""

    sequence: int
    topic: str
    key: str
    type: str
    subject: str
    stream_version: int
    event_id: str
    time: datetime
    correlation_id: str
    causation_id: str
    traceparent: str
    body: str


def horizon(log: "Log") -> int:
    """The number up to which every line is visible. Two questions, in this order: see the module's docstring."""
    last_number = log.last_number()
    lowest = log.lowest_floor()
    return last_number if lowest is None else min(last_number, lowest)


def read(log: "Log", after: int, limit: int) -> list[Logged]:
    """The next lines after a number, without gaps, in the order of their numbers."""
    up_to = horizon(log)
    return log.lines(after, up_to, limit) if up_to > after else []
