"""What a webhook hints at: which thing at Stripe is worth reading anew. Pure.

A webhook is never taken at its word: events come late, twice and out of order (STRIPE.md 2.2).
"""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Literal

from services.stripe_gateway.platform_account import PLATFORM

Kind = Literal[
    "nothing",
    "intent",
    "setup",
    "session",
    "method",
    "refund",
    "refunds_of_charge",
    "transfer",
    "reversals",
    "account",
    "bank_payout",
    "renewed_method",
    "dispute",
    "warning",
    "review",
    "balance",
    "balance_settings",
    "own_payout",
]


@dataclass(frozen=True, slots=True)
class Hint:
    """A thing to read; `account`: the connected account that it belongs to, empty for the platform's own."""

    kind: Kind
    object_id: str = ""
    """Hints with the same one are looked into one after another."""
    account: str = ""
    part: str = ""
    """Which of several things under the same name; empty where there is one."""


class NotUnderstoodError(ValueError):
    """An event that this version cannot act on. The text says why; the event is kept for an operator."""


_Where = Callable[[Mapping[str, Any]], str]


def _own_id(thing: Mapping[str, Any]) -> str:
    return str(thing.get("id") or "")


def _intent_of_charge(thing: Mapping[str, Any]) -> str:
    return str(thing.get("payment_intent") or "")


def _platform(thing: Mapping[str, Any]) -> str:
    del thing  # there is one balance
    return PLATFORM


_PLATFORM: dict[str, tuple[Kind, _Where]] = {
    "checkout.session.completed": ("session", _own_id),
    "setup_intent.succeeded": ("setup", _own_id),
    "payment_method.detached": ("method", _own_id),
    **{
        f"payment_intent.{what}": ("intent", _own_id)
        for what in ("created", "processing", "requires_action", "succeeded", "payment_failed", "canceled")
    },
    # The balance transaction, and with it Stripe's fee, may become known only here.
    "charge.succeeded": ("intent", _intent_of_charge),
    "charge.updated": ("intent", _intent_of_charge),
    **{f"refund.{what}": ("refund", _own_id) for what in ("created", "updated", "failed")},
    "charge.refunded": ("refunds_of_charge", _own_id),
    **{
        f"charge.dispute.{what}": ("dispute", _own_id)
        for what in ("created", "updated", "closed", "funds_withdrawn", "funds_reinstated")
    },
    **{f"radar.early_fraud_warning.{what}": ("warning", _own_id) for what in ("created", "updated")},
    **{f"review.{what}": ("review", _own_id) for what in ("opened", "closed")},
    "payment_method.automatically_updated": ("renewed_method", _own_id),
    "payment_method.updated": ("renewed_method", _own_id),
    "transfer.created": ("transfer", _own_id),
    "transfer.reversed": ("reversals", _own_id),
    "balance.available": ("balance", _platform),
    **{f"topup.{what}": ("balance", _platform) for what in ("succeeded", "failed", "reversed", "canceled")},
    **{f"reserve.{what}": ("balance", _platform) for what in ("hold.created", "hold.updated", "release.created")},
    "balance_settings.updated": ("balance_settings", _platform),
}

_BANK_PAYOUT = frozenset(
    f"payout.{what}" for what in ("created", "updated", "paid", "failed", "canceled", "reconciliation_completed")
)

_ACCOUNT = frozenset(
    {
        "account.updated",
        "account.application.deauthorized",
        "account.external_account.created",
        "account.external_account.updated",
        "account.external_account.deleted",
        "capability.updated",
        "person.created",
        "person.updated",
        "person.deleted",
    }
)

_NOTHING = frozenset(
    {
        "account.application.authorized",
        "charge.failed",
        "charge.pending",
        "charge.expired",
        # Deprecated; refund.updated says the same.
        "charge.refund.updated",
        "checkout.session.expired",
        "customer.created",
        "customer.updated",
        "customer.deleted",
        "payment.created",
        # Cards have no mandate of their own; what a bank no longer takes is told at the next charge.
        "mandate.updated",
        "payment_method.attached",
        "setup_intent.canceled",
        "setup_intent.created",
        "setup_intent.requires_action",
        "setup_intent.setup_failed",
        "reserve.plan.created",
        "reserve.plan.disabled",
        "reserve.plan.expired",
        "reserve.plan.updated",
        "topup.created",
        "transfer.updated",
    }
)
"""Known, and nothing follows from them: what they are about is told by another event, or by our own call's answer."""

_NOTHING_CONNECTED = frozenset(
    {
        "balance.available",
        "balance_settings.updated",
        # The other end of a reversal: the payment that arrived with the transfer is refunded.
        "charge.refunded",
        "charge.updated",
        "refund.created",
        "refund.updated",
    }
)
"""Of a connected account: its balance is the trainer's and Stripe's business."""

_THIN_ACCOUNT = "v2.core.account"


def hint_of(event: Mapping[str, Any]) -> Hint:
    """What an event, snapshot or thin, hints at. Raises NotUnderstoodError."""
    kind = str(event.get("type") or "")
    if event.get("object") == "v2.core.event":
        return _thin(kind, event)
    thing = (event.get("data") or {}).get("object") or {}
    account = str(event.get("account") or "")
    if kind in _NOTHING:
        return Hint("nothing", _own_id(thing), account)
    if account:
        return _of_connected(kind, thing, account)
    if kind in _BANK_PAYOUT:
        return Hint("own_payout", PLATFORM, part=_own_id(thing))
    known = _PLATFORM.get(kind)
    if known is None:
        raise NotUnderstoodError(f"the type {kind} is not handled")
    what, where = known
    object_id = where(thing)
    return Hint(what, object_id) if object_id else Hint("nothing")


def _of_connected(kind: str, thing: Mapping[str, Any], account: str) -> Hint:
    if kind in _BANK_PAYOUT:
        return Hint("bank_payout", _own_id(thing), account)
    if kind in _ACCOUNT:
        return Hint("account", account, account)
    if kind in _NOTHING_CONNECTED:
        return Hint("nothing", _own_id(thing), account)
    raise NotUnderstoodError(f"the type {kind} of a connected account is not handled")


def _thin(kind: str, event: Mapping[str, Any]) -> Hint:
    about = event.get("related_object") or {}
    # v2.core.account.closed, v2.core.account[requirements].updated, …; a link that was returned from says no more.
    if kind.startswith((f"{_THIN_ACCOUNT}.", f"{_THIN_ACCOUNT}[", f"{_THIN_ACCOUNT}_link.")):
        identifier = str(about.get("id") or "") if about.get("type", _THIN_ACCOUNT) == _THIN_ACCOUNT else ""
        return Hint("account", identifier, identifier) if identifier else Hint("nothing")
    raise NotUnderstoodError(f"the thin type {kind} is not handled")
