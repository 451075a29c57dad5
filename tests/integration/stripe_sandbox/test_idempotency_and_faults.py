"""Idempotency keys and what bad days do to them."""

from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer

MakeCustomer = Callable[..., tuple[str, str]]
INTENT: Any = {"amount": 1_000, "currency": "usd"}


def header(found: Any, name: str) -> str | None:
    value: str | None = found.last_response.headers.get(name)
    return value


def count(client: stripe.StripeClient) -> int:
    return len(client.v1.payment_intents.list({"limit": 100}).data)


def test_the_same_key_gives_the_same_object(client: stripe.StripeClient) -> None:
    first = client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    again = client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    assert (first.id, header(first, "idempotent-replayed")) == (again.id, None)
    assert header(again, "idempotent-replayed") == "true"
    assert header(again, "original-request") == header(first, "request-id")
    assert count(client) == 1


def test_the_same_key_with_other_parameters_is_an_error(client: stripe.StripeClient) -> None:
    client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    with pytest.raises(stripe.IdempotencyError):
        client.v1.payment_intents.create({**INTENT, "amount": 2_000}, {"idempotency_key": "k"})


def test_a_decline_is_replayed_and_charges_once(client: stripe.StripeClient, make_customer: MakeCustomer) -> None:
    customer, card = make_customer("4000000000000341")
    intent = client.v1.payment_intents.create({**INTENT, "customer": customer})
    for _ in range(2):
        with pytest.raises(stripe.CardError):
            client.v1.payment_intents.confirm(intent.id, {"payment_method": card}, {"idempotency_key": "c"})
    assert len(client.v1.charges.list({"payment_intent": intent.id}).data) == 1


def test_a_refusal_by_validation_is_not_stored(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.create({**INTENT, "foo": "1"}, {"idempotency_key": "k"})  # type: ignore[typeddict-unknown-key]
    assert client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"}).status == "requires_payment_method"


def test_a_key_is_forgotten_after_24_hours(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    first = client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    sandbox.advance(seconds=23 * 3_600)
    assert client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"}).id == first.id
    sandbox.advance(seconds=3_601)
    assert client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"}).id != first.id


def test_a_v2_success_is_not_repeated_and_answers_with_the_object_as_it_is(client: stripe.StripeClient) -> None:
    params: Any = {"identity": {"country": "US"}, "display_name": "A"}
    first = client.v2.core.accounts.create(params, {"idempotency_key": "a"})
    client.v2.core.accounts.update(first.id, {"display_name": "B"})
    again = client.v2.core.accounts.create(params, {"idempotency_key": "a"})
    assert (again.id, again.display_name) == (first.id, "B")


def test_a_v2_failure_is_executed_again(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    account = client.v2.core.accounts.create({"identity": {"country": "US"}})
    sandbox.control("POST", f"accounts/{account.id}", {"closed": True})
    params: Any = {
        "account": account.id,
        "use_case": {"type": "account_onboarding", "account_onboarding": {"refresh_url": "https://x"}},
    }
    with pytest.raises(stripe.InvalidRequestError):
        client.v2.core.account_links.create(params, {"idempotency_key": "l"})
    sandbox.control("POST", f"accounts/{account.id}", {"closed": False})
    assert client.v2.core.account_links.create(params, {"idempotency_key": "l"}).url


def test_keys_of_different_accounts_are_different_keys(client: stripe.StripeClient) -> None:
    account = client.v2.core.accounts.create({"identity": {"country": "US"}})
    first = client.v1.customers.create({}, {"idempotency_key": "k"})
    other = client.v1.customers.create({}, {"idempotency_key": "k", "stripe_account": account.id})
    assert first.id != other.id


def test_a_key_in_flight_answers_409(sandbox: SandboxServer) -> None:
    sandbox.control("POST", "faults", {"kind": "slow", "path": "/v1/payment_intents", "seconds": 0.6})
    headers = {"Authorization": "Bearer sk_test_x", "Idempotency-Key": "k"}
    with ThreadPoolExecutor(2) as pool:
        slow = pool.submit(
            httpx.post, f"{sandbox.url}/v1/payment_intents", data={"amount": "1000", "currency": "usd"}, headers=headers
        )
        while not sandbox.control("GET", "faults")[0]["hits"]:
            pass
        busy = httpx.post(
            f"{sandbox.url}/v1/payment_intents", data={"amount": "1000", "currency": "usd"}, headers=headers
        )
        assert (busy.status_code, busy.json()["error"]["code"]) == (409, "idempotency_key_in_use")
        assert slow.result().status_code == 200


@pytest.mark.parametrize("kind", ["timeout_before", "timeout_after", "truncated", "bad_gateway", "conflict"])
def test_the_library_comes_through_a_fault_with_one_object(sandbox: SandboxServer, kind: str) -> None:
    sandbox.control("POST", "faults", {"kind": kind, "path": "/v1/payment_intents", "method": "POST", "seconds": 0.05})
    client = sandbox.client(max_network_retries=2)
    made = client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    assert made.id
    assert count(client) == 1


def test_a_500_after_execution_is_stored_although_the_object_exists(
    sandbox: SandboxServer, client: stripe.StripeClient
) -> None:
    sandbox.control("POST", "faults", {"kind": "error_500_after", "method": "POST", "should_retry": False})
    for _ in range(2):
        with pytest.raises(stripe.APIError):
            client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    assert count(client) == 1


def test_a_500_before_execution_leaves_nothing(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    sandbox.control("POST", "faults", {"kind": "error_500_before", "method": "POST"})
    with pytest.raises(stripe.APIError):
        client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"})
    assert count(client) == 0
    assert client.v1.payment_intents.create(INTENT, {"idempotency_key": "k"}).id


@pytest.mark.parametrize(("kind", "code"), [("rate_limit", "rate_limit"), ("lock_timeout", "lock_timeout")])
def test_429_is_a_rate_limit_error(sandbox: SandboxServer, client: stripe.StripeClient, kind: str, code: str) -> None:
    sandbox.control("POST", "faults", {"kind": kind})
    with pytest.raises(stripe.RateLimitError) as limited:
        client.v1.payment_intents.create(INTENT)
    assert limited.value.error is not None
    assert limited.value.error.code == code


def test_a_fault_can_wait_for_the_nth_request_and_name_an_object(
    sandbox: SandboxServer, client: stripe.StripeClient
) -> None:
    sandbox.control("POST", "faults", {"kind": "unauthorized", "contains": "cus_", "skip": 1, "times": 1})
    customer = client.v1.customers.create()
    params: Any = {**INTENT, "customer": customer.id}
    client.v1.payment_intents.create(params)
    with pytest.raises(stripe.AuthenticationError):
        client.v1.payment_intents.create(params)
    client.v1.payment_intents.create(params)


def test_an_unknown_fault_is_refused(sandbox: SandboxServer) -> None:
    assert httpx.post(f"{sandbox.url}/_sim/faults", json={"kind": "earthquake"}).status_code == 422
