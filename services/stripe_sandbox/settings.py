"""What the sandbox is told from outside: environment variables with the prefix TRANCHE_."""

from pathlib import Path
from typing import Annotated

from pydantic import Field, field_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

API_VERSION = "2026-10-28.endive"
"""The one version of the API that is simulated: the one stripe-python 16.1.0 is made for."""

PLATFORM_ACCOUNT = "acct_1SandboxPlatform"


class LiveKeyError(ValueError):
    """Somebody pointed the sandbox at real money."""


def is_live_key(key: str) -> bool:
    """Whether a key belongs to Stripe's live mode (secret, restricted or publishable)."""
    return key.startswith(("sk_live_", "rk_live_", "pk_live_"))


class Settings(BaseSettings):
    """Settings of the process. Raises LiveKeyError's message as a validation error when a live key is given."""

    model_config = SettingsConfigDict(env_prefix="TRANCHE_", extra="ignore", populate_by_name=True)

    http_host: str = "127.0.0.1"
    http_port: int = 12111
    clock_file: Path | None = None
    stripe_api_key: str = ""
    stripe_webhook_secret: str = "whsec_sandbox_platform"  # noqa: S105 - of the sandbox
    stripe_connect_webhook_secret: str = "whsec_sandbox_connect"  # noqa: S105 - of the sandbox
    sandbox_webhook_url: str = ""
    sandbox_connect_webhook_url: str = ""
    sandbox_state: Path | None = None
    sandbox_public_url: str = ""
    """Address of the hosted pages as a browser reaches them; the listening address when empty."""
    sandbox_country: str = "US"
    """Country of the platform's own account."""
    sandbox_platform_payouts: str = "manual"
    """Interval of the platform's own payouts. Stripe's default is `daily`, which sweeps held money."""
    sandbox_settlement_currencies: str = ""
    """Currencies that the platform's balance is kept in, with spaces between; Stripe converts all others to the first
    of them. Empty: every currency, nothing is converted."""
    sandbox_strict: bool = True
    """Check each object that is returned against the stripe library's own class."""
    sandbox_limits: bool = False
    """Whether the rate limits of Stripe's own sandbox are in force from the start."""
    sandbox_onboarding_review_s: Annotated[int, Field(ge=0)] = 1
    """Seconds for which a submitted onboarding stays `pending`."""

    @field_validator("stripe_api_key")
    @classmethod
    def _no_live_key(cls, key: str) -> str:
        if is_live_key(key):
            raise LiveKeyError("the Stripe sandbox refuses to start with a live key: give it an sk_test_ key")
        return key

    @property
    def settlement_currencies(self) -> tuple[str, ...]:
        """Of the platform's balance, the default one first; none: every currency."""
        return tuple(self.sandbox_settlement_currencies.lower().split())

    @property
    def public_url(self) -> str:
        """Where the hosted pages are, without a slash at the end."""
        return (self.sandbox_public_url or f"http://{self.http_host}:{self.http_port}").rstrip("/")
