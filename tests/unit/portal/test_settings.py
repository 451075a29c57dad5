"""What the front door must be told."""

import pytest

from services.portal.settings import PortalSettings

REQUIRED = ("contracts", "funding", "approvals", "payouts", "stripe_gateway")


def settings(*services: str) -> PortalSettings:
    return PortalSettings(**{f"upstream_{name}": f"http://127.0.0.1/{name}" for name in services})  # type: ignore[arg-type]


@pytest.fixture(autouse=True)
def _nothing_from_outside(monkeypatch: pytest.MonkeyPatch) -> None:
    for name in (*REQUIRED, "analytics"):
        monkeypatch.delenv(f"TRANCHE_UPSTREAM_{name.upper()}", raising=False)


def test_every_service_of_the_story_is_required() -> None:
    for missing in REQUIRED:
        with pytest.raises(ValueError, match=f"TRANCHE_UPSTREAM_{missing.upper()} not set"):
            settings(*(name for name in REQUIRED if name != missing)).upstreams()


def test_analytics_may_be_away() -> None:
    assert [service.name for service in settings(*REQUIRED).upstreams()] == list(REQUIRED)
    assert [service.required for service in settings(*REQUIRED, "analytics").upstreams()] == [True] * 5 + [False]


def test_they_are_read_from_the_environment(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("TRANCHE_UPSTREAM_FUNDING", "http://funding:8001")
    assert PortalSettings().upstream_funding == "http://funding:8001"


def test_people_reach_it_at_port_8000() -> None:
    assert PortalSettings().http_port == 8000
