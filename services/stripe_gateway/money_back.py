"""Money on its way back: refunds to cards, reversals of transfers. What a command asks of Stripe, and what a reading,
or a refusal, tells. Pure."""

from collections.abc import Iterable, Sequence

from schemas import stripe
from schemas.base import Message
from services.stripe_gateway import parameters, states
from services.stripe_gateway.opening import NOTHING, Decided, Opening, ask, refuse, refuse_other_intent
from services.stripe_gateway.readings import CardTrouble, RefundReading, ReversalReading
from services.stripe_gateway.records import Attempt, Intent, Refund, Reversal, Transfer
from services.stripe_gateway.told import Told, check

_OVER = (states.PENDING, states.REQUIRES_ACTION, states.SUCCEEDED, states.FAILED, states.CANCELED)
"""The refund is at Stripe: whatever becomes of it is told, and it is never made anew."""


# -- refunds -----------------------------------------------------------------------------------------------


def create_refund(
    refund: Refund | None,
    intent: Intent | None,
    command: stripe.CreateRefund,
    asked: Sequence[Attempt],
    opening: Opening,
) -> Decided:
    """Ask to give money back to the card that it came from."""
    if intent is None or intent.payment_intent_id != command.payment_intent_id:
        return refuse_other_intent(opening, command, command.refund_id)
    if refund is not None and refund.state in _OVER:
        return NOTHING  # one refund at Stripe for each of ours, and it was told
    base = refund or new_refund(command.refund_id, intent, command.amount_minor, command.currency, by_hand=False)
    after = base._replace(amount_minor=command.amount_minor, attempt=command.attempt)
    call = parameters.create_refund(command)
    return ask(command, base.refund_id, call, asked, opening, after, base.move(command.type_name))


def new_refund(refund_id: str, intent: Intent, amount_minor: int, currency: str, *, by_hand: bool) -> Refund:
    """A refund of which nothing is known yet."""
    return Refund(
        refund_id, intent.contract_id, intent.milestone_id, intent.funding_id, intent.payment_intent_id or "",
        amount_minor, currency, by_hand, states.NONE, 0, None, 0, 0, "", "",
    )  # fmt: skip


def refund_read(refund: Refund, reading: RefundReading) -> Told:
    """A refund as Stripe has it now: told when its status, its sums or what it waits for changed."""
    check(refund.stripe_refund_id, reading.stripe_refund_id, refund.refund_id)
    check(refund.payment_intent_id, reading.payment_intent_id, refund.refund_id)
    target = refund.move(states.CONVERTED if reading.settled_currency else states.SEEN, reading.status)
    # Sums never fall: a reading that shows less than was told is older, such as a replayed answer to our call.
    older = reading.debited_minor < refund.debited_minor or reading.returned_minor < refund.returned_minor
    if target is None or older:
        return Told(refund)
    now = refund._replace(
        state=target,
        stripe_refund_id=reading.stripe_refund_id,
        amount_minor=reading.amount_minor,
        debited_minor=reading.debited_minor,
        returned_minor=reading.returned_minor,
        pending_reason=reading.pending_reason,
        failure_reason=reading.failure_reason,
    )
    if now == refund:
        return Told(refund)
    if reading.settled_currency:
        return Told(now, (_converted(now, reading),))
    event = stripe.RefundChanged(
        contract_id=now.contract_id,
        milestone_id=now.milestone_id,
        funding_id=now.funding_id,
        stripe_refund_id=reading.stripe_refund_id,
        refund_id=None if now.by_hand else now.refund_id,
        status=reading.status,
        amount_minor=now.amount_minor,
        debited_minor=now.debited_minor,
        returned_minor=now.returned_minor,
        currency=reading.currency,
        pending_reason=now.pending_reason,
        failure_reason=now.failure_reason,
    )
    return Told(now, (event,))


def _converted(refund: Refund, reading: RefundReading) -> stripe.ConvertedRefundChanged:
    return stripe.ConvertedRefundChanged(
        contract_id=refund.contract_id,
        milestone_id=refund.milestone_id,
        funding_id=refund.funding_id,
        stripe_refund_id=reading.stripe_refund_id,
        status=reading.status,
        amount_minor=refund.amount_minor,
        currency=reading.currency,
        debited_minor=refund.debited_minor,
        returned_minor=refund.returned_minor,
        settled_currency=reading.settled_currency,
    )


def refund_declined(refund: Refund, trouble: CardTrouble) -> Told:
    """Nothing moved."""
    target = refund.move(states.DECLINE)
    if target is None:
        return Told(refund)
    event = stripe.RefundRefused(
        contract_id=refund.contract_id,
        milestone_id=refund.milestone_id,
        funding_id=refund.funding_id,
        refund_id=refund.refund_id,
        attempt=refund.attempt,
        code=trouble.code,
        message=trouble.message,
    )
    return Told(refund._replace(state=target), (event,))


# -- reversals ---------------------------------------------------------------------------------------------


def reverse_transfer(
    reversal: Reversal | None,
    transfer: Transfer | None,
    command: stripe.ReverseTransfer,
    asked: Sequence[Attempt],
    opening: Opening,
) -> Decided:
    """Ask to take money back from the trainer's account."""
    if transfer is None or transfer.transfer_id != command.transfer_id:
        detail = f"the transfer of {command.payout_id} is not {command.transfer_id}"
        return Decided(said=(refuse(opening, command, command.reversal_id, "unknown_transfer", detail),))
    if reversal is not None and reversal.state == states.REVERSED:
        return NOTHING
    base = reversal or new_reversal(
        command.reversal_id, transfer, command.amount_minor, command.currency, by_hand=False
    )
    call = parameters.reverse_transfer(command)
    return ask(command, base.reversal_id, call, asked, opening, base, base.move(command.type_name))


def new_reversal(reversal_id: str, transfer: Transfer, amount_minor: int, currency: str, *, by_hand: bool) -> Reversal:
    """A reversal of which nothing is known yet."""
    return Reversal(
        reversal_id, transfer.payout_id, transfer.contract_id, transfer.milestone_id, transfer.transfer_id or "",
        amount_minor, currency, by_hand, states.NONE, None,
    )  # fmt: skip


def reversal_read(reversal: Reversal, transfer: Transfer, reading: ReversalReading) -> Told:
    """A reversal that was made: told once, with the sum of all that were told of its transfer."""
    check(reversal.stripe_reversal_id, reading.stripe_reversal_id, reversal.reversal_id)
    check(reversal.transfer_id, reading.transfer_id, reversal.reversal_id)
    target = reversal.move(states.SEEN)
    if target is None:
        return Told(reversal)
    now = reversal._replace(
        state=target,
        stripe_reversal_id=reading.stripe_reversal_id,
        amount_minor=reading.amount_minor,
    )
    after = transfer._replace(reversed_minor=transfer.reversed_minor + reading.amount_minor)
    event = stripe.TransferReversed(
        contract_id=now.contract_id,
        milestone_id=now.milestone_id,
        payout_id=now.payout_id,
        transfer_id=now.transfer_id,
        reversal_id=None if now.by_hand else now.reversal_id,
        amount_minor=now.amount_minor,
        reversed_minor=after.reversed_minor,
        currency=reading.currency,
    )
    return Told(now, (event,), (after,))


def reversals_read(
    transfer: Transfer, known: Iterable[Reversal], readings: Sequence[ReversalReading]
) -> tuple[list[Reversal], Transfer, list[Message]]:
    """All reversals of a transfer, oldest first, as Stripe lists them: the changed rows, and what is to be told."""
    rows = {row.reversal_id: row for row in known}
    changed: list[Reversal] = []
    said: list[Message] = []
    for reading in readings:
        by_hand = not reading.reversal_id
        reversal_id = reading.reversal_id or reading.stripe_reversal_id
        row = rows.get(reversal_id) or new_reversal(
            reversal_id, transfer, reading.amount_minor, reading.currency, by_hand=by_hand
        )
        told = reversal_read(row, transfer, reading)
        if told.said and isinstance(told.record, Reversal):
            rows[reversal_id] = told.record  # a second one at Stripe under the same name is never taken
            changed.append(told.record)
            said += told.said
            transfer = next(record for record in told.beside if isinstance(record, Transfer))
    return changed, transfer, said


def reversal_declined(reversal: Reversal, trouble: CardTrouble) -> Told:
    """Nothing moved."""
    target = reversal.move(states.DECLINE)
    if target is None:
        return Told(reversal)
    event = stripe.ReversalRefused(
        contract_id=reversal.contract_id,
        milestone_id=reversal.milestone_id,
        payout_id=reversal.payout_id,
        transfer_id=reversal.transfer_id,
        reversal_id=reversal.reversal_id,
        amount_minor=reversal.amount_minor,
        currency=reversal.currency,
        code=trouble.code,
        message=trouble.message,
    )
    return Told(reversal._replace(state=target), (event,))
