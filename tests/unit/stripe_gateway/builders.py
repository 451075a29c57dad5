"""Commands, rows and errors as tests need them."""

from datetime import UTC, datetime, timedelta
from typing import Any

import stripe as library

from schemas import stripe
from services.stripe_gateway import states
from services.stripe_gateway.opening import Opening
from services.stripe_gateway.readings import CardTrouble, ChargeReading, IntentReading
from services.stripe_gateway.records import Attempt, Customer, Intent, Transfer

NOW = datetime(2026, 11, 24, 12, 0, tzinfo=UTC)

CREATE = stripe.CreatePaymentIntent(
    contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", employer_id="emp_1", charge_minor=123_720,
    currency="usd", description="Contract ctr_1, milestone 1",
)  # fmt: skip
CONFIRM = stripe.ConfirmPaymentIntent(
    contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1", payment_method_id="pm_1",
    attempt=2,
)  # fmt: skip
TRANSFER = stripe.CreateTransfer(
    contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", account_id="acct_1", charge_id="ch_1",
    amount_minor=120_000, currency="usd", attempt=1,
)  # fmt: skip
CANCEL = stripe.CancelPaymentIntent(
    contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1", reason="abandoned"
)
REFUND = stripe.CreateRefund(
    contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", refund_id="rfd_1", payment_intent_id="pi_1",
    amount_minor=50_000, currency="usd", reason="requested_by_customer", attempt=1,
)  # fmt: skip
REVERSE = stripe.ReverseTransfer(
    contract_id="ctr_1", milestone_id="mls_1", payout_id="pay_1", reversal_id="rev_1", transfer_id="tr_1",
    amount_minor=50_000, currency="usd",
)  # fmt: skip
EVIDENCE = stripe.SubmitDisputeEvidence(
    contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", dispute_id="du_1", evidence_id="evd_1",
    product_description="Work", uncategorized_text="All of it",
)  # fmt: skip
ACCOUNT = stripe.CreateAccount(trainer_id="trn_1", country="US")
DETACH = stripe.DetachPaymentMethod(employer_id="emp_1", payment_method_id="pm_1")

CUSTOMER = Customer("emp_1", states.CREATED, "cus_1")


ASKED_AT = NOW - timedelta(seconds=5)


def opening(command_id: str = "cmd_1") -> Opening:
    return Opening(command_id, f"arr_{command_id}", lambda key: 3, "story_1", "", NOW, ASKED_AT)


def intent(state: str = states.CONFIRMING, **changed: Any) -> Intent:
    row = {
        "funding_id": "fnd_1",
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "employer_id": "emp_1",
        "charge_minor": 123_720,
        "currency": "usd",
        "state": state,
        "payment_intent_id": None if state in (states.NONE, states.CREATING) else "pi_1",
        "payment_method_id": "pm_1",
        "attempt": 2,
        "last_failed_charge_id": "ch_first",
    }
    return Intent(**{**row, **changed})


def transfer(state: str = states.REQUESTED, **changed: Any) -> Transfer:
    row = {
        "payout_id": "pay_1",
        "contract_id": "ctr_1",
        "milestone_id": "mls_1",
        "account_id": "acct_1",
        "amount_minor": 120_000,
        "currency": "usd",
        "state": state,
        "attempt": 1,
        "transfer_id": None,
    }
    return Transfer(**{**row, **changed})


MADE = transfer(states.CREATED, transfer_id="tr_1")
"""One whose money is there."""


def attempt(operation: str = "confirm_payment_intent", state: str = states.OPEN, **changed: Any) -> Attempt:
    row: dict[str, Any] = {
        "attempt_id": "cmd_1",
        "arrival": "arr_1",
        "key": "ctr_1",
        "lane": 3,
        "about": "fnd_1",
        "operation": operation,
        "command_type": "stripe.confirm_payment_intent.v1",
        "number": 2,
        "idempotency_key": "fund:fnd_1:confirm:2",
        "target": "pi_1",
        "parameters": "{}",
        "state": state,
        "correlation_id": "story_1",
        "traceparent": "",
        "opened_at": NOW,
        "closed_at": None,
        "object_id": None,
        "http_status": None,
        "code": None,
        "message": None,
        "request_id": None,
    }
    return Attempt(**{**row, **changed})


CHARGE = ChargeReading(
    charge_id="ch_2", balance_transaction_id="txn_2", charge_minor=123_720, fee_minor=3_618, currency="usd",
    available_at=NOW,
)  # fmt: skip
PAID = IntentReading(payment_intent_id="pi_1", status="succeeded", charge=CHARGE)


def declined(charge_id: str = "ch_2", **changed: Any) -> IntentReading:
    trouble = {
        "code": "card_declined",
        "decline_code": "insufficient_funds",
        "message": "no",
        "charge_id": charge_id,
        "payment_method_id": "pm_1",
    }
    return IntentReading(
        payment_intent_id="pi_1",
        status="requires_payment_method",
        trouble=CardTrouble(**{**trouble, **changed}),
    )


def error(
    kind: type[library.StripeError], status: int | None, headers: dict[str, str] | None = None, **details: Any
) -> library.StripeError:
    """An error of the library, as it makes one of an answer."""
    body = {"error": details} if status else None
    arguments: dict[str, Any] = {"http_status": status, "json_body": body, "headers": headers or {}}
    if kind in (library.CardError, library.InvalidRequestError):
        return kind(details.get("message", "no"), details.get("param"), details.get("code"), **arguments)  # type: ignore[call-arg]
    return kind(details.get("message", "no"), **arguments)
