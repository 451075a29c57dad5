"""The parameters and the idempotency key of each call. Pure, and byte-stable: the same command gives the same call for
ever, because Stripe compares what comes under a key with what came first (STRIPE.md 2.3).

Keys follow from what the call is for, never from chance: they are its name.
"""

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Literal

from schemas import stripe
from services.stripe_gateway.records import Intent

Operation = Literal[
    "create_customer",
    "create_account",
    "create_payment_intent",
    "confirm_payment_intent",
    "authenticate_payment_intent",
    "cancel_payment_intent",
    "create_refund",
    "create_transfer",
    "reverse_transfer",
    "detach_payment_method",
    "submit_dispute_evidence",
]

INTENT_PARTS = ["latest_charge.balance_transaction"]
REFUND_PARTS = ["balance_transaction"]
TRANSFER_PARTS = ["destination_payment.balance_transaction"]
"""What arrived at the trainer's account: its balance transaction says from when it can leave for the bank."""
ACCOUNT_PARTS = ["configuration.recipient", "identity", "requirements"]


@dataclass(frozen=True, slots=True)
class Call:
    """What is to be asked of Stripe, without whom it is for."""

    operation: Operation
    idempotency_key: str
    parameters: str
    target: str = ""
    """The object's id in the call's path; empty where it makes a new one."""
    number: int = 1


def stable(parameters: Mapping[str, Any]) -> str:
    """JSON with one spelling: keys sorted, no spaces."""
    return json.dumps(parameters, sort_keys=True, separators=(",", ":"), ensure_ascii=True)


def create_customer(employer_id: str, number: int = 1) -> Call:
    """One customer an employer. `number` rises when Stripe refused the one before."""
    return Call(
        "create_customer",
        _numbered(f"customer:{employer_id}", number),
        stable({"metadata": {"employer_id": employer_id}}),
        number=number,
    )


def create_account(command: stripe.CreateAccount, number: int = 1) -> Call:
    """A recipient with the Express dashboard; we collect fees and own losses (STRIPE.md 1.6)."""
    return Call(
        "create_account",
        _numbered(f"account:{command.trainer_id}", number),
        stable(
            {
                "configuration": {
                    "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
                },
                "dashboard": "express",
                "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
                "identity": {"country": command.country},
                "include": ACCOUNT_PARTS,
                "metadata": {"trainer_id": command.trainer_id},
            }
        ),
        number=number,
    )


def create_payment_intent(command: stripe.CreatePaymentIntent, customer_id: str) -> Call:
    """Unconfirmed, so that its id is stored before any money can move. Cards only (STRIPE.md 1.1), captured at once:
    the answer to the confirmation then carries Stripe's fee."""
    return Call(
        "create_payment_intent",
        f"fund:{command.funding_id}:create",
        stable(
            {
                "allowed_payment_method_types": ["card"],
                "amount": command.charge_minor,
                "capture_method": "automatic",
                "currency": command.currency,
                "customer": customer_id,
                "description": command.description,
                "metadata": {
                    "contract_id": command.contract_id,
                    "funding_id": command.funding_id,
                    "milestone_id": command.milestone_id,
                },
                "transfer_group": command.milestone_id,
            }
        ),
    )


def confirm_payment_intent(command: stripe.ConfirmPaymentIntent) -> Call:
    """Charge off-session. After a decline the same key would answer the same decline, so each attempt has its own."""
    return Call(
        "confirm_payment_intent",
        f"fund:{command.funding_id}:confirm:{command.attempt}",
        stable({"expand": INTENT_PARTS, "off_session": True, "payment_method": command.payment_method_id}),
        target=command.payment_intent_id,
        number=command.attempt,
    )


def authenticate_payment_intent(intent: Intent, number: int, return_url: str) -> Call:
    """Confirm on-session with the same card, so that the bank's page can be shown. `number`: within an attempt."""
    return Call(
        "authenticate_payment_intent",
        f"fund:{intent.funding_id}:authenticate:{intent.attempt}:{number}",
        stable({"expand": INTENT_PARTS, "payment_method": intent.payment_method_id, "return_url": return_url}),
        target=intent.payment_intent_id or "",
        number=intent.attempt,
    )


def cancel_payment_intent(command: stripe.CancelPaymentIntent, number: int = 1) -> Call:
    """`number` rises when Stripe refused the one before."""
    return Call(
        "cancel_payment_intent",
        _numbered(f"fund:{command.funding_id}:cancel", number),
        stable({"cancellation_reason": command.reason, "expand": INTENT_PARTS}),
        target=command.payment_intent_id,
        number=number,
    )


def create_refund(command: stripe.CreateRefund) -> Call:
    """To the card that it came from."""
    return Call(
        "create_refund",
        f"refund:{command.refund_id}:{command.attempt}",
        stable(
            {
                "amount": command.amount_minor,
                "expand": REFUND_PARTS,
                "metadata": {
                    "contract_id": command.contract_id,
                    "funding_id": command.funding_id,
                    "milestone_id": command.milestone_id,
                    "refund_id": command.refund_id,
                },
                "payment_intent": command.payment_intent_id,
                "reason": command.reason,
            }
        ),
        number=command.attempt,
    )


def reverse_transfer(command: stripe.ReverseTransfer) -> Call:
    """From the account that it went to, as far as it is there."""
    return Call(
        "reverse_transfer",
        f"reverse:{command.reversal_id}",
        stable(
            {
                "amount": command.amount_minor,
                "metadata": {
                    "contract_id": command.contract_id,
                    "milestone_id": command.milestone_id,
                    "payout_id": command.payout_id,
                    "reversal_id": command.reversal_id,
                },
            }
        ),
        target=command.transfer_id,
    )


def create_transfer(command: stripe.CreateTransfer) -> Call:
    """From that very charge, whatever else the balance holds (STRIPE.md 1.4)."""
    return Call(
        "create_transfer",
        f"transfer:{command.payout_id}:{command.attempt}",
        stable(
            {
                "amount": command.amount_minor,
                "currency": command.currency,
                "destination": command.account_id,
                "expand": TRANSFER_PARTS,
                "metadata": {
                    "contract_id": command.contract_id,
                    "milestone_id": command.milestone_id,
                    "payout_id": command.payout_id,
                },
                "source_transaction": command.charge_id,
            }
        ),
        number=command.attempt,
    )


def detach_payment_method(command: stripe.DetachPaymentMethod) -> Call:
    """Forget a card."""
    return Call(
        "detach_payment_method",
        f"detach:{command.payment_method_id}",
        stable({}),
        target=command.payment_method_id,
    )


def submit_dispute_evidence(command: stripe.SubmitDisputeEvidence) -> Call:
    """Given to the bank at once: what is only kept at Stripe is read by nobody."""
    texts = {
        "product_description": command.product_description,
        "refund_refusal_explanation": command.refund_refusal_explanation,
        "service_date": command.service_date,
        "uncategorized_text": command.uncategorized_text,
    }
    return Call(
        "submit_dispute_evidence",
        f"evidence:{command.evidence_id}",
        stable({"evidence": {name: text for name, text in texts.items() if text}, "submit": True}),
        target=command.dispute_id,
    )


def _numbered(key: str, number: int) -> str:
    return key if number == 1 else f"{key}:{number}"
