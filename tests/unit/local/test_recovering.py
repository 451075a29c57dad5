"""Where `tranche recover` runs when the platform is in containers."""

from typing import Never

import pytest

from deploy.local import recovering
from deploy.local.replaying import SERVICES


class _WentInsideError(Exception):
    """The command goes on in a container."""


@pytest.mark.parametrize("service", SERVICES)
def test_a_stopped_service_is_not_asked_to_recover_itself(service: str, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[str] = []

    def inside(*words: str, service: str, alone: bool) -> Never:
        del words
        assert not alone
        asked.append(service)
        raise _WentInsideError

    monkeypatch.setattr(recovering, "inside_if_containers", inside)
    with pytest.raises(_WentInsideError):
        recovering.recover(service)
    assert asked
    assert asked != [service]


def test_the_gateway_recovers_in_a_container_of_its_own_as_no_other_knows_the_way_to_stripe(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    asked: list[tuple[str, bool]] = []

    def inside(*words: str, service: str, alone: bool) -> Never:
        del words
        asked.append((service, alone))
        raise _WentInsideError

    monkeypatch.setattr(recovering, "inside_if_containers", inside)
    with pytest.raises(_WentInsideError):
        recovering.recover("stripe_gateway")
    assert asked == [("stripe_gateway", True)]
