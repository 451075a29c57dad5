"""What a decision sees of the database."""

from collections.abc import Iterator
from datetime import date, datetime
from typing import Any, NamedTuple

import psycopg
import pytest
from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

from services.runtime.bulk import Entity
from services.runtime.database import Connection
from services.runtime.postgres import PostgresTransaction
from services.runtime.workspace import Workspace
from tests.platform.backing import Backing


class Thing(NamedTuple):
    """One column of each kind."""

    id: str
    owner: str
    note: str | None
    amount_minor: int | None
    yes: bool
    at: datetime | None
    day: date | None
    more: Any


THINGS = Entity(
    Table(
        "things", MetaData(),
        Column("id", Text, primary_key=True), Column("owner", Text, nullable=False), Column("note", Text),
        Column("amount_minor", BigInteger), Column("yes", Boolean, nullable=False),
        Column("at", DateTime(timezone=True)),
        Column("day", Date), Column("more", JSONB, nullable=False),
    ),
    Thing,
)  # fmt: skip


@pytest.fixture(scope="module")
def connection(platform: Backing) -> Iterator[Connection]:
    with psycopg.connect(platform.new_database("bulk")) as connection:
        connection.execute(
            "CREATE TABLE things (id text PRIMARY KEY, owner text NOT NULL, note text, amount_minor bigint, "
            "yes boolean NOT NULL, at timestamptz, day date, more jsonb NOT NULL)"
        )
        yield connection


def _thing(identifier: str, owner: str = "o", note: str | None = None) -> Thing:
    return Thing(identifier, owner, note, None, False, None, None, {})


@pytest.fixture
def stored(connection: Connection) -> Iterator[Workspace]:
    """Two rows of the owner `o` and one of `p`, committed by nobody: the test rolls back."""
    connection.commit()
    THINGS.copy(connection, [_thing("a"), _thing("b"), _thing("c", "p")])
    yield Workspace(PostgresTransaction(connection))
    connection.rollback()


def _ids(things: list[Thing]) -> list[str]:
    return [thing.id for thing in things]


def test_get_finds_a_stored_row_and_none_for_another(stored: Workspace) -> None:
    assert stored.get(THINGS, "a") == _thing("a")
    assert stored.get(THINGS, "z") is None


def test_a_row_put_before_it_was_fetched_is_the_newer_one(stored: Workspace) -> None:
    stored.put(THINGS, _thing("a", note="new"))
    assert [thing.note for thing in stored.find(THINGS, "owner", "o")] == ["new", None]


def test_find_sees_rows_that_were_put(stored: Workspace) -> None:
    stored.put(THINGS, _thing("aa"))
    assert _ids(stored.find(THINGS, "owner", "o")) == ["a", "aa", "b"]
    stored.put(THINGS, _thing("bb"))
    assert _ids(stored.find(THINGS, "owner", "o")) == ["a", "aa", "b", "bb"]


def test_find_follows_a_changed_column(stored: Workspace) -> None:
    assert _ids(stored.find(THINGS, "owner", "o")) == ["a", "b"]
    stored.put(THINGS, _thing("a", "p"))
    assert _ids(stored.find(THINGS, "owner", "o")) == ["b"]
    assert _ids(stored.find(THINGS, "owner", "p")) == ["a", "c"]


def test_a_flush_inserts_what_is_new_and_updates_what_was_stored(stored: Workspace, connection: Connection) -> None:
    assert stored.get(THINGS, "a")
    stored.put(THINGS, _thing("a", note="changed"))
    stored.put(THINGS, _thing("d", note="first"))
    stored.put(THINGS, _thing("d", note="second"))
    stored.flush()
    assert [thing.note for thing in Workspace(PostgresTransaction(connection)).find(THINGS, "owner", "o")] == [
        "changed",
        None,
        "second",
    ]
