"""Every row of STRIPE.md 2.5: which error asks for what."""

import pytest
import stripe

from services.stripe_gateway.answers import Verdict, judge
from tests.unit.stripe_gateway.builders import error

RETRY, SERVER, DECLINE, PARK, STOP, LOOK = (
    Verdict.RETRY,
    Verdict.SERVER_ERROR,
    Verdict.DECLINE,
    Verdict.PARK,
    Verdict.STOP,
    Verdict.LOOK,
)


@pytest.mark.parametrize(
    ("found", "verdict"),
    [
        (error(stripe.APIConnectionError, None), RETRY),
        (error(stripe.APIError, 200), RETRY),  # a body that broke off
        (error(stripe.APIError, 409, code="idempotency_key_in_use", type="idempotency_error"), RETRY),
        (error(stripe.RateLimitError, 429, code="rate_limit"), RETRY),
        (error(stripe.RateLimitError, 400, code="rate_limit"), RETRY),
        (error(stripe.RateLimitError, 429, {"stripe-should-retry": "true"}, code="lock_timeout"), RETRY),
        (error(stripe.APIError, 500), SERVER),
        (error(stripe.APIError, 502), SERVER),
        (error(stripe.APIError, 503), SERVER),
        (error(stripe.APIError, 504), SERVER),
        (error(stripe.APIError, 500, {"stripe-should-retry": "false"}), LOOK),
        (error(stripe.InvalidRequestError, 400, code="parameter_unknown", param="amuont"), PARK),
        (error(stripe.InvalidRequestError, 404, code="resource_missing"), PARK),
        (error(stripe.IdempotencyError, 400, type="idempotency_error"), PARK),
        (error(stripe.CardError, 402, code="card_declined", decline_code="generic_decline"), DECLINE),
        (error(stripe.AuthenticationError, 401), STOP),
        (error(stripe.PermissionError, 403), STOP),
        # v2: a type of its own for each, the status says enough
        (error(stripe.FeatureNotEnabledError, 400, code="feature_not_enabled"), PARK),
        (error(stripe.BlockedByStripeError, 400, code="blocked"), PARK),
        (error(stripe.QuotaExceededError, 429, code="quota_exceeded"), RETRY),
    ],
    ids=lambda value: f"{type(value).__name__}-{value.http_status}" if isinstance(value, Exception) else value.value,
)
def test_each_error_asks_for_what_the_table_says(found: stripe.StripeError, verdict: Verdict) -> None:
    assert judge(found, "create_payment_intent").verdict is verdict


@pytest.mark.parametrize(
    "code", ["balance_insufficient", "account_closed", "transfers_not_allowed", "capability_not_active"]
)
def test_a_transfer_that_cannot_be_made_now_is_a_decline(code: str) -> None:
    judged = judge(error(stripe.InvalidRequestError, 400, code=code), "create_transfer")

    assert (judged.verdict, judged.declined().trouble.code) == (DECLINE, code)


def test_the_same_code_for_another_call_is_a_defect() -> None:
    assert judge(error(stripe.InvalidRequestError, 400, code="balance_insufficient"), "create_customer").verdict is PARK


@pytest.mark.parametrize("operation", ["confirm_payment_intent", "authenticate_payment_intent"])
def test_an_intent_that_moved_on_is_looked_at(operation: str) -> None:
    found = error(stripe.InvalidRequestError, 400, code="payment_intent_unexpected_state")

    assert judge(found, operation).verdict is LOOK


@pytest.mark.parametrize(
    "details", [{"code": "payment_method_unexpected_state"}, {"code": "resource_missing", "param": "payment_method"}]
)
def test_a_card_that_is_gone_is_a_decline(details: dict[str, str]) -> None:
    assert judge(error(stripe.InvalidRequestError, 400, **details), "confirm_payment_intent").verdict is DECLINE


def test_one_connected_account_without_access_does_not_stop_everything() -> None:
    found = error(stripe.PermissionError, 403, code="account_invalid")

    assert judge(found, "read", on_behalf=True).verdict is PARK


def test_a_decline_carries_what_funding_must_know() -> None:
    found = error(
        stripe.CardError,
        402,
        {"request-id": "req_1"},
        code="card_declined",
        decline_code="lost_card",
        advice_code="do_not_try_again",
        message="Your card was declined.",
        charge="ch_9",
        payment_method={"id": "pm_9"},
    )

    declined = judge(found, "confirm_payment_intent").declined()

    assert declined.request_id == "req_1"
    assert declined.trouble.model_dump() == {
        "code": "card_declined",
        "decline_code": "lost_card",
        "advice_code": "do_not_try_again",
        "message": "Your card was declined.",
        "charge_id": "ch_9",
        "payment_method_id": "pm_9",
    }


@pytest.mark.parametrize("details", [{"code": "authentication_required"},
                                     {"code": "card_declined", "decline_code": "authentication_required"}])  # fmt: skip
def test_banks_ask_for_authentication_in_either_place(details: dict[str, str]) -> None:
    trouble = judge(error(stripe.CardError, 402, **details), "confirm_payment_intent").trouble

    assert trouble is not None
    assert trouble.wants_authentication


def test_what_is_logged_of_an_error_has_nothing_of_its_body() -> None:
    found = error(stripe.CardError, 402, code="card_declined", payment_intent={"client_secret": "pi_1_secret_2"})

    assert judge(found).reason == "402 card_declined"
