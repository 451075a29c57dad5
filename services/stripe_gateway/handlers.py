"""Which message goes to which decision of the gateway.

Commands only write down what is to be asked of Stripe, in the transaction that moves the position; the caller asks,
with no transaction open, and its answer comes back as a local command.
"""

from typing import Any

from schemas import stripe
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Unchanged, not_found
from services.runtime.handlers import Context, Handlers
from services.runtime.lanes import lane_of
from services.runtime.workspace import Load
from services.stripe_gateway import domain, states, tables
from services.stripe_gateway.domain import Decided, Opening
from services.stripe_gateway.local_commands import (
    AuthenticateIntent,
    EnsureCustomer,
    RecordAccount,
    RecordAnswer,
    RecordBankPayout,
    RecordIntent,
    RecordMethod,
    RecordTransfer,
)
from services.stripe_gateway.records import (
    Account,
    Attempt,
    BankPayout,
    Customer,
    Intent,
    PaymentMethod,
    Record,
    Transfer,
)

HANDLERS = Handlers()

ATTEMPTS = Entity(tables.attempts, Attempt)
INTENTS = Entity(tables.intents, Intent)
TRANSFERS = Entity(tables.transfers, Transfer)
ACCOUNTS = Entity(tables.accounts, Account)
CUSTOMERS = Entity(tables.customers, Customer)
METHODS = Entity(tables.payment_methods, PaymentMethod)
BANK_PAYOUTS = Entity(tables.bank_payouts, BankPayout)

ATTEMPTS_CHANNEL = "stripe_attempts"
"""NOTIFY wakes the caller here."""

_ENTITIES: dict[type[Record], Entity[Any]] = {
    Attempt: ATTEMPTS,
    Intent: INTENTS,
    Transfer: TRANSFERS,
    Account: ACCOUNTS,
    Customer: CUSTOMERS,
    PaymentMethod: METHODS,
    BankPayout: BANK_PAYOUTS,
}

ABOUT: dict[str, Entity[Any]] = {
    "create_customer": CUSTOMERS,
    "create_account": ACCOUNTS,
    "create_payment_intent": INTENTS,
    "confirm_payment_intent": INTENTS,
    "authenticate_payment_intent": INTENTS,
    "create_transfer": TRANSFERS,
    "detach_payment_method": METHODS,
}
"""What each kind of call is about."""


# -- commands: what to ask -----------------------------------------------------------------------------------


@HANDLERS.on(
    stripe.CreatePaymentIntent,
    Load(INTENTS, "funding_id", lambda m, _: m.funding_id),
    Load(ATTEMPTS, "about", lambda m, _: m.funding_id),
    Load(CUSTOMERS, "employer_id", lambda m, _: m.employer_id),
)
def create_payment_intent(ctx: Context, command: stripe.CreatePaymentIntent) -> Outcome:
    """Have a payment intent made."""
    intent, customer = ctx.get(INTENTS, command.funding_id), ctx.get(CUSTOMERS, command.employer_id)
    asked = ctx.find(ATTEMPTS, "about", command.funding_id)
    return _apply(ctx, domain.create_payment_intent(intent, customer, command, asked, _opening(ctx)))


@HANDLERS.on(
    stripe.ConfirmPaymentIntent,
    Load(INTENTS, "funding_id", lambda m, _: m.funding_id),
    Load(ATTEMPTS, "about", lambda m, _: m.funding_id),
)
def confirm_payment_intent(ctx: Context, command: stripe.ConfirmPaymentIntent) -> Outcome:
    """Have a card charged."""
    asked = ctx.find(ATTEMPTS, "about", command.funding_id)
    intent = ctx.get(INTENTS, command.funding_id)
    return _apply(ctx, domain.confirm_payment_intent(intent, command, asked, _opening(ctx)))


@HANDLERS.on(
    stripe.CreateTransfer,
    Load(TRANSFERS, "payout_id", lambda m, _: m.payout_id),
    Load(ATTEMPTS, "about", lambda m, _: m.payout_id),
)
def create_transfer(ctx: Context, command: stripe.CreateTransfer) -> Outcome:
    """Have released money moved."""
    asked = ctx.find(ATTEMPTS, "about", command.payout_id)
    return _apply(ctx, domain.create_transfer(ctx.get(TRANSFERS, command.payout_id), command, asked, _opening(ctx)))


@HANDLERS.on(
    stripe.CreateAccount,
    Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id),
    Load(ATTEMPTS, "about", lambda m, _: m.trainer_id),
)
def create_account(ctx: Context, command: stripe.CreateAccount) -> Outcome:
    """Have a connected account made."""
    asked = ctx.find(ATTEMPTS, "about", command.trainer_id)
    return _apply(ctx, domain.create_account(ctx.get(ACCOUNTS, command.trainer_id), command, asked, _opening(ctx)))


@HANDLERS.on(
    stripe.DetachPaymentMethod,
    Load(METHODS, "payment_method_id", lambda m, _: m.payment_method_id),
    Load(ATTEMPTS, "about", lambda m, _: m.payment_method_id),
)
def detach_payment_method(ctx: Context, command: stripe.DetachPaymentMethod) -> Outcome:
    """Have a card forgotten."""
    asked = ctx.find(ATTEMPTS, "about", command.payment_method_id)
    method = ctx.get(METHODS, command.payment_method_id)
    return _apply(ctx, domain.detach_payment_method(method, command, asked, _opening(ctx)))


@HANDLERS.on(EnsureCustomer)
def ensure_customer(ctx: Context, command: EnsureCustomer) -> Outcome:
    """Have a customer made for an employer who is about to save a card."""
    asked = ctx.find(ATTEMPTS, "about", command.employer_id)
    decided = domain.ensure_customer(ctx.get(CUSTOMERS, command.employer_id), command, asked, _opening(ctx))
    return _apply(ctx, decided) if decided else Unchanged()


@HANDLERS.on(AuthenticateIntent)
def authenticate(ctx: Context, command: AuthenticateIntent) -> Outcome:
    """Have the bank's page made for an employer who is here to authenticate."""
    intent = ctx.get(INTENTS, command.funding_id)
    if intent is None:
        return not_found("funding", command.funding_id)
    asked = ctx.find(ATTEMPTS, "about", command.funding_id)
    decided = domain.authenticate(intent, command, asked, _opening(ctx))
    return _apply(ctx, decided) if decided else Unchanged()


# -- what Stripe says ----------------------------------------------------------------------------------------


@HANDLERS.on(RecordAnswer, Load(ATTEMPTS, "attempt_id", lambda m, _: m.attempt_id))
def record_answer(ctx: Context, command: RecordAnswer) -> Outcome:
    """Close a call."""
    attempt = ctx.get(ATTEMPTS, command.attempt_id)
    if attempt is None:
        return not_found("call", command.attempt_id)
    record = ctx.get(ABOUT[attempt.operation], attempt.about)
    decided = domain.answer(attempt, record, command.answer, ctx.now)
    return _apply(ctx, decided) if decided else Unchanged()


@HANDLERS.on(RecordIntent, Load(INTENTS, "funding_id", lambda m, _: m.funding_id))
def record_intent(ctx: Context, command: RecordIntent) -> Outcome:
    """A payment intent was read."""
    intent = ctx.get(INTENTS, command.funding_id)
    if intent is None or intent.contract_id != command.contract_id:
        return not_found("funding", command.funding_id)
    return _hear(ctx, intent, command, intent.funding_id)


@HANDLERS.on(RecordTransfer, Load(TRANSFERS, "payout_id", lambda m, _: m.payout_id))
def record_transfer(ctx: Context, command: RecordTransfer) -> Outcome:
    """A transfer was read."""
    transfer = ctx.get(TRANSFERS, command.payout_id)
    if transfer is None or transfer.contract_id != command.contract_id:
        return not_found("payout", command.payout_id)
    return _hear(ctx, transfer, command, transfer.payout_id)


@HANDLERS.on(RecordAccount, Load(ACCOUNTS, "trainer_id", lambda m, _: m.trainer_id))
def record_account(ctx: Context, command: RecordAccount) -> Outcome:
    """A connected account was read."""
    account = ctx.get(ACCOUNTS, command.trainer_id)
    if account is None:
        return not_found("trainer", command.trainer_id)
    return _hear(ctx, account, command, account.trainer_id)


@HANDLERS.on(RecordMethod, Load(METHODS, "payment_method_id", lambda m, _: m.reading.payment_method_id))
def record_method(ctx: Context, command: RecordMethod) -> Outcome:
    """A saved card was read."""
    method_id = command.reading.payment_method_id
    method = ctx.get(METHODS, method_id) or PaymentMethod(method_id, command.employer_id, states.NONE)
    if method.employer_id != command.employer_id:
        return not_found("payment method", method_id)
    return _hear(ctx, method, command, method_id)


@HANDLERS.on(RecordBankPayout, Load(BANK_PAYOUTS, "stripe_payout_id", lambda m, _: m.reading.stripe_payout_id))
def record_bank_payout(ctx: Context, command: RecordBankPayout) -> Outcome:
    """A payout to a trainer's bank was read."""
    reading = command.reading
    known = ctx.get(BANK_PAYOUTS, reading.stripe_payout_id)
    payout = known or BankPayout(
        reading.stripe_payout_id, command.trainer_id, reading.account_id, states.NONE, None, None, []
    )
    if payout.trainer_id != command.trainer_id:
        return not_found("bank payout", reading.stripe_payout_id)
    return _hear(ctx, payout, command, "")


Recorded = RecordIntent | RecordTransfer | RecordAccount | RecordMethod | RecordBankPayout


def _hear(ctx: Context, record: Record, command: Recorded, about: str) -> Outcome:
    asked = ctx.find(ATTEMPTS, "about", about) if about else ()
    return _apply(ctx, domain.heard(record, command.reading, asked, ctx.now))


# -- common steps --------------------------------------------------------------------------------------------


def _opening(ctx: Context) -> Opening:
    return Opening(
        ctx.envelope.id, ctx.new_id("arr"), lane_of, ctx.envelope.correlation_id, ctx.envelope.traceparent, ctx.now
    )


def _apply(ctx: Context, decided: Decided) -> Outcome:
    for record in decided.records:
        ctx.put(_ENTITIES[type(record)], record)
        if isinstance(record, Attempt) and record.state == states.OPEN:
            ctx.wake(ATTEMPTS_CHANNEL)
    ctx.emit(*decided.said)
    return Accepted() if decided.records or decided.said else Unchanged()
