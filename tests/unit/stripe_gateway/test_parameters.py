"""Calls are byte-stable and named by what they are for: Stripe compares them for as long as it keeps a key."""

import json
import subprocess
import sys

import pytest
from stripe.params._customer_create_params import CustomerCreateParams
from stripe.params._payment_intent_confirm_params import PaymentIntentConfirmParams
from stripe.params._payment_intent_create_params import PaymentIntentCreateParams
from stripe.params._transfer_create_params import TransferCreateParams
from stripe.params.v2.core._account_create_params import AccountCreateParams

from services.stripe_gateway import parameters, states
from services.stripe_gateway.parameters import Call
from services.stripe_sandbox.contracts import check_request
from tests.unit.stripe_gateway.builders import (
    ACCOUNT,
    CANCEL,
    CONFIRM,
    CREATE,
    DETACH,
    REFUND,
    REVERSE,
    TRANSFER,
    intent,
)

NAMES = ("customer", "account", "intent", "confirm", "authenticate", "transfer", "detach")


def call(name: str) -> Call:
    """Made when a test asks for it, so that a test sees what it runs with."""
    match name:
        case "customer":
            return parameters.create_customer("emp_1")
        case "account":
            return parameters.create_account(ACCOUNT)
        case "intent":
            return parameters.create_payment_intent(CREATE, "cus_1")
        case "confirm":
            return parameters.confirm_payment_intent(CONFIRM)
        case "authenticate":
            return parameters.authenticate_payment_intent(intent(states.ACTION_REQUIRED), 3, "https://x.test/done")
        case "transfer":
            return parameters.create_transfer(TRANSFER)
        case _:
            return parameters.detach_payment_method(DETACH)


@pytest.mark.parametrize(
    ("name", "key"),
    [
        ("customer", "customer:emp_1"),
        ("account", "account:trn_1"),
        ("intent", "fund:fnd_1:create"),
        ("confirm", "fund:fnd_1:confirm:2"),
        ("authenticate", "fund:fnd_1:authenticate:2:3"),
        ("transfer", "transfer:pay_1:1"),
        ("detach", "detach:pm_1"),
    ],
)
def test_a_key_says_what_the_call_is_for(name: str, key: str) -> None:
    assert call(name).idempotency_key == key


def test_a_call_after_a_refused_one_has_a_key_of_its_own() -> None:
    assert parameters.create_account(ACCOUNT, 2).idempotency_key == "account:trn_1:2"
    assert parameters.create_customer("emp_1", 2).idempotency_key == "customer:emp_1:2"


def test_a_call_of_a_later_try_carries_its_number_and_none_is_taken_for_another() -> None:
    again = {"attempt": 3}
    calls = [
        parameters.create_customer("emp_1", 3),
        parameters.create_account(ACCOUNT, 3),
        parameters.confirm_payment_intent(CONFIRM.model_copy(update=again)),
        parameters.authenticate_payment_intent(intent(states.ACTION_REQUIRED, attempt=3), 1, "https://x.test/done"),
        parameters.cancel_payment_intent(CANCEL, 3),
        parameters.create_refund(REFUND.model_copy(update=again)),
        parameters.create_transfer(TRANSFER.model_copy(update=again)),
    ]
    assert [made.number for made in calls] == [3] * len(calls)
    assert len({made.idempotency_key for made in calls}) == len(calls)
    assert all(":3" in made.idempotency_key for made in calls)


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("customer", '{"metadata":{"employer_id":"emp_1"}}'),
        (
            "account",
            (
                '{"configuration":{"recipient":{"capabilities":{"stripe_balance":{"stripe_transfers":{"requested":true}}}}},'
                '"dashboard":"express","defaults":{"responsibilities":{"fees_collector":"application","losses_collector":'
                '"application"}},"identity":{"country":"US"},"include":["configuration.recipient","identity","requirements"],'
                '"metadata":{"trainer_id":"trn_1"}}'
            ),
        ),
        (
            "intent",
            (
                '{"allowed_payment_method_types":["card"],"amount":123720,"capture_method":"automatic","currency":"usd",'
                '"customer":"cus_1","description":"Contract ctr_1, milestone 1","metadata":{"contract_id":"ctr_1",'
                '"funding_id":"fnd_1","milestone_id":"mls_1"},"transfer_group":"mls_1"}'
            ),
        ),
        ("confirm", '{"expand":["latest_charge.balance_transaction"],"off_session":true,"payment_method":"pm_1"}'),
        (
            "authenticate",
            '{"expand":["latest_charge.balance_transaction"],"payment_method":"pm_1","return_url":"https://x.test/done"}',
        ),
        (
            "transfer",
            (
                '{"amount":120000,"currency":"usd","destination":"acct_1","expand":["destination_payment.balance_transaction"]'
                ',"metadata":{"contract_id":"ctr_1","milestone_id":"mls_1","payout_id":"pay_1"},"source_transaction":"ch_1"}'
            ),
        ),
        ("detach", "{}"),
    ],
)
def test_parameters_are_these_very_bytes(name: str, text: str) -> None:
    # Changing one of these texts changes the calls that are open at the moment of the upgrade: they would be refused.
    assert call(name).parameters == text


def test_calls_for_money_that_goes_back_are_these_very_bytes() -> None:
    refund = REFUND.model_copy(update={"attempt": 2})
    assert parameters.cancel_payment_intent(CANCEL) == Call(
        "cancel_payment_intent", "fund:fnd_1:cancel",
        '{"cancellation_reason":"abandoned","expand":["latest_charge.balance_transaction"]}', "pi_1", 1,
    )  # fmt: skip
    assert parameters.create_refund(refund) == Call(
        "create_refund", "refund:rfd_1:2",
        '{"amount":50000,"expand":["balance_transaction"],"metadata":{"contract_id":"ctr_1","funding_id":"fnd_1",'
        '"milestone_id":"mls_1","refund_id":"rfd_1"},"payment_intent":"pi_1","reason":"requested_by_customer"}', "", 2,
    )  # fmt: skip
    assert parameters.reverse_transfer(REVERSE) == Call(
        "reverse_transfer", "reverse:rev_1",
        '{"amount":50000,"metadata":{"contract_id":"ctr_1","milestone_id":"mls_1","payout_id":"pay_1",'
        '"reversal_id":"rev_1"}}', "tr_1", 1,
    )  # fmt: skip


def test_there_is_one_spelling_whatever_order_and_language_the_parameters_come_in() -> None:
    assert parameters.stable({"b": {"d": 1, "c": "Café"}, "a": 2}) == '{"a":2,"b":{"c":"Caf\\u00e9","d":1}}'


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "from services.stripe_gateway import parameters as p; from tests.unit.stripe_gateway.builders import CREATE; "
        "print(p.create_payment_intent(CREATE, 'cus_1').parameters, end='')"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert made.stdout == call("intent").parameters


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("customer", CustomerCreateParams),
        ("account", AccountCreateParams),
        ("intent", PaymentIntentCreateParams),
        ("confirm", PaymentIntentConfirmParams),
        ("authenticate", PaymentIntentConfirmParams),
        ("transfer", TransferCreateParams),
    ],
)
def test_stripe_knows_every_parameter(name: str, kind: type) -> None:
    check_request(kind, json.loads(call(name).parameters), form=False)


def test_only_a_confirmation_off_session_says_that_nobody_is_there() -> None:
    assert "off_session" not in call("authenticate").parameters


def test_calls_on_an_object_name_it() -> None:
    targets = {name: call(name).target for name in NAMES if call(name).target}

    assert targets == {"confirm": "pi_1", "authenticate": "pi_1", "detach": "pm_1"}


def test_a_call_is_a_value() -> None:
    assert Call("create_customer", "k", "{}") == Call("create_customer", "k", "{}")
