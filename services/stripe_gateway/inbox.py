"""The inbox: what a webhook hints at is read anew from Stripe, and what it shows is told, once."""

import asyncio
import json
import logging
from collections.abc import Awaitable, Callable
from typing import Any, NamedTuple

from stripe import StripeClient

from schemas.base import Command
from schemas.envelope import Envelope
from services.runtime.bulk import Entity, bigint_array, text_array
from services.runtime.database import borrowed
from services.runtime.decisions import Refused
from services.runtime.records import Delivery
from services.runtime.service import Runtime
from services.stripe_gateway import handlers, metrics, reads, states, translate
from services.stripe_gateway.facts import WrongObjectError
from services.stripe_gateway.hints import Hint, Kind, hint_of
from services.stripe_gateway.keyed import Keyed
from services.stripe_gateway.line import Line, TroubleError
from services.stripe_gateway.listener import AGAIN_S, DATABASE_TROUBLE, woken
from services.stripe_gateway.local_commands import (
    RecordAccount,
    RecordBankPayout,
    RecordIntent,
    RecordMethod,
    RecordTransfer,
)
from services.stripe_gateway.recorder import Recorder
from services.stripe_gateway.translate import UnexpectedObjectError
from services.stripe_gateway.webhooks import DONE, PARKED

logger = logging.getLogger(__name__)

MOST_IN_HAND = 1_000
_GUARD_S = 0.5


class NotOursError(LookupError):
    """The thing is nobody's whom we know. The text says what was looked for."""


class Webhook(NamedTuple):
    """A stored event that waits."""

    event_id: str
    type: str
    object_id: str
    body: str


class Inbox:
    """Looks into the received webhooks of this replica's lanes. Belongs to one event loop."""

    def __init__(self, runtime: Runtime, client: StripeClient, line: Line, recorder: Recorder) -> None:
        self._runtime = runtime
        self._client = client
        self._line = line
        self._recorder = recorder
        self._keyed: Keyed[Webhook] = Keyed(self._work)

    async def run(self, wake: asyncio.Event) -> None:
        """Until cancelled."""
        while True:
            lanes, in_hand = self._runtime.lanes(), self._keyed.in_hand
            metrics.UNREAD.set(len(in_hand))
            try:
                if lanes and len(in_hand) < MOST_IN_HAND:
                    for webhook in await asyncio.to_thread(self._received, lanes, in_hand):
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
            command = await self._read(hint_of(json.loads(webhook.body)))
            if command is not None:
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
        await asyncio.to_thread(self._close, webhook.event_id, state, reason)

    # -- reading -------------------------------------------------------------------------------------------

    async def _read(self, hint: Hint) -> Command | None:
        """The command that records the thing as it is now. None: there is nothing to record."""
        readers: dict[Kind, Callable[[Hint], Awaitable[Command | None]]] = {
            "intent": self._intent,
            "setup": self._setup,
            "session": self._session,
            "method": self._method,
            "transfer": self._transfer,
            "account": self._account,
            "bank_payout": self._bank_payout,
        }
        read = readers.get(hint.kind)
        return await read(hint) if read else None

    async def _intent(self, hint: Hint) -> Command | None:
        known = await self._rows(handlers.INTENTS, "payment_intent_id", hint.object_id)
        if known and known[0].state == states.SUCCEEDED:
            return None  # several events tell of one charge: the first was enough
        reading, found = await self._line.patiently("read", lambda: reads.intent(self._client, hint.object_id))
        metadata = found.get("metadata") or {}
        if {"funding_id", "contract_id"} <= metadata.keys():
            contract_id, funding_id = metadata["contract_id"], metadata["funding_id"]
        else:
            row = await self._row(handlers.INTENTS, "payment_intent_id", hint.object_id)
            contract_id, funding_id = row.contract_id, row.funding_id
        return RecordIntent(contract_id=contract_id, funding_id=funding_id, reading=reading)

    async def _session(self, hint: Hint) -> Command | None:
        setup_id = await self._line.patiently("read", lambda: reads.setup_of(self._client, hint.object_id))
        return await self._setup(Hint("setup", setup_id)) if setup_id else None

    async def _setup(self, hint: Hint) -> Command | None:
        method = await self._line.patiently("read", lambda: reads.saved_method(self._client, hint.object_id))
        if method is None:
            return None
        reading = translate.method(method)
        if not reading.attached:
            return None  # detached since: its own event tells
        customer = await self._row(handlers.CUSTOMERS, "customer_id", str(method["customer"]))
        return RecordMethod(employer_id=customer.employer_id, reading=reading)

    async def _method(self, hint: Hint) -> Command:
        row = await self._row(handlers.METHODS, "payment_method_id", hint.object_id)
        found = await self._line.patiently("read", lambda: reads.method(self._client, hint.object_id))
        return RecordMethod(employer_id=row.employer_id, reading=translate.method(found))

    async def _transfer(self, hint: Hint) -> Command | None:
        known = await self._rows(handlers.TRANSFERS, "transfer_id", hint.object_id)
        if known and known[0].state == states.CREATED:
            return None
        reading, metadata = await self._line.patiently("read", lambda: reads.transfer(self._client, hint.object_id))
        if not {"payout_id", "contract_id"} <= metadata.keys():
            raise NotOursError(f"the transfer {hint.object_id} names no payout of ours")
        return RecordTransfer(contract_id=metadata["contract_id"], payout_id=metadata["payout_id"], reading=reading)

    async def _account(self, hint: Hint) -> Command:
        reading, metadata = await self._line.patiently("read", lambda: reads.account(self._client, hint.object_id))
        trainer_id = metadata.get("trainer_id")
        if not trainer_id:
            trainer_id = (await self._row(handlers.ACCOUNTS, "account_id", hint.object_id)).trainer_id
        return RecordAccount(trainer_id=trainer_id, reading=reading)

    async def _bank_payout(self, hint: Hint) -> Command:
        row = await self._row(handlers.ACCOUNTS, "account_id", hint.account)
        reading = await self._line.patiently(
            "read", lambda: reads.bank_payout(self._client, hint.object_id, hint.account), on_behalf=True
        )
        return RecordBankPayout(trainer_id=row.trainer_id, reading=reading)

    async def _row(self, entity: Entity[Any], column: str, value: str) -> Any:
        rows = await self._rows(entity, column, value)
        if not rows:
            raise NotOursError(f"there is no row of {entity.table.name} with {column} {value}")
        return rows[0]

    async def _rows(self, entity: Entity[Any], column: str, value: str) -> list[Any]:
        def look() -> list[Any]:
            with borrowed(self._runtime.engine) as connection:
                rows = entity.select(connection, column, (value,))
                connection.rollback()
            return rows

        return await asyncio.to_thread(look)

    # -- the database, in threads of their own -------------------------------------------------------------

    async def _delivery(self, webhook: Webhook, command: Command) -> Delivery:
        """Caused by Stripe's event, part of the story that our own call began."""
        correlation_id = await asyncio.to_thread(self._story_of, command.subject)
        envelope = Envelope(
            webhook.event_id, command.type_name, self._runtime.processor.service, command.subject,
            self._runtime.clock.now(), correlation_id or webhook.event_id, "",
        )  # fmt: skip
        return Delivery(envelope, command.key, command)

    def _story_of(self, about: str) -> str | None:
        with borrowed(self._runtime.engine) as connection:
            row = connection.execute(
                "SELECT correlation_id FROM attempts WHERE about = %s ORDER BY arrival LIMIT 1", (about,)
            ).fetchone()
            connection.rollback()
        return row[0] if row else None

    def _received(self, lanes: frozenset[int], in_hand: frozenset[str]) -> list[Webhook]:
        with borrowed(self._runtime.engine) as connection:
            rows = connection.execute(
                "SELECT event_id, type, object_id, body FROM webhooks WHERE state = 'received' "
                "AND lane = ANY(%s::smallint[]) AND NOT event_id = ANY(%s::text[]) ORDER BY arrival LIMIT %s",
                (bigint_array(sorted(lanes)), text_array(in_hand), MOST_IN_HAND - len(in_hand)),
            ).fetchall()
            connection.rollback()
        return [Webhook(*row) for row in rows]

    def _close(self, event_id: str, state: str, reason: str) -> None:
        with borrowed(self._runtime.engine) as connection:
            connection.execute(
                "UPDATE webhooks SET state = %s, reason = %s, handled_at = %s WHERE event_id = %s",
                (state, reason, self._runtime.clock.now(), event_id),
            )
            connection.commit()
