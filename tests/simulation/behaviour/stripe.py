"""What the gateway relies on of the way to Stripe: the library's objects, errors and headers, as tests."""

from abc import ABC, abstractmethod
from collections.abc import Awaitable, Callable
from typing import Any

import pytest
import stripe
from stripe import StripeClient

from services.stripe_gateway.reads import plain


class Way(ABC):
    """A way to a sandbox of one test."""

    @abstractmethod
    def run(self, act: Callable[[StripeClient], Awaitable[Any]]) -> Any:
        """Do something with the library; raises what it raises."""

    @abstractmethod
    def fault(self, kind: str, path: str) -> None:
        """The next request to a path meets a fault."""


def _customer(key: str, **metadata: str) -> Callable[[StripeClient], Awaitable[Any]]:
    params: Any = {"metadata": metadata or {"employer_id": "emp_1"}}
    return lambda client: client.v1.customers.create_async(params, {"idempotency_key": key})


class WayBehaviour:
    """Inherited with a `way` fixture."""

    def test_what_is_made_is_answered_as_an_object(self, way: Way) -> None:
        found = plain(way.run(_customer("one")))
        assert found["object"] == "customer"
        assert found["metadata"] == {"employer_id": "emp_1"}

    def test_a_key_is_answered_the_same_again(self, way: Way) -> None:
        first, second = way.run(_customer("one")), way.run(_customer("one"))
        assert first.id == second.id
        assert second.last_response.headers["idempotent-replayed"] == "true"
        assert way.run(_customer("two")).id != first.id

    def test_a_key_with_other_parameters_is_refused(self, way: Way) -> None:
        way.run(_customer("one"))
        with pytest.raises(stripe.IdempotencyError) as caught:
            way.run(_customer("one", other="metadata"))
        assert caught.value.http_status == 400

    def test_an_error_carries_status_and_request(self, way: Way) -> None:
        with pytest.raises(stripe.InvalidRequestError) as caught:
            way.run(lambda client: client.v1.customers.retrieve_async("cus_none"))
        assert (caught.value.http_status, caught.value.code) == (404, "resource_missing")
        assert str(caught.value.request_id).startswith("req_")

    def test_a_decline_is_a_card_error(self, way: Way) -> None:
        params: Any = {
            "amount": 1_000, "currency": "usd", "payment_method": "pm_card_chargeDeclined", "confirm": True,
            "automatic_payment_methods": {"enabled": True, "allow_redirects": "never"},
        }  # fmt: skip
        with pytest.raises(stripe.CardError) as caught:
            way.run(lambda client: client.v1.payment_intents.create_async(params))
        assert (caught.value.http_status, caught.value.code) == (402, "card_declined")

    def test_a_connection_that_is_cut_after_executing_is_no_answer(self, way: Way) -> None:
        way.fault("truncated", "/v1/customers")
        with pytest.raises(stripe.APIConnectionError):
            way.run(_customer("one"))
        assert way.run(_customer("one")).last_response.headers["idempotent-replayed"] == "true"

    def test_a_limit_names_itself_in_a_header(self, way: Way) -> None:
        way.fault("rate_limit", "/v1/customers")
        with pytest.raises(stripe.RateLimitError) as caught:
            way.run(_customer("one"))
        assert (caught.value.headers or {})["stripe-rate-limited-reason"] == "endpoint-rate"

    def test_a_page_of_html_is_an_api_error(self, way: Way) -> None:
        way.fault("bad_gateway", "/v1/customers")
        with pytest.raises(stripe.APIError) as caught:
            way.run(_customer("one"))
        assert caught.value.http_status == 502

    def test_a_list_is_paged_through(self, way: Way) -> None:
        made = {way.run(_customer(f"key-{number}")).id for number in range(5)}

        async def all_of_them(client: StripeClient) -> set[str]:
            listed = await client.v1.customers.list_async({"limit": 2})
            return {found.id async for found in listed.auto_paging_iter()}

        assert way.run(all_of_them) == made

    def test_accounts_of_v2_are_made_with_json(self, way: Way) -> None:
        params: Any = {
            "dashboard": "express", "contact_email": "t@example.com", "display_name": "T",
            "identity": {"country": "us", "entity_type": "individual"}, "include": ["configuration.recipient"],
            "configuration": {"recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {
                "requested": True}}}}},
            "defaults": {"responsibilities": {"fees_collector": "application", "losses_collector": "application"}},
        }  # fmt: skip
        found = plain(way.run(lambda client: client.v2.core.accounts.create_async(params, {"idempotency_key": "one"})))
        assert found["object"] == "v2.core.account"
