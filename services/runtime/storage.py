"""What the runtime asks of a service's database: a transaction, a few reads, and the log as it is relayed.

`postgres.py` is the one that runs. The seeded simulation (tests/simulation) puts one in memory in its place; both pass
the same behaviour suite (tests/simulation/behaviour). Calls are made for a whole batch, never for a single message.
"""

from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from typing import NamedTuple, Protocol, TypeVar

from services.runtime.bulk import Entity
from services.runtime.event_log import Logged, Row
from services.runtime.records import Record
from services.runtime.timers import Timer

R = TypeVar("R", bound=NamedTuple)


class Wanted(NamedTuple):
    """What a batch must know before it is decided."""

    lanes: Collection[int]
    """Held until the end of the transaction."""
    topics: Collection[str]
    commands: Collection[str]
    """Their ids: which of them were answered?"""
    streams: Collection[tuple[str, str]]
    """Source and key: up to which version were they seen?"""
    keys: Collection[str] = ()
    """Up to which version has this service spoken about them?"""


class Known(NamedTuple):
    """What the database says about a batch before it is decided."""

    positions: dict[tuple[str, int], int]
    done: set[str]
    seen: dict[tuple[str, str], int]
    parked: set[str]
    versions: dict[str, int]
    """Of this service's own streams; a key that is missing has said nothing yet."""


class Answer(NamedTuple):
    """What a call was answered, kept under its Idempotency-Key."""

    request_hash: str
    status: int
    body: str


class Transaction(Protocol):
    """One transaction: everything in it happens or nothing of it does."""

    def take(self, wanted: Wanted) -> Known:
        """Lock the lanes, then read: what follows the lock sees all that earlier holders of these lanes did."""
        ...

    def see(self, moved: Mapping[tuple[str, str], int]) -> None:
        """Other services' streams were taken up to these versions."""
        ...

    def move(self, positions: Mapping[tuple[str, int], int], topic_ids: Mapping[str, str]) -> None:
        """Move positions forward, never back: an owner that was overtaken must not undo what the next one did."""
        ...

    def select(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        """All rows whose `column` (text) is one of `values`."""
        ...

    def insert(self, entity: Entity[R], records: Sequence[R]) -> None:
        """Write new rows."""
        ...

    def update(self, entity: Entity[R], records: Sequence[R]) -> None:
        """Overwrite rows by primary key. Raises RuntimeError when one is not there."""
        ...

    def versions(self, keys: Collection[str]) -> dict[str, int]:
        """The versions of this service's own streams; a key that is missing has said nothing yet."""
        ...

    def say(self, rows: Sequence[Row]) -> None:
        """Append to the event log, and wake the relay with the commit. Numbers are visible at the commit.

        Does not wait until the rows are in: they may be refused by a later call, or at the commit.
        """
        ...

    def advance(self, new: Mapping[str, int], known: Mapping[str, int]) -> None:
        """Move the versions of this service's own streams: of keys that had said nothing, and of others."""
        ...

    def queue_behind(self, record: Record, key: str, reason: str, at: datetime) -> None:
        """Keep a record parked with its key; one that is kept already stays as it is."""
        ...

    def keep_answer(self, party: str, key: str, answer: Answer, at: datetime) -> None:
        """Keep what a call was answered. A second one under the same key is a UniqueViolation."""
        ...

    def wake(self, channel: str) -> None:
        """Wake whoever listens on a channel, with the commit."""
        ...

    def set_timers(self, timers: Sequence[Timer]) -> None:
        """Store timers, each in place of the one with the same key and name. The lanes of their keys are held."""
        ...

    def take_due_timers(self, now: datetime, most: int) -> list[Timer]:
        """Remove up to `most` timers that are due, passing by those that another transaction has in hand."""
        ...


class Position(NamedTuple):
    """Where consumption of a partition stands."""

    topic_id: str
    next_offset: int


class Database(Protocol):
    """One service's database, shared by its threads. Raises psycopg's errors."""

    def transaction(self) -> AbstractContextManager[Transaction]:
        """Committed when the block ends well, rolled back when it raises."""
        ...

    def rows(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        """Rows as committed."""
        ...

    def positions(self, topics: Collection[str]) -> dict[tuple[str, int], Position]:
        """Where consumption of these topics begins."""
        ...

    def answer(self, party: str, key: str) -> Answer | None:
        """What was answered under an Idempotency-Key."""
        ...

    def timers(self) -> tuple[int, datetime | None]:
        """How many timers are set, and when the first of them is due."""
        ...


class Log(Protocol):
    """A connection of its own to a service's event log, for its relay. Every statement is a transaction."""

    def lead(self) -> bool:
        """Whether this connection is the one that relays, from now until it ends. Then it is woken by what is said."""
        ...

    def wait(self, timeout_s: float) -> None:
        """Until something was said, or the time has passed."""
        ...

    def cursor(self, relay: str) -> int:
        """Everything up to this number is acknowledged by Kafka."""
        ...

    def move_cursor(self, relay: str, sequence: int) -> None:
        """Everything up to this number is acknowledged. May be lost in a crash of the database."""
        ...

    def last_number(self) -> int:
        """The last number that was given, whether its line is visible or not."""
        ...

    def lowest_floor(self) -> int | None:
        """The lowest number that a transaction under way announced: all that it writes lies above."""
        ...

    def lines(self, after: int, up_to: int, limit: int) -> list[Logged]:
        """Visible lines, by number."""
        ...

    def places_after(self, sequence: int) -> set[tuple[str, str]]:
        """Topic and key of all visible lines after a number."""
        ...

    def event_ids(self, numbers: Iterable[int]) -> dict[int, str]:
        """The ids of the lines with these numbers."""
        ...
