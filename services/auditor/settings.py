"""Settings that only the auditor has."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.auditor.nightly.plan import NEVER
from services.runtime.settings import Settings


class AuditorSettings(Settings):
    """Where Stripe is, and when and how patiently all is compared. Stripe's are those of the gateway."""

    stripe_api_key: SecretStr = SecretStr("")
    stripe_api_base: str = "http://127.0.0.1:12111"
    """Stripe's own address, or the sandbox's."""
    stripe_test_mode: bool = False
    """Says that a test key at Stripe's own address is meant: a platform for trials."""
    reconcile_hour: Annotated[int, Field(ge=NEVER, le=23)] = 3
    """The UTC hour from which on a night's reconciliation runs, by the clock; -1: never."""
    reconcile_looks: Annotated[int, Field(ge=1, le=20)] = 4
    """A difference counts when it is in so many looks, the very same."""
    reconcile_pause_s: Annotated[float, Field(ge=0, le=3_600)] = 180.0
    """Between two looks. Three of them are longer than the gateway takes to fetch what no webhook brought."""
    cover_look_s: Annotated[float, Field(ge=0, le=86_400)] = 300.0
    """By the clock, between two looks at whether what is owed is covered, when Stripe tells nothing; 0: never."""
