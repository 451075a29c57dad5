"""While something is wrong for everybody, one after another finds out whether it still is; the others wait for that."""

import asyncio
from contextlib import suppress

from services.stripe_gateway.settings import GatewaySettings


def most_pause_s(settings: GatewaySettings, tries: int) -> float:
    """The longest pause after so many tries in vain: it doubles each time, up to a bound (STRIPE.md 2.5)."""
    return min(settings.stripe_backoff_most_s, settings.stripe_backoff_first_s * 2.0 ** min(tries, 20))


class Turnstile:
    """Open at first. Belongs to one event loop."""

    def __init__(self, settings: GatewaySettings) -> None:
        self._settings = settings
        self._tries = 0
        self._next_at = 0.0
        self._opened = asyncio.Event()
        self._opened.set()

    @property
    def is_open(self) -> bool:
        """Whether everybody goes through. Threads may ask."""
        return self._opened.is_set()

    async def wait(self) -> None:
        """Through at once while it is open; else until it is, or until it is this one's turn to find out."""
        loop = asyncio.get_running_loop()
        while not self.is_open:
            wait_s = self._next_at - loop.time()
            if wait_s <= 0:
                # The others wait for what this one finds; should it never tell, another has its turn after that time.
                self._next_at = loop.time() + self._settings.stripe_timeout_s + 1.0
                return
            with suppress(TimeoutError):
                async with asyncio.timeout(wait_s):
                    await self._opened.wait()

    def shut(self) -> None:
        """It is wrong, or still wrong: the next one finds out after a pause."""
        self._opened.clear()
        self._next_at = asyncio.get_running_loop().time() + most_pause_s(self._settings, self._tries)
        self._tries += 1

    def open(self) -> None:
        """All is well."""
        self._opened.set()
        self._tries = 0
