"""A connected account that is negative: as much of the platform's money is reserved, and at last taken."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer

MakeAccount = Callable[..., str]


def platform_funds(client: stripe.StripeClient) -> tuple[int, int]:
    """Available and reserved USD."""
    balance = client.v1.balance.retrieve()
    assert balance.connect_reserved is not None
    return balance.available[0].amount, balance.connect_reserved[0].amount


@pytest.fixture
def change(sandbox: SandboxServer) -> Callable[..., None]:
    def put(amount: int, account: str | None = None) -> None:
        sandbox.control("POST", "balance", {"account": account, "currency": "usd", "amount": amount})

    return put


def test_a_negative_account_reserves_the_platforms_money_until_it_recovers(
    sandbox: SandboxServer, client: stripe.StripeClient, make_account: MakeAccount, change: Callable[..., None]
) -> None:
    account = make_account()
    change(10_000)
    change(-3_000, account)
    assert platform_funds(client) == (7_000, 3_000)
    change(2_000, account)
    assert platform_funds(client) == (9_000, 1_000)
    change(1_500, account)
    assert platform_funds(client) == (10_000, 0)
    assert client.v1.balance.retrieve(options={"stripe_account": account}).available[0].amount == 500
    moved = client.v1.balance_transactions.list({"type": "reserved_funds"}).data
    assert [transaction.net for transaction in moved] == [1_000, 2_000, -3_000]
    assert sandbox.control("GET", "ledger")["agrees_with_entries"]


def test_reserved_money_pays_no_transfer(
    client: stripe.StripeClient, make_account: MakeAccount, change: Callable[..., None]
) -> None:
    negative, other = make_account(), make_account()
    change(10_000)
    change(-3_000, negative)
    transfer: Any = {"amount": 7_001, "currency": "usd", "destination": other}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.create(transfer)
    assert refused.value.code == "balance_insufficient"
    client.v1.transfers.create({**transfer, "amount": 7_000})
    assert platform_funds(client) == (0, 3_000)


def test_a_transfer_to_the_negative_account_releases_the_reserve(
    client: stripe.StripeClient, make_account: MakeAccount, change: Callable[..., None]
) -> None:
    account = make_account()
    change(10_000)
    change(-3_000, account)
    client.v1.transfers.create({"amount": 3_000, "currency": "usd", "destination": account})
    assert platform_funds(client) == (7_000, 0)


def test_after_180_days_the_platform_has_paid_the_loss(
    sandbox: SandboxServer, client: stripe.StripeClient, make_account: MakeAccount, change: Callable[..., None]
) -> None:
    account = make_account()
    change(10_000)
    change(-3_000, account)
    sandbox.advance(days=179)
    assert platform_funds(client) == (7_000, 3_000)
    sandbox.advance(days=2)
    assert platform_funds(client) == (7_000, 0)
    assert client.v1.balance.retrieve(options={"stripe_account": account}).available[0].amount == 0
    (taken,) = client.v1.balance_transactions.list({"type": "connect_collection_transfer"}).data
    assert taken.net == -3_000


def test_an_account_that_recovered_in_time_is_not_collected(
    sandbox: SandboxServer, client: stripe.StripeClient, make_account: MakeAccount, change: Callable[..., None]
) -> None:
    account = make_account()
    change(10_000)
    change(-3_000, account)
    change(3_000, account)
    sandbox.advance(days=181)
    assert platform_funds(client) == (10_000, 0)
    assert client.v1.balance_transactions.list({"type": "connect_collection_transfer"}).data == []
