"""What once happened at Stripe, read with the synchronous library: for a recovery, a command and no service."""

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any

import stripe
from stripe import StripeClient

from services.runtime.stripe_keys import STRIPE
from services.stripe_gateway import translate
from services.stripe_gateway.client import API_VERSION
from services.stripe_gateway.readings import ReversalReading
from services.stripe_gateway.reads import plain

_TIMEOUT_S = 20.0
_TRIES = 4
"""Reads alone, so that each may be made again."""


class Past:
    """See recovering.AtStripe. Raises what the library raises."""

    def __init__(self, client: StripeClient) -> None:
        self._client = client

    def failed_charge(self, payment_intent_id: str, until: datetime) -> str:
        wanted: Any = {
            "payment_intent": payment_intent_id, "created": {"lte": int(until.timestamp())}, "limit": 100,
        }  # fmt: skip
        newest_first = self._client.v1.charges.list(wanted).auto_paging_iter()
        return next((charge.id for charge in newest_first if charge.status == "failed"), "")

    def payment_intent_of(self, stripe_refund_id: str) -> str:
        return str(plain(self._client.v1.refunds.retrieve(stripe_refund_id)).get("payment_intent") or "")

    def reversals_of(self, transfer_id: str) -> Sequence[ReversalReading]:
        listed = self._client.v1.transfers.reversals.list(transfer_id, {"limit": 100})
        found = [translate.reversal(plain(made)) for made in listed.auto_paging_iter()]
        return found[::-1]


@contextmanager
def open_past(key: str, base: str) -> Iterator[Past]:
    """For as long as the block runs. Key and address belong together: the caller has checked it."""
    stripe.enable_telemetry = False
    http = stripe.RequestsClient(timeout=_TIMEOUT_S)
    at_stripe = base.rstrip("/") == STRIPE
    addresses: Any = {} if at_stripe else dict.fromkeys(("api", "files", "connect", "meter_events"), base)
    try:
        yield Past(
            StripeClient(
                key, http_client=http, max_network_retries=_TRIES, stripe_version=API_VERSION, base_addresses=addresses
            )
        )
    finally:
        http.close()  # type: ignore[no-untyped-call]
