"""Which thing an event points at."""

from typing import Any

import pytest

from services.stripe_gateway.hints import Hint, NotUnderstoodError, hint_of


def snapshot(kind: str, account: str = "", **thing: Any) -> dict[str, Any]:
    event: dict[str, Any] = {"object": "event", "type": kind, "data": {"object": {"id": "x_1", **thing}}}
    return {**event, "account": account} if account else event


@pytest.mark.parametrize(
    ("kind", "hint"),
    [
        ("checkout.session.completed", Hint("session", "x_1")),
        ("setup_intent.succeeded", Hint("setup", "x_1")),
        ("payment_method.detached", Hint("method", "x_1")),
        ("payment_intent.created", Hint("intent", "x_1")),
        ("payment_intent.processing", Hint("intent", "x_1")),
        ("payment_intent.requires_action", Hint("intent", "x_1")),
        ("payment_intent.succeeded", Hint("intent", "x_1")),
        ("payment_intent.payment_failed", Hint("intent", "x_1")),
        ("payment_intent.canceled", Hint("intent", "x_1")),
        ("transfer.created", Hint("transfer", "x_1")),
        ("transfer.reversed", Hint("reversals", "x_1")),
        ("refund.created", Hint("refund", "x_1")),
        *((f"charge.dispute.{what}", Hint("dispute", "x_1")) for what in ("created", "updated", "closed")),
        ("charge.dispute.funds_withdrawn", Hint("dispute", "x_1")),
        ("charge.dispute.funds_reinstated", Hint("dispute", "x_1")),
        ("radar.early_fraud_warning.created", Hint("warning", "x_1")),
        ("radar.early_fraud_warning.updated", Hint("warning", "x_1")),
        ("review.opened", Hint("review", "x_1")),
        ("review.closed", Hint("review", "x_1")),
        ("payment_method.automatically_updated", Hint("renewed_method", "x_1")),
        ("payment_method.updated", Hint("renewed_method", "x_1")),
        ("refund.updated", Hint("refund", "x_1")),
        ("refund.failed", Hint("refund", "x_1")),
        ("charge.refunded", Hint("refunds_of_charge", "x_1")),
    ],
)
def test_an_event_of_the_platform_points_at_its_object(kind: str, hint: Hint) -> None:
    assert hint_of(snapshot(kind)) == hint


@pytest.mark.parametrize("kind", ["charge.succeeded", "charge.updated"])
def test_a_charge_points_at_its_intent(kind: str) -> None:
    assert hint_of(snapshot(kind, payment_intent="pi_1")) == Hint("intent", "pi_1")
    assert hint_of(snapshot(kind, payment_intent=None)) == Hint("nothing")


@pytest.mark.parametrize("kind", ["created", "updated", "paid", "failed", "canceled", "reconciliation_completed"])
def test_a_payout_of_a_connected_account_is_to_a_trainers_bank(kind: str) -> None:
    assert hint_of(snapshot(f"payout.{kind}", "acct_1")) == Hint("bank_payout", "x_1", "acct_1")


@pytest.mark.parametrize("kind", ["created", "paid"])
def test_a_payout_of_the_platform_is_its_own(kind: str) -> None:
    assert hint_of(snapshot(f"payout.{kind}")) == Hint("own_payout", "platform", part="x_1")


@pytest.mark.parametrize(
    ("kind", "what"),
    [
        ("balance.available", "balance"),
        ("topup.succeeded", "balance"),
        ("topup.reversed", "balance"),
        ("reserve.hold.created", "balance"),
        ("reserve.release.created", "balance"),
        ("balance_settings.updated", "balance_settings"),
    ],
)
def test_what_is_about_the_platforms_money_is_looked_into_one_after_another(kind: str, what: Any) -> None:
    assert hint_of(snapshot(kind)) == Hint(what, "platform")


@pytest.mark.parametrize("kind", ["balance.available", "balance_settings.updated", "refund.created"])
def test_the_money_of_a_connected_account_is_the_trainers(kind: str) -> None:
    assert hint_of(snapshot(kind, "acct_1")).kind == "nothing"


@pytest.mark.parametrize(
    "kind", ["account.updated", "capability.updated", "account.external_account.updated", "person.updated"]
)
def test_all_about_a_connected_account_points_at_it(kind: str) -> None:
    assert hint_of(snapshot(kind, "acct_1")) == Hint("account", "acct_1", "acct_1")


@pytest.mark.parametrize(
    "kind",
    [
        "v2.core.account.created",
        "v2.core.account.closed",
        "v2.core.account[requirements].updated",
        "v2.core.account[identity].updated",
        "v2.core.account[configuration.recipient].capability_status_updated",
    ],
)
def test_thin_events_point_at_their_account(kind: str) -> None:
    thin = {"object": "v2.core.event", "type": kind, "related_object": {"id": "acct_1", "type": "v2.core.account"}}

    assert hint_of(thin) == Hint("account", "acct_1", "acct_1")


def test_other_thin_events_are_not_understood() -> None:
    with pytest.raises(NotUnderstoodError):
        hint_of({"object": "v2.core.event", "type": "v2.billing.meter.error", "related_object": {"id": "x"}})


@pytest.mark.parametrize("kind", ["charge.captured", "issuing_dispute.created"])
def test_what_this_version_does_not_know_is_kept_not_dropped(kind: str) -> None:
    with pytest.raises(NotUnderstoodError, match=kind):
        hint_of(snapshot(kind))
