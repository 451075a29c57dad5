"""The readers: what a hint points at, read anew from Stripe, becomes commands that record it.

Nothing is decided here.
"""

import asyncio
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from stripe import StripeClient

from schemas.base import Command
from services.runtime.bulk import Entity
from services.runtime.service import Runtime
from services.stripe_gateway import handlers, platform_account, reads, states, translate
from services.stripe_gateway.hints import Hint, Kind
from services.stripe_gateway.line import Line
from services.stripe_gateway.local_commands import (
    RecordAccount,
    RecordAlarm,
    RecordBalance,
    RecordBankPayout,
    RecordIntent,
    RecordMethod,
    RecordRefund,
    RecordReversals,
    RecordRisk,
    RecordTransfer,
)
from services.stripe_gateway.readings import RefundReading, RiskReading, TransferReading
from services.stripe_gateway.records import Intent


class NotOursError(LookupError):
    """The thing is nobody's whom we know. The text says what was looked for."""


class Readers:
    """Belongs to one event loop. Raises TroubleError, NotOursError, UnexpectedObjectError."""

    def __init__(self, runtime: Runtime, client: StripeClient, line: Line) -> None:
        self._runtime = runtime
        self._client = client
        self._line = line

    async def read(self, hint: Hint) -> Sequence[Command]:
        """The commands that record the thing as it is now, to be decided in this order."""
        readers: dict[Kind, Callable[[Hint], Awaitable[Sequence[Command]]]] = {
            "intent": self._intent,
            "setup": self._setup,
            "session": self._session,
            "method": self._method,
            "refund": self._refund,
            "refunds_of_charge": self._refunds_of_charge,
            "transfer": self._transfer,
            "reversals": self._reversals,
            "account": self._account,
            "bank_payout": self._bank_payout,
            "renewed_method": self._renewed_method,
            "dispute": self._dispute,
            "warning": self._warning,
            "review": self._review,
            "balance": self._balance,
            "balance_settings": self._balance_settings,
            "own_payout": self._own_payout,
        }
        read = readers.get(hint.kind)
        return await read(hint) if read else ()

    async def _intent(self, hint: Hint) -> Sequence[Command]:
        known = await self._rows(handlers.INTENTS, "payment_intent_id", hint.object_id)
        if known and known[0].state in (states.SUCCEEDED, states.SET_ASIDE):
            return ()  # several events tell of one charge: the first was enough
        return await self._intent_now(hint.object_id)

    async def _intent_now(self, payment_intent_id: str) -> Sequence[Command]:
        reading, found = await self._line.patiently("read", lambda: reads.intent(self._client, payment_intent_id))
        metadata = found.get("metadata") or {}
        if {"funding_id", "contract_id"} <= metadata.keys():
            [row] = await self._rows(handlers.INTENTS, "funding_id", metadata["funding_id"]) or [None]
            contract_id, funding_id = metadata["contract_id"], metadata["funding_id"]
        else:
            row = await self._row(handlers.INTENTS, "payment_intent_id", payment_intent_id)
            contract_id, funding_id = row.contract_id, row.funding_id
        alarm = platform_account.wrong_charge(row, reading) if row else None
        recorded = RecordIntent(contract_id=contract_id, funding_id=funding_id, reading=reading)
        # The alarm first: what is recorded is not read again.
        return (alarm, recorded) if alarm else (recorded,)

    async def _charged(self, payment_intent_id: str) -> tuple[Intent, Sequence[Command]]:
        """The funding whose money something is about. That it came in must be told first: the commands see to it."""
        known = await self._rows(handlers.INTENTS, "payment_intent_id", payment_intent_id)
        if known and known[0].state in (states.SUCCEEDED, states.SET_ASIDE):
            return known[0], ()
        if not payment_intent_id:
            raise NotOursError("it is about a charge without a payment intent, and we make none such")
        charged = await self._intent_now(payment_intent_id)
        return await self._row(handlers.INTENTS, "funding_id", charged[-1].subject), charged

    async def _refund(self, hint: Hint) -> Sequence[Command]:
        reading = await self._line.patiently("read", lambda: reads.refund(self._client, hint.object_id))
        return await self._recorded([reading])

    async def _refunds_of_charge(self, hint: Hint) -> Sequence[Command]:
        readings = await self._line.patiently("read", lambda: reads.refunds_of(self._client, hint.object_id))
        return await self._recorded(readings)

    async def _recorded(self, refunds: Sequence[RefundReading]) -> Sequence[Command]:
        """All of one charge."""
        if not refunds:
            return ()
        intent, before = await self._charged(refunds[0].payment_intent_id)
        now = [
            RecordRefund(
                contract_id=intent.contract_id,
                funding_id=intent.funding_id,
                refund_id=reading.refund_id or reading.stripe_refund_id,
                reading=reading,
            )
            for reading in refunds
        ]
        return (*before, *now)

    async def _session(self, hint: Hint) -> Sequence[Command]:
        setup_id = await self._line.patiently("read", lambda: reads.setup_of(self._client, hint.object_id))
        return await self._setup(Hint("setup", setup_id)) if setup_id else ()

    async def _setup(self, hint: Hint) -> Sequence[Command]:
        method = await self._line.patiently("read", lambda: reads.saved_method(self._client, hint.object_id))
        if method is None:
            return ()
        reading = translate.method(method)
        if not reading.attached:
            return ()  # detached since: its own event tells
        customer = await self._row(handlers.CUSTOMERS, "customer_id", str(method["customer"]))
        return (RecordMethod(employer_id=customer.employer_id, reading=reading),)

    async def _method(self, hint: Hint) -> Sequence[Command]:
        row = await self._row(handlers.METHODS, "payment_method_id", hint.object_id)
        found = await self._line.patiently("read", lambda: reads.method(self._client, hint.object_id))
        return (RecordMethod(employer_id=row.employer_id, reading=translate.method(found)),)

    async def _transfer(self, hint: Hint) -> Sequence[Command]:
        known = await self._rows(handlers.TRANSFERS, "transfer_id", hint.object_id)
        if known and known[0].state == states.CREATED:
            return ()
        contract_id, payout_id, reading = await self._transfer_now(hint.object_id)
        return (RecordTransfer(contract_id=contract_id, payout_id=payout_id, reading=reading),)

    async def _transfer_now(self, transfer_id: str) -> tuple[str, str, TransferReading]:
        reading, metadata = await self._line.patiently("read", lambda: reads.transfer(self._client, transfer_id))
        if not {"payout_id", "contract_id"} <= metadata.keys():
            raise NotOursError(f"the transfer {transfer_id} names no payout of ours")
        return metadata["contract_id"], metadata["payout_id"], reading

    async def _reversals(self, hint: Hint) -> Sequence[Command]:
        contract_id, payout_id, reading = await self._transfer_now(hint.object_id)
        made = await self._line.patiently("read", lambda: reads.reversals_of(self._client, hint.object_id))
        return (RecordReversals(contract_id=contract_id, payout_id=payout_id, reading=reading, reversals=tuple(made)),)

    async def _account(self, hint: Hint) -> Sequence[Command]:
        reading, metadata = await self._line.patiently("read", lambda: reads.account(self._client, hint.object_id))
        trainer_id = metadata.get("trainer_id")
        if not trainer_id:
            trainer_id = (await self._row(handlers.ACCOUNTS, "account_id", hint.object_id)).trainer_id
        return (RecordAccount(trainer_id=trainer_id, reading=reading),)

    async def _bank_payout(self, hint: Hint) -> Sequence[Command]:
        row = await self._row(handlers.ACCOUNTS, "account_id", hint.account)
        reading = await self._line.patiently(
            "read", lambda: reads.bank_payout(self._client, hint.object_id, hint.account), on_behalf=True
        )
        return (RecordBankPayout(trainer_id=row.trainer_id, reading=reading),)

    async def _renewed_method(self, hint: Hint) -> Sequence[Command]:
        # One that is not saved with us yet is read whole when it is.
        known = await self._rows(handlers.METHODS, "payment_method_id", hint.object_id)
        return await self._method(hint) if known else ()

    # -- what makes a payment doubtful ---------------------------------------------------------------------

    async def _dispute(self, hint: Hint) -> Sequence[Command]:
        found = await self._line.patiently("read", lambda: reads.dispute(self._client, hint.object_id))
        intent, before = await self._about(found)
        return (*before, _risk(intent, translate.dispute(found, intent.currency, intent.charge_minor)))

    async def _warning(self, hint: Hint) -> Sequence[Command]:
        found = await self._line.patiently("read", lambda: reads.warning(self._client, hint.object_id))
        intent, before = await self._about(found)
        return (*before, _risk(intent, translate.warning(found)))

    async def _review(self, hint: Hint) -> Sequence[Command]:
        found = await self._line.patiently("read", lambda: reads.review(self._client, hint.object_id))
        intent, before = await self._about(found)
        return (*before, _risk(intent, translate.review(found)))

    async def _about(self, found: reads.Json) -> tuple[Intent, Sequence[Command]]:
        payment_intent_id, charge_id = translate.about(found)
        if not payment_intent_id and charge_id:
            payment_intent_id = await self._line.patiently(
                "read", lambda: reads.intent_of_charge(self._client, charge_id)
            )
        return await self._charged(payment_intent_id)

    # -- the platform's own account ------------------------------------------------------------------------

    async def _balance(self, hint: Hint) -> Sequence[Command]:
        del hint
        readings = await self._line.patiently("read", lambda: reads.balance(self._client))
        return (RecordBalance(platform=platform_account.PLATFORM, readings=readings),)

    async def _balance_settings(self, hint: Hint) -> Sequence[Command]:
        interval = await self._line.patiently("read", lambda: reads.payout_interval(self._client))
        return (
            RecordAlarm(
                platform=platform_account.PLATFORM,
                code="payouts_not_manual",
                about=hint.object_id,
                detail=f"The platform's payouts at Stripe are {interval}: held money leaves for our own bank. Set them "
                "back to manual (balance settings), and top up what has left.",
                wrong=interval != "manual",
            ),
        )

    async def _own_payout(self, hint: Hint) -> Sequence[Command]:
        found = await self._line.patiently("read", lambda: reads.own_payout(self._client, hint.part))
        how = "Stripe made it by a schedule" if found.get("automatic") else "somebody made it at Stripe"
        alarm = RecordAlarm(
            platform=platform_account.PLATFORM,
            code="unexpected_payout",
            about=hint.part,
            detail=f"{found['amount']} {found['currency']} (minor units) leave the platform's balance for our own "
            f"bank: {how}. See that what is left covers what we hold; top up, or cancel it while it is pending.",
        )
        return (alarm, *await self._balance(hint))

    async def _row(self, entity: Entity[Any], column: str, value: str) -> Any:
        rows = await self._rows(entity, column, value)
        if not rows:
            raise NotOursError(f"there is no row of {entity.table.name} with {column} {value}")
        return rows[0]

    async def _rows(self, entity: Entity[Any], column: str, value: str) -> list[Any]:
        return await asyncio.to_thread(self._runtime.processor.database.rows, entity, column, (value,))


def _risk(intent: Intent, reading: RiskReading) -> RecordRisk:
    return RecordRisk(contract_id=intent.contract_id, funding_id=intent.funding_id, reading=reading)
