"""What the scheduler can do, by name. A job is a transaction of its own at its due time."""

from collections.abc import Callable
from typing import Any

from services.stripe_sandbox.resources import (
    accounts_state,
    balance,
    checkout_sessions,
    disputes,
    early_fraud_warnings,
    payouts,
    refunds,
    reserves,
    topups,
)
from services.stripe_sandbox.sandbox import Context

Json = dict[str, Any]


def expire_checkout_session(ctx: Context, session: str) -> None:
    """End a session that was not used in time."""
    found = ctx.find("checkout.session", session)
    if found is not None and found["status"] == "open":
        checkout_sessions.end(ctx, found)


JOBS: dict[str, Callable[..., object]] = {
    "expire_checkout_session": expire_checkout_session,
    "make_available": balance.make_available,
    "run_payouts": payouts.run,
    "send_payout": payouts.send,
    "land_payout": payouts.land,
    "finish_review": accounts_state.finish_review,
    "retry_refund": refunds.retry,
    "settle_refund": refunds.settle,
    "fail_refund": refunds.fail,
    "open_dispute": disputes.open_dispute,
    "dispute_unanswered": disputes.unanswered,
    "close_inquiry": disputes.close_inquiry,
    "escalate_dispute": disputes.escalate,
    "decide_dispute": disputes.decide,
    "warn_of_fraud": early_fraud_warnings.warn,
    "collect_negative": reserves.collect,
    "land_topup": topups.land,
}
