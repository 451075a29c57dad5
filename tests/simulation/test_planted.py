"""Defects that the simulation must find: each is planted in the real code, and some seed within a small bound fails."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from itertools import count
from types import SimpleNamespace
from typing import Any
from unittest import mock
from urllib.parse import urlsplit

import orjson
import pytest

from schemas.money import MAXIMUM_MINOR
from services.funding import ledger, releasing
from services.funding.handling import common
from services.runtime import event_log
from services.runtime.processor import Batch, Processor
from services.runtime.relay import CHUNK, Relay
from services.runtime.storage import Log
from services.stripe_gateway import caller, parameters
from services.stripe_gateway.records import Attempt
from tests.simulation.invariants import BrokenError
from tests.simulation.run import run
from tests.simulation.stripe import Line, SimulatedStripe

WITHIN = 40


@contextmanager
def _position_outside_the_transaction() -> Iterator[None]:
    """The effects are committed first, the position after them."""
    real = Processor.run

    def planted(self: Processor, batch: Batch, within: Any = None) -> Any:
        outcomes = real(self, replace(batch, positions={}), within)
        if batch.positions:
            with self.database.transaction() as transaction:
                transaction.move(batch.positions, batch.topic_ids)
        return outcomes

    with mock.patch.object(Processor, "run", planted):
        yield


@contextmanager
def _random_idempotency_key() -> Iterator[None]:
    """Each try of a call has a key of its own."""
    real, numbers = caller.send, count()

    async def planted(client: Any, attempt: Attempt) -> Any:
        return await real(client, attempt._replace(idempotency_key=f"random-{next(numbers)}"))

    with mock.patch.object(caller, "send", planted):
        yield


@contextmanager
def _marked_before_published() -> Iterator[None]:
    """The relay's cursor moves before Kafka has what lies up to it."""

    def planted(self: Any, log: Log, producer: Any, cursor: int, written: dict[Any, int]) -> None:
        while True:
            lines = event_log.read(log, cursor, CHUNK)
            if lines:
                cursor = lines[-1].sequence
                log.move_cursor(self._service, cursor)
                self._publish(producer, lines, written)
            else:
                log.wait(1.0)

    with mock.patch.object(Relay, "_follow", planted):
        yield


@contextmanager
def _log_read_by_number_alone() -> Iterator[None]:
    """The relay takes every line above its cursor that it sees."""
    with mock.patch.object(event_log, "horizon", lambda log: log.last_number()):
        yield


@contextmanager
def _webhook_body_trusted() -> Iterator[None]:
    """What a webhook carries is taken for what is so."""
    bodies: dict[str, bytes] = {}
    real_delivery, real_request = SimulatedStripe.deliver_body, Line.request_async

    def remember(self: SimulatedStripe, event: dict[str, Any]) -> None:
        shown = (event.get("data") or {}).get("object") or {}
        if shown.get("id"):
            bodies[shown["id"]] = orjson.dumps(shown)
        real_delivery(self, event)

    async def planted(self: Line, method: str, url: str, headers: Any, post_data: Any = None) -> Any:
        path = urlsplit(url).path
        carried = bodies.get(path.rpartition("/")[2]) if path.startswith("/v1/") else None  # v2 events carry nothing
        if method.upper() == "GET" and carried is not None:
            return carried, 200, {}  # as if it had been read
        return await real_request(self, method, url, headers, post_data)

    with (
        mock.patch.object(SimulatedStripe, "deliver_body", remember),
        mock.patch.object(Line, "request_async", planted),
    ):
        yield


@contextmanager
def _released_without_the_ledger() -> Iterator[None]:
    """Whatever is approved is released: nobody asks the ledger what is held."""
    rich = SimpleNamespace(**{**vars(ledger), "owed_minor": lambda entries, account: MAXIMUM_MINOR})
    with mock.patch.object(releasing, "ledger", rich):
        yield


@contextmanager
def _reversed_twice() -> Iterator[None]:
    """Each reversal is made again under another key."""
    real = caller.send

    async def planted(client: Any, attempt: Attempt) -> Any:
        if attempt.operation == "reverse_transfer":
            await real(client, attempt._replace(idempotency_key=f"{attempt.idempotency_key}:again"))
        return await real(client, attempt)

    with mock.patch.object(caller, "send", planted):
        yield


@contextmanager
def _customers_without_a_name() -> Iterator[None]:
    """Nothing at Stripe says whose customer it is."""
    real = parameters.create_customer

    def planted(employer_id: str, number: int = 1) -> Any:
        return replace(real(employer_id, number), parameters=parameters.stable({}))

    with mock.patch.object(parameters, "create_customer", planted):
        yield


@contextmanager
def _balances_not_told() -> Iterator[None]:
    """What a refund, the bank or a reversal moved is not told to analysts."""
    with mock.patch.object(common, "funds_moved", return_value=[]):
        yield


DEFECTS = {
    "the position outside the transaction": _position_outside_the_transaction,
    "a random idempotency key": _random_idempotency_key,
    "marked before published": _marked_before_published,
    "the log read by number alone": _log_read_by_number_alone,
    "released without the ledger check": _released_without_the_ledger,
    "a webhook's body trusted": _webhook_body_trusted,
    "a reversal made twice": _reversed_twice,
    "customers without a name": _customers_without_a_name,
    "balances that moved and were not told": _balances_not_told,
}


@pytest.mark.parametrize("defect", DEFECTS)
def test_a_planted_defect_is_found(defect: str) -> None:
    with DEFECTS[defect]():
        failures = (run(seed).failure for seed in range(1, WITHIN + 1))
        found = next((failure for failure in failures if failure is not None), None)
    assert isinstance(found, BrokenError), f"{defect} was not found within {WITHIN} seeds: {found!r}"
