"""A service's own database: the engine, and the schema brought up to date at start.

The lists of a route go through SQLAlchemy; the batch path (`postgres.py`) takes the psycopg connection out of the
same pool, for COPY and pipelining.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psycopg
import sqlalchemy
from alembic import command
from alembic.config import Config
from sqlalchemy import Engine, create_engine
from sqlalchemy.exc import OperationalError

from schemas.catalogue import PARTITIONS

_MIGRATION_LOCK = (7021, 1)
"""Advisory lock (two numbers; those of one number are the event log's floors): replicas that start together
migrate one after the other."""
_RUNTIME = Path(__file__).parent / "migrations"

Connection = psycopg.Connection[tuple[Any, ...]]


def open_engine(url: str, pool_size: int = 10) -> Engine:
    """A pool of connections. `url` as `postgresql://…`; connections are made when first needed."""
    return create_engine(
        url.replace("postgresql://", "postgresql+psycopg://", 1),
        pool_size=pool_size,
        max_overflow=10,
        pool_pre_ping=True,
    )


@contextmanager
def snapshot(engine: Engine) -> Iterator[sqlalchemy.Connection]:
    """A connection on which every read shows one and the same moment; nothing can be written on it.

    Without it each statement sees what was committed before it: an answer put together from two tables could show
    a reversal as made beside its payout as it was before.
    """
    options = {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True}
    with engine.connect().execution_options(**options) as connection:
        yield connection


def driven(connection: sqlalchemy.Connection) -> Connection:
    """The psycopg connection under SQLAlchemy's, in the same transaction."""
    return _of_psycopg(connection.connection.driver_connection)


@contextmanager
def borrowed(engine: Engine) -> Iterator[Connection]:
    """A psycopg connection from the pool, with no transaction open; rolled back when given back in one."""
    proxy = engine.raw_connection()
    try:
        yield _of_psycopg(proxy.driver_connection)
    finally:
        proxy.close()


def migrate(url: str, service_folder: Path) -> None:
    """Bring a database up to date: first the runtime's tables, then the service's own (`migrations/`).

    Safe to run from several replicas at once. Raises what Alembic raises when a step fails, and
    psycopg.OperationalError when the database is away, also in the middle of it.
    """
    with psycopg.connect(url, autocommit=True) as connection:
        connection.execute("SELECT pg_advisory_lock(%s::integer, %s::integer)", _MIGRATION_LOCK)
        _upgrade(url, _RUNTIME / "versions", "runtime_schema_version")
        own = service_folder / "migrations"
        if own.is_dir():
            _upgrade(url, own, "schema_version")
        connection.execute("INSERT INTO lanes SELECT generate_series(0, %s) ON CONFLICT DO NOTHING", (PARTITIONS - 1,))


def _of_psycopg(connection: object) -> Connection:
    if not isinstance(connection, psycopg.Connection):
        raise TypeError("the engine is not on psycopg")
    return connection


def _upgrade(url: str, versions: Path, version_table: str) -> None:
    config = Config()
    config.set_main_option("script_location", str(_RUNTIME))
    config.set_main_option("version_locations", str(versions))
    config.set_main_option("path_separator", "newline")
    config.attributes["url"] = url.replace("postgresql://", "postgresql+psycopg://", 1)
    config.attributes["version_table"] = version_table
    try:
        command.upgrade(config, "head")
    except OperationalError as error:
        raise (error.orig if isinstance(error.orig, psycopg.OperationalError) else error) from error
