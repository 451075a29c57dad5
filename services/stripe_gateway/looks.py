"""Looking first: whether a call was executed, without making it again.

Needed when the idempotency key cannot say it any more (Stripe forgets it after 24 hours), or when Stripe stored an
error under it although the money may have moved (STRIPE.md 2.3).
"""

import json
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from datetime import timedelta
from enum import Enum
from typing import Any

from stripe import StripeClient

from services.stripe_gateway import parameters, reads, translate
from services.stripe_gateway.facts import is_of_last_attempt
from services.stripe_gateway.readings import Answered, Declined
from services.stripe_gateway.reads import plain
from services.stripe_gateway.records import Attempt, Intent, Record

_SLACK = timedelta(minutes=10)
"""Between our clock and Stripe's."""


class Look(Enum):
    """What a look can say besides an answer."""

    ABSENT = "absent"
    """It was never executed: it may be called."""
    UNCLEAR = "unclear"
    """Nobody can tell."""


Found = Answered | Declined | Look


async def look(client: StripeClient, attempt: Attempt, record: Record | None) -> Found:
    """What became of a call, by what is at Stripe now. `record`: what the call is about, as we last told of it.

    Raises what the library raises.
    """
    return await _LOOKS[attempt.operation](client, attempt, record)


async def _intent(client: StripeClient, attempt: Attempt, record: Record | None) -> Found:
    """A confirmation: the intent shows its last attempt."""
    if not isinstance(record, Intent):
        return Look.UNCLEAR
    reading, _ = await reads.intent(client, attempt.target)
    executed = is_of_last_attempt(record, reading)
    if executed:
        trouble = reading.trouble
        return Declined(trouble=trouble, http_status=402) if trouble else Answered(reading=reading)
    # A failed authentication has no charge that tells it from the next; confirming on-session again is safe.
    known = executed is False or attempt.operation == "authenticate_payment_intent"
    return Look.ABSENT if known else Look.UNCLEAR


async def _new_intent(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    listed = await client.v1.payment_intents.list_async(_since(attempt, "customer"))
    found = await _with_metadata(listed.auto_paging_iter(), "funding_id", attempt.about)
    return Answered(reading=translate.intent(found)) if found else Look.ABSENT


async def _canceled(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    """A cancellation: should the intent have succeeded meanwhile, that is the answer."""
    reading, _found = await reads.intent(client, attempt.target)
    return Answered(reading=reading) if reading.status in ("canceled", "succeeded") else Look.ABSENT


async def _new_refund(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    wanted: Any = {**_since(attempt, "payment_intent"), "expand": [f"data.{part}" for part in parameters.REFUND_PARTS]}
    listed = await client.v1.refunds.list_async(wanted)
    found = await _with_metadata(listed.auto_paging_iter(), "refund_id", attempt.about)
    return Answered(reading=await reads.whole_refund(client, found)) if found else Look.ABSENT


async def _new_reversal(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    made = await reads.reversals_of(client, attempt.target)
    found = next((reading for reading in made if reading.reversal_id == attempt.about), None)
    return Answered(reading=found) if found else Look.ABSENT


async def _new_transfer(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    parts = [f"data.{part}" for part in parameters.TRANSFER_PARTS]
    wanted: Any = {**_since(attempt, "destination"), "expand": parts}
    listed = await client.v1.transfers.list_async(wanted)
    found = await _with_metadata(listed.auto_paging_iter(), "payout_id", attempt.about)
    return Answered(reading=translate.transfer(found)) if found else Look.ABSENT


async def _new_customer(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    listed = await client.v1.customers.list_async(_since(attempt))
    found = await _with_metadata(listed.auto_paging_iter(), "employer_id", attempt.about)
    return Answered(reading=translate.customer(found)) if found else Look.ABSENT


async def _new_account(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    listed = await client.v2.core.accounts.list_async({"limit": 20})
    found = await _with_metadata(listed.auto_paging_iter(), "trainer_id", attempt.about)
    if found is None:
        return Look.ABSENT
    reading, _metadata = await reads.account(client, found["id"])
    return Answered(reading=reading)


async def _detached(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    method = translate.method(await reads.method(client, attempt.target))
    return Look.ABSENT if method.attached else Answered(reading=method)


async def _evidence(client: StripeClient, attempt: Attempt, _: Record | None) -> Found:
    """Whether the bank has it."""
    reading = translate.evidence(await reads.dispute(client, attempt.target))
    return Answered(reading=reading) if reading.submitted else Look.ABSENT


_LOOKS: dict[str, Callable[[StripeClient, Attempt, Record | None], Awaitable[Found]]] = {
    "create_customer": _new_customer,
    "create_account": _new_account,
    "create_payment_intent": _new_intent,
    "confirm_payment_intent": _intent,
    "authenticate_payment_intent": _intent,
    "cancel_payment_intent": _canceled,
    "create_refund": _new_refund,
    "create_transfer": _new_transfer,
    "reverse_transfer": _new_reversal,
    "detach_payment_method": _detached,
    "submit_dispute_evidence": _evidence,
}


async def _with_metadata(found: AsyncIterator[Any], name: str, value: str) -> Mapping[str, Any] | None:
    async for item in found:
        one = plain(item)
        if (one.get("metadata") or {}).get(name) == value:
            return one
    return None


def _since(attempt: Attempt, same: str | None = None) -> Any:
    """Made since the call was opened; `same`: with the same value of a parameter."""
    wanted: dict[str, Any] = {"created": {"gte": int((attempt.opened_at - _SLACK).timestamp())}, "limit": 100}
    if same is not None:
        wanted[same] = json.loads(attempt.parameters)[same]
    return wanted
