"""Stripe's objects, as plain dictionaries, into readings. The one place that knows where Stripe keeps what."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any, get_args

from schemas.stripe import DisputeStatus
from services.stripe_gateway.readings import (
    AccountReading,
    BalanceReading,
    BankPayoutReading,
    CardTrouble,
    ChargeReading,
    ConvertedReading,
    CustomerReading,
    DisputeReading,
    EvidenceReading,
    IntentReading,
    MethodReading,
    RefundReading,
    RefundStatus,
    ReversalReading,
    ReviewReading,
    TransferReading,
    WarningReading,
)
from services.stripe_gateway.states import ANSWERABLE

Json = Mapping[str, Any]


class UnexpectedObjectError(ValueError):
    """Stripe answered with something that we cannot book. The text says what."""


def intent(found: Json) -> IntentReading:
    """A payment intent, read with `latest_charge.balance_transaction` expanded."""
    succeeded = found["status"] == "succeeded"
    trouble = _trouble(found.get("last_payment_error"))
    if found["status"] == "canceled":
        reason = found.get("cancellation_reason") or "no reason was given"
        trouble = CardTrouble(
            code="payment_intent_canceled", message=f"The payment was cancelled at Stripe ({reason})."
        )
    charge = _charge(found.get("latest_charge")) if succeeded else None
    return IntentReading(
        payment_intent_id=found["id"],
        status=found["status"],
        charge=charge if isinstance(charge, ChargeReading) else None,
        converted=charge if isinstance(charge, ConvertedReading) else None,
        trouble=None if succeeded else trouble,
        cancellation_reason=found.get("cancellation_reason") or "",
    )


def _charge(found: Any) -> ChargeReading | ConvertedReading | None:
    transaction = found.get("balance_transaction") if isinstance(found, Mapping) else None
    if not isinstance(transaction, Mapping):
        return None
    if transaction["currency"] != found["currency"]:
        return ConvertedReading(
            charge_id=found["id"],
            balance_transaction_id=transaction["id"],
            charge_minor=found["amount"],
            currency=found["currency"],
            settled_minor=transaction["amount"],
            fee_minor=transaction["fee"],
            settled_currency=transaction["currency"],
            available_at=_moment(transaction["available_on"]),
        )
    return ChargeReading(
        charge_id=found["id"],
        balance_transaction_id=transaction["id"],
        charge_minor=found["amount"],
        fee_minor=transaction["fee"],
        currency=found["currency"],
        available_at=_moment(transaction["available_on"]),
    )


def _trouble(error: Json | None) -> CardTrouble | None:
    if not error:
        return None
    return CardTrouble(
        code=error.get("code") or error.get("type") or "unknown",
        decline_code=error.get("decline_code") or "",
        advice_code=error.get("advice_code") or "",
        message=error.get("message") or "",
        charge_id=_id(error.get("charge")),
        payment_method_id=_id(error.get("payment_method")),
    )


def refund(found: Json, returned: Json | None) -> RefundReading:
    """A refund, `balance_transaction` expanded; `returned`: the balance transaction of its failure.

    Raises UnexpectedObjectError when the two are in different currencies.
    """
    debit = found.get("balance_transaction")
    _check_status(found, get_args(RefundStatus))
    moved = [transaction for transaction in (debit, returned) if isinstance(transaction, Mapping)]
    currencies = {transaction["currency"] for transaction in moved} or {found["currency"]}
    if len(currencies) > 1:
        raise UnexpectedObjectError(f"{found['id']} moved {' and '.join(sorted(currencies))} on the balance")
    [settled] = currencies
    return RefundReading(
        stripe_refund_id=found["id"],
        refund_id=(found.get("metadata") or {}).get("refund_id") or "",
        payment_intent_id=_id(found.get("payment_intent")),
        status=found["status"],
        amount_minor=found["amount"],
        debited_minor=-debit["net"] if isinstance(debit, Mapping) else 0,
        returned_minor=returned["net"] if returned else 0,
        currency=found["currency"],
        settled_currency="" if settled == found["currency"] else settled,
        pending_reason=found.get("pending_reason") or "",
        failure_reason=found.get("failure_reason") or "",
    )


def _check_status(found: Json, known: tuple[str, ...]) -> None:
    if found["status"] not in known:
        raise UnexpectedObjectError(f"{found['id']} has the status {found['status']}, which this version does not know")


def reversal(found: Json) -> ReversalReading:
    """A reversal of a transfer."""
    return ReversalReading(
        stripe_reversal_id=found["id"],
        reversal_id=(found.get("metadata") or {}).get("reversal_id") or "",
        transfer_id=_id(found["transfer"]),
        amount_minor=found["amount"],
        currency=found["currency"],
    )


def transfer(found: Json) -> TransferReading:
    """A transfer; with `destination_payment.balance_transaction` expanded it says when the money can be used."""
    payment = found.get("destination_payment")
    arrived = payment.get("balance_transaction") if isinstance(payment, Mapping) else None
    return TransferReading(
        transfer_id=found["id"],
        account_id=_id(found["destination"]),
        amount_minor=found["amount"],
        currency=found["currency"],
        available_at=_moment(arrived["available_on"]) if isinstance(arrived, Mapping) else None,
    )


def dispute(found: Json, currency: str, charge_minor: int) -> DisputeReading:
    """A dispute; `currency` and `charge_minor` are of the funding, and so of the platform's balance.

    A bank may dispute in another currency than was charged: then the sum is what was withdrawn, and as long as nothing
    is, the whole charge. Raises UnexpectedObjectError for money that moved in another currency.
    """
    _check_status(found, get_args(DisputeStatus))
    moved = [transaction for transaction in found["balance_transactions"] if isinstance(transaction, Mapping)]
    for transaction in moved:
        if transaction["currency"] != currency:
            raise UnexpectedObjectError(
                f"{found['id']} moved {transaction['currency']} on the balance, and {currency} was charged"
            )
    withdrawn_minor = -sum(transaction["amount"] for transaction in moved if transaction["amount"] < 0)
    same = found["currency"] == currency
    return DisputeReading(
        dispute_id=found["id"],
        charge_id=_id(found["charge"]),
        status=found["status"],
        reason=found["reason"],
        amount_minor=found["amount"] if same else withdrawn_minor or charge_minor,
        withdrawn_minor=withdrawn_minor,
        reinstated_minor=sum(transaction["amount"] for transaction in moved if transaction["amount"] > 0),
        fee_minor=max(0, sum(transaction["fee"] for transaction in moved)),
        currency=currency,
        evidence_due_at=_moment(due) if (due := (found.get("evidence_details") or {}).get("due_by")) else None,
        is_charge_refundable=bool(found.get("is_charge_refundable")),
    )


def evidence(found: Json) -> EvidenceReading:
    """How far the evidence of a dispute is. One that was answered and is asked about again (an inquiry that became a
    dispute) is still to be answered."""
    times = found["evidence_details"]["submission_count"]
    return EvidenceReading(dispute_id=found["id"], submitted=bool(times) and found["status"] not in ANSWERABLE)


def warning(found: Json) -> WarningReading:
    """An early fraud warning."""
    return WarningReading(
        warning_id=found["id"],
        charge_id=_id(found["charge"]),
        fraud_type=found["fraud_type"],
        actionable=bool(found["actionable"]),
    )


def review(found: Json) -> ReviewReading:
    """A risk review."""
    reason = found["reason"] if found["open"] else found.get("closed_reason") or found["reason"]
    return ReviewReading(review_id=found["id"], open=bool(found["open"]), reason=reason)


def balance(found: Json) -> tuple[BalanceReading, ...]:
    """The platform's balance, a reading for each currency."""
    sums: dict[str, dict[str, int]] = {}
    for part in ("available", "pending", "connect_reserved"):
        for entry in found.get(part) or ():
            sums.setdefault(entry["currency"], {})[part] = entry["amount"]
    return tuple(
        BalanceReading(
            currency=currency,
            available_minor=parts.get("available", 0),
            pending_minor=parts.get("pending", 0),
            reserved_minor=parts.get("connect_reserved", 0),
        )
        for currency, parts in sorted(sums.items())
    )


def about(found: Json) -> tuple[str, str]:
    """Of something about a payment: the ids of its payment intent (empty where Stripe names none) and its charge."""
    return _id(found.get("payment_intent")), _id(found.get("charge"))


def account(found: Json) -> AccountReading:
    """A v2 account, read with its recipient configuration, identity and requirements."""
    configuration = found.get("configuration") or {}
    capabilities = (configuration.get("recipient") or {}).get("capabilities") or {}
    transfers = (capabilities.get("stripe_balance") or {}).get("stripe_transfers") or {}
    entries = (found.get("requirements") or {}).get("entries") or []
    due = [entry for entry in entries if entry.get("awaiting_action_from") == "user"]
    return AccountReading(
        account_id=found["id"],
        transfers="rejected" if found.get("closed") else transfers.get("status", "unsupported"),
        requirements=tuple(sorted({entry["description"] for entry in due})),
        # A v2 account has no such flag: the first questions of onboarding are gone once it was submitted.
        details_submitted=not any(
            reason.get("code") == "routine_onboarding"
            for entry in due
            for reason in entry.get("requested_reasons") or ()
        ),
    )


def customer(found: Json) -> CustomerReading:
    """A customer."""
    return CustomerReading(customer_id=found["id"])


def method(found: Json) -> MethodReading:
    """A payment method: only a card that belongs to a customer can be charged."""
    card = found.get("card") or {}
    return MethodReading(
        payment_method_id=found["id"],
        attached=bool(found.get("customer")) and bool(card),
        brand=card.get("brand", ""),
        last4=card.get("last4", ""),
        exp_month=card.get("exp_month", 0),
        exp_year=card.get("exp_year", 0),
    )


def bank_payout(found: Json, account_id: str, transfer_ids: tuple[str, ...]) -> BankPayoutReading:
    """A payout of a connected account; `transfer_ids` from its balance transactions."""
    return BankPayoutReading(
        stripe_payout_id=found["id"],
        account_id=account_id,
        status=found["status"],
        amount_minor=found["amount"],
        currency=found["currency"],
        arrival_at=_moment(found["arrival_date"]) if found.get("arrival_date") else None,
        failure_code=found.get("failure_code"),
        transfer_ids=transfer_ids,
    )


def transfers_in(transactions: list[Json]) -> tuple[str, ...]:
    """The transfers behind balance transactions of a connected account, `source` expanded: each arrived there as a
    payment that names its transfer."""
    sources = [found.get("source") for found in transactions]
    found = {_id(source.get("source_transfer")) for source in sources if isinstance(source, Mapping)}
    return tuple(sorted(found - {""}))


def _id(value: Any) -> str:
    """The id of what may be expanded."""
    return (value.get("id") or "") if isinstance(value, Mapping) else (value or "")


def _moment(unix_s: int) -> datetime:
    return datetime.fromtimestamp(unix_s, UTC)
