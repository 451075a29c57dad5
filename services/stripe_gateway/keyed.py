"""Work in order along each key, and many keys at once."""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Generic, TypeVar

from services.stripe_gateway.listener import AGAIN_S, DATABASE_TROUBLE

logger = logging.getLogger(__name__)

T = TypeVar("T")

TROUBLE_PAUSE_S = 15.0
"""After a defect: the same is tried again, but not so often that it hides everything else in the log."""


class Keyed(Generic[T]):
    """Hands items to `work`, one at a time per key. An item is in hand until its work has ended."""

    def __init__(self, work: Callable[[T], Awaitable[None]]) -> None:
        self._work = work
        self._queues: dict[str, deque[tuple[str, T]]] = {}
        self._in_hand: set[str] = set()
        self._tasks: set[asyncio.Task[None]] = set()
        self._closing = False

    @property
    def in_hand(self) -> frozenset[str]:
        """The ids of the items that wait or are worked on."""
        return frozenset(self._in_hand)

    def behind(self, key: str) -> list[T]:
        """What waits behind the item of a key that is worked on."""
        return [item for _, item in list(self._queues.get(key, ()))[1:]]

    def add(self, key: str, identifier: str, item: T) -> None:
        """Queue an item behind those of its key; one that is in hand already is not taken twice."""
        if identifier in self._in_hand or self._closing:
            return
        self._in_hand.add(identifier)
        queue = self._queues.get(key)
        if queue is not None:
            queue.append((identifier, item))
            return
        self._queues[key] = deque([(identifier, item)])
        task = asyncio.create_task(self._follow(key))
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)

    async def _follow(self, key: str) -> None:
        queue = self._queues[key]
        try:
            while queue and not self._closing:
                identifier, item = queue[0]
                await self._work(item)
                queue.popleft()
                self._in_hand.discard(identifier)
        except DATABASE_TROUBLE as error:
            logger.warning("work on %s is taken up again: %s", key, error)
            await asyncio.sleep(AGAIN_S)
        except Exception:
            logger.exception("work on %s stopped; it is taken up again", key)
            await asyncio.sleep(TROUBLE_PAUSE_S)
        finally:
            # What is left was not done: it is found again, in order, with the next look at the work list.
            self._in_hand.difference_update(identifier for identifier, _ in queue)
            del self._queues[key]

    async def close(self, patience_s: float) -> None:
        """Take nothing more; let what is being worked on end, for so long, then cancel it."""
        self._closing = True
        tasks = set(self._tasks)
        if tasks:
            _, late = await asyncio.wait(tasks, timeout=patience_s)
            for task in late:
                task.cancel()
            await asyncio.gather(*late, return_exceptions=True)
