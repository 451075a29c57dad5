"""A world for each test."""

import itertools
from collections.abc import Iterator
from pathlib import Path

import pytest

from schemas.base import MESSAGES
from schemas.dead_letters import DEAD_LETTERS, DISCARDED, FundingDeadLetter, FundingDeadLetterDiscarded
from schemas.funding import CommandRejected, CommandUnchanged
from tests.integration.runtime.world import World
from tests.platform.backing import Backing

_NUMBERS = itertools.count(1)


@pytest.fixture
def world(platform: Backing, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[World]:
    """The toy service with a database, a group and a source of its own."""
    name = f"toy{next(_NUMBERS)}"
    monkeypatch.setitem(DEAD_LETTERS, name, FundingDeadLetter)
    monkeypatch.setitem(DISCARDED, name, FundingDeadLetterDiscarded)
    with monkeypatch.context() as only_now:  # the catalogue stays as it is for all other tests
        only_now.setitem(MESSAGES, f"{name}.command_rejected.v1", CommandRejected)
        only_now.setitem(MESSAGES, f"{name}.command_unchanged.v1", CommandUnchanged)
        world = World(platform, name, tmp_path)
    yield world
    world.close()
