"""Released money does not leave while what is owed is not covered, and goes on by itself (scenarios 74 and 75)."""

from datetime import timedelta
from typing import Any

import pytest

from schemas.base import Actor
from schemas.payouts import (
    AllowReleases,
    CheckCover,
    PayoutHeld,
    ReleasesAllowed,
    ReleasesSuspended,
    ResumePayout,
    SuspendReleases,
)
from schemas.stripe import CreateTransfer
from services.payouts import domain, suspensions
from services.payouts.records import Account, Suspension
from services.payouts.suspensions import SuspensionDecided
from services.runtime.clock import CLOCKS_APART
from services.runtime.decisions import Refused, Unchanged
from tests.unit.payouts.builders import (
    EMPLOYER,
    LATER,
    NOW,
    OPERATOR,
    PATIENCE,
    SERVICE,
    TRAINER,
    a_payout,
    a_release,
    a_resumption,
    an_account,
    not_transferred,
)
from tests.unit.payouts.test_domain import CHECK, decided

DAY = timedelta(hours=24)
WAITS = "cover usd"


def the_suspension(state: str = "suspended", **changed: Any) -> Suspension:
    fields: dict[str, Any] = {
        "currency": "usd",
        "state": state,
        "cause": "not_covered",
        "short_minor": 500,
        "reason": "5.00 USD is missing",
        "changed_by": "svc_1",
        "changed_at": NOW,
        "waived_until": NOW + DAY if state == "waived" else None,
    }
    return Suspension(**{**fields, **changed})


def a_suspension(**changed: Any) -> SuspendReleases:
    fields: dict[str, Any] = {
        "actor": SERVICE,
        "platform": "platform",
        "currency": "usd",
        "cause": "not_covered",
        "short_minor": 500,
        "reason": "5.00 USD is missing",
    }
    return SuspendReleases(**{**fields, **changed})


def an_allowance(actor: Actor = SERVICE) -> AllowReleases:
    return AllowReleases(actor=actor, platform="platform", currency="usd", reason="It is there.")


def done(found: SuspensionDecided | Refused | Unchanged) -> SuspensionDecided:
    assert isinstance(found, SuspensionDecided)
    return found


# -- the auditor's word, and an operator's ---------------------------------------------------------------------


@pytest.mark.parametrize("before", [None, the_suspension("allowed")], ids=["never", "allowed"])
def test_what_is_not_covered_is_suspended_and_told(before: Suspension | None) -> None:
    found = done(suspensions.suspend(before, a_suspension(), LATER))

    assert found.suspension == the_suspension(changed_at=LATER)
    assert found.said == (
        ReleasesSuspended(
            platform="platform",
            currency="usd",
            cause="not_covered",
            short_minor=500,
            by="svc_1",
            reason="5.00 USD is missing",
        ),
    )
    assert suspensions.is_suspended(found.suspension)


def test_the_same_again_changes_nothing_and_another_cause_is_told() -> None:
    again = suspensions.suspend(the_suspension(), a_suspension(short_minor=900), LATER)
    assert isinstance(again, Unchanged)
    assert "already" in again.detail

    swept = done(suspensions.suspend(the_suspension(), a_suspension(cause="payouts_not_manual"), LATER))
    assert (swept.suspension.state, swept.suspension.cause) == ("suspended", "payouts_not_manual")


@pytest.mark.parametrize("actor", [OPERATOR, EMPLOYER, TRAINER], ids=lambda actor: actor.role)
def test_only_the_auditor_suspends(actor: Actor) -> None:
    found = suspensions.suspend(None, a_suspension(actor=actor), NOW)
    assert isinstance(found, Refused)
    assert found.kind == "forbidden"


def test_what_is_covered_again_is_let_go_and_what_waits_goes_on() -> None:
    waiting = [a_payout("held", waits_for=WAITS), a_payout("held", waits_for=WAITS, payout_id="pay_2")]

    found = done(suspensions.allow(the_suspension(), waiting, an_allowance(), DAY, LATER))

    assert (found.suspension.state, found.suspension.waived_until) == ("allowed", None)
    assert (found.suspension.changed_by, found.suspension.changed_at) == ("svc_1", LATER)
    assert found.suspension.reason == "It is there."
    assert found.said == (
        ReleasesAllowed(platform="platform", currency="usd", by="svc_1", reason="It is there."),
        ResumePayout(contract_id="ctr_1", payout_id="pay_1"),
        ResumePayout(contract_id="ctr_1", payout_id="pay_2"),
    )
    assert not suspensions.is_suspended(found.suspension)


@pytest.mark.parametrize("state", ["suspended", "waived"])
def test_an_operator_lets_it_go_for_a_day(state: str) -> None:
    found = done(suspensions.allow(the_suspension(state), [], an_allowance(OPERATOR), DAY, LATER))

    assert (found.suspension.state, found.suspension.waived_until) == ("waived", LATER + DAY)
    (event,) = found.said
    assert isinstance(event, ReleasesAllowed)
    assert (event.by, event.waived_until) == ("opr_1", LATER + DAY)
    assert not suspensions.is_suspended(found.suspension)


def test_meanwhile_the_auditors_word_changes_nothing_and_then_it_does() -> None:
    waived = the_suspension("waived")
    too_early = suspensions.suspend(waived, a_suspension(), NOW + DAY - CLOCKS_APART - timedelta(seconds=1))
    assert isinstance(too_early, Unchanged)
    assert "operator" in too_early.detail

    lapsed = done(suspensions.suspend(waived, a_suspension(), NOW + DAY - CLOCKS_APART))
    assert (lapsed.suspension.state, lapsed.suspension.waived_until) == ("suspended", None)


def test_a_waiver_ends_when_all_is_covered() -> None:
    found = done(suspensions.allow(the_suspension("waived"), [], an_allowance(), DAY, LATER))
    assert (found.suspension.state, found.suspension.waived_until) == ("allowed", None)


@pytest.mark.parametrize("before", [None, the_suspension("allowed")], ids=["never", "allowed"])
def test_there_is_nothing_to_let_go_where_nothing_is_suspended(before: Suspension | None) -> None:
    assert isinstance(suspensions.allow(before, [], an_allowance(), DAY, NOW), Unchanged)
    found = suspensions.allow(before, [], an_allowance(OPERATOR), DAY, NOW)
    assert isinstance(found, Refused)
    assert found.code == "not_suspended"


@pytest.mark.parametrize("actor", [EMPLOYER, TRAINER], ids=lambda actor: actor.role)
def test_a_party_lets_nothing_go(actor: Actor) -> None:
    found = suspensions.allow(the_suspension(), [], an_allowance(actor), DAY, NOW)
    assert isinstance(found, Refused)
    assert found.kind == "forbidden"


def test_where_nobody_ever_said_anything_nothing_is_suspended() -> None:
    assert not suspensions.is_suspended(None)


# -- what it does to a release ---------------------------------------------------------------------------------


def test_what_is_released_while_it_is_suspended_is_held_and_looked_at_again_in_both_other_lanes() -> None:
    found = domain.release(an_account(), a_release(), "pay_1", PATIENCE, NOW, suspended=True)

    assert (found.payout.state, found.payout.waits_for, found.payout.attempt) == ("held", WAITS, 0)
    held, *checks = found.said
    assert isinstance(held, PayoutHeld)
    assert held.reason == "releases_suspended"
    assert checks == [CHECK, CheckCover(platform="platform", payout_id="pay_1")]


@pytest.mark.parametrize(
    ("account", "stopped", "waits_for"),
    [(None, False, "trn_1"), (an_account("restricted"), False, "trn_1"), (an_account(), True, "mls_1")],
    ids=["no account", "not ready", "in question"],
)
def test_what_could_not_leave_anyway_waits_for_that_first(
    account: Account | None, stopped: bool, waits_for: str
) -> None:
    found = domain.release(account, a_release(), "pay_1", PATIENCE, NOW, stopped=stopped, suspended=True)

    assert found.payout.waits_for == waits_for
    assert not [message for message in found.said if isinstance(message, CheckCover)]


def test_then_it_waits_for_the_cover_once() -> None:
    account = an_account(times_ready=3)
    found = decided(domain.resume(a_payout("held"), account, a_resumption(), PATIENCE, NOW, suspended=True))
    assert (found.payout.state, found.payout.waits_for, found.payout.reason) == ("held", WAITS, "releases_suspended")

    assert domain.resume(found.payout, account, a_resumption(), PATIENCE, LATER, suspended=True) is None
    # That the account is ready was known: the trainer's lane has no news of it.
    assert domain.check(found.payout, account, None, None) == ()


def test_once_it_is_let_go_it_is_transferred() -> None:
    held = a_payout("held", waits_for=WAITS, reason="releases_suspended")
    found = decided(domain.resume(held, an_account(), a_resumption(), PATIENCE, NOW))

    (call,) = found.said
    assert isinstance(call, CreateTransfer)
    assert (found.payout.state, found.payout.waits_for, call.attempt) == ("transferring", None, 1)


def test_or_waits_for_the_account_if_that_is_not_ready_any_more() -> None:
    held = a_payout("held", waits_for=WAITS, reason="releases_suspended")
    found = decided(domain.resume(held, an_account("restricted"), a_resumption(), PATIENCE, NOW))

    assert (found.payout.waits_for, found.payout.reason) == ("trn_1", "account_not_ready")


def test_a_transfer_that_the_balance_was_short_for_is_not_tried_again_while_it_is_suspended() -> None:
    short = not_transferred("balance_insufficient")
    found = decided(domain.not_transferred(a_payout(), an_account(), short, PATIENCE, NOW, suspended=True))

    assert (found.payout.state, found.payout.waits_for) == ("held", WAITS)


def test_one_that_the_account_could_not_take_waits_for_the_account_all_the_same() -> None:
    found = decided(domain.not_transferred(a_payout(), an_account(), not_transferred(), PATIENCE, NOW, suspended=True))

    assert (found.payout.waits_for, found.payout.reason) == ("trn_1", "account_cannot_receive")


def test_what_is_suspended_for_too_long_asks_an_operator() -> None:
    held = a_payout("held", waits_for=WAITS, reason="releases_suspended")
    late = NOW + PATIENCE.overdue_after
    found = decided(domain.resume(held, an_account(), a_resumption(), PATIENCE, late, suspended=True))

    (event,) = found.said
    assert isinstance(event, PayoutHeld)
    assert (event.overdue, event.reason) == (True, "releases_suspended")
