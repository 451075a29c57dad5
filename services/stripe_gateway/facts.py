"""What a reading of something at Stripe means: which state its row moves to, and the facts to tell. Pure.

The same functions serve the answer to our call, a webhook and a later look, so a fact is told once, by whichever comes
first, and a stale word moves nothing.
"""

from collections.abc import Callable
from typing import Any

from schemas import stripe
from schemas.base import Message
from services.stripe_gateway import evidence, money_back, states
from services.stripe_gateway.readings import (
    AccountReading,
    BankPayoutReading,
    CardTrouble,
    ChargeReading,
    ConvertedReading,
    CustomerReading,
    IntentReading,
    MethodReading,
    Reading,
    TransferReading,
)
from services.stripe_gateway.records import (
    Account,
    BankPayout,
    Customer,
    Dispute,
    Intent,
    PaymentMethod,
    Record,
    Refund,
    Transfer,
)
from services.stripe_gateway.told import Told, WrongObjectError, check


def read(record: Record, reading: Reading) -> Told:
    """What a reading tells of a thing. Raises WrongObjectError when the two do not belong together."""
    tell = _TELLS.get((type(record), reading.kind))
    if tell is None:
        raise WrongObjectError(f"a reading of {reading.kind} cannot tell of a {type(record).__name__}")
    return tell(record, reading)


def intent_read(intent: Intent, reading: IntentReading) -> Told:
    """A payment intent as Stripe has it now."""
    check(intent.payment_intent_id, reading.payment_intent_id, intent.funding_id)
    said: list[Message] = []
    now = intent._replace(payment_intent_id=reading.payment_intent_id)
    if (created := now.move(states.SEEN)) is not None:
        now = now._replace(state=created)
        said.append(stripe.PaymentIntentCreated(**_about(now)))
    if reading.status == "succeeded" and reading.charge is not None:
        if (target := now.move(states.CHARGED)) is not None:
            now = now._replace(state=target)
            said.append(_succeeded(now, reading.charge))
    elif reading.converted is not None:
        if (target := now.move(states.CONVERTED)) is not None:
            now = now._replace(state=target)
            said.append(_converted(now, reading.converted))
    elif reading.trouble is not None and _is_news(now, reading.trouble, reading.status):
        now, of_attempt = _declined(now, reading.trouble)
        said += of_attempt
    if reading.status == "canceled" and (target := now.move(states.WITHDRAWN)) is not None:
        now = now._replace(state=target)
        said.append(stripe.PaymentIntentCanceled(**_about(now), reason=reading.cancellation_reason))
    return Told(now, tuple(said))


def intent_declined(intent: Intent, trouble: CardTrouble, *, on_session: bool = False) -> Told:
    """An attempt did not go through. Off-session a bank may want the employer to authenticate; `on_session` that is
    a decline like any other."""
    return Told(*_declined(intent, trouble, on_session=on_session))


def _declined(intent: Intent, trouble: CardTrouble, *, on_session: bool = False) -> tuple[Intent, tuple[Message, ...]]:
    asks = trouble.wants_authentication and not on_session
    target = intent.move(states.AUTHENTICATION if asks else states.DECLINE)
    if target is None:
        return intent, ()
    now = intent._replace(state=target, last_failed_charge_id=trouble.charge_id or intent.last_failed_charge_id)
    about = {**_about(now), "attempt": now.attempt}
    if asks:
        return now, (stripe.PaymentIntentActionRequired.model_validate(about),)
    failed = stripe.PaymentIntentFailed.model_validate(
        {
            **about,
            "code": trouble.code,
            "decline_code": trouble.decline_code,
            "advice_code": trouble.advice_code,
            "message": trouble.message,
        }
    )
    return now, (failed,)


def _is_news(intent: Intent, trouble: CardTrouble, status: str) -> bool:
    """Whether a read decline is of the last attempt. An intent keeps its last error, so one that was told may be read
    again while the next attempt is under way: then its charge is the one that is known, or its card is another."""
    if status == "canceled":
        return True
    if trouble.payment_method_id not in ("", intent.payment_method_id):
        return False
    if trouble.charge_id:
        return trouble.charge_id != intent.last_failed_charge_id
    # Without a charge nothing tells two declines apart; only a failed authentication comes without one.
    return intent.state == states.ACTION_REQUIRED and not trouble.wants_authentication


def is_of_last_attempt(intent: Intent, reading: IntentReading) -> bool | None:
    """Whether the last attempt to charge was executed, by what the intent shows now. None: nobody can tell."""
    if reading.status in ("succeeded", "requires_action", "processing", "canceled"):
        return True
    if reading.trouble is None or reading.trouble.payment_method_id not in ("", intent.payment_method_id):
        return False
    if reading.trouble.charge_id:
        return reading.trouble.charge_id != intent.last_failed_charge_id
    return None


def _succeeded(intent: Intent, charge: ChargeReading) -> stripe.PaymentIntentSucceeded:
    return stripe.PaymentIntentSucceeded(
        **_about(intent),
        charge_id=charge.charge_id,
        balance_transaction_id=charge.balance_transaction_id,
        charge_minor=charge.charge_minor,
        stripe_fee_minor=charge.fee_minor,
        currency=charge.currency,
        available_at=charge.available_at,
    )


def _converted(intent: Intent, charge: ConvertedReading) -> stripe.ChargeConverted:
    return stripe.ChargeConverted(
        **_about(intent),
        charge_id=charge.charge_id,
        balance_transaction_id=charge.balance_transaction_id,
        charge_minor=charge.charge_minor,
        currency=charge.currency,
        settled_minor=charge.settled_minor,
        stripe_fee_minor=charge.fee_minor,
        settled_currency=charge.settled_currency,
        available_at=charge.available_at,
    )


def _about(intent: Intent) -> dict[str, str]:
    return {
        "contract_id": intent.contract_id,
        "milestone_id": intent.milestone_id,
        "funding_id": intent.funding_id,
        "payment_intent_id": intent.payment_intent_id or "",
    }


def transfer_read(transfer: Transfer, reading: TransferReading) -> Told:
    """A transfer that was made."""
    check(transfer.transfer_id, reading.transfer_id, transfer.payout_id)
    target = transfer.move(states.SEEN)
    if target is None:
        return Told(transfer)
    now = transfer._replace(state=target, transfer_id=reading.transfer_id)
    event = stripe.TransferCreated(
        contract_id=now.contract_id,
        milestone_id=now.milestone_id,
        payout_id=now.payout_id,
        transfer_id=reading.transfer_id,
        account_id=reading.account_id,
        amount_minor=reading.amount_minor,
        currency=reading.currency,
        available_at=reading.available_at,
    )
    return Told(now, (event,))


def transfer_declined(transfer: Transfer, trouble: CardTrouble) -> Told:
    """Nothing moved."""
    target = transfer.move(states.DECLINE)
    if target is None:
        return Told(transfer)
    event = stripe.TransferFailed(
        contract_id=transfer.contract_id,
        milestone_id=transfer.milestone_id,
        payout_id=transfer.payout_id,
        account_id=transfer.account_id,
        attempt=transfer.attempt,
        code=trouble.code,
        message=trouble.message,
    )
    return Told(transfer._replace(state=target), (event,))


def account_read(account: Account, reading: AccountReading) -> Told:
    """A connected account as Stripe has it now: told when it exists, and again when it can do or needs other things."""
    check(account.account_id, reading.account_id, account.trainer_id)
    target = account.move(states.SEEN)
    if target is None:
        return Told(account)
    now = account._replace(
        state=target,
        account_id=reading.account_id,
        transfers=reading.transfers,
        requirements=list(reading.requirements),
        details_submitted=reading.details_submitted,
    )
    said: list[Message] = []
    if account.state != states.CREATED:
        said.append(stripe.AccountCreated(trainer_id=now.trainer_id, account_id=reading.account_id))
    if now != account:
        said.append(
            stripe.AccountUpdated(
                trainer_id=now.trainer_id,
                account_id=reading.account_id,
                transfers=reading.transfers,
                requirements=reading.requirements,
                details_submitted=reading.details_submitted,
            )
        )
    return Told(now, tuple(said))


def customer_read(customer: Customer, reading: CustomerReading) -> Told:
    """A customer that was made."""
    check(customer.customer_id, reading.customer_id, customer.employer_id)
    target = customer.move(states.SEEN)
    if target is None:
        return Told(customer)
    event = stripe.CustomerCreated(employer_id=customer.employer_id, customer_id=reading.customer_id)
    return Told(customer._replace(state=target, customer_id=reading.customer_id), (event,))


def method_read(method: PaymentMethod, reading: MethodReading) -> Told:
    """A card that was saved, renewed by the network, or is gone."""
    check(method.payment_method_id, reading.payment_method_id, method.employer_id)
    target = method.move(states.ATTACHED if reading.attached else states.DETACHED)
    if target is None:
        return Told(method)
    now = method._replace(state=target)
    if not reading.attached:
        gone = stripe.PaymentMethodDetached(employer_id=now.employer_id, payment_method_id=now.payment_method_id)
        return Told(now, (gone,))
    now = now._replace(brand=reading.brand, last4=reading.last4, exp_month=reading.exp_month, exp_year=reading.exp_year)
    if now == method:
        return Told(method)
    fact = stripe.PaymentMethodUpdated if method.state == states.ATTACHED else stripe.PaymentMethodAttached
    event = fact(
        employer_id=now.employer_id,
        payment_method_id=now.payment_method_id,
        brand=now.brand,
        last4=now.last4,
        exp_month=now.exp_month,
        exp_year=now.exp_year,
    )
    return Told(now, (event,))


def bank_payout_read(payout: BankPayout, reading: BankPayoutReading) -> Told:
    """A payout to the bank as Stripe has it now: told when it moved, or when Stripe can say more of it."""
    check(payout.stripe_payout_id, reading.stripe_payout_id, payout.trainer_id)
    target = payout.move(reading.status)
    if target is None:
        return Told(payout)
    now = payout._replace(
        state=target,
        arrival_at=reading.arrival_at,
        failure_code=reading.failure_code,
        # What it carries does not change; a reading that could not say must not take it back.
        transfer_ids=list(reading.transfer_ids or payout.transfer_ids),
    )
    if now == payout:
        return Told(payout)
    event = stripe.BankPayoutChanged(
        trainer_id=now.trainer_id,
        account_id=now.account_id,
        stripe_payout_id=now.stripe_payout_id,
        status=reading.status,
        amount_minor=reading.amount_minor,
        currency=reading.currency,
        arrival_at=now.arrival_at,
        failure_code=now.failure_code,
        transfer_ids=tuple(now.transfer_ids),
    )
    return Told(now, (event,))


_TELLS: dict[tuple[type[Record], str], Callable[[Any, Any], Told]] = {
    (Intent, "intent"): intent_read,
    (Refund, "refund"): money_back.refund_read,
    (Transfer, "transfer"): transfer_read,
    (Account, "account"): account_read,
    (Customer, "customer"): customer_read,
    (PaymentMethod, "method"): method_read,
    (BankPayout, "bank_payout"): bank_payout_read,
    (Dispute, "evidence"): evidence.submitted,
}
"""By the row, and by the kind of reading that tells of it."""
