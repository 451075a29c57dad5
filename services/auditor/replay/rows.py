"""A service's own tables in two databases, row by row."""

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from psycopg import sql

from services.runtime import tables as runtime
from services.runtime.database import Connection

_NOT_ITS_OWN = {*runtime.metadata.tables, "schema_version", "runtime_schema_version"}
_MINTED: Mapping[str, tuple[str, ...]] = {"ledger_entries": ("posting_id",), "timeline": ("entry_id",)}
"""Ids that a service makes up and says to nobody: two decisions about the same message make different ones."""

Cells = tuple[str | None, ...]


@dataclass(frozen=True, slots=True)
class RowDifference:
    """A row that is in one of the two, or that is not the same in both."""

    table: str
    row: str
    """Its primary key, or, where that is made up, all of it."""
    live: str
    """What the live one has; empty: it is not there."""
    rebuilt: str
    cells: frozenset[str]
    """All values of both, for telling whose it is."""


@dataclass(frozen=True, slots=True)
class _Shape:
    table: str
    columns: tuple[str, ...]
    key: tuple[int, ...]
    """Places of the primary key among the columns; empty: a row is known by all of it."""


def compare(live: Connection, rebuilt: Connection) -> tuple[list[RowDifference], int]:
    """What differs, and how many rows of the live database were compared.

    Times are left out: a message that said nothing left no trace of when it was taken.
    """
    found: list[RowDifference] = []
    rows = 0
    for shape in _shapes(rebuilt):
        ours, theirs = _rows(live, shape), _rows(rebuilt, shape)
        rows += ours.total()
        found.extend(_compare(shape, list((ours - theirs).elements()), list((theirs - ours).elements())))
    return found, rows


def _shapes(connection: Connection) -> list[_Shape]:
    columns = connection.execute(
        "SELECT table_name, column_name FROM information_schema.columns WHERE table_schema = 'public' "
        "AND data_type <> 'timestamp with time zone' ORDER BY table_name, ordinal_position"
    ).fetchall()
    keys = connection.execute(
        "SELECT c.relname, a.attname FROM pg_index i JOIN pg_class c ON c.oid = i.indrelid "
        "JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum = ANY(i.indkey) WHERE i.indisprimary"
    ).fetchall()
    shapes = []
    for table in sorted({table for table, _ in columns} - _NOT_ITS_OWN):
        minted = _MINTED.get(table, ())
        names = tuple(name for of, name in columns if of == table and name not in minted)
        key = () if minted else tuple(sorted(names.index(name) for of, name in keys if of == table and name in names))
        shapes.append(_Shape(table, names, key))
    return shapes


def _rows(connection: Connection, shape: _Shape) -> Counter[Cells]:
    query = sql.SQL("SELECT {} FROM {}").format(
        sql.SQL(", ").join(sql.SQL("{}::text").format(sql.Identifier(name)) for name in shape.columns),
        sql.Identifier(shape.table),
    )
    return Counter(tuple(row) for row in connection.execute(query))


def _compare(shape: _Shape, ours: Sequence[Cells], theirs: Sequence[Cells]) -> list[RowDifference]:
    def name(row: Cells) -> Cells:
        return tuple(row[place] for place in shape.key) if shape.key else row

    live, rebuilt = {name(row): row for row in ours}, {name(row): row for row in theirs}
    found = []
    for key in sorted({*live, *rebuilt}, key=str):
        one, other = live.get(key), rebuilt.get(key)
        shown = ["", ""]
        for side, row, against in ((0, one, other), (1, other, one)):
            if row is not None:
                shown[side] = ", ".join(
                    f"{column} {cell}"
                    for number, (column, cell) in enumerate(zip(shape.columns, row, strict=True))
                    if against is None or cell != against[number]
                )
        cells = frozenset(cell for row in (one, other) if row is not None for cell in row if cell)
        found.append(RowDifference(shape.table, " ".join(str(cell) for cell in key), shown[0], shown[1], cells))
    return found
