"""What Stripe has: every balance transaction of the platform, its balance, its settings. Reads only, never writes."""

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Literal, NamedTuple, Protocol

import stripe

Kind = Literal["charge", "transfer", "refund", "dispute", "platform"]

API_VERSION = "2026-10-28.endive"
"""As the gateway's: what stripe-python 16.1.0 is made for. A test compares the two."""

_KIND_OF_SOURCE: Mapping[str, Kind] = {
    "charge": "charge",
    "transfer": "transfer",
    "transfer_reversal": "transfer",
    "refund": "refund",
    "dispute": "dispute",
}
_TRIES = 5
"""So often balance and transactions are read until they are of one moment."""


class StripeUnreadableError(Exception):
    """Stripe does not answer, or not so that it can be compared. The text says why."""


@dataclass(frozen=True, slots=True)
class Transaction:
    """One balance transaction of the platform: what moved, by what, when."""

    id: str
    type: str
    """Stripe's own: `charge`, `refund`, `refund_failure`, `adjustment`, `transfer`, `transfer_refund`, `payout`…"""
    kind: Kind
    """Of the object that it belongs to; `platform`: no milestone's, but the platform's own account's."""
    object_id: str
    """The charge, transfer (also of its reversals), refund or dispute; else the source, else the transaction."""
    net_minor: int
    """What the balance moved by, after Stripe's fee."""
    currency: str
    at: datetime
    milestone_id: str = ""
    """From the object's metadata, where it has any of ours."""
    contract_id: str = ""
    names: tuple[str, ...] = ()
    """Every id by which our own records may know the object: ours from its metadata, the charge, the intent."""
    automatic: bool = False
    """A payout that Stripe's schedule made, not a person."""


@dataclass(frozen=True, slots=True)
class Balance:
    """What the platform has at Stripe in one currency, in minor units."""

    available_minor: int
    pending_minor: int
    reserved_minor: int
    """Taken out of `available` against trainers' negative balances (`connect_reserved`); not ours to send."""

    @property
    def total_minor(self) -> int:
        return self.available_minor + self.pending_minor


@dataclass(frozen=True, slots=True)
class Account:
    """The platform's account at Stripe at one moment."""

    transactions: Sequence[Transaction]
    balances: Mapping[str, Balance]
    """By currency."""
    payout_interval: str
    """`manual` is the only right one: any other sweeps held money to our bank."""


class Funds(NamedTuple):
    """What the platform has at Stripe, without how it came."""

    balances: Mapping[str, Balance]
    """By currency."""
    payout_interval: str
    """See Account."""


class StripeSide(Protocol):
    """Where the platform's account is read."""

    def read(self) -> Account: ...

    def funds(self) -> Funds:
        """Balance and settings alone: two calls, whatever happened before."""
        ...

    def payout_parts(self, stripe_payout_id: str, account_id: str) -> Sequence[Transaction]:
        """The balance transactions of a connected account that an automatic payout carries, itself left out."""
        ...


class StripeLibrary:
    """Read through Stripe's own library."""

    def __init__(self, client: stripe.StripeClient) -> None:
        self._client = client

    def read(self) -> Account:
        """Balance and transactions of one moment: read until the sum of the one is the other.

        Raises StripeUnreadableError. After some tries a sum that does not fit is given as it is: it is a finding.
        """
        try:
            interval = self._interval()
            for _ in range(_TRIES):
                balances = self._balances()
                transactions = self._transactions()
                if not sums_that_differ(transactions, balances):
                    break
        except stripe.StripeError as error:
            raise StripeUnreadableError(f"Stripe cannot be read: {error.user_message or error}") from error
        return Account(transactions, balances, interval)

    def funds(self) -> Funds:
        """See StripeSide. Raises StripeUnreadableError."""
        try:
            return Funds(self._balances(), self._interval())
        except stripe.StripeError as error:
            raise StripeUnreadableError(f"Stripe cannot be read: {error.user_message or error}") from error

    def payout_parts(self, stripe_payout_id: str, account_id: str) -> Sequence[Transaction]:
        """See StripeSide. Raises StripeUnreadableError."""
        wanted: Any = {"payout": stripe_payout_id, "limit": 100, "expand": ["data.source"]}
        try:
            listed = self._client.v1.balance_transactions.list(wanted, {"stripe_account": account_id})
            found = [transaction(_plain(item)) for item in listed.auto_paging_iter()]
        except stripe.StripeError as error:
            raise StripeUnreadableError(f"Stripe cannot be read: {error.user_message or error}") from error
        return [part for part in found if part.object_id != stripe_payout_id]

    def _interval(self) -> str:
        found = _plain(self._client.v1.balance_settings.retrieve())
        return str(found["payments"]["payouts"]["schedule"]["interval"])

    def _balances(self) -> dict[str, Balance]:
        return _balances(_plain(self._client.v1.balance.retrieve()))

    def _transactions(self) -> list[Transaction]:
        listed = self._client.v1.balance_transactions.list({"limit": 100, "expand": ["data.source"]})
        return [transaction(_plain(item)) for item in listed.auto_paging_iter()]


@contextmanager
def open_library(key: str, base: str, timeout_s: float = 20.0) -> Iterator[StripeLibrary]:
    """The library for as long as the block runs. The caller has checked that key and address belong together."""
    stripe.enable_telemetry = False
    http = stripe.HTTPXClient(timeout=timeout_s, allow_sync_methods=True)
    base = base.rstrip("/")
    at_stripe = base == "https://api.stripe.com"
    addresses: Any = {} if at_stripe else dict.fromkeys(("api", "files", "connect", "meter_events"), base)
    try:
        yield StripeLibrary(
            stripe.StripeClient(
                key, http_client=http, max_network_retries=3, stripe_version=API_VERSION, base_addresses=addresses
            )
        )
    finally:
        http.close()  # type: ignore[no-untyped-call]


def transaction(found: Mapping[str, Any]) -> Transaction:
    """A balance transaction, `source` expanded, as we compare it."""
    source = found.get("source")
    item: Mapping[str, Any] = source if isinstance(source, Mapping) else {}
    what = str(item.get("object", ""))
    object_id = str(item.get("id") or source or found["id"])
    if what == "transfer_reversal":
        object_id = _id(item["transfer"])
    metadata = item.get("metadata") or {}
    names = {*metadata.values(), *(_id(item.get(field)) for field in ("charge", "payment_intent", "source_transfer"))}
    return Transaction(
        id=found["id"],
        type=found["type"],
        kind=_KIND_OF_SOURCE.get(what, "platform"),
        object_id=object_id,
        net_minor=found["net"],
        currency=found["currency"],
        at=datetime.fromtimestamp(found["created"], UTC),
        milestone_id=str(metadata.get("milestone_id", "")),
        contract_id=str(metadata.get("contract_id", "")),
        names=tuple(sorted({object_id, *names} - {""})),
        automatic=what == "payout" and bool(item.get("automatic")),
    )


def sums_that_differ(transactions: Sequence[Transaction], balances: Mapping[str, Balance]) -> dict[str, int]:
    """By currency: balance less the sum of all balance transactions, where it is not zero."""
    sums: dict[str, int] = {currency: balance.total_minor for currency, balance in balances.items()}
    for moved in transactions:
        sums[moved.currency] = sums.get(moved.currency, 0) - moved.net_minor
    return {currency: left for currency, left in sums.items() if left}


def _balances(found: Mapping[str, Any]) -> dict[str, Balance]:
    def by_currency(name: str) -> dict[str, int]:
        return {fund["currency"]: fund["amount"] for fund in found.get(name) or ()}

    available, pending, reserved = map(by_currency, ("available", "pending", "connect_reserved"))
    return {
        currency: Balance(available.get(currency, 0), pending.get(currency, 0), reserved.get(currency, 0))
        for currency in sorted({*available, *pending, *reserved})
    }


def _plain(found: Any) -> dict[str, Any]:
    result: dict[str, Any] = found.to_dict()
    return result


def _id(value: Any) -> str:
    """The id of what may be expanded."""
    return str(value.get("id", "")) if isinstance(value, Mapping) else str(value or "")
