"""The checker over the stripe library's own types."""

from typing import Any

import pytest
import stripe
from stripe.params import CustomerCreateParams, EventListParams, PaymentIntentConfirmParams, PaymentIntentCreateParams
from stripe.params.v2.core import AccountCreateParams, AccountLinkCreateParams

from services.stripe_sandbox.contracts import check_object, check_request
from services.stripe_sandbox.errors import ApiError


def refused(params_type: type[Any], params: dict[str, Any], *, form: bool = True) -> tuple[str | None, str | None]:
    with pytest.raises(ApiError) as error:
        check_request(params_type, params, form=form)
    return error.value.code, error.value.param


def test_a_form_gets_its_types() -> None:
    checked = check_request(
        PaymentIntentCreateParams,
        {
            "amount": "1200",
            "currency": "usd",
            "confirm": "true",
            "allowed_payment_method_types": {"0": "card"},
            "metadata": {"0": "a"},
        },
    )
    assert checked == {
        "amount": 1200,
        "currency": "usd",
        "confirm": True,
        "allowed_payment_method_types": ["card"],
        "metadata": {"0": "a"},
    }


@pytest.mark.parametrize(("value", "expected"), [("true", True), ("false", False), ("recurring", "recurring")])
def test_off_session_is_a_bool_or_a_word(value: str, expected: object) -> None:
    assert check_request(PaymentIntentConfirmParams, {"off_session": value}) == {"off_session": expected}


def test_an_empty_text_unsets_where_the_type_says_so() -> None:
    assert check_request(CustomerCreateParams, {"metadata": ""}) == {"metadata": ""}


def test_what_is_wrong_is_named_with_its_path() -> None:
    base = {"amount": "1", "currency": "usd"}
    assert refused(PaymentIntentCreateParams, {"amount": "1"}) == ("parameter_missing", "currency")
    assert refused(PaymentIntentCreateParams, {**base, "x": "1"}) == ("parameter_unknown", "x")
    assert refused(PaymentIntentCreateParams, {**base, "amount": "1.5"}) == ("parameter_invalid_integer", "amount")
    assert refused(PaymentIntentCreateParams, {**base, "amount": ""}) == ("parameter_invalid_empty", "amount")
    shipping = {"shipping": {"name": "A", "address": {"planet": "Mars"}}}
    assert refused(PaymentIntentCreateParams, {**base, **shipping}) == (
        "parameter_unknown",
        "shipping[address][planet]",
    )
    assert refused(EventListParams, {"created": {"gt": "1", "since": "2"}}) == ("parameter_unknown", "created[since]")


def test_a_parameter_that_was_removed_says_so() -> None:
    params = {"amount": "1", "currency": "usd", "payment_method_types": {"0": "card"}}
    code, param = refused(PaymentIntentCreateParams, params)
    assert (code, param) == ("payment_method_types_no_longer_supported", "payment_method_types")


def test_json_is_not_read_as_a_form() -> None:
    params = {"amount": "1", "currency": "usd"}
    assert refused(PaymentIntentCreateParams, params, form=False) == ("parameter_invalid_integer", "amount")


def test_a_closed_enumeration_is_closed() -> None:
    assert refused(AccountCreateParams, {"dashboard": "fancy"}, form=False) == (None, "dashboard")


def test_required_parts_deep_inside_are_asked_for() -> None:
    link = {"account": "acct_1", "use_case": {"type": "account_onboarding", "account_onboarding": {}}}
    code, param = refused(AccountLinkCreateParams, link, form=False)
    assert (code, param) == ("parameter_missing", "use_case[account_onboarding][refresh_url]")


REVERSAL: dict[str, Any] = {
    "id": "trr_1",
    "object": "transfer_reversal",
    "amount": 1100,
    "balance_transaction": None,
    "created": 1234567890,
    "currency": "usd",
    "destination_payment_refund": None,
    "metadata": {},
    "source_refund": None,
    "transfer": "tr_1",
}


def test_a_right_object_has_no_problems() -> None:
    assert check_object(stripe.TransferReversal, REVERSAL) == []


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"amount": "1100"}, "amount"),
        ({"amount": True}, "amount"),
        ({"surprise": 1}, "surprise: unknown field"),
        ({"object": "refund"}, "object"),
        ({"transfer": None}, "transfer"),
        ({"transfer": {"id": "tr_1", "object": "transfer"}}, "missing"),
    ],
)
def test_a_wrong_object_is_found_out(change: dict[str, Any], said: str) -> None:
    problems = check_object(stripe.TransferReversal, {**REVERSAL, **change})
    assert any(said in problem for problem in problems)


def test_a_missing_field_is_found_out() -> None:
    without = {name: value for name, value in REVERSAL.items() if name != "currency"}
    assert check_object(stripe.TransferReversal, without) == ["TransferReversal.currency: missing"]
