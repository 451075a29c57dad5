"""Payouts over HTTP, on a real database."""

import pytest

from schemas.payouts import PayoutAccountCreated
from schemas.stripe import CreateAccount
from services.runtime.tokens import read_link
from tests.integration.bench import _SECRET, Bench, problem
from tests.integration.payouts.trainer import Trainer

OPERATOR = ("operator", "opr_1")
EMPLOYER = ("employer", "emp_1")


# -- setting up --------------------------------------------------------------------------------------------


def test_setting_up_answers_with_the_link_to_the_page(bench: Bench, trainer: Trainer) -> None:
    answer = trainer.set_up()
    assert answer.status_code == 201
    link = read_link(_SECRET, answer.json()["url"].rpartition("/")[2])
    assert (link.page, link.party_id, link.about) == ("onboarding", trainer.id, trainer.id)
    assert bench.said(trainer.id) == [
        PayoutAccountCreated(trainer_id=trainer.id, country="US"),
        CreateAccount(trainer_id=trainer.id, country="US"),
    ]
    assert trainer.status == "started"


def test_asking_again_renews_the_link_and_opens_nothing(bench: Bench, trainer: Trainer) -> None:
    trainer.has_started()
    again = trainer.set_up()
    assert again.status_code == 201
    assert "/v1/hosted/" in again.json()["url"]
    assert bench.told(trainer.id) == ["payout_account_created", "create_account"]


def test_the_same_key_answers_the_very_same(bench: Bench, trainer: Trainer) -> None:
    path, body = "/payout-account/setup-sessions", {"country": "US"}
    first = bench.call(trainer.who, "POST", path, body, key=trainer.id)
    second = bench.call(trainer.who, "POST", path, body, key=trainer.id)
    assert second.content == first.content
    assert second.headers["Idempotency-Replayed"] == "true"
    other = bench.call(trainer.who, "POST", path, {"country": "DE"}, key=trainer.id)
    assert problem(other) == (422, "idempotency_key_reused")


def test_another_country_is_refused_once_one_is_chosen(trainer: Trainer) -> None:
    trainer.has_started()
    answer = trainer.set_up("DE")
    assert problem(answer) == (409, "country_fixed")
    assert answer.json()["country"] == "US"


def test_a_country_that_stripe_does_not_pay_is_refused(bench: Bench, trainer: Trainer) -> None:
    assert problem(trainer.set_up("MY")) == (422, "country_not_supported")
    assert bench.said(trainer.id) == []
    assert trainer.status == "none"


@pytest.mark.parametrize("body", [{}, {"country": "usa"}, {"country": "US", "more": 1}], ids=["none", "bad", "more"])
def test_a_body_that_is_none_names_the_field(bench: Bench, trainer: Trainer, body: object) -> None:
    answer = bench.call(trainer.who, "POST", "/payout-account/setup-sessions", body)
    assert problem(answer) == (422, "invalid_request")
    assert {found["field"] for found in answer.json()["errors"]} <= {"country", "more"}


@pytest.mark.parametrize("who", [EMPLOYER, OPERATOR])
def test_only_a_trainer_has_a_payout_account(bench: Bench, who: tuple[str, str]) -> None:
    assert problem(bench.call(who, "GET", "/payout-account")) == (403, "forbidden")
    setup = bench.call(who, "POST", "/payout-account/setup-sessions", {"country": "US"})
    assert problem(setup) == (403, "forbidden")


def test_what_stripe_still_wants_is_shown(bench: Bench, trainer: Trainer) -> None:
    trainer.has_started()
    bench.hear(trainer.account("restricted", requirements=["external_account"]))
    account = bench.call(trainer.who, "GET", "/payout-account").json()
    assert (account["status"], account["requirements"], account["reason"]) == (
        "restricted", ["external_account"], "information_required",
    )  # fmt: skip
    assert (account["country"], account["currency"]) == ("US", "usd")


# -- payouts -----------------------------------------------------------------------------------------------


def test_a_payout_shows_how_far_it_is_and_what_to_do(bench: Bench, trainer: Trainer) -> None:
    bench.hear(trainer.released())
    payout = trainer.payout
    assert (payout["state"], payout["reason"]) == ("held", "no_payout_account")
    assert "Set up payouts" in payout["detail"]
    assert payout["amount"] == {"amount_minor": 120_000, "currency": "usd"}
    assert bench.call(trainer.who, "GET", f"/payouts/{payout['payout_id']}").json() == payout
    assert bench.call(OPERATOR, "GET", f"/payouts/{payout['payout_id']}").json() == payout


def test_another_trainers_payout_is_not_found(bench: Bench, trainer: Trainer) -> None:
    bench.hear(trainer.released())
    stranger = ("trainer", "trn_stranger")
    assert problem(bench.call(stranger, "GET", f"/payouts/{trainer.payout['payout_id']}")) == (404, "not_found")
    assert bench.call(stranger, "GET", "/payouts").json() == {"data": [], "next_cursor": None, "has_more": False}


def test_an_employer_sees_no_payouts(bench: Bench, trainer: Trainer) -> None:
    bench.hear(trainer.released())
    assert problem(bench.call(EMPLOYER, "GET", "/payouts")) == (403, "forbidden")
    assert problem(bench.call(EMPLOYER, "GET", f"/payouts/{trainer.payout['payout_id']}")) == (403, "forbidden")


def test_an_unknown_payout_is_not_found(bench: Bench) -> None:
    assert problem(bench.call(OPERATOR, "GET", "/payouts/pay_nobody")) == (404, "not_found")


def test_a_list_pages_from_the_newest_to_the_oldest_without_gap_or_repetition(bench: Bench, trainer: Trainer) -> None:
    for number in range(5):
        bench.hear(trainer.fact("funding.funds_released", release_id=f"{trainer.release_id}_{number}"))
    seen, cursor = [], ""
    while cursor is not None:
        page = bench.call(trainer.who, "GET", f"/payouts?limit=2{cursor and f'&cursor={cursor}'}").json()
        seen += [payout["release_id"] for payout in page["data"]]
        assert page["has_more"] == (page["next_cursor"] is not None)
        cursor = page["next_cursor"]
    assert seen == [f"{trainer.release_id}_{number}" for number in (4, 3, 2, 1, 0)]


def test_a_list_can_be_of_one_milestone(bench: Bench, trainer: Trainer) -> None:
    bench.hear(
        trainer.released(),
        trainer.fact("funding.funds_released", release_id=f"{trainer.release_id}_b", milestone_id="m"),
    )
    found = bench.call(trainer.who, "GET", "/payouts?milestone_id=m").json()["data"]
    assert [payout["milestone_id"] for payout in found] == ["m"]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "cursor=not%20one"])
def test_a_bad_page_is_refused(bench: Bench, trainer: Trainer, query: str) -> None:
    assert problem(bench.call(trainer.who, "GET", f"/payouts?{query}")) == (422, "invalid_request")


# -- countries ---------------------------------------------------------------------------------------------


def test_anybody_may_ask_where_trainers_are_paid(bench: Bench) -> None:
    found = bench.http.get("/v1/payout-countries").json()
    by_code = {country["country"]: country for country in found["data"]}
    assert (by_code["DE"]["currency"], by_code["US"]["currency"], "MY" in by_code) == ("eur", "usd", False)
    assert by_code["DE"]["restrictions"][0]["text"]
    assert found["source"].startswith("https://")
    assert found["as_of"] >= "2026"
