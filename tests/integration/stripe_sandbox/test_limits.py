"""The rate limits: off until switched on, told by reason, and a refusal leaves nothing behind."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer

INTENT: Any = {"amount": 1_000, "currency": "usd"}
SLOWLY = 0.001
"""Requests a second: one, then none until a thousand seconds of the sandbox's clock have passed."""


def reason(limited: pytest.ExceptionInfo[stripe.RateLimitError]) -> str | None:
    headers: Any = limited.value.headers
    assert limited.value.error is not None
    assert limited.value.error.code == "rate_limit"
    assert "retry-after" not in headers
    found: str | None = headers.get("stripe-rate-limited-reason")
    return found


def test_nothing_is_limited_until_it_is_switched_on(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    assert set(sandbox.control("GET", "limits").values()) == {None}
    for _ in range(40):
        client.v1.customers.create()


def test_one_operation_is_limited_and_the_others_are_not(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    sandbox.control("PUT", "limits", {"operation_per_s": SLOWLY})
    client.v1.payment_intents.create(INTENT)
    with pytest.raises(stripe.RateLimitError) as limited:
        client.v1.payment_intents.create(INTENT)
    assert reason(limited) == "endpoint-rate"
    client.v1.customers.create()
    sandbox.advance(seconds=1_001)
    client.v1.payment_intents.create(INTENT)


def test_all_operations_together_are_limited(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    sandbox.control("PUT", "limits", {"global_per_s": SLOWLY})
    client.v1.payment_intents.create(INTENT)
    with pytest.raises(stripe.RateLimitError) as limited:
        client.v1.customers.create()
    assert reason(limited) == "global-rate"


def test_changes_of_one_payment_intent_are_limited(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    one, other = (client.v1.payment_intents.create(INTENT).id for _ in range(2))
    sandbox.control("PUT", "limits", {"intent_changes_per_hour": 2})
    for _ in range(2):
        client.v1.payment_intents.update(one, {"metadata": {"a": "b"}})
    with pytest.raises(stripe.RateLimitError) as limited:
        client.v1.payment_intents.update(one, {"metadata": {"a": "c"}})
    assert reason(limited) == "resource-specific"
    client.v1.payment_intents.update(other, {"metadata": {"a": "b"}})


@pytest.mark.parametrize(
    ("limit", "named"),
    [("global_concurrency", "global-concurrency"), ("operation_concurrency", "endpoint-concurrency")],
)
def test_requests_at_once_are_limited(
    sandbox: SandboxServer, client: stripe.StripeClient, limit: str, named: str
) -> None:
    sandbox.control("PUT", "limits", {limit: 1})
    sandbox.control("POST", "faults", {"kind": "slow", "path": "/v1/customers", "seconds": 1.5})
    headers = {"Authorization": "Bearer sk_test_x"}
    with ThreadPoolExecutor(1) as pool:
        slow = pool.submit(httpx.post, f"{sandbox.url}/v1/customers", headers=headers)
        while not sandbox.control("GET", "faults")[0]["hits"]:
            pass
        with pytest.raises(stripe.RateLimitError) as limited:
            client.v1.customers.create()
        assert reason(limited) == named
        assert slow.result().status_code == 200
    client.v1.customers.create()


def test_a_refusal_is_not_stored_under_the_key(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    sandbox.control("PUT", "limits", {"operation_per_s": SLOWLY})
    client.v1.payment_intents.create(INTENT, {"idempotency_key": "one"})
    with pytest.raises(stripe.RateLimitError):
        client.v1.payment_intents.create(INTENT, {"idempotency_key": "two"})
    sandbox.control("PUT", "limits", {})
    client.v1.payment_intents.create(INTENT, {"idempotency_key": "two"})
    assert len(client.v1.payment_intents.list().data) == 2


def test_stripes_own_limits_can_be_put_in_force_and_end_with_a_reset(sandbox: SandboxServer) -> None:
    limits = sandbox.control("PUT", "limits/stripe")
    assert (limits["global_per_s"], limits["operation_per_s"], limits["intent_changes_per_hour"]) == (25, 25, 1_000)
    sandbox.control("POST", "reset")
    assert sandbox.control("GET", "limits")["global_per_s"] is None


def test_a_fault_names_the_limiter(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    sandbox.control("POST", "faults", {"kind": "rate_limit", "reason": "global-concurrency"})
    with pytest.raises(stripe.RateLimitError) as limited:
        client.v1.customers.create()
    assert reason(limited) == "global-concurrency"
