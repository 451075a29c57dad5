"""Transfers, reversals, refunds, payouts: what is allowed, what moves, when."""

from collections.abc import Callable, Iterator
from typing import Any

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer

MakeAccount = Callable[..., str]
MakeCharge = Callable[..., stripe.PaymentIntent]


@pytest.fixture(autouse=True)
def _the_ledger_agrees_at_the_end(sandbox: SandboxServer) -> Iterator[None]:
    yield
    ledger = sandbox.control("GET", "ledger")
    assert ledger["agrees_with_entries"]
    assert sum(ledger["balances"].values()) == 0


def available(client: stripe.StripeClient, account: str | None = None) -> int:
    options: Any = {"stripe_account": account} if account else {}
    return client.v1.balance.retrieve({}, options).available[0].amount


def test_a_charge_is_pending_for_two_days_then_available(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    make_charge(10_000)
    before = client.v1.balance.retrieve()
    assert (before.available[0].amount, before.pending[0].amount) == (0, 9_680)
    sandbox.advance(days=2.01)
    after = client.v1.balance.retrieve()
    assert (after.available[0].amount, after.pending[0].amount) == (9_680, 0)


def test_the_bypass_card_is_available_at_once(client: stripe.StripeClient, make_charge: MakeCharge) -> None:
    make_charge(10_000, "4000000000000077")
    assert available(client) == 9_680


def test_a_transfer_without_source_needs_available_money(
    client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    make_charge(10_000)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.create({"amount": 5_000, "currency": "usd", "destination": make_account()})
    assert refused.value.code == "balance_insufficient"


def test_transfers_of_one_source_stay_within_its_charge(
    client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge, account = str(make_charge(10_000).latest_charge), make_account()
    params: Any = {"currency": "usd", "destination": account, "source_transaction": charge}
    client.v1.transfers.create({**params, "amount": 6_000})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.create({**params, "amount": 4_001})
    assert refused.value.param == "amount"
    client.v1.transfers.create({**params, "amount": 4_000})


def test_a_transfer_has_the_currency_of_its_source(
    client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge = str(make_charge(10_000).latest_charge)
    with pytest.raises(stripe.InvalidRequestError, match="currency"):
        client.v1.transfers.create(
            {"amount": 1_000, "currency": "eur", "destination": make_account(), "source_transaction": charge}
        )


def test_a_transfer_to_an_account_without_the_capability_is_refused(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge, account = str(make_charge(10_000).latest_charge), make_account()
    sandbox.control("POST", f"accounts/{account}", {"stripe_transfers": "restricted"})
    with pytest.raises(stripe.InvalidRequestError, match="capabilities enabled: transfers"):
        client.v1.transfers.create(
            {"amount": 1_000, "currency": "usd", "destination": account, "source_transaction": charge}
        )


def test_money_of_a_pending_charge_reaches_the_account_when_the_charge_does(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge, account = str(make_charge(10_000).latest_charge), make_account()
    client.v1.transfers.create(
        {"amount": 10_000, "currency": "usd", "destination": account, "source_transaction": charge}
    )
    assert available(client, account) == 0
    sandbox.advance(days=2.001)
    assert client.v1.balance_transactions.list({}, {"stripe_account": account}).data[-1].status == "available"


def test_a_reversal_gives_back_at_most_what_is_left(
    client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge = str(make_charge(10_000).latest_charge)
    transfer = client.v1.transfers.create(
        {"amount": 10_000, "currency": "usd", "destination": make_account(), "source_transaction": charge}
    )
    client.v1.transfers.reversals.create(transfer.id, {"amount": 4_000})
    with pytest.raises(stripe.InvalidRequestError):
        client.v1.transfers.reversals.create(transfer.id, {"amount": 6_001})
    client.v1.transfers.reversals.create(transfer.id)
    after = client.v1.transfers.retrieve(transfer.id)
    assert (after.reversed, after.amount_reversed, len(after.reversals.data)) == (True, 10_000, 2)


def test_a_reversal_needs_the_money_to_be_there_still(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge = str(make_charge(10_000).latest_charge)
    transfer = client.v1.transfers.create(
        {"amount": 10_000, "currency": "usd", "destination": make_account(), "source_transaction": charge}
    )
    sandbox.advance(days=6)
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.transfers.reversals.create(transfer.id)
    assert refused.value.code == "balance_insufficient"


def test_a_refund_waits_until_the_balance_covers_it(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    intent = make_charge(10_000)
    refund = client.v1.refunds.create({"payment_intent": intent.id, "amount": 5_000})
    assert (refund.status, refund.pending_reason) == ("pending", "insufficient_funds")
    sandbox.advance(days=2.01)
    assert client.v1.refunds.retrieve(refund.id).status == "succeeded"


def test_refunds_stay_within_the_charge(client: stripe.StripeClient, make_charge: MakeCharge) -> None:
    intent = make_charge(10_000, "4000000000000077")
    client.v1.refunds.create({"payment_intent": intent.id, "amount": 9_000})
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded"):
        client.v1.refunds.create({"payment_intent": intent.id, "amount": 1_001})


def test_a_charge_refunded_wholly_cannot_be_refunded_again(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    sandbox.control("POST", "balance", {"currency": "usd", "amount": 100_000})
    intent = make_charge(10_000)
    client.v1.refunds.create({"payment_intent": intent.id})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.refunds.create({"payment_intent": intent.id})
    assert refused.value.code == "charge_already_refunded"


@pytest.mark.parametrize(
    ("number", "first", "last"),
    [("4000000000007726", "pending", "succeeded"), ("4000000000005126", "succeeded", "failed")],
)
def test_the_refund_cards_change_their_minds(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, number: str, first: str, last: str
) -> None:
    sandbox.control("POST", "balance", {"currency": "usd", "amount": 100_000})
    intent = make_charge(10_000, number)
    refund = client.v1.refunds.create({"payment_intent": intent.id})
    assert refund.status == first
    sandbox.advance(seconds=3_601)
    assert client.v1.refunds.retrieve(refund.id).status == last


def paid_out(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, account: str
) -> stripe.Payout:
    charge = str(make_charge(10_000).latest_charge)
    client.v1.transfers.create(
        {"amount": 10_000, "currency": "usd", "destination": account, "source_transaction": charge}
    )
    sandbox.advance(days=6)
    return client.v1.payouts.list({}, {"stripe_account": account}).data[0]


def test_a_payout_to_a_bad_bank_account_fails_and_the_money_comes_back(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    account = make_account(account_number="000111111116")
    payout = paid_out(sandbox, client, make_charge, account)
    assert (payout.status, payout.failure_code) == ("failed", "no_account")
    assert available(client, account) == 10_000
    assert client.v1.accounts.retrieve(account).payouts_enabled is False


def test_a_payout_can_fail_after_it_was_paid(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    account = make_account()
    payout = paid_out(sandbox, client, make_charge, account)
    assert payout.status == "paid"
    sandbox.control("POST", f"payouts/{payout.id}/fail", {"failure_code": "account_closed"})
    assert client.v1.payouts.retrieve(payout.id, {}, {"stripe_account": account}).status == "failed"


def test_a_new_bank_account_gets_the_money_that_came_back(
    sandbox: SandboxServer,
    client: stripe.StripeClient,
    visitor: Any,
    make_charge: MakeCharge,
    make_account: MakeAccount,
) -> None:
    account = make_account(account_number="000111111116")
    paid_out(sandbox, client, make_charge, account)
    details = {"refresh_url": "https://platform.test/refresh", "return_url": "https://platform.test/return"}
    link = client.v2.core.account_links.create(
        {"account": account, "use_case": {"type": "account_onboarding", "account_onboarding": details}}  # type: ignore[typeddict-item]
    )
    visitor.onboard(link.url, account_number="000123456789")
    sandbox.advance(days=4)
    payouts = client.v1.payouts.list({}, {"stripe_account": account}).data
    assert [payout.status for payout in payouts] == ["paid", "failed"]


def test_manual_payouts_leave_the_money_and_a_minimum_balance_stays(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge
) -> None:
    make_charge(10_000)
    sandbox.advance(days=4)
    assert client.v1.payouts.list().data == []
    client.v1.balance_settings.update(
        {"payments": {"payouts": {"schedule": {"interval": "daily"}, "minimum_balance_by_currency": {"usd": 2_000}}}}
    )
    sandbox.advance(days=1.01)
    payout = client.v1.payouts.list().data[0]
    assert payout.amount == 7_680
    assert available(client) == 2_000
    parts = client.v1.balance_transactions.list({"payout": payout.id, "limit": 100}).data
    assert sum(part.net for part in parts if part.type != "payout") == payout.amount


def test_how_an_account_is_paid_out_may_be_set_by_the_older_api_too(
    sandbox: SandboxServer, client: stripe.StripeClient, make_account: MakeAccount
) -> None:
    account = make_account()
    schedule: Any = {"interval": "weekly", "weekly_payout_days": ["friday"]}
    shown = client.v1.accounts.update(
        account,
        {
            "email": "trainer@example.com",
            "metadata": {"team": "7"},
            "settings": {"payouts": {"schedule": schedule, "debit_negative_balances": False}},
        },
    )
    assert (shown.email, shown.metadata and shown.metadata.to_dict()) == ("trainer@example.com", {"team": "7"})
    kept = client.v1.balance_settings.retrieve({}, {"stripe_account": account}).payments
    assert kept.payouts is not None
    assert kept.payouts.schedule is not None
    assert (kept.payouts.schedule.interval, kept.debit_negative_balances) == ("weekly", False)
    events = client.v1.events.list({"types": ["account.updated", "balance_settings.updated"]},
                                   {"stripe_account": account}).data  # fmt: skip
    assert [event.type for event in events[:2]] == ["account.updated", "balance_settings.updated"]


@pytest.mark.parametrize(
    ("settings", "param"),
    [
        ({"branding": {"icon": "file_1"}}, "settings[branding]"),
        ({"payouts": {"schedule": {"delay_days": 9}}}, "settings[payouts][schedule][delay_days]"),
    ],
)
def test_what_the_older_api_cannot_set_here_is_named(
    client: stripe.StripeClient, make_account: MakeAccount, settings: Any, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        client.v1.accounts.update(make_account(onboard=False), {"settings": settings})
    assert (refused.value.code, refused.value.param) == ("sandbox_unsupported_parameter", param)


def test_the_platforms_own_account_is_not_changed_over_the_api(client: stripe.StripeClient) -> None:
    own = client.v1.accounts.retrieve_current().id
    with pytest.raises(stripe.InvalidRequestError, match="your own account"):
        client.v1.accounts.update(own, {"email": "other@example.com"})


def test_parts_of_a_payout_sum_to_it(
    sandbox: SandboxServer, client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    account = make_account()
    for amount in (5_000, 7_000):
        charge = str(make_charge(amount).latest_charge)
        client.v1.transfers.create(
            {"amount": amount, "currency": "usd", "destination": account, "source_transaction": charge}
        )
    sandbox.advance(days=6)
    payout = client.v1.payouts.list({}, {"stripe_account": account}).data[0]
    parts = client.v1.balance_transactions.list(
        {"payout": payout.id, "type": "payment"}, {"stripe_account": account}
    ).data
    assert sorted(part.net for part in parts) == [5_000, 7_000]
    assert payout.amount == 12_000


def test_an_account_outside_the_region_cannot_be_paid(
    client: stripe.StripeClient, make_charge: MakeCharge, make_account: MakeAccount
) -> None:
    charge = str(make_charge(10_000).latest_charge)
    account = make_account(country="JP", account_number="JP00012345")
    with pytest.raises(stripe.InvalidRequestError, match="restricted outside"):
        client.v1.transfers.create(
            {"amount": 1_000, "currency": "usd", "destination": account, "source_transaction": charge}
        )
