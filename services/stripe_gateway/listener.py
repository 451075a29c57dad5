"""Being woken by the database: one connection listens for all parts of this process."""

import asyncio
import logging

import psycopg
from sqlalchemy.exc import OperationalError as SqlalchemyOperationalError

from services.runtime.processor import TRANSIENT

logger = logging.getLogger(__name__)

DATABASE_TROUBLE = (*TRANSIENT, SqlalchemyOperationalError)
"""The database is away or starts anew: wait and go on."""
AGAIN_S = 1.0


class Listener:
    """Sets an event for each channel that is notified. Belongs to one event loop."""

    def __init__(self, database_url: str) -> None:
        self._url = database_url
        self._events: dict[str, asyncio.Event] = {}

    def on(self, channel: str) -> asyncio.Event:
        """The event of a channel; ask before `run`. Whoever waits for it clears it."""
        return self._events.setdefault(channel, asyncio.Event())

    async def run(self) -> None:
        """Until cancelled. After a lost connection everybody is woken: something may have been missed."""
        while True:
            try:
                async with await psycopg.AsyncConnection.connect(self._url, autocommit=True) as connection:
                    for channel in self._events:
                        await connection.execute(f"LISTEN {channel}")
                    self._wake_all()
                    async for notice in connection.notifies():
                        self._events[notice.channel].set()
            except psycopg.OperationalError as error:
                logger.warning("listening begins again: %s", error)
                await asyncio.sleep(AGAIN_S)

    def _wake_all(self) -> None:
        for event in self._events.values():
            event.set()


async def woken(event: asyncio.Event, guard_s: float) -> None:
    """Wait for an event, but no longer than `guard_s`: a lost notification must not cost more than this."""
    try:
        async with asyncio.timeout(guard_s):
            await event.wait()
    except TimeoutError:
        pass
    event.clear()
