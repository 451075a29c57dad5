"""Where a service's database is, by the address of its server."""

import pytest

from services.auditor.audit import database_urls
from services.runtime.settings import Settings, database_on


@pytest.mark.parametrize(
    ("server", "wanted"),
    [
        ("postgresql://tranche@db:5432", "postgresql://tranche@db:5432/tranche_funding"),
        ("postgresql://tranche@db:5432/", "postgresql://tranche@db:5432/tranche_funding"),
        ("postgresql://tranche@db/?sslmode=require", "postgresql://tranche@db/tranche_funding?sslmode=require"),
    ],
)
def test_the_services_and_the_auditor_find_the_same_database(server: str, wanted: str) -> None:
    assert database_on(server, "tranche_funding") == wanted
    assert Settings(database_url=server).database_of("funding") == wanted
    assert database_urls(server)["funding"] == wanted
