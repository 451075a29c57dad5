"""Sending: one function a kind of call, from the stored parameters to a reading of what Stripe has now."""

import json
from collections.abc import Awaitable, Callable
from typing import Any

import stripe
from stripe import StripeClient

from services.stripe_gateway import reads, translate
from services.stripe_gateway.readings import MethodReading, Reading
from services.stripe_gateway.reads import plain
from services.stripe_gateway.records import Attempt

_Send = Callable[[StripeClient, Attempt, Any, Any], Awaitable[Reading]]


async def send(client: StripeClient, attempt: Attempt) -> Reading:
    """Make the call, under its idempotency key. Raises what the library raises, and UnexpectedObjectError."""
    parameters: Any = json.loads(attempt.parameters)
    return await _SENDERS[attempt.operation](client, attempt, parameters, {"idempotency_key": attempt.idempotency_key})


async def _create_customer(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    del attempt
    return translate.customer(plain(await client.v1.customers.create_async(parameters, options)))


async def _create_account(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    del attempt
    return translate.account(plain(await client.v2.core.accounts.create_async(parameters, options)))


async def _create_payment_intent(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    del attempt
    return translate.intent(plain(await client.v1.payment_intents.create_async(parameters, options)))


async def _confirm_payment_intent(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    return translate.intent(plain(await client.v1.payment_intents.confirm_async(attempt.target, parameters, options)))


async def _cancel_payment_intent(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    return translate.intent(plain(await client.v1.payment_intents.cancel_async(attempt.target, parameters, options)))


async def _create_refund(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    del attempt
    return await reads.whole_refund(client, plain(await client.v1.refunds.create_async(parameters, options)))


async def _reverse_transfer(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    made = await client.v1.transfers.reversals.create_async(attempt.target, parameters, options)
    return translate.reversal(plain(made))


async def _create_transfer(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    del attempt
    return translate.transfer(plain(await client.v1.transfers.create_async(parameters, options)))


async def _detach_payment_method(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    try:
        return translate.method(
            plain(await client.v1.payment_methods.detach_async(attempt.target, parameters, options))
        )
    except stripe.InvalidRequestError as error:
        # It is gone already: that is what was asked for.
        if error.http_status == 404 or error.code == "payment_method_unexpected_state":
            return MethodReading(payment_method_id=attempt.target, attached=False)
        found = translate.method(plain(await client.v1.payment_methods.retrieve_async(attempt.target)))
        if found.attached:
            raise
        return found


async def _submit_dispute_evidence(client: StripeClient, attempt: Attempt, parameters: Any, options: Any) -> Reading:
    reading = translate.evidence(plain(await client.v1.disputes.update_async(attempt.target, parameters, options)))
    if not reading.submitted:
        raise translate.UnexpectedObjectError(f"the evidence of {attempt.target} was kept and not given to the bank")
    return reading


_SENDERS: dict[str, _Send] = {
    "create_customer": _create_customer,
    "create_account": _create_account,
    "create_payment_intent": _create_payment_intent,
    "confirm_payment_intent": _confirm_payment_intent,
    "authenticate_payment_intent": _confirm_payment_intent,
    "cancel_payment_intent": _cancel_payment_intent,
    "create_refund": _create_refund,
    "create_transfer": _create_transfer,
    "reverse_transfer": _reverse_transfer,
    "detach_payment_method": _detach_payment_method,
    "submit_dispute_evidence": _submit_dispute_evidence,
}
