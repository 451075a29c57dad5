"""Writing down what Stripe said: everything that has come in goes into one transaction of the runtime."""

import asyncio
import logging

from services.runtime.decisions import Outcome, Refused
from services.runtime.processor import Batch, Processor
from services.runtime.records import Delivery
from services.stripe_gateway.listener import DATABASE_TROUBLE

logger = logging.getLogger(__name__)

_MOST = 500
_PAUSE_FIRST_S = 0.1
_PAUSE_MOST_S = 10.0

_Waiting = tuple[Delivery, "asyncio.Future[Outcome]"]


class NotRecordedError(RuntimeError):
    """What Stripe said could not be written down now, as its key is parked: it stays to be done."""


class Recorder:
    """`await record(delivery)` returns once it is committed. Belongs to one event loop."""

    def __init__(self, processor: Processor) -> None:
        self._processor = processor
        self._waiting: asyncio.Queue[_Waiting] = asyncio.Queue()

    async def record(self, delivery: Delivery) -> Outcome:
        """What was decided about it; None also where it had been decided before. Raises what the decision raised, and
        NotRecordedError."""
        future: asyncio.Future[Outcome] = asyncio.get_running_loop().create_future()
        self._waiting.put_nowait((delivery, future))
        outcome = await future
        if isinstance(outcome, Refused) and outcome.code == "parked":
            raise NotRecordedError(f"{delivery.key}: {outcome.detail}")
        return outcome

    async def run(self) -> None:
        """Until cancelled. Takes what is there; never waits to fill a batch."""
        while True:
            batch = [await self._waiting.get()]
            while not self._waiting.empty() and len(batch) < _MOST:
                batch.append(self._waiting.get_nowait())
            await self._write(batch)

    async def _write(self, batch: list[_Waiting]) -> None:
        try:
            outcomes = await self._committed([delivery for delivery, _ in batch])
        except Exception as error:  # noqa: BLE001 - whatever a decision raises belongs to whoever asked for it
            if len(batch) == 1:
                _give(batch[0][1], error)
                return
            for single in batch:
                await self._write([single])
            return
        for (_, future), outcome in zip(batch, outcomes, strict=True):
            _give(future, outcome)

    async def _committed(self, deliveries: list[Delivery]) -> list[Outcome]:
        pause_s = _PAUSE_FIRST_S
        while True:
            try:
                return await asyncio.to_thread(self._processor.run, Batch(deliveries))
            except DATABASE_TROUBLE as error:
                logger.warning("writing down Stripe's word again in %.1f s: %s", pause_s, error)
                await asyncio.sleep(pause_s)
                pause_s = min(2 * pause_s, _PAUSE_MOST_S)


def _give(future: "asyncio.Future[Outcome]", result: Outcome | Exception) -> None:
    if future.done():  # whoever asked was stopped meanwhile
        return
    if isinstance(result, Exception):
        future.set_exception(result)
    else:
        future.set_result(result)
