"""Stripe's objects, as plain dictionaries, into readings. The one place that knows where Stripe keeps what."""

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import Any

from services.stripe_gateway.readings import (
    AccountReading,
    BankPayoutReading,
    CardTrouble,
    ChargeReading,
    CustomerReading,
    IntentReading,
    MethodReading,
    TransferReading,
)

Json = Mapping[str, Any]


class UnexpectedObjectError(ValueError):
    """Stripe answered with something that we cannot book. The text says what."""


def intent(found: Json) -> IntentReading:
    """A payment intent, read with `latest_charge.balance_transaction` expanded.

    Raises UnexpectedObjectError when the charge settled in another currency: fee and charge could not be added.
    """
    succeeded = found["status"] == "succeeded"
    trouble = _trouble(found.get("last_payment_error"))
    if found["status"] == "canceled":
        reason = found.get("cancellation_reason") or "no reason was given"
        trouble = CardTrouble(
            code="payment_intent_canceled", message=f"The payment was cancelled at Stripe ({reason})."
        )
    return IntentReading(
        payment_intent_id=found["id"],
        status=found["status"],
        charge=_charge(found.get("latest_charge")) if succeeded else None,
        trouble=None if succeeded else trouble,
    )


def _charge(found: Any) -> ChargeReading | None:
    transaction = found.get("balance_transaction") if isinstance(found, Mapping) else None
    if not isinstance(transaction, Mapping):
        return None
    if transaction["currency"] != found["currency"]:
        raise UnexpectedObjectError(
            f"{found['id']} was charged in {found['currency']} and settled in {transaction['currency']}: the platform "
            "needs a balance in the currency of its contracts"
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


def transfer(found: Json) -> TransferReading:
    """A transfer."""
    return TransferReading(
        transfer_id=found["id"],
        account_id=_id(found["destination"]),
        amount_minor=found["amount"],
        currency=found["currency"],
    )


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
