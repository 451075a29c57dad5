"""Which key may go to which address: real money and play money must never meet. For all who speak with Stripe."""

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
