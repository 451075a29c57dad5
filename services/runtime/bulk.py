"""Rows in bulk: COPY for new ones, one UPDATE … FROM unnest(…) for changed ones.

Both are fed by text that is built with one join a column or row. Handing arrays to the driver as Python lists
costs nearly half of the transaction's time in the driver; a literal costs nothing there (ARCHITECTURE.md, "Fast
by batch").
"""

from collections.abc import Callable, Iterable, Sequence
from datetime import date, datetime
from operator import attrgetter
from typing import Any, Generic, TypeVar

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

R = TypeVar("R")
Encoder = Callable[[Any], str]


def _copy_text(value: str) -> str:
    # Four scans at memchr's speed cost a third of one regular expression's search.
    if "\\" not in value and "\t" not in value and "\n" not in value and "\r" not in value:
        return value
    return value.replace("\\", "\\\\").replace("\t", "\\t").replace("\n", "\\n").replace("\r", "\\r")


def _element_text(value: str) -> str:
    if "\\" in value:
        value = value.replace("\\", "\\\\")
    if '"' in value:
        value = value.replace('"', '\\"')
    return f'"{value}"'


def _json(value: Any) -> str:
    return orjson.dumps(value).decode()


class _LastMoment:
    """The text of a moment. All rows of a batch carry the very same `now`, so the last one is remembered."""

    def __init__(self) -> None:
        self._last: tuple[datetime | None, str] = (None, "")

    def __call__(self, value: datetime) -> str:
        known, text = self._last  # one read and one write of one name: threads may share it
        if known is not value:
            text = value.isoformat()
            self._last = (value, text)
        return text


_moment = _LastMoment()


def _day(value: date) -> str:
    return value.isoformat()


def _truth(value: bool) -> str:
    return "t" if value else "f"


# Each SQL type: its name in a cast, and how a value is written as text (before escaping).
_KINDS: tuple[tuple[type[Any], str, Encoder, bool], ...] = (
    (Text, "text", str, True),
    (SmallInteger, "smallint", str, False),
    (BigInteger, "bigint", str, False),
    (Integer, "integer", str, False),
    (Boolean, "boolean", _truth, False),
    (DateTime, "timestamptz", _moment, False),
    (Date, "date", _day, False),
    (JSONB, "jsonb", _json, True),
)


def _kind(column: "Column[Any]") -> tuple[str, Encoder, bool]:
    for sql_class, name, encode, escaped in _KINDS:
        if isinstance(column.type, sql_class):
            return name, encode, escaped
    raise TypeError(f"{column.table.name}.{column.name}: bulk writing knows no {column.type!r}; add it to _KINDS")


def _copy_encoder(column: "Column[Any]") -> Encoder:
    _, encode, escaped = _kind(column)
    if encode is str and escaped:
        plain: Encoder = _copy_text
    elif escaped:
        plain = lambda value: _copy_text(encode(value))  # noqa: E731 - a one-line closure reads best here
    else:
        plain = encode
    if not column.nullable:
        return plain
    return lambda value: r"\N" if value is None else plain(value)


def _element_encoder(column: "Column[Any]") -> Encoder:
    _, encode, escaped = _kind(column)
    if encode is str and escaped:
        plain: Encoder = _element_text
    elif escaped:
        plain = lambda value: _element_text(encode(value))  # noqa: E731
    elif encode is _moment:
        plain = lambda value: f'"{_moment(value)}"'  # noqa: E731 - a space or colon needs the quotes
    else:
        plain = encode
    if not column.nullable:
        return plain
    return lambda value: "NULL" if value is None else plain(value)


class Entity(Generic[R]):
    """A table and the record class of its rows: same names, same order, so a row is `record(*row)`.

    `generated` columns are left to the database on insertion (a sequence) and are not in the record.
    """

    def __init__(self, table: Table, record: type[R], generated: Sequence[str] = ()) -> None:
        self.table = table
        self.record = record
        columns = [column for column in table.columns if column.name not in generated]
        self.names = tuple(column.name for column in columns)
        self.key_names = tuple(column.name for column in table.primary_key.columns)
        if generated:
            self.key_names = ()
        self.key_of: Callable[[R], Any] = attrgetter(*self.key_names) if self.key_names else lambda record: None
        self._values: Callable[[R], Any] = attrgetter(*self.names)
        self._copy_encoders = [_copy_encoder(column) for column in columns]
        self._copy_sql = f"COPY {table.name} ({', '.join(self.names)}) FROM STDIN"
        self._element_encoders = [_element_encoder(column) for column in columns]
        self._update_sql = self._make_update(columns)
        selected = ", ".join(self.names)
        self._select_sql = f"SELECT {selected} FROM {table.name} WHERE "  # noqa: S608 - names are the table's own

    def _make_update(self, columns: "Sequence[Column[Any]]") -> str:
        keys = [c for c in columns if c.name in self.key_names]
        rest = [c for c in columns if c.name not in self.key_names]
        arrays = ", ".join(f"%s::{_kind(c)[0]}[]" for c in columns)
        # Names and casts only; every value is a parameter.
        return (
            f"UPDATE {self.table.name} AS t SET {', '.join(f'{c.name} = v.{c.name}' for c in rest)} "  # noqa: S608
            f"FROM unnest({arrays}) AS v({', '.join(self.names)}) "
            f"WHERE {' AND '.join(f't.{c.name} = v.{c.name}' for c in keys)}"
        )

    def copy(self, connection: Connection, records: Iterable[R]) -> None:
        """Insert new rows by COPY."""
        encoders = self._copy_encoders
        values = self._values
        text = "".join(
            [
                "\t".join([encode(value) for encode, value in zip(encoders, values(record), strict=True)]) + "\n"
                for record in records
            ]
        )
        with connection.cursor() as cursor, cursor.copy(self._copy_sql) as copy:
            copy.write(text)

    def update(self, connection: Connection, records: Sequence[R]) -> None:
        """Overwrite rows that exist, by primary key.

        Raises RuntimeError when a row is not there: the caller holds the lane, so it cannot have gone.
        """
        columns = zip(*map(self._values, records), strict=True)
        literals = [
            "{" + ",".join([encode(value) for value in column]) + "}"
            for encode, column in zip(self._element_encoders, columns, strict=True)
        ]
        with connection.cursor() as cursor:
            cursor.execute(self._update_sql.encode(), literals)
            if cursor.rowcount != len(records):
                raise RuntimeError(f"{self.table.name}: {cursor.rowcount} of {len(records)} rows were there to update")

    def select(self, connection: Connection, column: str, values: Iterable[str]) -> list[R]:
        """All rows whose `column` (text) is one of `values`."""
        literal = "{" + ",".join([_element_text(value) for value in values]) + "}"
        with connection.cursor() as cursor:
            cursor.execute(f"{self._select_sql}{column} = ANY(%s::text[])".encode(), (literal,))
            record = self.record
            return [record(*row) for row in cursor.fetchall()]


def text_array(values: Iterable[str]) -> str:
    """The literal of a text[]."""
    return "{" + ",".join([_element_text(value) for value in values]) + "}"


def bigint_array(values: Iterable[int]) -> str:
    """The literal of a bigint[]."""
    return "{" + ",".join(map(str, values)) + "}"
