"""Charges in a currency that the platform's balance is not kept in: Stripe converts them."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer

MakeAccount = Callable[..., str]
MakeCharge = Callable[..., stripe.PaymentIntent]
AT_ONCE = "4000000000000077"


@pytest.fixture(autouse=True)
def in_euros(sandbox: SandboxServer) -> None:
    sandbox.control("PUT", "settlement", {"currencies": ["eur", "gbp"]})


def moved(client: stripe.StripeClient, kind: str) -> Any:
    [transaction] = client.v1.balance_transactions.list({"type": kind}).data
    return transaction


def test_a_charge_comes_to_the_balance_in_the_default_currency(
    client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    charge = client.v1.charges.retrieve(str(make_charge(10_000).latest_charge))
    transaction = moved(client, "charge")
    assert (charge.amount, charge.currency) == (10_000, "usd")
    assert (transaction.amount, transaction.currency, transaction.exchange_rate) == (9_200, "eur", 0.92)
    assert (transaction.fee, transaction.net) == (294, 8_906)
    assert [(part.currency, part.amount) for part in client.v1.balance.retrieve().pending] == [("eur", 8_906)]


def test_what_the_balance_is_kept_in_is_not_converted(client: stripe.StripeClient, make_charge: MakeCharge) -> None:
    make_charge(10_000, currency="gbp")
    transaction = moved(client, "charge")
    assert (transaction.amount, transaction.currency, transaction.exchange_rate) == (10_000, "gbp", None)


def test_currencies_without_decimals_are_converted_to_the_unit(
    client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    make_charge(15_100, currency="jpy")
    assert (moved(client, "charge").amount, moved(client, "charge").currency) == (9_200, "eur")


def test_a_refund_leaves_the_balance_in_its_own_currency(client: stripe.StripeClient, make_charge: MakeCharge) -> None:
    intent = make_charge(10_000, AT_ONCE)
    make_charge(10_000, AT_ONCE)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert (refund.amount, refund.currency, refund.status) == (10_000, "usd", "succeeded")
    assert (moved(client, "refund").amount, moved(client, "refund").currency) == (-9_200, "eur")


def test_a_transfer_from_it_is_in_the_currency_of_its_balance_transaction_and_no_more(
    client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge, account = str(make_charge(10_000).latest_charge), make_account()
    params: Any = {"destination": account, "source_transaction": charge}
    with pytest.raises(stripe.InvalidRequestError, match="currency"):
        client.v1.transfers.create({**params, "amount": 10_000, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="exceed"):
        client.v1.transfers.create({**params, "amount": 9_201, "currency": "eur"})
    assert client.v1.transfers.create({**params, "amount": 9_200, "currency": "eur"}).currency == "eur"
