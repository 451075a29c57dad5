"""What is written in bulk is what is read, whatever is in it."""

from collections.abc import Iterator
from datetime import UTC, date, datetime, timedelta, timezone
from itertools import count
from typing import Any, NamedTuple

import psycopg
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from psycopg import errors
from sqlalchemy import (
    BigInteger,
    Boolean,
    Column,
    Date,
    DateTime,
    Integer,
    MetaData,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.bulk import Entity, bigint_array, text_array
from services.runtime.database import Connection, open_engine
from services.runtime.postgres import PostgresTransaction
from tests.platform.backing import Backing

_NUMBERS = count(1)
_TYPES = {
    "words": Text, "small": SmallInteger, "whole": Integer, "big": BigInteger, "truth": Boolean,
    "moment": DateTime(timezone=True), "day": Date, "document": JSONB,
}  # fmt: skip
_TABLE = Table(
    "things",
    MetaData(),
    Column("id", Text, primary_key=True),
    *(Column(name, kind, nullable=False) for name, kind in _TYPES.items()),
    *(Column(f"maybe_{name}", kind, nullable=True) for name, kind in _TYPES.items()),
)


class Thing(NamedTuple):
    """A row with every type that a service may store, required and not."""

    id: str
    words: str
    small: int
    whole: int
    big: int
    truth: bool
    moment: datetime
    day: date
    document: Any
    maybe_words: str | None
    maybe_small: int | None
    maybe_whole: int | None
    maybe_big: int | None
    maybe_truth: bool | None
    maybe_moment: datetime | None
    maybe_day: date | None
    maybe_document: Any


THINGS = Entity(_TABLE, Thing)

# Everything but NUL and half characters, which PostgreSQL's text cannot hold; nasty ones often.
_characters = st.characters(exclude_characters="\0", exclude_categories=["Cs"])
_words = st.one_of(
    st.text(st.one_of(st.sampled_from("\t\n\r\b\f\v\\\"'{},NUL.\u2028é漢😀 "), _characters), max_size=40),
    st.sampled_from(["", "NULL", "null", r"\N", r"\.", "\\", '"', "{}", '{"a"}', "\\\n", "\t", "\r\n", " x ", "a,b"]),
)
_moments = st.datetimes(
    datetime(1900, 1, 1),
    datetime(2200, 1, 1),
    timezones=st.sampled_from([UTC, timezone(timedelta(hours=5, minutes=45)), timezone(timedelta(hours=-8))]),
)
_documents = st.recursive(
    st.none() | st.booleans() | st.integers(-(2**53), 2**53) | _words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(_words, inner, max_size=3),
    max_leaves=6,
)
_values: dict[str, st.SearchStrategy[Any]] = {
    "words": _words,
    "small": st.integers(-(2**15), 2**15 - 1),
    "whole": st.integers(-(2**31), 2**31 - 1),
    "big": st.integers(-(2**63), 2**63 - 1),
    "truth": st.booleans(),
    "moment": _moments,
    "day": st.dates(date(1900, 1, 1)),
    # None in a column that may be NULL is NULL, so a document there is never JSON's null.
    "document": _documents.filter(lambda document: document is not None),
}
_things = st.fixed_dictionaries(
    {**_values, **{f"maybe_{name}": st.none() | values for name, values in _values.items()}}
).map(lambda fields: Thing(id="", **fields))


@pytest.fixture(scope="module")
def connection(platform: Backing) -> Iterator[Connection]:
    url = platform.new_database("bulk")
    engine = open_engine(url)
    _TABLE.metadata.create_all(engine)
    engine.dispose()
    with psycopg.connect(url) as connection:
        yield connection


def _named(things: list[Thing]) -> list[Thing]:
    return [thing._replace(id=f"thing_{next(_NUMBERS):08}") for thing in things]


def _stored(connection: Connection, things: list[Thing]) -> list[Thing]:
    found = THINGS.select(connection, "id", [thing.id for thing in things])
    connection.commit()
    return sorted(found, key=lambda thing: thing.id)


@settings(max_examples=60)
@given(drawn=st.lists(_things, min_size=1, max_size=5))
def test_many_new_rows_are_stored_as_they_are(connection: Connection, drawn: list[Thing]) -> None:
    things = _named(drawn)
    THINGS.copy(connection, things)
    assert _stored(connection, things) == things


@settings(max_examples=60)
@given(drawn=st.lists(_things, min_size=1, max_size=5))
def test_a_few_new_rows_are_stored_as_they_are(connection: Connection, drawn: list[Thing]) -> None:
    things = _named(drawn)
    connection.execute(THINGS.insert_sql, THINGS.arrays(things))
    assert _stored(connection, things) == things


@settings(max_examples=60)
@given(pairs=st.lists(st.tuples(_things, _things), min_size=1, max_size=5))
def test_changed_rows_are_stored_as_they_are(connection: Connection, pairs: list[tuple[Thing, Thing]]) -> None:
    before = _named([old for old, _ in pairs])
    after = [new._replace(id=old.id) for old, (_, new) in zip(before, pairs, strict=True)]
    THINGS.copy(connection, before)
    assert connection.execute(THINGS.update_sql, THINGS.arrays(after)).rowcount == len(after)
    assert _stored(connection, before) == after


@settings(max_examples=60)
@given(words=st.lists(_words, unique=True, min_size=1, max_size=5))
def test_rows_are_found_by_any_text(connection: Connection, words: list[str]) -> None:
    things = _named([PLAIN._replace(words=text) for text in words])
    THINGS.copy(connection, things)
    found = {thing.words for thing in THINGS.select(connection, "words", words)}
    connection.commit()
    assert found == set(words)


@settings(max_examples=60)
@given(words=st.lists(_words, max_size=6), numbers=st.lists(_values["big"], max_size=6))
def test_array_literals_are_what_was_given(connection: Connection, words: list[str], numbers: list[int]) -> None:
    row = connection.execute("SELECT %s::text[], %s::bigint[]", (text_array(words), bigint_array(numbers))).fetchone()
    connection.commit()
    assert row == (words, numbers)


PLAIN = Thing("", "words", 1, 2, 3, True, datetime(2026, 1, 5, 9, tzinfo=UTC), date(2026, 1, 5), {}, *([None] * 8))  # type: ignore[arg-type]


def test_a_row_that_is_not_there_is_not_updated_in_silence(connection: Connection) -> None:
    (there, lost) = _named([PLAIN, PLAIN])
    THINGS.copy(connection, [there])
    transaction = PostgresTransaction(connection)
    transaction.update(THINGS, [there, lost])
    with pytest.raises(RuntimeError, match="things: 1 of 2 rows were there"):
        transaction.commit()
    connection.rollback()
    assert _stored(connection, [there]) == []


def test_a_row_that_is_there_is_not_written_anew(connection: Connection) -> None:
    things = _named([PLAIN])
    THINGS.copy(connection, things)
    connection.commit()
    with pytest.raises(errors.UniqueViolation):
        THINGS.copy(connection, things)
    connection.rollback()
