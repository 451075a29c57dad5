"""Rows in bulk: COPY for new ones, one UPDATE … FROM unnest(…) for changed ones; for a few new ones an INSERT, which
needs no answer before the next statement is sent.

All are fed by text that is built with one join a column or row. Handing arrays to the driver as Python lists
costs nearly half of the transaction's time in the driver; a literal costs nothing there.

Records are named tuples: one is made in a seventh of the time of a frozen dataclass, and it is a row as it stands.
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Generic, NamedTuple, TypeVar

import orjson
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.database import Connection

R = TypeVar("R", bound=NamedTuple)
Encoder = Callable[[Any], str]
ColumnEncoder = Callable[[Sequence[Any]], Sequence[str]]
"""Writes a column of values as text, all at once: what can be done at C's speed is not done value by value."""

_PIECE = 500
"""Rows that are made ready at once: the database takes them in while the next are."""

_COPY_NULL = r"\N"
_ELEMENT_NULL = "NULL"


def _copy_text(value: str) -> str:
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _copy_texts(values: Sequence[str]) -> Sequence[str]:
    # Four scans of the whole column at memchr's speed; only a column with something to escape is gone through.
    together = "".join(values)
    if "\\" in together or "\t" in together or "\n" in together or "\r" in together:
        return [_copy_text(value) for value in values]
    return values


def _element_texts(values: Sequence[str]) -> Sequence[str]:
    together = "".join(values)
    if "\\" in together or '"' in together:
        values = [value.replace("\\", "\\\\").replace('"', '\\"') for value in values]
    return [f'"{value}"' for value in values]


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


def _moments(values: Sequence[datetime]) -> Sequence[str]:
    # All rows of a batch carry the very same `now`.
    first = values[0]
    if all(value is first for value in values):
        return [first.isoformat()] * len(values)
    return [value.isoformat() for value in values]


def _day(value: date) -> str:
    return value.isoformat()


def _truth(value: bool) -> str:
    return "t" if value else "f"


def _each(encode: Encoder) -> ColumnEncoder:
    return lambda values: list(map(encode, values))


def _same(values: Sequence[str]) -> Sequence[str]:
    return values


# Each SQL type: its name in a cast, how a column of it is written as text, and whether that text may need escaping.
_KINDS: tuple[tuple[type[Any], str, ColumnEncoder, bool], ...] = (
    (Text, "text", _same, True),
    (SmallInteger, "smallint", _each(str), False),
    (BigInteger, "bigint", _each(str), False),
    (Integer, "integer", _each(str), False),
    (Boolean, "boolean", _each(_truth), False),
    (DateTime, "timestamptz", _moments, False),
    (Date, "date", _each(_day), False),
    (JSONB, "jsonb", _each(_json), True),
)


def _kind(column: "Column[Any]") -> tuple[str, ColumnEncoder, bool]:
    for sql_class, name, encode, escaped in _KINDS:
        if isinstance(column.type, sql_class):
            return name, encode, escaped
    raise TypeError(f"{column.table.name}.{column.name}: bulk writing knows no {column.type!r}; add it to _KINDS")


def _encoder(column: "Column[Any]", escape: ColumnEncoder, null: str) -> ColumnEncoder:
    """How a column is written: as its type is, escaped where it may need it, NULLs in their own place."""
    _, encode, escaped = _kind(column)
    written: ColumnEncoder = (lambda values: escape(encode(values))) if escaped else encode
    if not column.nullable:
        return written

    def with_nulls(values: Sequence[Any]) -> Sequence[str]:
        if None not in values:
            return written(values)
        there = [value for value in values if value is not None]
        texts = iter(written(there) if there else ())
        return [null if value is None else next(texts) for value in values]

    return with_nulls


class Entity(Generic[R]):
    """A table and the record class of its rows, a named tuple: same names, same order, so a record is its own row.

    `generated` columns are left to the database on insertion (a sequence) and are not in the record. Raises TypeError
    for a record of other fields than the table's columns.
    """

    def __init__(self, table: Table, record: type[R], generated: Sequence[str] = ()) -> None:
        self.table = table
        self.record = record
        columns = [column for column in table.columns if column.name not in generated]
        self.names = tuple(column.name for column in columns)
        if record._fields != self.names:
            raise TypeError(
                f"{record.__name__} is no row of {table.name}: its fields are {', '.join(record._fields)}, "
                f"the columns {', '.join(self.names)}"
            )
        self.key_names = tuple(column.name for column in table.primary_key.columns)
        if generated:
            self.key_names = ()
        self.key_of: Callable[[R], Any] = attrgetter(*self.key_names) if self.key_names else lambda record: None
        self._copy_encoders = [_encoder(column, _copy_texts, _COPY_NULL) for column in columns]
        self.copy_sql = f"COPY {table.name} ({', '.join(self.names)}) FROM STDIN"
        self._element_encoders = [_encoder(column, _element_texts, _ELEMENT_NULL) for column in columns]
        self.insert_sql = self._make_insert(columns)
        self.update_sql = self._make_update(columns)
        selected = ", ".join(self.names)
        self._select_sql = f"SELECT {selected} FROM {table.name} WHERE "  # noqa: S608 - names are the table's own

    def _make_insert(self, columns: "Sequence[Column[Any]]") -> bytes:
        arrays = ", ".join(f"%s::{_kind(c)[0]}[]" for c in columns)
        # Names and casts only; every value is a parameter.
        return f"INSERT INTO {self.table.name} ({', '.join(self.names)}) SELECT * FROM unnest({arrays})".encode()  # noqa: S608

    def _make_update(self, columns: "Sequence[Column[Any]]") -> bytes:
        keys = [c for c in columns if c.name in self.key_names]
        rest = [c for c in columns if c.name not in self.key_names]
        arrays = ", ".join(f"%s::{_kind(c)[0]}[]" for c in columns)
        # Names and casts only; every value is a parameter.
        return (
            f"UPDATE {self.table.name} AS t SET {', '.join(f'{c.name} = v.{c.name}' for c in rest)} "  # noqa: S608
            f"FROM unnest({arrays}) AS v({', '.join(self.names)}) "
            f"WHERE {' AND '.join(f't.{c.name} = v.{c.name}' for c in keys)}"
        ).encode()

    def copy(self, connection: Connection, records: Sequence[R]) -> None:
        """Insert new rows by COPY."""
        if not records:
            return
        with connection.cursor() as cursor, cursor.copy(self.copy_sql) as copy:
            for begin in range(0, len(records), _PIECE):
                copy.write(self.copy_text(records[begin : begin + _PIECE]))

    def copy_text(self, records: Sequence[R]) -> str:
        """Rows as COPY reads them; there must be one at least."""
        columns = zip(*records, strict=True)
        texts = [encode(column) for encode, column in zip(self._copy_encoders, columns, strict=True)]
        return "\n".join(map("\t".join, zip(*texts, strict=True))) + "\n"

    def arrays(self, records: Sequence[R]) -> list[str]:
        """Rows as `insert_sql` and `update_sql` take them: one array a column; there must be one row at least."""
        columns = zip(*records, strict=True)
        return [
            "{" + ",".join(encode(column)) + "}" for encode, column in zip(self._element_encoders, columns, strict=True)
        ]

    def select(self, connection: Connection, column: str, values: Iterable[str]) -> list[R]:
        """All rows whose `column` (text) is one of `values`."""
        literal = text_array(values)
        with connection.cursor() as cursor:
            cursor.execute(f"{self._select_sql}{column} = ANY(%s::text[])".encode(), (literal,))
            return list(map(self.record._make, cursor.fetchall()))


def text_array(values: Iterable[str]) -> str:
    """The literal of a text[]."""
    return "{" + ",".join(_element_texts(list(values))) + "}"


def bigint_array(values: Iterable[int]) -> str:
    """The literal of a bigint[]."""
    return "{" + ",".join(map(str, values)) + "}"
