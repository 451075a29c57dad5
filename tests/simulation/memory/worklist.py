"""The gateway's work list in memory. See services/stripe_gateway/worklist.py: WorkList."""

from collections.abc import Collection
from dataclasses import dataclass
from datetime import datetime

from services.runtime.lanes import lane_of
from services.stripe_gateway.records import Attempt
from services.stripe_gateway.webhooks import DONE, RECEIVED, WEBHOOKS_CHANNEL, Word
from services.stripe_gateway.worklist import Webhook
from tests.simulation.memory.database import MemoryDatabase


@dataclass(slots=True)
class KeptWebhook:
    """A row of `webhooks`."""

    word: Word
    endpoint: str
    arrival: str
    state: str
    reason: str
    received_at: datetime
    handled_at: datetime | None


class MemoryWorkList:
    """On the gateway's database in memory; shared by its replicas."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self.webhooks: dict[str, KeptWebhook] = {}
        self.look_at: dict[str, datetime] = {}

    def open_calls(self, lanes: Collection[int], in_hand: Collection[str], most: int) -> list[Attempt]:
        self._step("open calls are looked for")
        found = [a for a in self._in_state("open") if a.lane in lanes and a.attempt_id not in in_hand]
        return sorted(found, key=lambda attempt: attempt.arrival)[:most]

    def is_open(self, attempt_id: str) -> bool:
        self._step("a call is looked up")
        found = self._database.table("attempts", attempt_id=attempt_id)
        return bool(found) and found[0].state == "open"

    def figures(self) -> tuple[datetime | None, int]:
        return min((a.opened_at for a in self._in_state("open")), default=None), len(self._in_state("unknown"))

    def claim_unknown(self, lanes: Collection[int], now: datetime, next_at: datetime, most: int) -> list[Attempt]:
        self._step("unknown calls are claimed")
        unknown = [attempt for attempt in self._in_state("unknown") if attempt.lane in lanes]
        due = [a for a in unknown if self.look_at.setdefault(a.attempt_id, next_at) <= now]
        due = sorted(due, key=lambda attempt: self.look_at[attempt.attempt_id])[:most]
        for attempt in due:
            self.look_at[attempt.attempt_id] = next_at
        return due

    def keep(self, word: Word, endpoint: str, arrival: str, now: datetime) -> bool:
        self._step("a webhook is about to be kept")
        if word.event_id in self.webhooks:
            return False
        handled_at = now if word.state == DONE else None
        self.webhooks[word.event_id] = KeptWebhook(word, endpoint, arrival, word.state, word.reason, now, handled_at)
        if word.state == RECEIVED:
            self._database.notify(WEBHOOKS_CHANNEL)
        self._step("a webhook was kept")
        return True

    def received(self, lanes: Collection[int], in_hand: Collection[str], most: int) -> list[Webhook]:
        self._step("webhooks are looked for")
        found = [
            kept
            for kept in self.webhooks.values()
            if kept.state == RECEIVED and lane_of(kept.word.object_id) in lanes and kept.word.event_id not in in_hand
        ]
        found.sort(key=lambda kept: kept.arrival)
        return [Webhook(k.word.event_id, k.word.type, k.word.object_id, k.word.body) for k in found[:most]]

    def close(self, event_id: str, state: str, reason: str, now: datetime) -> None:
        self._step("a webhook is about to be closed")
        kept = self.webhooks[event_id]
        kept.state, kept.reason, kept.handled_at = state, reason, now

    def story_of(self, about: str) -> str | None:
        self._step("a story is looked up")
        found = sorted(self._database.table("attempts", about=about), key=lambda a: a.arrival)
        return found[0].correlation_id if found else None

    def unknown(self) -> list[Attempt]:
        """The calls whose outcome nobody knows; no step is taken."""
        return self._in_state("unknown")

    def _in_state(self, state: str) -> list[Attempt]:
        return self._database.table("attempts", state=state)

    def _step(self, what: str) -> None:
        self._database.hub.step(what)
        self._database.trouble("begin")
