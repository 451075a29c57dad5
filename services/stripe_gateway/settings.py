"""Settings that only the gateway has."""

from typing import Annotated

from pydantic import Field, SecretStr

from services.runtime.settings import Settings


class GatewaySettings(Settings):
    """Where Stripe is, with which keys, and how patiently it is asked."""

    stripe_api_key: SecretStr = SecretStr("")
    stripe_api_base: str = "http://127.0.0.1:12111"
    """Stripe's own address, or the sandbox's."""
    stripe_webhook_secret: SecretStr = SecretStr("")
    """Of the platform's endpoint; several, separated by commas, while one is rolled."""
    stripe_connect_webhook_secret: SecretStr = SecretStr("")
    """Of the endpoint for connected accounts, likewise."""
    stripe_test_mode: bool = False
    """Says that a test key at Stripe's own address is meant: a platform for trials."""
    stripe_timeout_s: Annotated[float, Field(gt=0, le=120)] = 20.0
    """Of one call. A call that took longer may have been done: it is asked again under its key."""
    stripe_parallel_calls: Annotated[int, Field(ge=1, le=500)] = 32
    stripe_calls_per_s: Annotated[float, Field(gt=0)] = 80.0
    """Over all kinds of calls and all replicas. Stripe allows an account 100 live, 25 in a sandbox (STRIPE.md 2.4)."""
    stripe_calls_per_s_each: Annotated[float, Field(gt=0)] = 20.0
    """Of all replicas, for each kind of call. Stripe allows 25."""
    stripe_rate_recover_s: Annotated[float, Field(gt=0)] = 5.0
    """After a 429 halved a rate: so long until a step of a tenth is given back, and between two steps."""
    stripe_backoff_first_s: Annotated[float, Field(gt=0)] = 0.5
    """Upper end of the first pause before a call is made again; it doubles each time (full jitter)."""
    stripe_backoff_most_s: Annotated[float, Field(gt=0)] = 30.0
    stripe_look_after_s: Annotated[float, Field(gt=0)] = 23 * 3600.0
    """A call older than this is looked up before it is made again: Stripe forgets its keys after 24 hours (v2's, of
    accounts, after 30 days)."""
    stripe_server_errors: Annotated[int, Field(ge=1)] = 8
    """So many times in a row Stripe may answer 5xx before we look whether it was done all the same."""
    stripe_unknown_look_s: Annotated[float, Field(gt=0)] = 300.0
    """By the clock, between two looks for the outcome of a call that nobody knows."""
    stripe_breaker_failures: Annotated[int, Field(ge=1)] = 20
    """So many tries in a row without an answer, or with a 5xx: then Stripe is down, and one try at a time finds out."""
    stripe_poll_s: Annotated[float, Field(ge=0)] = 300.0
    """By the clock, between two looks through the platform's events for what no webhook brought; 0: never."""
    stripe_poll_accounts_s: Annotated[float, Field(gt=0)] = 3600.0
    """The same for each connected account: two calls each."""
    stripe_poll_overlap_s: Annotated[float, Field(ge=0)] = 3600.0
    """How much of what was read through is read through again: Stripe may show an event later than it made it."""
    stripe_poll_behind_s: Annotated[float, Field(ge=0)] = 60.0
    """Events younger than this are left to their webhooks."""
    stripe_poll_pages: Annotated[int, Field(ge=1)] = 20
    """Pages of a hundred events that one look reads at most; the next goes on from there."""
    stripe_breaker_of_one: Annotated[int, Field(ge=1)] = 5
    """So many 5xx in a row of one and the same call count: the trouble of one call is not everybody's."""
    hosted_wait_s: Annotated[float, Field(gt=0)] = 8.0
    """How long somebody who clicked a link waits for what the page needs."""


def secrets_of(setting: SecretStr) -> tuple[str, ...]:
    """The secrets in a comma-separated setting, none of them blank."""
    return tuple(part.strip() for part in setting.get_secret_value().split(",") if part.strip())
