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
from tests.unit.stripe_gateway.builders import ACCOUNT, CONFIRM, CREATE, DETACH, TRANSFER, intent

CALLS = {
    "customer": parameters.create_customer("emp_1"),
    "account": parameters.create_account(ACCOUNT),
    "intent": parameters.create_payment_intent(CREATE, "cus_1"),
    "confirm": parameters.confirm_payment_intent(CONFIRM),
    "authenticate": parameters.authenticate_payment_intent(intent(states.ACTION_REQUIRED), 3, "https://x.test/done"),
    "transfer": parameters.create_transfer(TRANSFER),
    "detach": parameters.detach_payment_method(DETACH),
}


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
    assert CALLS[name].idempotency_key == key


def test_a_call_after_a_refused_one_has_a_key_of_its_own() -> None:
    assert parameters.create_account(ACCOUNT, 2).idempotency_key == "account:trn_1:2"
    assert parameters.create_customer("emp_1", 2).idempotency_key == "customer:emp_1:2"


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
                '{"amount":120000,"currency":"usd","destination":"acct_1","metadata":{"contract_id":"ctr_1","milestone_id":'
                '"mls_1","payout_id":"pay_1"},"source_transaction":"ch_1"}'
            ),
        ),
        ("detach", "{}"),
    ],
)
def test_parameters_are_these_very_bytes(name: str, text: str) -> None:
    # Changing one of these texts changes the calls that are open at the moment of the upgrade: they would be refused.
    assert CALLS[name].parameters == text


def test_another_process_makes_the_same_bytes() -> None:
    code = (
        "from services.stripe_gateway import parameters as p; from tests.unit.stripe_gateway.builders import CREATE; "
        "print(p.create_payment_intent(CREATE, 'cus_1').parameters, end='')"
    )
    made = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert made.stdout == CALLS["intent"].parameters


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
    check_request(kind, json.loads(CALLS[name].parameters), form=False)


def test_only_a_confirmation_off_session_says_that_nobody_is_there() -> None:
    assert "off_session" not in CALLS["authenticate"].parameters


def test_calls_on_an_object_name_it() -> None:
    targets = {name: call.target for name, call in CALLS.items() if call.target}

    assert targets == {"confirm": "pi_1", "authenticate": "pi_1", "detach": "pm_1"}


def test_a_call_is_a_value() -> None:
    assert Call("create_customer", "k", "{}") == Call("create_customer", "k", "{}")
