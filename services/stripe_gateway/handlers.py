"""Which message goes to which decision of the gateway.

Commands only write down what is to be asked of Stripe, in the transaction that moves the position; the caller asks,
with no transaction open, and its answer comes back as a local command.
"""

import logging
from typing import Any

from schemas import stripe
from services.runtime.bulk import Entity
from services.runtime.decisions import Accepted, Outcome, Unchanged, not_found
from services.runtime.handlers import Context, Handlers
from services.runtime.lanes import lane_of
from services.runtime.workspace import Load
from services.stripe_gateway import domain, evidence, money_back, platform_account, risks, states, tables
from services.stripe_gateway.local_commands import (
    AuthenticateIntent,
    EnsureCustomer,
    RecordAccount,
    RecordAlarm,
    RecordAnswer,
    RecordBalance,
    RecordBankPayout,
    RecordIntent,
    RecordMethod,
    RecordRefund,
    RecordReversals,
    RecordRisk,
    RecordTransfer,
)
from services.stripe_gateway.opening import Decided, Opening
from services.stripe_gateway.records import (
    Account,
    Alarm,
    Attempt,
    Balance,
    BankPayout,
    Customer,
    Dispute,
    FraudWarning,
    Intent,
    PaymentMethod,
    Record,
    Refund,
    Reversal,
    Review,
    Transfer,
)
from services.stripe_gateway.told import Told

logger = logging.getLogger(__name__)

HANDLERS = Handlers()

ATTEMPTS = Entity(tables.attempts, Attempt)
INTENTS = Entity(tables.intents, Intent)
REFUNDS = Entity(tables.refunds, Refund)
TRANSFERS = Entity(tables.transfers, Transfer)
REVERSALS = Entity(tables.reversals, Reversal)
ACCOUNTS = Entity(tables.accounts, Account)
CUSTOMERS = Entity(tables.customers, Customer)
METHODS = Entity(tables.payment_methods, PaymentMethod)
BANK_PAYOUTS = Entity(tables.bank_payouts, BankPayout)
DISPUTES = Entity(tables.disputes, Dispute)
WARNINGS = Entity(tables.fraud_warnings, FraudWarning)
REVIEWS = Entity(tables.reviews, Review)
BALANCES = Entity(tables.balances, Balance)
ALARMS = Entity(tables.alarms, Alarm)

ATTEMPTS_CHANNEL = "stripe_attempts"
"""NOTIFY wakes the caller here."""

_ENTITIES: dict[type[Record], Entity[Any]] = {
    Attempt: ATTEMPTS,
    Intent: INTENTS,
    Refund: REFUNDS,
    Transfer: TRANSFERS,
    Reversal: REVERSALS,
    Account: ACCOUNTS,
    Customer: CUSTOMERS,
    PaymentMethod: METHODS,
    BankPayout: BANK_PAYOUTS,
    Dispute: DISPUTES,
    FraudWarning: WARNINGS,
    Review: REVIEWS,
    Balance: BALANCES,
    Alarm: ALARMS,
}

ABOUT: dict[str, Entity[Any]] = {
    "create_customer": CUSTOMERS,
    "create_account": ACCOUNTS,
    "create_payment_intent": INTENTS,
    "confirm_payment_intent": INTENTS,
    "authenticate_payment_intent": INTENTS,
    "cancel_payment_intent": INTENTS,
    "create_refund": REFUNDS,
    "create_transfer": TRANSFERS,
    "reverse_transfer": REVERSALS,
    "detach_payment_method": METHODS,
    "submit_dispute_evidence": DISPUTES,
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
    Load(METHODS, "payment_method_id", lambda m, _: m.payment_method_id),
)
def confirm_payment_intent(ctx: Context, command: stripe.ConfirmPaymentIntent) -> Outcome:
    """Have a card charged."""
    asked = ctx.find(ATTEMPTS, "about", command.funding_id)
    intent, method = ctx.get(INTENTS, command.funding_id), ctx.get(METHODS, command.payment_method_id)
    return _apply(ctx, domain.confirm_payment_intent(intent, command, asked, _opening(ctx), method))


@HANDLERS.on(
    stripe.CancelPaymentIntent,
    Load(INTENTS, "funding_id", lambda m, _: m.funding_id),
    Load(ATTEMPTS, "about", lambda m, _: m.funding_id),
)
def cancel_payment_intent(ctx: Context, command: stripe.CancelPaymentIntent) -> Outcome:
    """Have a payment intent canceled."""
    asked = ctx.find(ATTEMPTS, "about", command.funding_id)
    intent = ctx.get(INTENTS, command.funding_id)
    return _apply(ctx, domain.cancel_payment_intent(intent, command, asked, _opening(ctx)))


@HANDLERS.on(
    stripe.CreateRefund,
    Load(INTENTS, "funding_id", lambda m, _: m.funding_id),
    Load(REFUNDS, "refund_id", lambda m, _: m.refund_id),
    Load(ATTEMPTS, "about", lambda m, _: m.refund_id),
)
def create_refund(ctx: Context, command: stripe.CreateRefund) -> Outcome:
    """Have money given back to a card."""
    intent, refund = ctx.get(INTENTS, command.funding_id), ctx.get(REFUNDS, command.refund_id)
    asked = ctx.find(ATTEMPTS, "about", command.refund_id)
    return _apply(ctx, money_back.create_refund(refund, intent, command, asked, _opening(ctx)))


@HANDLERS.on(
    stripe.ReverseTransfer,
    Load(TRANSFERS, "payout_id", lambda m, _: m.payout_id),
    Load(REVERSALS, "reversal_id", lambda m, _: m.reversal_id),
    Load(ATTEMPTS, "about", lambda m, _: m.reversal_id),
)
def reverse_transfer(ctx: Context, command: stripe.ReverseTransfer) -> Outcome:
    """Have money taken back from the trainer's account."""
    transfer, reversal = ctx.get(TRANSFERS, command.payout_id), ctx.get(REVERSALS, command.reversal_id)
    asked = ctx.find(ATTEMPTS, "about", command.reversal_id)
    return _apply(ctx, money_back.reverse_transfer(reversal, transfer, command, asked, _opening(ctx)))


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


@HANDLERS.on(
    stripe.SubmitDisputeEvidence,
    Load(DISPUTES, "dispute_id", lambda m, _: m.dispute_id),
    Load(ATTEMPTS, "about", lambda m, _: m.dispute_id),
)
def submit_dispute_evidence(ctx: Context, command: stripe.SubmitDisputeEvidence) -> Outcome:
    """Have a cardholder's dispute answered."""
    asked = ctx.find(ATTEMPTS, "about", command.dispute_id)
    return _apply(ctx, evidence.submit(ctx.get(DISPUTES, command.dispute_id), command, asked, _opening(ctx)))


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
    transfer = ctx.get(TRANSFERS, record.payout_id) if isinstance(record, Reversal) else None
    decided = domain.answer(attempt, record, command.answer, ctx.now, transfer)
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


@HANDLERS.on(
    RecordRefund,
    Load(INTENTS, "funding_id", lambda m, _: m.funding_id),
    Load(REFUNDS, "refund_id", lambda m, _: m.refund_id),
)
def record_refund(ctx: Context, command: RecordRefund) -> Outcome:
    """A refund was read."""
    reading, intent = command.reading, ctx.get(INTENTS, command.funding_id)
    if intent is None or intent.contract_id != command.contract_id:
        return not_found("funding", command.funding_id)
    refund = ctx.get(REFUNDS, command.refund_id) or money_back.new_refund(
        command.refund_id, intent, reading.amount_minor, reading.currency, by_hand=not reading.refund_id
    )
    if refund.funding_id != intent.funding_id:
        return not_found("refund", command.refund_id)
    if intent.state == states.SET_ASIDE and not reading.settled_currency:
        return Unchanged()  # of what Stripe converted nothing has moved yet
    return _hear(ctx, refund, command, refund.refund_id)


@HANDLERS.on(
    RecordReversals,
    Load(TRANSFERS, "payout_id", lambda m, _: m.payout_id),
    Load(REVERSALS, "payout_id", lambda m, _: m.payout_id),
)
def record_reversals(ctx: Context, command: RecordReversals) -> Outcome:
    """A transfer was read, with its reversals."""
    transfer = ctx.get(TRANSFERS, command.payout_id)
    if transfer is None or transfer.contract_id != command.contract_id:
        return not_found("payout", command.payout_id)
    asked = ctx.find(ATTEMPTS, "about", transfer.payout_id)
    made = domain.heard(transfer, command.reading, asked, ctx.now)
    transfer = next((record for record in made.records if isinstance(record, Transfer)), transfer)
    known = ctx.find(REVERSALS, "payout_id", transfer.payout_id)
    waiting = [attempt for reversal in known for attempt in ctx.find(ATTEMPTS, "about", reversal.reversal_id)]
    reversed_ = domain.reversals_heard(transfer, known, command.reversals, waiting, ctx.now)
    return _apply(ctx, Decided((*made.records, *reversed_.records), (*made.said, *reversed_.said)))


_RISKS: dict[str, tuple[Entity[Any], str]] = {
    "dispute": (DISPUTES, "dispute_id"),
    "warning": (WARNINGS, "warning_id"),
    "review": (REVIEWS, "review_id"),
}


@HANDLERS.on(RecordRisk, Load(INTENTS, "funding_id", lambda m, _: m.funding_id))
def record_risk(ctx: Context, command: RecordRisk) -> Outcome:
    """A card dispute, a fraud warning or a review was read."""
    intent = ctx.get(INTENTS, command.funding_id)
    if intent is None or intent.contract_id != command.contract_id:
        return not_found("funding", command.funding_id)
    entity, name = _RISKS[command.reading.kind]
    risk_id = getattr(command.reading, name)
    risk = ctx.get(entity, risk_id) or risks.new(command.reading, intent)
    if risk.funding_id != intent.funding_id:
        return not_found(command.reading.kind, risk_id)
    return _tell(ctx, risk, risks.read(risk, command.reading))


@HANDLERS.on(RecordBalance)
def record_balance(ctx: Context, command: RecordBalance) -> Outcome:
    """The platform's balance was read."""
    told = [platform_account.balance_read(ctx.get(BALANCES, r.currency), r) for r in command.readings]
    changed = [found for found in told if found.said]
    records, said = (found.record for found in changed), (fact for found in changed for fact in found.said)
    return _apply(ctx, Decided(tuple(records), tuple(said)))


@HANDLERS.on(RecordAlarm)
def record_alarm(ctx: Context, command: RecordAlarm) -> Outcome:
    """Something about the platform's own account is wrong, or right again."""
    code, about = command.code, command.about
    alarm = ctx.get(ALARMS, platform_account.alarm_id(code, about))
    told = platform_account.alarm_read(alarm, code, about, command.detail, wrong=command.wrong)
    if told.said:
        logger.critical("alarm %s about %s: %s", code, about, command.detail)
    return Unchanged() if told.record.state == states.NONE else _tell(ctx, alarm, told)


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


Recorded = RecordIntent | RecordRefund | RecordTransfer | RecordAccount | RecordMethod | RecordBankPayout


def _hear(ctx: Context, record: Record, command: Recorded, about: str) -> Outcome:
    asked = ctx.find(ATTEMPTS, "about", about) if about else ()
    return _apply(ctx, domain.heard(record, command.reading, asked, ctx.now))


def _tell(ctx: Context, before: Record | None, told: Told) -> Outcome:
    return _apply(ctx, Decided((told.record,) if told.record != before else (), told.said))


# -- common steps --------------------------------------------------------------------------------------------


def _opening(ctx: Context) -> Opening:
    # A command that is taken again (the topic is read anew, the database was restored) may have been called long ago:
    # as old as the command is, so old may the call be, and so early may Stripe have forgotten its key.
    return Opening(
        ctx.envelope.id, ctx.new_id("arr"), lane_of, ctx.envelope.correlation_id, ctx.envelope.traceparent, ctx.now,
        min(ctx.now, ctx.envelope.time),
    )  # fmt: skip


def _apply(ctx: Context, decided: Decided) -> Outcome:
    for record in decided.records:
        ctx.put(_ENTITIES[type(record)], record)
        if isinstance(record, Attempt) and record.state == states.OPEN:
            ctx.wake(ATTEMPTS_CHANNEL)
    ctx.emit(*decided.said)
    return Accepted() if decided.records or decided.said else Unchanged()
