"""What a decision sees of the database: rows already loaded for the whole batch, writes kept for its end.

Handlers read with `get` and `find`, write with `put` and `append`, and publish with `emit`. Rows that were not
loaded ahead are fetched when asked for, so loading ahead (`Load`) is for speed, never for correctness.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Any, Generic, TypeVar

from schemas.base import Message
from services.runtime.bulk import Entity
from services.runtime.storage import Transaction
from services.runtime.timers import Timer

R = TypeVar("R")
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


class Workspace:
    """The rows of one transaction. Not shared between threads."""

    def __init__(self, transaction: Transaction) -> None:
        self._transaction = transaction
        self._rows: dict[Entity[Any], dict[Any, Any]] = {}
        self._fetched: dict[Entity[Any], dict[str, set[str]]] = {}
        """By entity and column: the values that the database was asked for."""
        self._index: dict[Entity[Any], dict[str, dict[str, set[Any]]]] = {}
        """By entity, column and value: the primary keys of the rows here that have, or once had, that value."""
        self._stored: dict[Entity[Any], set[Any]] = {}
        self._changed: dict[Entity[Any], dict[Any, Any]] = {}
        self._appended: dict[Entity[Any], list[Any]] = {}
        self.writes = 0
        """Counts puts, appends, emits and timers: a refusal must leave it as it was."""
        self._woken: set[str] = set()
        self._timers: list[Timer] = []

    def fetch(self, entity: Entity[Any], column: str, values: Iterable[str]) -> None:
        """Load all rows whose `column` is one of `values`, unless that was done before."""
        fetched = self._fetched.setdefault(entity, {}).setdefault(column, set())
        missing = sorted({value for value in values if value not in fetched})
        if not missing:
            return
        fetched.update(missing)
        self._track(entity, column)
        rows = self._rows.setdefault(entity, {})
        stored = self._stored.setdefault(entity, set())
        key_of = entity.key_of
        for record in self._transaction.select(entity, column, missing):
            key = key_of(record)
            stored.add(key)
            if key not in rows:  # what this transaction wrote is newer
                self._remember(entity, key, record)

    def get(self, entity: Entity[R], key: str) -> R | None:
        """The row with this primary key (of one column), as it is now in this transaction."""
        rows = self._rows.get(entity)
        if rows is not None and (row := rows.get(key)) is not None:
            return row  # type: ignore[no-any-return]
        self.fetch(entity, entity.key_names[0], (key,))
        return self._rows[entity].get(key)

    def find(self, entity: Entity[R], column: str, value: str) -> list[R]:
        """All rows with this value, as they are now in this transaction, in the order of their primary key."""
        fetched = self._fetched.get(entity)
        if fetched is None or value not in fetched.get(column, ()):
            self.fetch(entity, column, (value,))
        rows = self._rows[entity]
        keys = self._index[entity][column].get(value, ())
        return [row for key in sorted(keys) if getattr(row := rows[key], column) == value]

    def put(self, entity: Entity[R], record: R) -> None:
        """Write a row: new, or in place of the one with the same primary key.

        A row that is stored must have been seen here before (`Load`, `get` or `find`); else it is taken for new, and
        the database refuses it when the batch is flushed.
        """
        key = entity.key_of(record)
        self._remember(entity, key, record)
        self._changed.setdefault(entity, {})[key] = record
        self.writes += 1

    def _remember(self, entity: Entity[Any], key: Any, record: Any) -> None:
        self._rows.setdefault(entity, {})[key] = record
        for column, index in self._index.get(entity, {}).items():
            # A key stays under a value it had before; `find` looks at the row as it is now.
            index.setdefault(getattr(record, column), set()).add(key)

    def _track(self, entity: Entity[Any], column: str) -> None:
        by_column = self._index.setdefault(entity, {})
        if column not in by_column:
            index: dict[str, set[Any]] = {}
            for key, record in self._rows.get(entity, {}).items():
                index.setdefault(getattr(record, column), set()).add(key)
            by_column[column] = index

    def append(self, entity: Entity[R], record: R) -> None:
        """Write a row of an append-only table."""
        self._appended.setdefault(entity, []).append(record)
        self.writes += 1

    def wake(self, channel: str) -> None:
        """NOTIFY a channel with the commit."""
        self._woken.add(channel)

    def set_timer(self, timer: Timer) -> None:
        """Set a timer, in place of the one with the same key and name."""
        self._timers.append(timer)

    def flush(self) -> None:
        """Send every write to the database, a statement or two for each table."""
        for entity, records in self._changed.items():
            stored = self._stored.get(entity, set())
            new = [record for key, record in records.items() if key not in stored]
            known = [record for key, record in records.items() if key in stored]
            if new:
                self._transaction.insert(entity, new)
            if known:
                self._transaction.update(entity, known)
        for entity, appended in self._appended.items():
            self._transaction.insert(entity, appended)
        if self._timers:
            self._transaction.set_timers(self._timers)
        for channel in sorted(self._woken):
            self._transaction.wake(channel)
