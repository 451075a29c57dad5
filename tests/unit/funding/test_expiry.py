"""A charge that nobody authenticates."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas import stripe
from schemas.funding import ExpireAuthentication
from services.funding.expiry import expire
from services.runtime.clock import CLOCKS_APART
from services.runtime.decisions import Unchanged
from tests.unit.funding.builders import NOW, a_funding

EXPIRES = NOW + timedelta(hours=23)
COMMAND = ExpireAuthentication(contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", attempt=1)


def _expire(state: str = "action_required", now: datetime = EXPIRES, **changed: Any) -> Any:
    return expire(a_funding(state, **{"expires_at": EXPIRES, **changed}), COMMAND, now)


@pytest.mark.parametrize("now", [EXPIRES, EXPIRES - CLOCKS_APART, EXPIRES + timedelta(days=9)])
def test_what_nobody_authenticated_is_cancelled_at_stripe(now: datetime) -> None:
    assert _expire(now=now) == stripe.CancelPaymentIntent(
        contract_id="ctr_1", milestone_id="mls_1", funding_id="fnd_1", payment_intent_id="pi_1", reason="abandoned"
    )


@pytest.mark.parametrize("state", ["processing", "failed", "funded", "released"])
def test_what_does_not_wait_is_left_alone(state: str) -> None:
    assert isinstance(_expire(state), Unchanged)


def test_a_later_attempt_has_its_own_time() -> None:
    assert isinstance(_expire(attempt=2), Unchanged)


def test_before_its_time_nothing_is_cancelled() -> None:
    assert isinstance(_expire(now=EXPIRES - CLOCKS_APART - timedelta(seconds=1)), Unchanged)


def test_what_is_not_known_is_left_alone() -> None:
    assert isinstance(expire(None, COMMAND, EXPIRES), Unchanged)
