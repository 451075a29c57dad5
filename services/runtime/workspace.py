"""What a decision sees of the database: rows already loaded for the whole batch, writes kept for its end.

Handlers read with `get` and `find`, write with `put` and `append`, and publish with `emit`. Rows that were not
loaded ahead are fetched when asked for, so loading ahead (`Load`) is for speed, never for correctness.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, NamedTuple, TypeVar

from schemas.base import Message
from services.runtime.bulk import Entity
from services.runtime.storage import Transaction
from services.runtime.timers import Timer

R = TypeVar("R", bound=NamedTuple)
M = TypeVar("M", bound=Message)


@dataclass(frozen=True, slots=True)
class Load(Generic[M]):
    """Rows to fetch for a whole batch in one query: those of `entity` whose `column` is `value(message, workspace)`.

    Loads run in the order given, so that a later one may look at what an earlier one brought; a value of None
    asks for nothing.
    """

    entity: Entity[Any]
    column: str
    value: Callable[[M, "Workspace"], str | None]


class _Rows(Generic[R]):
    """The rows of one table in a workspace."""

    __slots__ = ("_index", "appended", "asked", "by_key", "changed", "entity", "stored")

    def __init__(self, entity: Entity[R]) -> None:
        self.entity = entity
        self.by_key: dict[Any, R] = {}
        self.asked: dict[str, set[str]] = {}
        """By column: the values that the database was asked for."""
        self.stored: set[Any] = set()
        self.changed: dict[Any, R] = {}
        self.appended: list[R] = []
        self._index: dict[str, dict[str, set[Any]]] = {}
        """By column and value: the primary keys of the rows here that have, or once had, that value."""

    def remember(self, key: Any, record: R) -> None:
        self.by_key[key] = record
        for column, index in self._index.items():
            # A key stays under a value it had before; `having` looks at the row as it is now.
            _note(index, getattr(record, column), key)

    def track(self, column: str) -> None:
        if column not in self._index:
            index = self._index[column] = {}
            for key, record in self.by_key.items():
                _note(index, getattr(record, column), key)

    def having(self, column: str, value: str) -> list[R]:
        keys = self._index[column].get(value, ())
        by_key = self.by_key
        return [row for key in sorted(keys) if getattr(row := by_key[key], column) == value]


def _note(index: dict[str, set[Any]], value: str, key: Any) -> None:
    keys = index.get(value)
    if keys is None:
        index[value] = {key}
    else:
        keys.add(key)


class Workspace:
    """The rows of one transaction. Not shared between threads."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._tables: dict[Entity[Any], _Rows[Any]] = {}
        self.writes = 0
        """Counts puts, appends, emits and timers: a refusal must leave it as it was."""
        self._woken: set[str] = set()
        self._timers: list[Timer] = []

    def _rows(self, entity: Entity[R]) -> _Rows[R]:
        rows = self._tables.get(entity)
        if rows is None:
            rows = self._tables[entity] = _Rows(entity)
        return rows

    def fetch(self, entity: Entity[Any], column: str, values: Iterable[str]) -> None:
        """Load all rows whose `column` is one of `values`, unless that was done before."""
        rows = self._rows(entity)
        asked = rows.asked.setdefault(column, set())
        missing = sorted({value for value in values if value not in asked})
        if not missing:
            return
        asked.update(missing)
        rows.track(column)
        key_of = entity.key_of
        for record in self._transaction.select(entity, column, missing):
            key = key_of(record)
            rows.stored.add(key)
            if key not in rows.by_key:  # what this transaction wrote is newer
                rows.remember(key, record)

    def get(self, entity: Entity[R], key: str) -> R | None:
        """The row with this primary key (of one column), as it is now in this transaction."""
        rows = self._rows(entity)
        row = rows.by_key.get(key)
        if row is None:
            self.fetch(entity, entity.key_names[0], (key,))
            row = rows.by_key.get(key)
        return row

    def find(self, entity: Entity[R], column: str, value: str) -> list[R]:
        """All rows with this value, as they are now in this transaction, in the order of their primary key."""
        rows = self._rows(entity)
        if value not in rows.asked.get(column, ()):
            self.fetch(entity, column, (value,))
        return rows.having(column, value)

    def put(self, entity: Entity[R], record: R) -> None:
        """Write a row: new, or in place of the one with the same primary key.

        A row that is stored must have been seen here before (`Load`, `get` or `find`); else it is taken for new, and
        the database refuses it when the batch is flushed.
        """
        rows = self._rows(entity)
        key = entity.key_of(record)
        rows.remember(key, record)
        rows.changed[key] = record
        self.writes += 1

    def append(self, entity: Entity[R], record: R) -> None:
        """Write a row of an append-only table."""
        self._rows(entity).appended.append(record)
        self.writes += 1

    def wake(self, channel: str) -> None:
        """NOTIFY a channel with the commit."""
        self._woken.add(channel)

    def set_timer(self, timer: Timer) -> None:
        """Set a timer, in place of the one with the same key and name."""
        self._timers.append(timer)

    def flush(self) -> None:
        """Send every write to the database, a statement or two for each table."""
        for rows in self._tables.values():
            stored = rows.stored
            new = [record for key, record in rows.changed.items() if key not in stored]
            known = [record for key, record in rows.changed.items() if key in stored]
            if new or rows.appended:
                self._transaction.insert(rows.entity, new + rows.appended)
            if known:
                self._transaction.update(rows.entity, known)
        if self._timers:
            self._transaction.set_timers(self._timers)
        for channel in sorted(self._woken):
            self._transaction.wake(channel)
