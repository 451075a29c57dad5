"""The gateway's work list in memory and in PostgreSQL: one behaviour."""

from collections.abc import Iterator

import psycopg
import pytest

from services.runtime.database import migrate, open_engine
from services.runtime.postgres import Postgres
from services.stripe_gateway.service import SERVICE
from services.stripe_gateway.worklist import PostgresWorkList
from tests.platform.backing import Backing
from tests.simulation.behaviour.worklist import Gateway, WorkListBehaviour
from tests.simulation.memory.database import MemoryDatabase
from tests.simulation.memory.worklist import MemoryWorkList
from tests.simulation.still import StillHub


class InMemory(Gateway):
    def __init__(self) -> None:
        self.database = MemoryDatabase("stripe_gateway", StillHub())
        self.work_list = MemoryWorkList(self.database)


class InPostgres(Gateway):
    def __init__(self, url: str) -> None:
        self.engine = open_engine(url)
        self.database = Postgres(self.engine)
        self.work_list = PostgresWorkList(self.engine)


class TestInMemory(WorkListBehaviour):
    @pytest.fixture
    def gateway(self) -> InMemory:
        return InMemory()


class TestInPostgres(WorkListBehaviour):
    @pytest.fixture(scope="class")
    def url(self, platform: Backing) -> str:
        url = platform.new_database("worklist")
        migrate(url, SERVICE.folder)
        return url

    @pytest.fixture
    def gateway(self, url: str) -> Iterator[InPostgres]:
        with psycopg.connect(url, autocommit=True) as connection:
            connection.execute("TRUNCATE attempts, unknown_looks, webhooks")
        gateway = InPostgres(url)
        yield gateway
        gateway.engine.dispose()
