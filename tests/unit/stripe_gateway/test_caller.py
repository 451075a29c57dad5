"""A call that waited for its turn until Stripe may have forgotten its key is not sent blindly."""

import asyncio
from collections.abc import Awaitable, Callable
from datetime import datetime, timedelta
from types import SimpleNamespace
from typing import Any, cast

import pytest

from services.stripe_gateway import caller
from services.stripe_gateway.caller import Caller
from services.stripe_gateway.looks import Look
from services.stripe_gateway.readings import Answered, TransferReading
from services.stripe_gateway.records import Attempt
from services.stripe_gateway.settings import GatewaySettings
from tests.unit.stripe_gateway.builders import NOW, attempt

TRANSFER = attempt("create_transfer", opened_at=NOW)
MADE = TransferReading.model_construct(transfer_id="tr_1")


class Surroundings:
    """All that a caller asks: its clock, the line to Stripe, and whether the call is open still."""

    def __init__(self, *waits: timedelta, found: Answered | Look = Look.ABSENT, closed: bool = False) -> None:
        self.time = NOW
        self.happened: list[str] = []
        self._waits = list(waits)
        self._found = found
        self._closed = closed

    def now(self) -> datetime:
        return self.time

    def is_open(self, attempt_id: str) -> bool:
        return not self._closed

    async def ask(self, operation: str, request: Callable[[], Awaitable[Any]], *, one: str = "") -> Any:
        self.time += self._waits.pop(0) if self._waits else timedelta(0)
        return await request()

    async def patiently(self, operation: str, request: Callable[[], Awaitable[Any]]) -> Any:
        return await request()

    async def send(self, client: object, call: Attempt) -> TransferReading:
        self.happened.append("sent")
        return MADE

    async def look(self, client: object, call: Attempt, record: object) -> Answered | Look:
        self.happened.append("looked")
        return self._found

    def settle(self, monkeypatch: pytest.MonkeyPatch) -> Any:
        monkeypatch.setattr(caller, "send", self.send)
        monkeypatch.setattr(caller, "look", self.look)
        processor = SimpleNamespace(database=SimpleNamespace(rows=lambda *asked: []))
        runtime = SimpleNamespace(clock=self, lanes=lambda: frozenset({TRANSFER.lane}), processor=processor)
        here = cast(Any, self)
        made = Caller(cast(Any, runtime), here, GatewaySettings(), cast(Any, None), here, cast(Any, None))
        return asyncio.run(made._settle(TRANSFER))


def test_a_call_whose_turn_comes_soon_is_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings(timedelta(hours=22))
    assert around.settle(monkeypatch) == Answered(reading=MADE)
    assert around.happened == ["sent"]


@pytest.mark.scenario(7)
def test_one_whose_turn_took_days_is_looked_for_and_found_and_not_sent(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings(timedelta(days=2), found=Answered(reading=MADE))
    assert around.settle(monkeypatch) == Answered(reading=MADE)
    assert around.happened == ["looked"]


@pytest.mark.scenario(7)
def test_it_is_sent_when_there_is_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings(timedelta(days=2))
    assert around.settle(monkeypatch) == Answered(reading=MADE)
    assert around.happened == ["looked", "sent"]


@pytest.mark.scenario(7)
def test_one_that_was_answered_meanwhile_is_let_be(monkeypatch: pytest.MonkeyPatch) -> None:
    around = Surroundings(timedelta(days=2), closed=True)
    assert around.settle(monkeypatch) is None
    assert around.happened == []
