"""The API as a protocol: who may ask, versions, parameters, errors, lists, expansion, isolation."""

import base64
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest
import stripe

from services.stripe_sandbox.settings import API_VERSION
from services.stripe_sandbox.testing import SandboxServer

MakeAccount = Callable[..., str]
MakeCharge = Callable[..., stripe.PaymentIntent]
MakeCustomer = Callable[..., tuple[str, str]]


@pytest.fixture
def raw(sandbox: SandboxServer) -> Iterator[httpx.Client]:
    headers = {"Authorization": "Bearer sk_test_raw"}
    with httpx.Client(base_url=sandbox.url, headers=headers, trust_env=False) as found:
        yield found


def error_of(answer: httpx.Response) -> dict[str, Any]:
    error: dict[str, Any] = answer.json()["error"]
    return error


# -- keys and versions


@pytest.mark.parametrize(
    "header", ["", "Bearer", "Bearer nonsense", "Bearer rk_test_1", "Basic !!!", "Digest sk_test_1"]
)
def test_without_a_test_secret_key_there_is_401(sandbox: SandboxServer, header: str) -> None:
    assert httpx.get(f"{sandbox.url}/v1/customers", headers={"Authorization": header}).status_code == 401


@pytest.mark.parametrize("key", ["sk_live_x", "rk_live_x", "pk_live_x"])
def test_a_live_key_is_refused_by_name(sandbox: SandboxServer, key: str) -> None:
    answer = httpx.get(f"{sandbox.url}/v1/customers", headers={"Authorization": f"Bearer {key}"})
    assert answer.status_code == 401
    assert error_of(answer)["code"] == "livemode_mismatch"


def test_basic_authentication_works_as_with_curl(sandbox: SandboxServer) -> None:
    token = base64.b64encode(b"sk_test_1:").decode()
    answer = httpx.get(f"{sandbox.url}/v1/customers", headers={"Authorization": f"Basic {token}"})
    assert answer.status_code == 200


def test_v2_requires_a_version_and_v1_does_not(raw: httpx.Client) -> None:
    assert raw.get("/v1/customers").status_code == 200
    assert raw.get("/v2/core/accounts").status_code == 400
    assert raw.get("/v2/core/accounts", headers={"Stripe-Version": API_VERSION}).status_code == 200


def test_another_version_is_refused(raw: httpx.Client) -> None:
    answer = raw.get("/v1/customers", headers={"Stripe-Version": "2020-08-27"})
    assert error_of(answer)["param"] == "Stripe-Version"


def test_each_answer_has_a_request_id_that_the_control_interface_knows(
    sandbox: SandboxServer, raw: httpx.Client
) -> None:
    request_id = raw.get("/v1/customers").headers["Request-Id"]
    noted = sandbox.control("GET", f"requests?id={request_id}")
    assert [note["path"] for note in noted] == ["/v1/customers"]


def test_an_unknown_address_is_404(raw: httpx.Client) -> None:
    assert raw.get("/v1/nothing").status_code == 404


# -- parameters


@pytest.mark.parametrize(
    ("data", "code", "param"),
    [
        ({"amount": "1000"}, "parameter_missing", "currency"),
        ({"amount": "1000", "currency": "usd", "foo": "1"}, "parameter_unknown", "foo"),
        ({"amount": "ten", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "10.5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "49", "currency": "usd"}, "amount_too_small", "amount"),
        ({"amount": "0", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "-5", "currency": "usd"}, "parameter_invalid_integer", "amount"),
        ({"amount": "100000000", "currency": "usd"}, "amount_too_large", "amount"),
        ({"amount": "1000", "currency": "xxx"}, None, "currency"),
        ({"amount": "1000", "currency": "usd", "customer": "cus_none"}, "resource_missing", "customer"),
        ({"amount": "1000", "currency": "usd", "off_session": "true"}, None, "off_session"),
        (
            {"amount": "1000", "currency": "usd", "payment_method_types[0]": "card"},
            "payment_method_types_no_longer_supported",
            "payment_method_types",
        ),
        (
            {"amount": "1000", "currency": "usd", "statement_descriptor": "X"},
            "payment_intent_invalid_parameter",
            "statement_descriptor",
        ),
        (
            {
                "amount": "1000",
                "currency": "usd",
                "allowed_payment_method_types[0]": "card",
                "automatic_payment_methods[enabled]": "true",
            },
            "parameters_exclusive",
            "allowed_payment_method_types",
        ),
        (
            {"amount": "1000", "currency": "usd", "on_behalf_of": "acct_1"},
            "sandbox_unsupported_parameter",
            "on_behalf_of",
        ),
    ],
)
def test_what_is_wrong_with_a_payment_intent(
    raw: httpx.Client, data: dict[str, str], code: str | None, param: str
) -> None:
    answer = raw.post("/v1/payment_intents", data=data)
    assert answer.status_code == 400
    error = error_of(answer)
    assert (error["type"], error.get("code"), error.get("param")) == ("invalid_request_error", code, param)


def test_a_link_with_configurations_is_refused_since_endive(raw: httpx.Client) -> None:
    body = {
        "account": "acct_1",
        "use_case": {
            "type": "account_onboarding",
            "account_onboarding": {"refresh_url": "https://x", "configurations": ["recipient"]},
        },
    }
    answer = raw.post("/v2/core/account_links", json=body, headers={"Stripe-Version": API_VERSION})
    assert error_of(answer)["code"] == "parameter_unknown"


def test_a_checkout_session_in_setup_mode_needs_a_currency_or_types(raw: httpx.Client) -> None:
    data = {"mode": "setup", "success_url": "https://x"}
    assert error_of(raw.post("/v1/checkout/sessions", data=data))["param"] == "currency"
    assert (
        raw.post("/v1/checkout/sessions", data={**data, "allowed_payment_method_types[0]": "card"}).status_code == 200
    )


def test_what_is_missing_is_404_by_address(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError) as missing:
        client.v1.payment_intents.retrieve("pi_none")
    assert (missing.value.http_status, missing.value.code) == (404, "resource_missing")


@pytest.mark.parametrize("country", ["ZZ", "RU"])
def test_an_account_in_an_unsupported_country_is_refused(client: stripe.StripeClient, country: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v2.core.accounts.create({"identity": {"country": country}})
    assert refused.value.code == "country_unsupported"


# -- card errors


def test_a_decline_carries_the_intent_the_charge_and_what_to_do(
    client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        make_charge(1_000, "4000000000000341")
    error: Any = declined.value.error
    assert declined.value.http_status == 402
    assert (error.code, error.decline_code, error.advice_code) == (
        "card_declined",
        "generic_decline",
        "try_again_later",
    )
    intent = client.v1.payment_intents.retrieve(error.payment_intent["id"])
    assert (intent.status, intent.latest_charge) == ("requires_payment_method", error.charge)
    assert client.v1.charges.retrieve(error.charge).status == "failed"


@pytest.mark.parametrize(
    ("token", "code", "decline_code", "advice"),
    [
        ("pm_card_chargeDeclined", "card_declined", "generic_decline", "try_again_later"),
        ("pm_card_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds", "try_again_later"),
        ("pm_card_chargeDeclinedLostCard", "card_declined", "lost_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedStolenCard", "card_declined", "stolen_card", "do_not_try_again"),
        ("pm_card_chargeDeclinedExpiredCard", "expired_card", "expired_card", "confirm_card_data"),
        ("pm_card_chargeDeclinedIncorrectCvc", "incorrect_cvc", "incorrect_cvc", "confirm_card_data"),
        ("pm_card_chargeDeclinedProcessingError", "processing_error", "processing_error", "try_again_later"),
        ("pm_card_radarBlock", "card_declined", "fraudulent", "do_not_try_again"),
    ],
)
def test_each_declining_card_has_its_own_reason(
    client: stripe.StripeClient, token: str, code: str, decline_code: str, advice: str
) -> None:
    with pytest.raises(stripe.CardError) as declined:
        client.v1.payment_intents.create({"amount": 1_000, "currency": "usd", "payment_method": token, "confirm": True})
    error: Any = declined.value.error
    assert (error.code, error.decline_code, error.advice_code) == (code, decline_code, advice)


def test_a_card_that_declines_when_saved_cannot_be_attached(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create()
    with pytest.raises(stripe.CardError):
        client.v1.payment_methods.attach("pm_card_chargeDeclined", {"customer": customer.id})
    assert client.v1.payment_methods.list({"customer": customer.id}).data == []


# -- states


def test_after_a_decline_the_same_intent_takes_another_card(
    client: stripe.StripeClient, make_customer: MakeCustomer
) -> None:
    customer, bad = make_customer("4000000000000341")
    intent = client.v1.payment_intents.create({"amount": 1_000, "currency": "usd", "customer": customer})
    with pytest.raises(stripe.CardError):
        client.v1.payment_intents.confirm(intent.id, {"payment_method": bad, "off_session": True})
    good = client.v1.payment_methods.attach("pm_card_visa", {"customer": customer})
    done = client.v1.payment_intents.confirm(intent.id, {"payment_method": good.id, "off_session": True})
    assert done.status == "succeeded"
    assert len(client.v1.charges.list({"payment_intent": intent.id}).data) == 2


def test_a_succeeded_intent_can_be_neither_confirmed_nor_canceled(
    client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    intent = make_charge(1_000)
    for attempt in (client.v1.payment_intents.confirm, client.v1.payment_intents.cancel):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            attempt(intent.id)
        assert refused.value.code == "payment_intent_unexpected_state"


def test_a_canceled_intent_stays_canceled(client: stripe.StripeClient) -> None:
    intent = client.v1.payment_intents.create({"amount": 1_000, "currency": "usd"})
    client.v1.payment_intents.cancel(intent.id, {"cancellation_reason": "abandoned"})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})


def test_error_on_requires_action_turns_the_question_into_an_error(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.CardError) as refused:
        client.v1.payment_intents.create(
            {
                "amount": 1_000,
                "currency": "usd",
                "payment_method": "pm_card_authenticationRequired",
                "confirm": True,
                "error_on_requires_action": True,
            }
        )
    assert refused.value.code == "authentication_required"


def test_a_card_set_up_with_authentication_is_charged_off_session(
    make_charge: MakeCharge,
) -> None:
    assert make_charge(1_000, "4000002500003155").status == "succeeded"


def test_a_card_of_another_customer_is_refused(client: stripe.StripeClient, make_customer: MakeCustomer) -> None:
    _, card = make_customer()
    other = client.v1.customers.create()
    with pytest.raises(stripe.InvalidRequestError, match="belongs to customer"):
        client.v1.payment_intents.create(
            {"amount": 1_000, "currency": "usd", "customer": other.id, "payment_method": card}
        )


def test_a_detached_card_cannot_be_used_again(client: stripe.StripeClient, make_customer: MakeCustomer) -> None:
    customer, card = make_customer()
    client.v1.payment_methods.detach(card)
    with pytest.raises(stripe.InvalidRequestError, match="may not be used again"):
        client.v1.payment_intents.create(
            {"amount": 1_000, "currency": "usd", "customer": customer, "payment_method": card}
        )


# -- objects and lists


def test_metadata_is_merged_and_unset(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"a": "1", "b": "2"}})
    changed = client.v1.customers.update(customer.id, {"metadata": {"a": "", "c": "3"}})
    assert changed.metadata.to_dict() == {"b": "2", "c": "3"}
    cleared = client.v1.customers.update(customer.id, {"metadata": ""})
    assert cleared.metadata.to_dict() == {}


def test_metadata_with_numbers_as_keys_stays_a_map(client: stripe.StripeClient) -> None:
    customer = client.v1.customers.create({"metadata": {"0": "a", "1": "b"}})
    assert customer.metadata.to_dict() == {"0": "a", "1": "b"}


def test_lists_page_in_both_directions(client: stripe.StripeClient) -> None:
    made = [client.v1.customers.create().id for _ in range(7)]
    newest_first = made[::-1]
    page = client.v1.customers.list({"limit": 3})
    assert ([item.id for item in page.data], page.has_more) == (newest_first[:3], True)
    older = client.v1.customers.list({"limit": 3, "starting_after": page.data[-1].id})
    assert [item.id for item in older.data] == newest_first[3:6]
    newer = client.v1.customers.list({"limit": 3, "ending_before": older.data[0].id})
    assert ([item.id for item in newer.data], newer.has_more) == (newest_first[:3], False)
    everything = [item.id for item in client.v1.customers.list({"limit": 2}).auto_paging_iter()]
    assert everything == newest_first


@pytest.mark.parametrize("limit", [0, 101])
def test_a_limit_is_1_to_100(client: stripe.StripeClient, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.customers.list({"limit": limit})


def test_lists_are_filtered_by_creation(sandbox: SandboxServer, client: stripe.StripeClient) -> None:
    client.v1.customers.create()
    sandbox.advance(seconds=100)
    late = client.v1.customers.create()
    found = client.v1.customers.list({"created": {"gte": late.created}})
    assert [item.id for item in found.data] == [late.id]


def test_expansion_goes_deep_and_into_lists(client: stripe.StripeClient, make_charge: MakeCharge) -> None:
    intent = make_charge(1_000)
    found: Any = client.v1.payment_intents.list({"expand": ["data.latest_charge.balance_transaction", "data.customer"]})
    assert found.data[0].id == intent.id
    assert found.data[0].latest_charge.balance_transaction.object == "balance_transaction"
    assert found.data[0].customer.email == "employer@example.com"


def test_what_cannot_be_expanded_is_said(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        client.v1.customers.create({"expand": ["nonsense"]})


def test_accounts_do_not_see_each_others_objects(
    client: stripe.StripeClient, make_account: MakeAccount, make_charge: MakeCharge
) -> None:
    intent, account = make_charge(1_000), make_account()
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.payment_intents.retrieve(intent.id, {}, {"stripe_account": account})
    assert client.v1.payment_intents.list({}, {"stripe_account": account}).data == []


def test_an_unknown_account_in_the_header_is_403(client: stripe.StripeClient) -> None:
    with pytest.raises(stripe.PermissionError):
        client.v1.balance.retrieve({}, {"stripe_account": "acct_none"})


def test_v2_accounts_show_only_what_is_included(client: stripe.StripeClient, make_account: MakeAccount) -> None:
    account = make_account()
    bare = client.v2.core.accounts.retrieve(account)
    assert (bare.configuration, bare.identity, bare.requirements) == (None, None, None)
    full = client.v2.core.accounts.retrieve(account, {"include": ["configuration.recipient", "identity"]})
    assert full.identity is not None
    assert full.identity.country == "US"
    assert full.configuration is not None
    assert full.requirements is None


def test_v2_accounts_are_listed_page_by_page(client: stripe.StripeClient, make_account: MakeAccount) -> None:
    made = [make_account(onboard=False) for _ in range(3)]
    listed = client.v2.core.accounts.list({"limit": 2})
    assert [account.id for account in listed.auto_paging_iter()] == made[::-1]
