"""Decisions about payout accounts."""

from typing import Any

import pytest

from schemas.payouts import PayoutAccountCreated, PayoutAccountUpdated, ResumePayout
from schemas.stripe import CreateAccount
from services.payouts import accounts
from services.payouts.accounts import TRY_AGAIN_AFTER, AccountDecided
from services.runtime.decisions import Refused, Unchanged
from tests.unit.payouts.builders import (
    COUNTRIES,
    EMPLOYER,
    LATER,
    NOW,
    OPERATOR,
    SERVICE,
    STRANGER,
    a_new_account,
    a_payout,
    a_refusal,
    a_start,
    an_account,
    the_account,
)


def started(decided: object) -> AccountDecided:
    assert isinstance(decided, AccountDecided), decided
    return decided


def refused(decided: object) -> tuple[str, str]:
    assert isinstance(decided, Refused), decided
    return decided.kind, decided.code


# -- opening -----------------------------------------------------------------------------------------------


def test_an_account_is_opened_and_asked_of_stripe() -> None:
    decided = started(accounts.start(None, a_start(country="DE"), COUNTRIES, NOW))
    assert (decided.account.status, decided.account.country, decided.account.account_id) == ("started", "DE", None)
    assert decided.said == (
        PayoutAccountCreated(trainer_id="trn_1", country="DE"),
        CreateAccount(trainer_id="trn_1", country="DE"),
    )


@pytest.mark.parametrize("actor", [SERVICE, OPERATOR], ids=["service", "operator"])
def test_services_and_operators_may_open_it_for_the_trainer(actor: Any) -> None:
    assert started(accounts.start(None, a_start(actor=actor), COUNTRIES, NOW))


def test_another_trainers_account_is_not_found() -> None:
    assert refused(accounts.start(an_account(), a_start(actor=STRANGER), COUNTRIES, NOW))[0] == "not_found"


def test_an_employer_has_none() -> None:
    assert refused(accounts.start(None, a_start(actor=EMPLOYER), COUNTRIES, NOW)) == ("forbidden", "forbidden")


def test_a_country_that_is_not_on_the_list_is_refused() -> None:
    assert refused(accounts.start(None, a_start(country="AQ"), COUNTRIES, NOW)) == ("invalid", "country_not_supported")


@pytest.mark.parametrize("status", ["started", "restricted", "ready"])
def test_asking_again_changes_nothing(status: str) -> None:
    assert isinstance(accounts.start(an_account(status), a_start(), COUNTRIES, NOW), Unchanged)


@pytest.mark.parametrize("status", ["started", "restricted", "ready", "disabled"])
def test_another_country_is_refused_once_one_is_chosen(status: str) -> None:
    decided = accounts.start(an_account(status), a_start(country="DE"), COUNTRIES, NOW)
    assert refused(decided) == ("conflict", "country_fixed")


def test_another_country_is_refused_before_stripe_has_answered_too() -> None:
    decided = accounts.start(an_account("started", account_id=None), a_start(country="DE"), COUNTRIES, NOW)
    assert refused(decided) == ("conflict", "country_fixed")


def test_where_stripe_did_not_open_it_another_country_may_be_tried() -> None:
    gone = an_account("disabled", account_id=None, reason="country_unsupported")
    decided = started(accounts.start(gone, a_start(country="DE"), COUNTRIES, LATER))
    assert (decided.account.status, decided.account.country, decided.account.reason) == ("started", "DE", None)
    assert CreateAccount(trainer_id="trn_1", country="DE") in decided.said


# -- Stripe's words ----------------------------------------------------------------------------------------


def test_stripes_id_is_kept() -> None:
    account = accounts.created(an_account("started", account_id=None), a_new_account(), NOW)
    assert account is not None
    assert (account.account_id, account.status) == ("acct_1", "started")


def test_stripes_id_told_again_changes_nothing() -> None:
    assert accounts.created(an_account(), a_new_account(), NOW) is None


def test_a_second_account_of_one_trainer_stops_here() -> None:
    with pytest.raises(ValueError, match="acct_2"):
        accounts.created(an_account(), a_new_account(account_id="acct_2"), NOW)
    with pytest.raises(ValueError, match="acct_2"):
        accounts.updated(an_account(), the_account(account_id="acct_2"), [], NOW)


@pytest.mark.parametrize(
    ("word", "status", "reason"),
    [
        ({"transfers": "active"}, "ready", None),
        ({"transfers": "pending"}, "restricted", "under_review"),
        ({"transfers": "pending", "details_submitted": False}, "started", None),
        ({"transfers": "restricted", "requirements": ("external_account",)}, "restricted", "information_required"),
        ({"transfers": "restricted"}, "restricted", "restricted_by_stripe"),
        ({"transfers": "restricted", "details_submitted": False}, "started", None),
        ({"transfers": "rejected"}, "disabled", "rejected"),
        ({"transfers": "unsupported"}, "disabled", "unsupported"),
    ],
)
def test_what_stripe_says_of_a_started_account(word: dict[str, Any], status: str, reason: str | None) -> None:
    before = an_account("started")
    after = accounts.updated(before, the_account(**word), [], NOW).account
    assert (after.status, after.reason) == (status, reason)
    assert tuple(after.requirements) == word.get("requirements", ())


def test_each_change_that_shows_is_published() -> None:
    decided = accounts.updated(an_account("started"), the_account(), [], NOW)
    assert decided.said == (PayoutAccountUpdated(trainer_id="trn_1", status="ready"),)


def test_new_requirements_of_the_same_status_are_published() -> None:
    word = the_account(transfers="restricted", requirements=("external_account",))
    before = an_account("restricted", requirements=["identity"], reason="information_required")
    assert [type(said) for said in accounts.updated(before, word, [], NOW).said] == [PayoutAccountUpdated]


def test_the_same_word_again_is_not_published() -> None:
    assert accounts.updated(an_account(), the_account(), [], NOW).said == ()


def test_a_ready_account_can_lose_that_and_get_it_back() -> None:
    lost = accounts.updated(an_account(), the_account(transfers="restricted"), [], NOW).account
    back = accounts.updated(lost, the_account(), [], NOW).account
    assert (lost.status, lost.times_ready, back.status, back.times_ready) == ("restricted", 1, "ready", 2)


def test_an_account_is_never_started_twice() -> None:
    word = the_account(transfers="restricted", details_submitted=False)
    for status in ("restricted", "ready", "disabled"):
        assert accounts.updated(an_account(status), word, [], NOW).account.status == "restricted"


# -- what was held -----------------------------------------------------------------------------------------


def resumed(decided: AccountDecided) -> list[str]:
    return [said.payout_id for said in decided.said if isinstance(said, ResumePayout)]


def test_what_was_held_goes_on_when_the_account_becomes_ready() -> None:
    held = [a_payout("held"), a_payout("held", payout_id="pay_2", contract_id="ctr_2")]
    decided = accounts.updated(an_account("restricted"), the_account(), held, NOW)
    assert resumed(decided) == ["pay_1", "pay_2"]


@pytest.mark.parametrize("word", ["pending", "restricted", "rejected"])
def test_what_was_held_stays_while_it_is_not_ready(word: str) -> None:
    decided = accounts.updated(an_account("started"), the_account(transfers=word), [a_payout("held")], NOW)
    assert resumed(decided) == []


def test_a_word_about_an_account_that_was_ready_all_along_costs_no_call_at_once() -> None:
    decided = accounts.updated(an_account(), the_account(), [a_payout("held", updated_at=NOW)], NOW)
    assert resumed(decided) == []


def test_a_word_about_an_account_that_was_ready_all_along_tries_again_after_a_while() -> None:
    decided = accounts.updated(an_account(), the_account(), [a_payout("held", updated_at=NOW)], NOW + TRY_AGAIN_AFTER)
    assert resumed(decided) == ["pay_1"]


# -- refusals of Stripe ------------------------------------------------------------------------------------


def test_an_account_that_stripe_did_not_open_is_disabled_and_says_why() -> None:
    refusal = a_refusal("stripe.create_account.v1", "trn_1", "trn_1")
    decided = accounts.refused(an_account("started", account_id=None), refusal, NOW)
    assert decided is not None
    assert decided.said == (
        PayoutAccountUpdated(trainer_id="trn_1", status="disabled", reason="platform_account_required"),
    )


def test_a_refusal_of_an_account_that_is_there_is_old() -> None:
    assert accounts.refused(an_account("started"), a_refusal("stripe.create_account.v1"), NOW) is None
