"""Funding over HTTP, on a real database."""

from typing import Any

import pytest

from tests.integration.bench import Bench, problem
from tests.integration.funding.charges import Charge

OPERATOR = ("operator", "opr_1")
SERVICE = ("service", "svc_1")
STRANGER = ("employer", "emp_stranger")


# -- to fund -----------------------------------------------------------------------------------------------


def test_funding_is_accepted_and_shows_its_parts(charge: Charge) -> None:
    charge.has_card().added()
    answer = charge.fund()
    assert answer.status_code == 202
    shown = answer.json()
    assert (shown["state"], shown["attempt"], shown["payment_method_id"]) == ("processing", 1, charge.card())
    assert (shown["amount_minor"], shown["marketplace_fee_minor"], shown["initiation_fee_minor"]) == (
        120_000, 12_000, 995,
    )  # fmt: skip
    assert (shown["charge_minor"], shown["fee_rule"]) == (132_995, "fees_2026_01")
    assert charge.told() == ["funding_requested", "create_payment_intent"]


@pytest.mark.parametrize("key", [None, "once"])
@pytest.mark.scenario(2)
def test_asking_again_shows_the_same_charge(charge: Charge, key: str | None) -> None:
    charge.has_card().added()
    first, second = charge.fund(key=key), charge.fund(key=key)
    assert (second.status_code, second.json()) == (202, first.json())
    assert len(charge.requests()) == 1


def test_what_is_funded_stays_funded(charge: Charge) -> None:
    charge.funded()
    answer = charge.fund()
    assert (answer.status_code, answer.json()["state"]) == (202, "funded")
    assert len(charge.requests()) == 1


def test_a_named_card_is_charged(charge: Charge) -> None:
    charge.has_card("1").has_card("2").added()
    assert charge.fund(body={"payment_method_id": charge.card("1")}).json()["payment_method_id"] == charge.card("1")


def test_a_card_of_somebody_else_is_not(bench: Bench, charge: Charge) -> None:
    other = Charge(bench, f"{charge.name}_other").has_card()
    charge.has_card().added()
    assert problem(charge.fund(body={"payment_method_id": other.card()})) == (422, "unknown_payment_method")
    assert charge.told() == []


def test_a_milestone_that_is_not_there(charge: Charge) -> None:
    assert problem(charge.fund()) == (404, "not_found")


def test_another_employer_does_not_see_it(charge: Charge) -> None:
    charge.has_card().added()
    assert problem(charge.fund(STRANGER)) == (404, "not_found")


def test_the_trainer_does_not_fund(charge: Charge) -> None:
    charge.has_card().added()
    assert problem(charge.fund(charge.trainer)) == (403, "forbidden")


def test_without_a_card_the_page_to_add_one_is_named(charge: Charge) -> None:
    answer = charge.added().fund()
    assert problem(answer) == (409, "payment_method_required")
    assert "/v1/hosted/" in answer.json()["setup_url"]


def test_an_unknown_field_is_named(charge: Charge) -> None:
    answer = charge.has_card().added().fund(body={"card": "4242"})
    assert answer.status_code == 422
    assert "card" in answer.text


@pytest.mark.scenario(35)
def test_a_card_is_tried_four_times_a_day(charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    for _ in range(3):
        assert charge.fund().status_code == 202
        charge.answered("payment_intent_failed")
    assert problem(charge.fund()) == (409, "too_many_attempts")
    charge.has_card("2")
    assert charge.fund().status_code == 202


# -- to look -----------------------------------------------------------------------------------------------


def test_before_it_was_asked_there_is_no_funding(bench: Bench, charge: Charge) -> None:
    charge.added()
    answer = bench.call(charge.employer, "GET", f"/milestones/{charge.milestone_id}/funding")
    assert problem(answer) == (404, "not_found")


def test_a_decline_says_what_helps(charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_failed")
    (attempt,) = charge.shown()["attempts"]
    assert (attempt["code"], attempt["advice"]) == ("insufficient_funds", "try_again_later")
    assert "not have enough money" in attempt["reason"]


@pytest.mark.scenario(81)
def test_only_the_employer_gets_the_way_to_the_banks_page(charge: Charge) -> None:
    charge.has_card().added(fund=True).answered("payment_intent_created", "payment_intent_action_required")
    action = charge.shown()["next_action"]
    assert action["type"] == "authenticate"
    assert "/v1/hosted/" in action["url"]
    for who in (OPERATOR, SERVICE):
        assert charge.shown(who)["state"] == "action_required"
        assert charge.shown(who)["next_action"] is None


def test_after_the_answer_there_is_nothing_to_do(charge: Charge) -> None:
    charge.has_card().added(fund=True)
    charge.answered("payment_intent_created", "payment_intent_action_required", "payment_intent_succeeded")
    assert charge.shown()["next_action"] is None


@pytest.mark.parametrize("who", ["trainer", "stranger"])
def test_nobody_else_sees_the_funding(bench: Bench, charge: Charge, who: str) -> None:
    charge.funded()
    caller = charge.trainer if who == "trainer" else STRANGER
    assert problem(bench.call(caller, "GET", f"/milestones/{charge.milestone_id}/funding")) == (404, "not_found")


# -- payment methods ---------------------------------------------------------------------------------------


def methods(bench: Bench, charge: Charge) -> list[tuple[str, bool]]:
    answer = bench.call(charge.employer, "GET", "/billing/payment-methods")
    assert answer.status_code == 200
    return [(m["payment_method_id"], m["is_default"]) for m in answer.json()["data"]]


def test_a_set_up_session_names_the_page(bench: Bench, charge: Charge) -> None:
    answer = bench.call(charge.employer, "POST", "/billing/setup-sessions")
    assert answer.status_code == 201
    assert "/v1/hosted/" in answer.json()["url"]


def test_the_newest_card_is_the_default_until_another_is_chosen(bench: Bench, charge: Charge) -> None:
    charge.has_card("1").has_card("2")
    assert methods(bench, charge) == [(charge.card("1"), False), (charge.card("2"), True)]
    answer = bench.call(charge.employer, "POST", f"/billing/payment-methods/{charge.card('1')}/default")
    assert answer.status_code == 200
    assert methods(bench, charge) == [(charge.card("1"), True), (charge.card("2"), False)]


def test_a_removed_default_is_inherited_and_detached_at_stripe(bench: Bench, charge: Charge) -> None:
    charge.has_card("1").has_card("2")
    answer = bench.call(charge.employer, "DELETE", f"/billing/payment-methods/{charge.card('2')}")
    assert answer.status_code == 200
    assert methods(bench, charge) == [(charge.card("1"), True)]
    assert bench.told(charge.employer[1])[-2:] == ["payment_method_removed", "detach_payment_method"]


def test_the_last_card_stays_while_a_funding_is_under_way(bench: Bench, charge: Charge) -> None:
    charge.has_card().added(fund=True)
    answer = bench.call(charge.employer, "DELETE", f"/billing/payment-methods/{charge.card()}")
    assert problem(answer) == (409, "payment_method_in_use")
    charge.answered("payment_intent_created", "payment_intent_succeeded")
    assert bench.call(charge.employer, "DELETE", f"/billing/payment-methods/{charge.card()}").status_code == 200


@pytest.mark.parametrize(("method", "end"), [("POST", "/default"), ("DELETE", "")])
def test_a_strangers_card_is_not_there(bench: Bench, charge: Charge, method: str, end: str) -> None:
    charge.has_card()
    answer = bench.call(STRANGER, method, f"/billing/payment-methods/{charge.card()}{end}")
    assert problem(answer) == (404, "not_found")


@pytest.mark.parametrize("who", ["trainer", "operator"])
def test_payment_methods_are_the_employers(bench: Bench, charge: Charge, who: str) -> None:
    caller = charge.trainer if who == "trainer" else OPERATOR
    for method, path in (("GET", "payment-methods"), ("POST", "setup-sessions")):
        assert problem(bench.call(caller, method, f"/billing/{path}")) == (403, "forbidden")


# -- the ledger --------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("who", "status"), [(OPERATOR, 200), (SERVICE, 200), (STRANGER, 403)])
def test_balances_are_for_operators(bench: Bench, who: Any, status: int) -> None:
    assert bench.call(who, "GET", "/ledger/balances").status_code == status


def test_balances_of_everything_sum_to_zero(bench: Bench, charge: Charge) -> None:
    charge.funded()
    found = bench.call(OPERATOR, "GET", "/ledger/balances").json()["data"]
    assert found
    assert sum(balance["amount_minor"] for balance in found) == 0
