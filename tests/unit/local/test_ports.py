"""Ports of one platform."""

import socket
from collections.abc import Iterator
from pathlib import Path

import pytest

from deploy.local import ports as module
from deploy.local.errors import LocalError
from deploy.local.ports import Ports, free_port, is_free


@pytest.fixture
def busy() -> Iterator[int]:
    """A port that somebody listens on."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield server.getsockname()[1]


def test_a_port_that_is_listened_on_is_not_free(busy: int) -> None:
    assert not is_free(busy)


def test_the_preferred_port_is_taken_when_it_is_free() -> None:
    preferred = free_port()
    assert free_port(preferred) == preferred


def test_a_busy_preferred_port_gives_another(busy: int) -> None:
    assert free_port(busy) != busy


def test_a_port_given_to_another_name_is_not_given_again(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    first = ports.ensure("one", running=False)
    assert ports.ensure("two", running=False, preferred=first) != first


def test_a_name_keeps_its_port_in_the_next_session(tmp_path: Path) -> None:
    port = Ports(tmp_path / "ports.json").ensure("one", running=False)
    assert Ports(tmp_path / "ports.json").ensure("one", running=False) == port


def test_a_running_service_keeps_the_port_that_it_listens_on(tmp_path: Path) -> None:
    ports = Ports(tmp_path / "ports.json")
    port = ports.ensure("one", running=False)
    with socket.create_server(("127.0.0.1", port)):
        assert ports.ensure("one", running=True) == port
        assert ports.ensure("one", running=False) != port


def test_no_free_port_is_said(monkeypatch: pytest.MonkeyPatch, busy: int) -> None:
    monkeypatch.setattr(module, "_LOWEST", busy)
    monkeypatch.setattr(module, "_HIGHEST", busy)
    with pytest.raises(LocalError, match="no free loopback port"):
        free_port()
