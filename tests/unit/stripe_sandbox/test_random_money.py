"""Whatever is done in whatever order, no money appears, nothing is moved twice, and nobody is paid from nothing."""

import random
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from services.stripe_sandbox.banks import find_bank
from services.stripe_sandbox.errors import ApiError
from services.stripe_sandbox.resources import (
    accounts_state,
    accounts_v2,
    disputes,
    payment_intents,
    payouts,
    refunds,
    transfer_reversals,
    transfers,
)
from services.stripe_sandbox.sandbox import Context, Sandbox
from services.stripe_sandbox.settings import Settings

Json = dict[str, Any]
CARDS = (
    "pm_card_visa",
    "pm_card_bypassPending",
    "pm_card_chargeCustomerFail",
    "pm_card_refundFail",
    "pm_card_pendingRefund",
)
STEPS = 120


class StoppedClock:
    """Moves only when it is moved: at another hour of the day the same seed would tell another story."""

    def __init__(self, at: datetime) -> None:
        self._at = at

    def now(self) -> datetime:
        return self._at

    def advance(self, by: timedelta) -> datetime:
        self._at += by
        return self._at


class World:
    """A sandbox with two trainers, and random things to do to it."""

    def __init__(self, seed: int) -> None:
        self.random = random.Random(seed)
        self.sandbox = Sandbox(Settings(sandbox_onboarding_review_s=0))
        self.sandbox.clock = StoppedClock(datetime(2026, 1, 5, 3 * seed, tzinfo=UTC))
        self.done = 0
        self.accounts = [self.trainer("000123456789"), self.trainer("000111111116")]

    def trainer(self, number: str) -> str:
        with self.sandbox.context() as ctx:
            account = accounts_v2.create(
                ctx,
                {
                    "identity": {"country": "US"},
                    "configuration": {
                        "recipient": {"capabilities": {"stripe_balance": {"stripe_transfers": {"requested": True}}}}
                    },
                },
            )["id"]
            person: Json = {"given_name": "A", "surname": "B", "day": 1, "month": 1, "year": 1902}
            accounts_state.submit(ctx, account, person, find_bank("US", "110000000", number))
            return str(account)

    def any_of(self, kind: str) -> str:
        found = [item["id"] for item in self.sandbox.store.newest_first(kind)]
        if not found:
            raise ApiError(404, "invalid_request_error", f"no {kind} yet")
        return str(self.random.choice(found))

    def amount(self) -> int:
        return self.random.randint(50, 20_000)

    def step(self) -> None:
        doing: list[Callable[[Context], object]] = [
            self.charge, self.charge, self.transfer, self.transfer, self.free_transfer, self.reverse, self.refund,
            self.dispute, self.decide, self.fail_payout,
        ]  # fmt: skip
        if self.random.random() < 0.15:
            self.sandbox.advance(self.random.choice([60, 3_700, 86_400, 3 * 86_400]))
            return
        chosen = self.random.choice(doing)
        try:
            with self.sandbox.context() as ctx:
                try:
                    chosen(ctx)
                    self.done += 1
                except ApiError as error:
                    if not error.keeps_changes:
                        raise
        except ApiError:
            pass

    def charge(self, ctx: Context) -> object:
        token = self.random.choice(CARDS)
        params = {"amount": self.amount(), "currency": "usd", "payment_method": token, "confirm": True}
        return payment_intents.create(ctx, params)

    def transfer(self, ctx: Context) -> object:
        return transfers.create(
            ctx,
            {
                "amount": self.amount(),
                "currency": "usd",
                "destination": self.random.choice(self.accounts),
                "source_transaction": self.any_of("charge"),
            },
        )

    def free_transfer(self, ctx: Context) -> object:
        params = {"amount": self.amount(), "currency": "usd", "destination": self.random.choice(self.accounts)}
        return transfers.create(ctx, params)

    def reverse(self, ctx: Context) -> object:
        return transfer_reversals.create(ctx, {"amount": self.amount()}, self.any_of("transfer"))

    def refund(self, ctx: Context) -> object:
        return refunds.create(ctx, {"charge": self.any_of("charge"), "amount": self.amount()})

    def dispute(self, ctx: Context) -> object:
        return disputes.open_dispute(ctx, self.any_of("charge"), self.random.choice(["fraudulent", "inquiry"]))

    def decide(self, ctx: Context) -> object:
        return disputes.decide(ctx, self.any_of("dispute"), self.random.choice(["won", "lost", "warning_closed"]))

    def fail_payout(self, ctx: Context) -> object:
        payout = self.any_of("payout")
        owner = ctx.acting_for(ctx.store.owner("payout", payout) or "")
        return payouts.fail(owner, payout, "account_closed")

    def check(self) -> None:
        store, balances = self.sandbox.store, self.sandbox.balances
        dump = balances.dump()
        assert dump["agrees_with_entries"]
        assert sum(dump["balances"].values()) == 0
        moved: dict[str, int] = {}
        for transfer in store.newest_first("transfer"):
            assert 0 <= transfer["amount_reversed"] <= transfer["amount"]
            if source := transfer["source_transaction"]:
                moved[source] = moved.get(source, 0) + transfer["amount"] - transfer["amount_reversed"]
        for charge in store.newest_first("charge"):
            assert 0 <= charge["amount_refunded"] <= charge["amount"]
            assert moved.get(charge["id"], 0) <= charge["amount"]
        for account in self.accounts:
            for bucket in ("available", "pending"):
                assert balances.amount_minor(account, "usd", bucket) >= 0
        for account in (*self.accounts, self.sandbox.platform):
            self.check_transactions(account)
        assert list(store.newest_first("_failed_job")) == []

    def check_transactions(self, account: str) -> None:
        """An account's balance is what its balance transactions say."""
        for bucket in ("available", "pending"):
            transactions = self.sandbox.store.newest_first("balance_transaction", account)
            said = sum(item["net"] for item in transactions if item["status"] == bucket)
            assert self.sandbox.balances.amount_minor(account, "usd", bucket) == said

    def check_payouts(self) -> None:
        """The parts of each automatic payout sum to it."""
        for payout in self.sandbox.store.newest_first("payout"):
            parts = self.sandbox.store.newest_first("balance_transaction", by=("_payout", payout["id"]))
            assert sum(part["net"] for part in parts if part["type"] != "payout") == payout["amount"]


@pytest.mark.parametrize("seed", range(8))
def test_random_orders_keep_every_invariant(seed: int) -> None:
    world = World(seed)
    for _ in range(STEPS):
        world.step()
        world.check()
    world.sandbox.advance(30 * 86_400)
    world.check()
    world.check_payouts()
    assert world.done > STEPS // 4
