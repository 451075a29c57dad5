"""The way to Stripe: the official library, its API version pinned, asynchronous, without retries of its own.

We retry ourselves (`caller.py`), so that each try is counted, paced and seen.
"""

import logging
from typing import Any

import stripe

from services.stripe_gateway.settings import GatewaySettings

API_VERSION = "2026-10-28.endive"
"""What stripe-python 16.1.0 is made for. A test compares; events of another version are parked."""
STRIPE = "https://api.stripe.com"

_LIVE = ("sk_live_", "rk_live_")
_TEST = ("sk_test_", "rk_test_")


class KeyRefusedError(ValueError):
    """Key and address do not belong together: real money and play money must never meet. Says what to change."""


def check_key(key: str, base: str, *, test_mode: bool = False) -> None:
    """Raises KeyRefusedError for a live key at another address than Stripe's, a test key at Stripe's own unless
    `test_mode` says that it is meant, and for what is no secret key at all."""
    at_stripe = base.rstrip("/") == STRIPE
    if key.startswith(_LIVE):
        if not at_stripe:
            raise KeyRefusedError(
                f"TRANCHE_STRIPE_API_KEY is a live key and TRANCHE_STRIPE_API_BASE is {base}: a live key goes to "
                f"{STRIPE} alone"
            )
    elif key.startswith(_TEST):
        if at_stripe and not test_mode:
            raise KeyRefusedError(
                f"TRANCHE_STRIPE_API_KEY is a test key and TRANCHE_STRIPE_API_BASE is {STRIPE}: set "
                "TRANCHE_STRIPE_TEST_MODE=true if this platform is for trials, else give it the live key"
            )
    else:
        raise KeyRefusedError(
            "TRANCHE_STRIPE_API_KEY is no secret key of Stripe (sk_test_…, sk_live_…). `tranche up` makes one for the "
            "sandbox by itself."
        )


def is_live(key: str) -> bool:
    """Whether a key moves real money."""
    return key.startswith(_LIVE)


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
