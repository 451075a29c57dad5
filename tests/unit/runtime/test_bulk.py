"""What is refused when a table and the record of its rows are brought together."""

from typing import Any, NamedTuple

import pytest
from sqlalchemy import BigInteger, Column, Float, MetaData, Table, Text

from services.runtime.bulk import Entity


class Thing(NamedTuple):
    """A row."""

    id: str
    weight: Any


class Turned(NamedTuple):
    """The same fields the other way round."""

    weight: Any
    id: str


class Lacking(NamedTuple):
    """One field less."""

    id: str


class Numbered(NamedTuple):
    """One field more, which the database makes."""

    number: int
    id: str
    weight: Any


def _table(weight: Any = BigInteger) -> Table:
    return Table(
        "things", MetaData(),
        Column("number", BigInteger, primary_key=True), Column("id", Text, nullable=False), Column("weight", weight),
    )  # fmt: skip


def test_the_record_has_the_tables_columns_but_for_generated_ones_in_their_order() -> None:
    assert Entity(_table(), Thing, generated=("number",)).names == Thing._fields
    assert Entity(_table(), Numbered).names == Numbered._fields


@pytest.mark.parametrize("record", [Turned, Lacking, Numbered])
def test_a_record_of_other_fields_is_refused_and_what_differs_is_said(record: Any) -> None:
    with pytest.raises(TypeError) as refused:
        Entity(_table(), record, generated=("number",))
    assert str(refused.value) == (
        f"{record.__name__} is no row of things: its fields are {', '.join(record._fields)}, the columns id, weight"
    )


def test_a_type_that_cannot_be_written_is_refused() -> None:
    with pytest.raises(TypeError, match=r"things\.weight"):
        Entity(_table(Float), Thing, generated=("number",))
