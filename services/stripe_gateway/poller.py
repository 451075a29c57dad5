"""The poller: events that no webhook brought are fetched from Stripe, and go the way of every webhook (STRIPE.md 2.2).

Each account's events are read through by the time that Stripe made them, again and again, with an overlap; what is
here already is left out by its id. The first time, it is what could not be delivered in the thirty days for which
Stripe keeps events. A pass goes from the newest event to the oldest, page by page; each page that was read is noted, so
a pass that was cut off goes on where it stopped. Connected accounts are also read anew themselves: some of what happens
to them is told by thin events alone.
"""

import asyncio
import json
import logging
from datetime import timedelta
from typing import Any

from stripe import StripeClient

from services.runtime.service import Runtime
from services.runtime.stripe_keys import is_live
from services.stripe_gateway import metrics, reads, webhooks
from services.stripe_gateway.hints import Hint
from services.stripe_gateway.line import Line, TroubleError
from services.stripe_gateway.listener import DATABASE_TROUBLE
from services.stripe_gateway.platform_account import PLATFORM
from services.stripe_gateway.polls import Poll, Polls
from services.stripe_gateway.readers import NotOursError, Readers
from services.stripe_gateway.recorder import NotRecordedError, Recorder
from services.stripe_gateway.settings import GatewaySettings
from services.stripe_gateway.told import WrongObjectError
from services.stripe_gateway.translate import UnexpectedObjectError
from services.stripe_gateway.worklist import WorkList

logger = logging.getLogger(__name__)

PAGE = 100
"""Stripe gives no more at once."""
_KEPT = timedelta(days=30)
"""For so long Stripe keeps events."""
_ROUND_S = 1.0
"""Between two questions to our own database about whose turn it is."""
_MOST_AT_ONCE = 20
"""Accounts in one round: the platform's own turn never waits long."""
_ENDPOINT = "poll"


class Poller:
    """Takes the turns that are due, one after another. Belongs to one event loop."""

    def __init__(
        self,
        runtime: Runtime,
        work_list: WorkList,
        settings: GatewaySettings,
        client: StripeClient,
        line: Line,
        recorder: Recorder,
    ) -> None:
        self._runtime = runtime
        self._work_list = work_list
        self._settings = settings
        self._client = client
        self._line = line
        self._recorder = recorder
        self._readers = Readers(runtime, client, line)
        self._live = is_live(settings.stripe_api_key.get_secret_value())
        self._polls = Polls(runtime.engine)

    async def run(self) -> None:
        """Until cancelled. Does nothing where it is turned off."""
        while True:
            if self._settings.stripe_poll_s and self._runtime.lanes():
                try:
                    for poll in await asyncio.to_thread(self.claim):
                        await self._turn(poll)
                except DATABASE_TROUBLE as error:
                    logger.warning("looking for missed webhooks again: %s", error)
            await asyncio.sleep(_ROUND_S)

    def claim(self) -> list[Poll]:
        """The accounts whose turn it is; no other replica takes it."""
        now, settings = self._runtime.clock.now(), self._settings
        every, each = timedelta(seconds=settings.stripe_poll_s), timedelta(seconds=settings.stripe_poll_accounts_s)
        return self._polls.claim(now, now - _KEPT, every, each, _MOST_AT_ONCE)

    async def _turn(self, poll: Poll) -> None:
        account = "" if poll.account == PLATFORM else poll.account
        try:
            await self._read_through(poll, account)
            if account:
                for command in await self._readers.read(Hint("account", account, account)):
                    await self._recorder.record(self._runtime.processor.delivery(command))
        except TroubleError as trouble:
            # An account that was closed, or a pass whose place Stripe has forgotten: from the start at the next turn.
            logger.warning("the events of %s are read through later: %s", poll.account, trouble.judged.reason)
            await asyncio.to_thread(self._polls.reached, poll, self._runtime.clock.now(), None)
        except (NotOursError, NotRecordedError, UnexpectedObjectError, WrongObjectError) as error:
            logger.warning("%s is read anew later: %s", poll.account, error)

    async def _read_through(self, poll: Poll, account: str) -> None:
        """One pass, or as much of it as a turn may read."""
        settings, now = self._settings, self._runtime.clock.now()
        # What was made just now is on its way.
        until = poll.until or now - timedelta(seconds=settings.stripe_poll_behind_s)
        begin = poll.since if poll.is_first else poll.since - timedelta(seconds=settings.stripe_poll_overlap_s)
        after_id = poll.after_id
        for _ in range(settings.stripe_poll_pages):
            wanted: dict[str, Any] = {
                "created": {"gte": int(begin.timestamp()), "lte": int(until.timestamp())},
                "limit": PAGE,
            }
            if poll.is_first:
                wanted["delivery_success"] = False
            if after_id:
                wanted["starting_after"] = after_id
            events, more = await self._line.patiently(
                "list_events",
                lambda wanted=wanted: reads.events(self._client, wanted, account),  # type: ignore[misc]
                on_behalf=bool(account),
            )
            await self._keep(events, account)
            if not more:
                await asyncio.to_thread(self._polls.read_through, poll, until)
                return
            after_id = events[-1]["id"]
            await asyncio.to_thread(self._polls.reached, poll, until, after_id)
        await asyncio.to_thread(self._polls.reached, poll, until, after_id, now)

    async def _keep(self, events: list[dict[str, Any]], account: str) -> None:
        known = await asyncio.to_thread(self._polls.known, [event["id"] for event in events])
        for event in events:
            if event["id"] in known:
                continue
            body = json.dumps({**event, "account": account} if account else event, separators=(",", ":"))
            word = webhooks.sort_out(body, live=self._live, polled=True)
            if word.state != webhooks.RECEIVED:
                continue  # nothing follows from it, or it is none of those that we have Stripe send
            now = self._runtime.clock.now()
            arrival = self._runtime.processor.ids.new("arr", now)
            if await asyncio.to_thread(webhooks.store, self._work_list, word, _ENDPOINT, arrival, now):
                logger.warning("event %s (%s) came by no webhook: found by looking", word.event_id, word.type)
                metrics.MISSED.labels(word.type).inc()
