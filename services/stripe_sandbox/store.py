"""Where the simulated objects live: in memory as JSON, and in one SQLite file when they must outlast the process.

Reading gives a copy and writing takes one, so a handler that fails half way leaves nothing behind: `rollback`
puts back what was there. Each request is one transaction. The file is written without fsync: it survives
kill -9 of the process (the pages are the kernel's by then), not a power cut, which a sandbox need not.
"""

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import orjson

Json = dict[str, Any]
Key = tuple[str, str]

INDEXED: dict[str, tuple[str, ...]] = {
    "balance_transaction": ("source", "_payout"),
    "bank_account": ("account",),
    "charge": ("payment_intent", "customer", "transfer_group"),
    "dispute": ("charge", "payment_intent"),
    "payment_intent": ("customer",),
    "payment_method": ("customer",),
    "radar.early_fraud_warning": ("charge",),
    "refund": ("charge", "payment_intent", "status"),
    "setup_intent": ("customer", "payment_method"),
    "transfer": ("destination", "transfer_group", "source_transaction"),
    "transfer_reversal": ("transfer",),
    "payout": ("status",),
    "_delivery": ("event",),
}
"""Fields by which objects are looked up, per kind; without an index a list reads all objects of the kind."""


@dataclass(frozen=True)
class Record:
    """One stored object: the account it belongs to and its JSON."""

    owner: str
    body: bytes
    sequence: int


class Store:
    """Objects by kind and id. Not thread-safe: one event loop owns it."""

    def __init__(self, path: Path | None = None) -> None:
        self._tables: dict[str, dict[str, Record]] = {}
        self._index: dict[tuple[str, str, Any], dict[str, None]] = {}
        self._undo: list[tuple[Key, Record | None]] = []
        self._sequence = 0
        self._database = self._open(path) if path else None

    def _open(self, path: Path) -> sqlite3.Connection:
        path.parent.mkdir(parents=True, exist_ok=True)
        database = sqlite3.connect(path, isolation_level=None, check_same_thread=False)
        database.execute("PRAGMA journal_mode=WAL")
        database.execute("PRAGMA synchronous=OFF")
        database.execute(
            "CREATE TABLE IF NOT EXISTS objects (kind TEXT, id TEXT, owner TEXT, sequence INTEGER, body BLOB,"
            " PRIMARY KEY (kind, id)) WITHOUT ROWID"
        )
        rows = database.execute("SELECT kind, id, owner, sequence, body FROM objects ORDER BY sequence")
        for kind, identifier, owner, sequence, body in rows:
            self._set((kind, identifier), Record(owner, body, sequence))
            self._sequence = max(self._sequence, sequence)
        return database

    # -- reading

    def get(self, kind: str, identifier: str) -> Json | None:
        """A copy of one object, or None."""
        record = self._tables.get(kind, {}).get(identifier)
        return None if record is None else orjson.loads(record.body)

    def owner(self, kind: str, identifier: str) -> str | None:
        """The account that an object belongs to."""
        record = self._tables.get(kind, {}).get(identifier)
        return None if record is None else record.owner

    def newest_first(self, kind: str, owner: str | None = None, by: tuple[str, Any] | None = None) -> Iterator[Json]:
        """Copies of the objects of a kind, newest first, of one account and with one indexed field's value."""
        table = self._tables.get(kind, {})
        if by is not None and by[0] in INDEXED.get(kind, ()):
            identifiers = list(self._index.get((kind, *by), {}))
            identifiers.sort(key=lambda identifier: table[identifier].sequence, reverse=True)
        else:
            identifiers = list(reversed(table))
        for identifier in identifiers:
            record = table[identifier]
            if owner is not None and record.owner != owner:
                continue
            found: Json = orjson.loads(record.body)
            if by is None or found.get(by[0]) == by[1]:
                yield found

    def count(self, kind: str) -> int:
        """How many objects of a kind there are."""
        return len(self._tables.get(kind, {}))

    # -- writing

    def put(self, kind: str, owner: str, item: Json, identifier: str | None = None) -> None:
        """Store a copy of an object under its `id` (or the identifier given, for those without), new or changed."""
        key = (kind, identifier or str(item["id"]))
        before = self._tables.get(kind, {}).get(key[1])
        if before is None:
            self._sequence += 1
        sequence = before.sequence if before else self._sequence
        self._undo.append((key, before))
        self._set(key, Record(owner, orjson.dumps(item), sequence))

    def delete(self, kind: str, identifier: str) -> None:
        """Remove an object; nothing happens when it is not there."""
        before = self._tables.get(kind, {}).get(identifier)
        if before is not None:
            self._undo.append(((kind, identifier), before))
            self._unset((kind, identifier))

    def commit(self) -> None:
        """Keep what was written since the last commit."""
        touched = {key for key, _ in self._undo}
        self._undo.clear()
        if self._database is None or not touched:
            return
        self._database.execute("BEGIN")
        for kind, identifier in touched:
            record = self._tables.get(kind, {}).get(identifier)
            if record is None:
                self._database.execute("DELETE FROM objects WHERE kind=? AND id=?", (kind, identifier))
            else:
                self._database.execute(
                    "INSERT OR REPLACE INTO objects VALUES (?,?,?,?,?)",
                    (kind, identifier, record.owner, record.sequence, record.body),
                )
        self._database.execute("COMMIT")

    def rollback(self) -> None:
        """Forget what was written since the last commit."""
        for key, before in reversed(self._undo):
            if before is None:
                self._unset(key)
            else:
                self._set(key, before)
        self._undo.clear()

    def clear(self) -> None:
        """Remove everything, for good."""
        self._tables.clear()
        self._index.clear()
        self._undo.clear()
        if self._database is not None:
            self._database.execute("DELETE FROM objects")

    def close(self) -> None:
        """Commit and let go of the file."""
        self.commit()
        if self._database is not None:
            self._database.close()
            self._database = None

    # -- inside

    def _set(self, key: Key, record: Record) -> None:
        kind, identifier = key
        table = self._tables.setdefault(kind, {})
        if kind in INDEXED:
            if identifier in table:
                self._drop_from_index(kind, identifier, table[identifier])
            item = orjson.loads(record.body)
            for name in INDEXED[kind]:
                self._index.setdefault((kind, name, item.get(name)), {})[identifier] = None
        table[identifier] = record

    def _unset(self, key: Key) -> None:
        kind, identifier = key
        record = self._tables.get(kind, {}).pop(identifier, None)
        if record is not None and kind in INDEXED:
            self._drop_from_index(kind, identifier, record)

    def _drop_from_index(self, kind: str, identifier: str, record: Record) -> None:
        item = orjson.loads(record.body)
        for name in INDEXED[kind]:
            self._index.get((kind, name, item.get(name)), {}).pop(identifier, None)
