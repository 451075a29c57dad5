"""The inbox: what a webhook hints at is read anew from Stripe, and what it shows is told, once."""

import asyncio
import json
import logging

from stripe import StripeClient

from schemas.base import Command
from services.runtime.decisions import Refused
from services.runtime.records import Delivery
from services.runtime.service import Runtime
from services.stripe_gateway import metrics
from services.stripe_gateway.hints import hint_of
from services.stripe_gateway.keyed import Keyed
from services.stripe_gateway.line import Line, TroubleError
from services.stripe_gateway.listener import AGAIN_S, DATABASE_TROUBLE, woken
from services.stripe_gateway.readers import NotOursError, Readers
from services.stripe_gateway.recorder import Recorder
from services.stripe_gateway.told import WrongObjectError
from services.stripe_gateway.translate import UnexpectedObjectError
from services.stripe_gateway.webhooks import DONE, PARKED
from services.stripe_gateway.worklist import Webhook, WorkList

logger = logging.getLogger(__name__)

MOST_IN_HAND = 1_000
_GUARD_S = 0.5


class Inbox:
    """Looks into the received webhooks of this replica's lanes. Belongs to one event loop."""

    def __init__(
        self, runtime: Runtime, work_list: WorkList, client: StripeClient, line: Line, recorder: Recorder
    ) -> None:
        self._runtime = runtime
        self._work_list = work_list
        self._readers = Readers(runtime, client, line)
        self._recorder = recorder
        self._keyed: Keyed[Webhook] = Keyed(self._work)

    async def run(self, wake: asyncio.Event) -> None:
        """Until cancelled."""
        while True:
            lanes, in_hand = self._runtime.lanes(), self._keyed.in_hand
            metrics.UNREAD.set(len(in_hand))
            try:
                if lanes and len(in_hand) < MOST_IN_HAND:
                    most = MOST_IN_HAND - len(in_hand)
                    for webhook in await asyncio.to_thread(self._work_list.received, lanes, in_hand, most):
                        # One at a time for each thing, so that an older reading never comes after a newer one.
                        self._keyed.add(webhook.object_id, webhook.event_id, webhook)
            except DATABASE_TROUBLE as error:
                logger.warning("looking for webhooks again: %s", error)
                await asyncio.sleep(AGAIN_S)
            await woken(wake, _GUARD_S)

    async def close(self, patience_s: float) -> None:
        """Let what is being read end."""
        await self._keyed.close(patience_s)

    async def _work(self, webhook: Webhook) -> None:
        state, reason = DONE, ""
        try:
            hint = hint_of(json.loads(webhook.body))
            # Of many words about the balance the last is enough: it is read after all that they tell of.
            again = hint.kind == "balance" and any(w.type == webhook.type for w in self._keyed.behind(hint.object_id))
            for command in () if again else await self._readers.read(hint):
                outcome = await self._recorder.record(await self._delivery(webhook, command))
                if isinstance(outcome, Refused):
                    state, reason = PARKED, outcome.detail
        except TroubleError as trouble:
            state, reason = PARKED, f"the object cannot be read: {trouble.judged.reason} {trouble.judged.message}"
        except (NotOursError, UnexpectedObjectError, WrongObjectError) as error:
            state, reason = PARKED, str(error)
        if state == PARKED:
            logger.error("webhook %s (%s) is set aside: %s", webhook.event_id, webhook.type, reason)
        metrics.HINTS.labels(webhook.type, state).inc()
        now = self._runtime.clock.now()
        await asyncio.to_thread(self._work_list.close, webhook.event_id, state, reason, now)

    async def _delivery(self, webhook: Webhook, command: Command) -> Delivery:
        """Caused by Stripe's event, part of the story that our own call began."""
        correlation_id = None
        # What was made by hand at Stripe has no call of ours: it is part of the story of what it is about.
        for about in (command.subject, *(getattr(command, name, None) for name in ("funding_id", "payout_id"))):
            if about and correlation_id is None:
                correlation_id = await asyncio.to_thread(self._work_list.story_of, about)
        # Each command is decided once under its id. After a crash the same event may need fewer of them, so the id
        # says what is recorded, not which of them it is: else one would pass for another that was decided before.
        identifier = f"{webhook.event_id}-{type(command).__name__}-{command.subject}"
        return self._runtime.processor.delivery(command, identifier, correlation_id or webhook.event_id)
