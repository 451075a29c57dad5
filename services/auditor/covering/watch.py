"""The watch over the cover: looks now and then, and when Stripe told of the platform's account, and tells payouts."""

import logging
from collections.abc import Callable, Sequence
from datetime import datetime, timedelta

from schemas.base import Command
from schemas.payouts import SuspendReleases
from services.auditor import metrics
from services.auditor.covering.sides import Glance, Sides
from services.auditor.covering.verdict import Look, Verdict, commands, verdicts
from services.auditor.rounds import Pause
from services.runtime.clock import Clock

logger = logging.getLogger(__name__)

LOOKS = 4
"""So often something must be missing before it counts."""
PAUSE_S = 2.0
"""Between two of them: longer than a transfer that was made takes to be booked."""
_SOONER = 10
"""While something is wrong, the next look comes so many times sooner: nobody shall wait longer than needed."""


class Watch:
    """One turn after another (`Rounds`). `send` puts commands to payouts on their topic."""

    def __init__(
        self, sides: Sides, clock: Clock, every: timedelta, send: Callable[[Sequence[Command], datetime], None]
    ) -> None:
        self._sides = sides
        self._clock = clock
        self._every = every
        self._send = send
        self._seen: Glance | None = None
        self._next: datetime | None = None

    def take_turn(self, pause: Pause) -> None:
        """Look, if it is time or the gateway was told something new. Raises what the sides raise when one is away."""
        if not self._every:
            return
        seen, now = self._sides.glance(), self._clock.now()
        if seen == self._seen and self._next is not None and now < self._next:
            return
        looks = [self._sides.look()]
        while (wrong := _wrong(looks)) and len(looks) < LOOKS:
            pause(PAUSE_S)
            looks.append(self._sides.look())
        found = verdicts(looks)
        self._tell(found, now)
        self._seen = seen
        self._next = self._clock.now() + (self._every / _SOONER if wrong else self._every)

    def _tell(self, found: Sequence[Verdict], began: datetime) -> None:
        for verdict in found:
            metrics.COVER_SHORT.labels(verdict.currency).set(verdict.short_minor)
        metrics.COVER_LOOKED_AT.set(began.timestamp())
        wanted = commands(found, self._sides.standing(), began)
        if not wanted:
            return
        self._send(wanted, self._clock.now())
        for command in wanted:
            bad = isinstance(command, SuspendReleases)
            logger.log(logging.CRITICAL if bad else logging.INFO, "asked payouts: %s", command.model_dump_json())


def _wrong(looks: Sequence[Look]) -> bool:
    return any(verdict.cause is not None for verdict in verdicts(looks))
