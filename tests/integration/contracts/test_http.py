"""Contracts over HTTP, on a real database."""

import threading
from typing import Any

import pytest

from schemas.contracts import ContractCreated, MilestoneAdded
from schemas.payouts import PayoutAccountCreated
from tests.integration.bench import WAIT_S, Bench, between_reads, nobody_waits, problem
from tests.integration.contracts.hires import Hire, usd

OPERATOR = ("operator", "opr_1")
SERVICE = ("service", "svc_1")
STRANGER = ("employer", "emp_stranger")


# -- hiring ------------------------------------------------------------------------------------------------


def test_a_hire_answers_with_the_contract_and_its_first_milestone(bench: Bench, hire: Hire) -> None:
    answer = bench.call(hire.employer, "POST", "/contracts", hire.body())
    contract = answer.json()
    assert answer.status_code == 201
    assert (contract["state"], contract["employer_id"], contract["currency"]) == ("active", hire.employer[1], "usd")
    (first,) = contract["milestones"]
    assert (first["number"], first["status"], first["label"]) == (1, "NOT_FUNDED", "Not Funded")
    assert (first["amount"], first["held"], first["released"], first["refunded"]) == (
        usd(120_000),
        usd(0),
        usd(0),
        usd(0),
    )
    assert bench.told(contract["contract_id"]) == ["contract_created", "milestone_added"]


@pytest.mark.parametrize("path", ["/contracts", "/contracts/{contract_id}"])
def test_a_contract_is_shown_with_its_milestones_as_they_were_at_one_moment(
    bench: Bench, hire: Hire, monkeypatch: pytest.MonkeyPatch, path: str
) -> None:
    hire.make()
    path = path.format(contract_id=hire.contract_id)
    before = bench.call(hire.employer, "GET", path).json()

    def change() -> None:
        bench.call(hire.employer, "POST", f"/milestones/{hire.milestone_id}/cancel")
        bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/archive")

    with between_reads(monkeypatch, "milestones", change):
        seen = bench.call(hire.employer, "GET", path).json()
    assert seen == before
    assert bench.call(hire.employer, "GET", f"/contracts/{hire.contract_id}").json()["state"] == "archived"


@pytest.mark.parametrize("days", [None, 1, 90])
def test_a_hire_may_say_when_silence_approves(bench: Bench, hire: Hire, days: int | None) -> None:
    answer = bench.call(hire.employer, "POST", "/contracts", hire.body(auto_approve_after_days=days))
    contract = answer.json()
    assert contract["auto_approve_after_days"] == days
    [created, _] = bench.said(contract["contract_id"])
    assert isinstance(created, ContractCreated)
    assert created.auto_approve_after_days == days
    shown = bench.call(hire.employer, "GET", f"/contracts/{contract['contract_id']}").json()
    assert shown["auto_approve_after_days"] == days


@pytest.mark.parametrize("days", [0, 91, "soon"])
def test_silence_approves_within_bounds(bench: Bench, hire: Hire, days: object) -> None:
    answer = bench.call(hire.employer, "POST", "/contracts", hire.body(auto_approve_after_days=days))
    assert answer.status_code == 422
    assert "auto_approve_after_days" in answer.text


def test_hire_and_deposit_asks_funding_for_the_charge(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True)
    added = bench.said(hire.contract_id)[1]
    assert isinstance(added, MilestoneAdded)
    assert added.fund
    assert hire.shown() == ("NOT_FUNDED", "processing", "none")


def test_hire_and_deposit_without_a_card_names_the_page_to_add_one(bench: Bench, hire: Hire) -> None:
    answer = bench.call(hire.employer, "POST", "/contracts", hire.body(fund=True))
    assert problem(answer) == (409, "payment_method_required")
    assert "/v1/hosted/" in answer.json()["setup_url"]


def test_a_card_that_was_removed_is_none(bench: Bench, hire: Hire) -> None:
    hire.has_card("1")
    hire.loses_card("1")
    answer = bench.call(hire.employer, "POST", "/contracts", hire.body(fund=True))
    assert problem(answer) == (409, "payment_method_required")


def test_one_card_of_two_is_enough(hire: Hire) -> None:
    hire.has_card("1")
    hire.has_card("2")
    hire.loses_card("1")
    assert hire.make(fund=True).contract_id


def test_news_of_a_card_that_is_on_its_way_is_waited_for(hire: Hire) -> None:
    late = threading.Timer(WAIT_S / 2, hire.has_card)
    late.start()
    answer = hire.bench.call(hire.employer, "POST", "/contracts", hire.body(fund=True))
    late.join()
    assert answer.status_code == 201


def test_a_service_hires_for_an_employer(bench: Bench, hire: Hire) -> None:
    assert bench.call(SERVICE, "POST", "/contracts", hire.body()).status_code == 201


@pytest.mark.parametrize("who", ["trainer", "another employer"])
def test_nobody_hires_in_anothers_name(bench: Bench, hire: Hire, who: str) -> None:
    caller = hire.trainer if who == "trainer" else STRANGER
    assert problem(bench.call(caller, "POST", "/contracts", hire.body())) == (403, "forbidden")


@pytest.mark.scenario(54)
def test_a_trainer_in_an_unsupported_country_is_refused(bench: Bench, hire: Hire) -> None:
    bench.hear(PayoutAccountCreated(trainer_id=hire.trainer[1], country="MY"))
    assert problem(bench.call(hire.employer, "POST", "/contracts", hire.body())) == (422, "country_not_supported")


@pytest.mark.parametrize(
    ("changed", "field"),
    [
        ({"milestone": {"description": "x", "amount": {"amount_minor": 5_000, "currency": "eur"}}}, "currency"),
        ({"milestone": {"description": "x", "amount": usd(49)}}, "milestone.amount"),
        ({"milestone": {"description": "x", "amount": usd(0)}}, "milestone.amount.amount_minor"),
        ({"milestone": {"description": "x", "amount": usd(-1)}}, "milestone.amount.amount_minor"),
        ({"milestone": {"description": "x", "amount": {"amount_minor": 99.5, "currency": "usd"}}}, "amount_minor"),
        ({"milestone": {"description": "x", "amount": usd(100_000_000)}}, "milestone.amount.amount_minor"),
        ({"milestone": {"description": "", "amount": usd(5_000)}}, "milestone.description"),
        ({"milestone": {"description": "x" * 5_001, "amount": usd(5_000)}}, "milestone.description"),
        ({"milestone": {"description": "x", "amount": usd(5_000), "name": "n" * 201}}, "milestone.name"),
        ({"milestone": {"amount": usd(5_000)}}, "milestone.description"),
        ({"currency": "xyz"}, "currency"),
        ({"title": ""}, "title"),
        ({"trainer_id": "not an id"}, "trainer_id"),
        ({"bonus": 1}, "bonus"),
    ],
)
def test_a_wrong_hire_is_422_naming_the_field(bench: Bench, hire: Hire, changed: Any, field: str) -> None:
    answer = bench.call(hire.employer, "POST", "/contracts", hire.body(**changed))
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


def test_nobody_hires_themselves(bench: Bench, hire: Hire) -> None:
    body = hire.body(trainer_id=hire.employer[1])
    assert problem(bench.call(hire.employer, "POST", "/contracts", body)) == (422, "same_party")


# -- idempotency -------------------------------------------------------------------------------------------


def test_the_same_key_with_the_same_body_hires_once(bench: Bench, hire: Hire) -> None:
    first, second = (bench.call(hire.employer, "POST", "/contracts", hire.body(), key="k1") for _ in range(2))
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert "Idempotency-Replayed" not in first.headers
    assert len(bench.call(hire.employer, "GET", "/contracts").json()["data"]) == 1


def test_the_same_key_with_another_body_is_refused(bench: Bench, hire: Hire) -> None:
    bench.call(hire.employer, "POST", "/contracts", hire.body(), key="k1")
    again = bench.call(hire.employer, "POST", "/contracts", hire.body(title="Other"), key="k1")
    assert problem(again) == (422, "idempotency_key_reused")


def test_two_parties_may_use_the_same_key(bench: Bench, hire: Hire) -> None:
    other = Hire(bench, f"{hire.name}_other")
    for one in (hire, other):
        answer = bench.call(one.employer, "POST", "/contracts", one.body(), key="k1")
        assert (answer.status_code, answer.json()["employer_id"]) == (201, one.employer[1])


def test_the_same_key_at_the_same_moment_hires_once(bench: Bench, hire: Hire) -> None:
    answers: list[Any] = []
    calls = [
        threading.Thread(
            target=lambda: answers.append(bench.call(hire.employer, "POST", "/contracts", hire.body(), key="k1"))
        )
        for _ in range(4)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert {answer.status_code for answer in answers} == {201}
    assert len({answer.json()["contract_id"] for answer in answers}) == 1
    assert len(bench.call(hire.employer, "GET", "/contracts").json()["data"]) == 1


# -- seeing ------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("who", ["employer", "trainer", "operator", "service"])
def test_parties_operators_and_services_see_a_contract(bench: Bench, hire: Hire, who: str) -> None:
    hire.make()
    caller = {"employer": hire.employer, "trainer": hire.trainer, "operator": OPERATOR, "service": SERVICE}[who]
    assert bench.call(caller, "GET", f"/contracts/{hire.contract_id}").json()["contract_id"] == hire.contract_id
    assert bench.call(caller, "GET", f"/milestones/{hire.milestone_id}").json()["status"] == "NOT_FUNDED"


def test_a_stranger_finds_nothing(bench: Bench, hire: Hire) -> None:
    hire.make()
    for method, path, body in [
        ("GET", f"/contracts/{hire.contract_id}", None),
        ("GET", f"/milestones/{hire.milestone_id}", None),
        ("POST", f"/contracts/{hire.contract_id}/milestones", {"description": "x", "amount": usd(5_000)}),
        ("PATCH", f"/milestones/{hire.milestone_id}", {"description": "x"}),
        ("POST", f"/milestones/{hire.milestone_id}/cancel", None),
        ("POST", f"/contracts/{hire.contract_id}/archive", None),
    ]:
        assert problem(bench.call(STRANGER, method, path, body)) == (404, "not_found"), path
    assert bench.call(STRANGER, "GET", "/contracts").json() == {"data": [], "next_cursor": None, "has_more": False}


def test_what_does_not_exist_is_not_found_at_once(bench: Bench, hire: Hire, monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_waits(monkeypatch):
        for path in ("/contracts/ctr_none", "/milestones/mls_none"):
            assert problem(bench.call(hire.employer, "GET", path)) == (404, "not_found")


def test_the_trainer_changes_nothing(bench: Bench, hire: Hire) -> None:
    hire.make()
    for method, path, body in [
        ("POST", f"/contracts/{hire.contract_id}/milestones", {"description": "x", "amount": usd(5_000)}),
        ("PATCH", f"/milestones/{hire.milestone_id}", {"description": "x"}),
        ("POST", f"/milestones/{hire.milestone_id}/cancel", None),
        ("POST", f"/contracts/{hire.contract_id}/archive", None),
    ]:
        assert problem(bench.call(hire.trainer, method, path, body)) == (403, "forbidden"), path


def test_without_a_token_nothing_is_told(bench: Bench) -> None:
    answer = bench.http.get("/v1/contracts")
    assert problem(answer) == (401, "unauthenticated")


# -- lists -------------------------------------------------------------------------------------------------


def test_a_list_pages_from_the_newest_to_the_oldest_without_a_gap(bench: Bench, hire: Hire) -> None:
    made = [hire.make().contract_id for _ in range(5)]
    seen: list[str] = []
    cursor: str | None = None
    sizes = []
    while True:
        query = "?limit=2" + (f"&cursor={cursor}" if cursor else "")
        page = bench.call(hire.trainer, "GET", f"/contracts{query}").json()
        seen += [contract["contract_id"] for contract in page["data"]]
        sizes.append(len(page["data"]))
        cursor = page["next_cursor"]
        assert page["has_more"] == (cursor is not None)
        if cursor is None:
            break
    assert seen == made[::-1]
    assert sizes == [2, 2, 1]


def test_each_contract_of_a_list_has_its_own_milestones(bench: Bench, hire: Hire) -> None:
    hire.make()
    second = Hire(bench, hire.name).make()
    page = bench.call(hire.employer, "GET", "/contracts").json()["data"]
    assert [[m["milestone_id"] for m in contract["milestones"]] for contract in page] == [
        [second.milestone_id],
        [hire.milestone_id],
    ]


@pytest.mark.parametrize("query", ["limit=0", "limit=101", "limit=x", "cursor=x"])
def test_a_wrong_page_is_422(bench: Bench, hire: Hire, query: str) -> None:
    answer = bench.call(hire.employer, "GET", f"/contracts?{query}")
    assert answer.status_code == 422
    assert query.split("=", maxsplit=1)[0] in answer.json()["detail"]


def test_an_operator_lists_everybodys_contracts(bench: Bench, hire: Hire) -> None:
    hire.make()
    newest = bench.call(OPERATOR, "GET", "/contracts?limit=1").json()["data"][0]
    assert newest["contract_id"] == hire.contract_id


# -- terms -------------------------------------------------------------------------------------------------


def test_a_milestone_is_added_with_the_next_number(bench: Bench, hire: Hire) -> None:
    hire.make()
    body = {"description": "Review", "amount": usd(5_000), "due_date": "2027-01-31"}
    answer = bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/milestones", body)
    milestone = answer.json()
    assert answer.status_code == 201
    assert (milestone["number"], milestone["name"], milestone["due_date"]) == (2, None, "2027-01-31")
    contract = bench.call(hire.trainer, "GET", f"/contracts/{hire.contract_id}").json()
    assert [m["number"] for m in contract["milestones"]] == [1, 2]


def test_a_milestone_in_another_currency_is_422(bench: Bench, hire: Hire) -> None:
    hire.make()
    body = {"description": "Review", "amount": {"amount_minor": 5_000, "currency": "eur"}}
    answer = bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/milestones", body)
    assert problem(answer) == (422, "currency_mismatch")


def test_an_edit_changes_what_is_given_and_keeps_the_rest(bench: Bench, hire: Hire) -> None:
    hire.make()
    answer = bench.call(hire.employer, "PATCH", f"/milestones/{hire.milestone_id}", {"amount": usd(90_000)})
    assert answer.status_code == 200
    assert (answer.json()["amount"], answer.json()["name"]) == (usd(90_000), "First")
    assert bench.told(hire.contract_id)[-1] == "milestone_amended"


def test_a_cancelled_milestone_is_over(bench: Bench, hire: Hire) -> None:
    hire.make()
    answer = bench.call(hire.employer, "POST", f"/milestones/{hire.milestone_id}/cancel")
    assert (answer.status_code, answer.json()["status"]) == (200, "CANCELLED")
    again = bench.call(hire.employer, "POST", f"/milestones/{hire.milestone_id}/cancel")
    assert (again.status_code, again.json()["status"]) == (200, "CANCELLED")
    assert bench.told(hire.contract_id)[2:] == ["milestone_cancelled", "milestone_status_changed"]


@pytest.mark.parametrize("facts", [[], ["funding.funding_action_required"], ["funding.milestone_funded"]])
def test_from_the_charge_on_the_terms_stand_still(bench: Bench, hire: Hire, facts: list[str]) -> None:
    hire.make()
    bench.hear(hire.fact("funding.funding_requested"), *(hire.fact(fact) for fact in facts))
    edit = bench.call(hire.employer, "PATCH", f"/milestones/{hire.milestone_id}", {"description": "Other"})
    assert problem(edit) == (409, "milestone_not_editable")
    cancel = bench.call(hire.employer, "POST", f"/milestones/{hire.milestone_id}/cancel")
    assert problem(cancel) == (409, "milestone_not_editable")


# -- archiving ---------------------------------------------------------------------------------------------


def test_an_open_milestone_keeps_the_contract_and_is_named(bench: Bench, hire: Hire) -> None:
    hire.make()
    answer = bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/archive")
    assert problem(answer) == (409, "unresolved_milestones")
    assert [m["milestone_id"] for m in answer.json()["milestones"]] == [hire.milestone_id]


def test_a_contract_of_resolved_milestones_is_archived_for_good(bench: Bench, hire: Hire) -> None:
    hire.make()
    bench.call(hire.employer, "POST", f"/milestones/{hire.milestone_id}/cancel")
    answer = bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/archive")
    assert (answer.status_code, answer.json()["state"]) == (200, "archived")
    body = {"description": "Late", "amount": usd(5_000)}
    late = bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/milestones", body)
    assert problem(late) == (409, "contract_ended")
