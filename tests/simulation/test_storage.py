"""The database in memory and PostgreSQL: one behaviour."""

from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import psycopg
import pytest
from psycopg import errors

from services.runtime.database import migrate, open_engine
from services.runtime.postgres import Postgres, PostgresTransaction, open_log
from services.runtime.storage import Log, Transaction, Wanted
from tests.integration.runtime.toy import service as toy
from tests.platform.backing import Backing
from tests.simulation.behaviour.storage import Storage, StorageBehaviour
from tests.simulation.memory.database import MemoryDatabase, MemoryTransaction
from tests.simulation.still import StillHub, WouldWaitError


class InMemory(Storage):
    def __init__(self) -> None:
        self.database = self.memory = MemoryDatabase("toy", StillHub())

    def begin(self) -> Transaction:
        return MemoryTransaction(self.memory)

    def commit(self, transaction: Transaction) -> None:
        transaction.commit()

    def roll_back(self, transaction: Transaction) -> None:
        transaction.end()

    def open_log(self) -> AbstractContextManager[Log]:
        return self.memory.open_log()

    def must_wait(self, lane: int) -> bool:
        transaction = MemoryTransaction(self.memory)
        try:
            transaction.take(Wanted((lane,), (), (), ()))
        except WouldWaitError:
            return True
        finally:
            transaction.end()
        return False


class InPostgres(Storage):
    def __init__(self, url: str) -> None:
        self.url = url
        self.engine = open_engine(url)
        self.database = Postgres(self.engine)
        self.connections: list[psycopg.Connection] = []

    def begin(self) -> Transaction:
        self.connections.append(psycopg.connect(self.url))
        return PostgresTransaction(self.connections[-1])

    def commit(self, transaction: Transaction) -> None:
        transaction.connection.commit()

    def roll_back(self, transaction: Transaction) -> None:
        transaction.connection.rollback()

    def open_log(self) -> AbstractContextManager[Log]:
        return open_log(self.url)

    def must_wait(self, lane: int) -> bool:
        with psycopg.connect(self.url) as connection:
            connection.execute("SET lock_timeout = '100ms'")
            try:
                PostgresTransaction(connection).take(Wanted((lane,), (), (), ()))
            except errors.LockNotAvailable:
                return True
            finally:
                connection.rollback()
        return False


class TestInMemory(StorageBehaviour):
    @pytest.fixture
    def storage(self) -> InMemory:
        return InMemory()


class TestInPostgres(StorageBehaviour):
    @pytest.fixture(scope="class")
    def template(self, platform: Backing) -> str:
        url = platform.new_database("storage_template")
        migrate(url, Path(toy.__file__).parent)
        return url

    @pytest.fixture
    def storage(self, platform: Backing, template: str) -> Iterator[InPostgres]:
        url = f"{template}_copy"
        with psycopg.connect(f"{platform.database_url}/postgres", autocommit=True) as connection:
            connection.execute(f"DROP DATABASE IF EXISTS {url.rpartition('/')[2]}".encode())
            connection.execute(
                f"CREATE DATABASE {url.rpartition('/')[2]} TEMPLATE {template.rpartition('/')[2]}".encode()
            )
        storage = InPostgres(url)
        yield storage
        for connection in storage.connections:
            connection.close()
        storage.engine.dispose()
