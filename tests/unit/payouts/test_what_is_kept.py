"""The rows that decisions leave behind, whole, and what the events about them carry."""

from datetime import datetime, timedelta
from typing import Any

import pytest

from schemas.payouts import PayoutAccountUpdated, PayoutFailed, PayoutInitiated, PayoutInTransit, PayoutPaid
from services.payouts import accounts, domain
from services.payouts.accounts import AccountDecided
from services.runtime.decisions import Refused
from tests.unit.payouts.builders import (
    COUNTRIES,
    LATER,
    NOW,
    PATIENCE,
    STRANGER,
    a_bank_payout,
    a_new_account,
    a_payout,
    a_refusal,
    a_release,
    a_start,
    an_account,
    bank_word,
    not_transferred,
    the_account,
    the_bank_payout,
    transferred,
)

SHORT = not_transferred("balance_insufficient")
ARRIVAL = NOW + timedelta(days=2)


# -- payouts -----------------------------------------------------------------------------------------------


def test_a_release_makes_a_payout_of_all_that_it_says() -> None:
    found = domain.release(an_account(times_ready=4), a_release(), "pay_1", PATIENCE, LATER)
    assert found.payout == a_payout(times_ready=4, created_at=LATER, updated_at=LATER)


def test_a_held_payout_remembers_how_often_the_account_was_ready_then() -> None:
    found = domain.release(an_account("restricted", times_ready=4), a_release(), "pay_1", PATIENCE, LATER)
    assert found.payout == a_payout("held", times_ready=4, created_at=LATER, updated_at=LATER, held_since=LATER)


def test_without_an_account_a_held_payout_begins_with_none_that_was_ready() -> None:
    assert domain.release(None, a_release(), "pay_1", PATIENCE, NOW).payout.times_ready == 0


def test_a_transfer_that_waits_keeps_what_it_knew_of_the_account() -> None:
    found = domain.not_transferred(a_payout(times_ready=4), an_account(), not_transferred(), PATIENCE, LATER)
    assert found is not None
    assert (found.payout.times_ready, found.payout.updated_at) == (4, LATER)


def test_money_that_moved_after_all_is_held_for_no_reason_any_more() -> None:
    found = domain.transferred(a_payout("held"), transferred(), LATER)
    assert found is not None
    expected = a_payout("initiated", times_ready=0, attempt=0, updated_at=LATER)
    assert found.payout == expected
    assert (found.payout.reason, found.payout.waits_for) == (None, None)


@pytest.mark.parametrize(
    ("step", "state"),
    [
        (lambda: domain.not_transferred(a_payout(), an_account(), SHORT, PATIENCE, LATER),
         "transferring"),
        (lambda: domain.transfer_refused(a_payout(), a_refusal(), PATIENCE, LATER), "held"),
        (lambda: domain.bank_payout(a_payout("initiated"), bank_word("paid"), LATER), "paid"),
    ],
    ids=["again", "refused", "paid"],
)  # fmt: skip
def test_each_step_notes_its_time(step: Any, state: str) -> None:
    found = step()
    assert (found.payout.state, found.payout.updated_at) == (state, LATER)


@pytest.mark.parametrize("available_at", [ARRIVAL, None])
def test_from_when_the_trainers_balance_has_it_is_kept_and_told(available_at: datetime | None) -> None:
    found = domain.transferred(a_payout(), transferred(available_at=available_at), NOW)
    assert found is not None
    assert found.payout.available_at == available_at
    assert isinstance(found.said[0], PayoutInitiated)
    assert found.said[0].available_at == available_at


@pytest.mark.parametrize(("status", "event"), [("in_transit", PayoutInTransit), ("paid", PayoutPaid)])
def test_the_day_of_arrival_is_kept_and_told(status: str, event: type) -> None:
    found = domain.bank_payout(a_payout("initiated"), bank_word(status, arrival_at=ARRIVAL), NOW)
    assert found is not None
    assert found.payout.arrival_at == ARRIVAL
    (told,) = found.said
    assert isinstance(told, event)
    assert told.arrival_at == ARRIVAL  # type: ignore[attr-defined]


def test_why_a_bank_did_not_take_it_is_kept_and_told() -> None:
    found = domain.bank_payout(a_payout("initiated"), bank_word("failed", failure_code="no_account"), NOW)
    assert found is not None
    assert found.payout.failure_code == "no_account"
    (told,) = found.said
    assert isinstance(told, PayoutFailed)
    assert told.failure_code == "no_account"


def test_a_payout_that_is_paid_after_a_failure_has_no_failure_any_more() -> None:
    found = domain.bank_payout(a_payout("failed"), bank_word("paid", stripe_payout_id="po_2"), NOW)
    assert found is not None
    assert found.payout.failure_code is None


def test_what_stripe_says_of_a_bank_payout_is_kept_for_each_transfer() -> None:
    fact = the_bank_payout("failed", transfer_ids=["tr_1", "tr_2"], arrival_at=ARRIVAL, failure_code="no_account")
    expected = a_bank_payout("failed", arrival_at=ARRIVAL, failure_code="no_account")
    assert domain.bank_payouts_of(fact) == (
        expected,
        a_bank_payout("failed", transfer_id="tr_2", arrival_at=ARRIVAL, failure_code="no_account"),
    )


# -- accounts ----------------------------------------------------------------------------------------------


def test_a_new_account_is_kept_whole() -> None:
    found = accounts.start(None, a_start(country="DE"), COUNTRIES, LATER)
    assert isinstance(found, AccountDecided)
    expected = an_account("started", country="DE", account_id=None, created_at=LATER, updated_at=LATER)
    assert found.account == expected._replace(requirements=found.account.requirements)
    assert not list(found.account.requirements)


def test_opening_again_where_stripe_had_refused_forgets_what_it_wanted_then() -> None:
    gone = an_account("disabled", account_id=None, requirements=["identity"], reason="country_unsupported")
    found = accounts.start(gone, a_start(), COUNTRIES, LATER)
    assert isinstance(found, AccountDecided)
    assert (list(found.account.requirements), found.account.updated_at) == ([], LATER)


def test_the_country_that_is_fixed_is_told() -> None:
    found = accounts.start(an_account(), a_start(country="DE"), COUNTRIES, NOW)
    assert isinstance(found, Refused)
    assert found.extra == {"country": "US"}


def test_another_trainers_account_is_named_as_a_trainer() -> None:
    found = accounts.start(an_account(), a_start(actor=STRANGER), COUNTRIES, NOW)
    assert isinstance(found, Refused)
    assert "trainer trn_1" in found.detail


def test_stripes_words_note_their_time() -> None:
    opened = accounts.created(an_account("started", account_id=None), a_new_account(), LATER)
    assert opened is not None
    assert opened.updated_at == LATER
    assert accounts.updated(an_account("started"), the_account(), [], LATER).account.updated_at == LATER


def test_a_word_about_an_account_may_come_before_the_answer_that_made_it() -> None:
    after = accounts.updated(an_account("started", account_id=None), the_account(), [], NOW).account
    assert (after.account_id, after.status) == ("acct_1", "ready")


def test_what_an_account_still_needs_is_kept_and_told() -> None:
    word = the_account(transfers="restricted", requirements=("identity", "bank_account"))
    found = accounts.updated(an_account("started"), word, [], NOW)
    assert list(found.account.requirements) == ["identity", "bank_account"]
    assert found.said == (
        PayoutAccountUpdated(
            trainer_id="trn_1", status="restricted", requirements=("identity", "bank_account"),
            reason="information_required",
        ),
    )  # fmt: skip


def test_a_refused_account_is_kept_with_its_reason_and_time() -> None:
    refusal = a_refusal("stripe.create_account.v1", "trn_1", "trn_1")
    found = accounts.refused(an_account("started", account_id=None), refusal, LATER)
    assert found is not None
    expected = an_account("disabled", account_id=None, reason="platform_account_required", updated_at=LATER)
    assert found.account == expected


def test_a_refusal_without_a_code_is_told_as_stripes() -> None:
    refusal = a_refusal("stripe.create_account.v1", "trn_1", "trn_1").model_copy(update={"code": None})
    found = accounts.refused(an_account("started", account_id=None), refusal, NOW)
    assert found is not None
    assert found.account.reason == "refused_by_stripe"
