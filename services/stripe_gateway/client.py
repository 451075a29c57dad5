"""The way to Stripe: the official library, its API version pinned, asynchronous, without retries of its own.

We retry ourselves (`caller.py`), so that each try is counted, paced and seen.
"""

import logging
from typing import Any

import stripe

from services.runtime.stripe_keys import STRIPE, check_key
from services.stripe_gateway.settings import GatewaySettings

API_VERSION = "2026-10-28.endive"
"""What stripe-python 16.1.0 is made for. A test compares; events of another version are parked."""


def open_client(settings: GatewaySettings) -> tuple[stripe.StripeClient, stripe.HTTPXClient]:
    """The library, and the connections that it uses; close the second at the end (`close_async`).

    Belongs to one event loop. Raises KeyRefusedError.
    """
    key, base = settings.stripe_api_key.get_secret_value(), settings.stripe_api_base.rstrip("/")
    check_key(key, base, test_mode=settings.stripe_test_mode)
    # It would write an id into the home directory and send figures along.
    stripe.enable_telemetry = False
    # Both log addresses and bodies at INFO and DEBUG.
    for name in ("stripe", "httpx", "httpcore"):
        logging.getLogger(name).setLevel(logging.WARNING)
    http = stripe.HTTPXClient(timeout=settings.stripe_timeout_s)
    addresses: Any = {} if base == STRIPE else dict.fromkeys(("api", "files", "connect", "meter_events"), base)
    client = stripe.StripeClient(
        key, http_client=http, max_network_retries=0, stripe_version=API_VERSION, base_addresses=addresses
    )
    return client, http
