"""In order along a key, many keys at once."""

import asyncio
from collections.abc import Awaitable, Callable

import pytest

from services.stripe_gateway import keyed
from services.stripe_gateway.keyed import Keyed


class Site:
    """Work that goes on until the test lets it end."""

    def __init__(self) -> None:
        self.begun: list[str] = []
        self.ended: list[str] = []
        self.gates: dict[str, asyncio.Event] = {}
        self.faults: set[str] = set()

    async def work(self, item: str) -> None:
        self.begun.append(item)
        await self.gates.setdefault(item, asyncio.Event()).wait()
        if item in self.faults:
            self.faults.discard(item)
            raise ValueError(item)
        self.ended.append(item)

    def let_end(self, *items: str) -> None:
        for item in items:
            self.gates.setdefault(item, asyncio.Event()).set()


async def settled() -> None:
    for _ in range(10):
        await asyncio.sleep(0)


def run(scenario: Callable[[Site, Keyed[str]], Awaitable[None]]) -> None:
    async def play() -> None:
        site = Site()
        await scenario(site, Keyed(site.work))

    asyncio.run(play())


def test_one_key_is_worked_on_in_order_and_other_keys_beside_it() -> None:
    async def scenario(site: Site, work: Keyed[str]) -> None:
        for item in ("a1", "a2", "b1"):
            work.add(item[0], item, item)
        await settled()
        assert site.begun == ["a1", "b1"]

        site.let_end("a1")
        await settled()
        assert site.begun == ["a1", "b1", "a2"]

    run(scenario)


def test_what_is_in_hand_is_not_taken_twice() -> None:
    async def scenario(site: Site, work: Keyed[str]) -> None:
        work.add("a", "a1", "a1")
        work.add("a", "a1", "a1")
        await settled()
        assert work.in_hand == {"a1"}
        site.let_end("a1")
        await settled()
        assert (site.ended, work.in_hand) == (["a1"], frozenset())

    run(scenario)


def test_after_a_defect_what_is_left_of_its_key_is_let_go(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(keyed, "TROUBLE_PAUSE_S", 0)

    async def scenario(site: Site, work: Keyed[str]) -> None:
        site.faults.add("a1")
        site.let_end("a1", "a2")
        work.add("a", "a1", "a1")
        work.add("a", "a2", "a2")
        await settled()
        assert (site.ended, work.in_hand) == ([], frozenset())  # a2 must not overtake a1

        work.add("a", "a1", "a1")
        work.add("a", "a2", "a2")
        await settled()
        assert site.ended == ["a1", "a2"]

    run(scenario)


def test_the_end_waits_for_what_is_worked_on_and_begins_nothing_more() -> None:
    async def scenario(site: Site, work: Keyed[str]) -> None:
        work.add("a", "a1", "a1")
        work.add("a", "a2", "a2")
        await settled()
        closing = asyncio.create_task(work.close(1))
        await settled()
        work.add("c", "c1", "c1")
        site.let_end("a1", "a2", "c1")
        await closing
        assert (site.begun, site.ended) == (["a1"], ["a1"])

    run(scenario)


def test_the_end_does_not_wait_for_ever() -> None:
    async def scenario(site: Site, work: Keyed[str]) -> None:
        work.add("a", "a1", "a1")
        await settled()
        await asyncio.wait_for(work.close(0.01), 1)
        assert site.ended == []

    run(scenario)
