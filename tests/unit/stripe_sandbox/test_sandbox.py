"""The parts around the resources: schedule, currencies, settings, jobs, expansion of times."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pydantic import ValidationError

from services.stripe_sandbox import currencies, jobs
from services.stripe_sandbox.banks import FormError, find_bank
from services.stripe_sandbox.clock import OwnClock
from services.stripe_sandbox.countries import may_transfer
from services.stripe_sandbox.errors import ApiError
from services.stripe_sandbox.resources.payouts import next_run
from services.stripe_sandbox.sandbox import Sandbox, iso
from services.stripe_sandbox.settings import Settings
from services.stripe_sandbox.webhooks import RETRY_AFTER_S

TUESDAY = datetime(2026, 11, 24, 10, 30, tzinfo=UTC)


@pytest.mark.parametrize(
    ("schedule", "expected"),
    [
        ({"interval": "daily"}, (2026, 11, 25)),
        ({"interval": "weekly", "weekly_payout_days": ["tuesday"]}, (2026, 12, 1)),
        ({"interval": "weekly", "weekly_payout_days": ["friday", "monday"]}, (2026, 11, 27)),
        ({"interval": "monthly", "monthly_payout_days": [10]}, (2026, 12, 10)),
        ({"interval": "monthly", "monthly_payout_days": [31]}, (2026, 11, 30)),
    ],
)
def test_the_next_payout_follows_the_schedule(schedule: dict[str, Any], expected: tuple[int, int, int]) -> None:
    assert next_run(TUESDAY, schedule) == datetime(*expected, tzinfo=UTC)


def test_a_manual_schedule_never_runs() -> None:
    assert next_run(TUESDAY, {"interval": "manual"}) is None


@pytest.mark.parametrize(
    ("amount_minor", "currency", "fee_minor"),
    [
        (10_000, "usd", 320),
        (50, "usd", 31),
        (33_995, "usd", 1_016),
        (1_000, "jpy", 36),
        (1, "usd", 1),
        (10_000, "eur", 175),
    ],
)
def test_the_fee_is_rounded_half_up(amount_minor: int, currency: str, fee_minor: int) -> None:
    assert currencies.fee_minor(amount_minor, currency) == fee_minor


@pytest.mark.parametrize(
    ("amount_minor", "currency", "shown"),
    [(123_456, "usd", "$1,234.56 usd"), (500, "jpy", "500 jpy"), (1_234, "kwd", "1.234 kwd"), (5, "usd", "$0.05 usd")],
)
def test_amounts_are_shown_by_their_exponent(amount_minor: int, currency: str, shown: str) -> None:
    assert currencies.display(amount_minor, currency) == shown


def test_the_largest_amount_is_eight_digits() -> None:
    currencies.check_amount(99_999_999, "usd")
    with pytest.raises(ApiError) as refused:
        currencies.check_amount(100_000_000, "usd")
    assert refused.value.code == "amount_too_large"


def test_money_crosses_borders_only_inside_the_region() -> None:
    assert may_transfer("US", "DE")
    assert may_transfer("JP", "JP")
    assert not may_transfer("US", "JP")
    assert not may_transfer("AU", "US")


def test_only_test_bank_accounts_are_taken() -> None:
    assert find_bank("US", "110000000", "000111111116").failure_code == "no_account"
    assert find_bank("DE", "", "DE89370400440532013000").failure_code is None
    for routing, number in (("110000000", "12345678"), ("021000021", "000123456789")):
        with pytest.raises(FormError):
            find_bank("US", routing, number)


@pytest.mark.parametrize("key", ["sk_live_1", "rk_live_1", "pk_live_1"])
def test_settings_refuse_a_live_key(key: str) -> None:
    with pytest.raises(ValidationError, match="refuses to start with a live key"):
        Settings(stripe_api_key=key)


def test_it_listens_on_the_loopback_interface_by_default() -> None:
    assert Settings().http_host == "127.0.0.1"


def test_retries_go_on_for_about_three_days() -> None:
    assert 2.5 * 86_400 <= sum(RETRY_AFTER_S) <= 3.5 * 86_400


def test_the_clock_only_moves_forward() -> None:
    clock = OwnClock()
    before = clock.now()
    assert clock.advance(timedelta(days=2)) - before >= timedelta(days=2)
    with pytest.raises(ValueError, match="only moves forward"):
        clock.advance(timedelta(seconds=-1))


def test_v2_times_are_in_utc_with_milliseconds() -> None:
    assert iso(TUESDAY) == "2026-11-24T10:30:00.000Z"


def test_a_job_that_fails_is_set_aside_and_the_next_is_done(monkeypatch: pytest.MonkeyPatch) -> None:
    done: list[str] = []

    def broken(_ctx: object) -> None:
        raise RuntimeError("a defect")

    monkeypatch.setitem(jobs.JOBS, "broken", broken)
    monkeypatch.setitem(jobs.JOBS, "good", lambda _ctx: done.append("good"))
    sandbox = Sandbox(Settings())
    with sandbox.context() as ctx:
        ctx.later(timedelta(seconds=1), "broken")
        ctx.later(timedelta(seconds=2), "good")
    sandbox.advance(5)
    assert done == ["good"]
    assert [job["action"] for job in sandbox.store.newest_first("_failed_job")] == ["broken"]


def test_jobs_run_at_their_own_time_and_in_order(monkeypatch: pytest.MonkeyPatch) -> None:
    seen: list[tuple[str, datetime]] = []
    monkeypatch.setitem(jobs.JOBS, "note", lambda ctx, name: seen.append((name, ctx.at)))
    sandbox = Sandbox(Settings())
    with sandbox.context() as ctx:
        began = ctx.at
        ctx.later(timedelta(days=2), "note", name="second")
        ctx.later(timedelta(days=1), "note", name="first")
    sandbox.advance(3 * 86_400)
    assert [name for name, _ in seen] == ["first", "second"]
    assert abs(seen[0][1] - (began + timedelta(days=1))) < timedelta(milliseconds=1)


def test_what_fails_half_way_leaves_nothing_behind() -> None:
    sandbox = Sandbox(Settings())

    def half() -> None:
        with sandbox.context() as ctx:
            ctx.save({"id": "cus_1", "object": "customer"})
            ctx.later(timedelta(seconds=1), "make_available", transaction="txn_1")
            raise RuntimeError

    with pytest.raises(RuntimeError):
        half()
    assert sandbox.store.get("customer", "cus_1") is None
    assert sandbox.scheduler.next_due(sandbox.clock.now() + timedelta(days=1)) is None
