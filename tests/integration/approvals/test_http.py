"""The review over HTTP, on a real database."""

import threading
from datetime import datetime, timedelta
from typing import Any

import httpx
import pytest

from schemas.approvals import MilestoneApproved
from tests.integration.approvals.work import HELD, Work, usd
from tests.integration.bench import WAIT_S, Bench, between_reads, nobody_waits, problem

OPERATOR = ("operator", "opr_1")
STRANGER = ("employer", "emp_stranger")
STEPS = [
    ("request-release", None),
    ("withdraw-request", None),
    ("request-changes", {"reason": "Image 17 has no label."}),
    ("approve", None),
]


def test_a_request_starts_the_review_period(work: Work) -> None:
    work.funded()
    body = {"note": "All done.", "links": ["https://example.com/images"]}
    view = work.done(work.trainer, "request-release", body)
    (first,) = view["rounds"]
    assert (view["state"], view["held"], first["outcome"], first["note"]) == (
        "requested",
        usd(HELD),
        "open",
        "All done.",
    )
    assert first["links"] == ["https://example.com/images"]
    period = datetime.fromisoformat(view["review_due_at"]) - datetime.fromisoformat(first["requested_at"])
    assert period == timedelta(days=14)


def test_every_round_is_kept_and_shown(work: Work) -> None:
    work.funded()
    work.done(work.trainer, "request-release")
    work.done(work.employer, "request-changes", {"reason": "Image 17 has no label."})
    work.done(work.trainer, "request-release", {"note": "Labelled."})
    work.done(work.trainer, "withdraw-request")
    work.done(work.trainer, "request-release")
    view = work.done(work.employer, "approve")
    assert [(r["round"], r["outcome"], r["reason"]) for r in view["rounds"]] == [
        (1, "changes_requested", "Image 17 has no label."),
        (2, "withdrawn", None),
        (3, "approved", None),
    ]
    assert work.review(work.trainer) == view
    assert work.bench.told(work.contract_id) == [
        "release_requested", "changes_requested", "release_requested", "release_request_withdrawn",
        "release_requested", "milestone_approved",
    ]  # fmt: skip


def test_a_review_is_shown_with_its_rounds_as_they_were_at_one_moment(
    work: Work, monkeypatch: pytest.MonkeyPatch
) -> None:
    work.funded()
    before = work.review(work.trainer)
    with between_reads(monkeypatch, "rounds", lambda: work.done(work.trainer, "request-release")):
        seen = work.review(work.trainer)
    assert seen == before
    assert (seen["state"], seen["rounds"]) == ("funded", [])
    assert work.review(work.trainer)["state"] == "requested"


def test_the_employer_may_approve_without_a_request(work: Work) -> None:
    work.funded()
    view = work.done(work.employer, "approve")
    assert (view["state"], view["held"], view["rounds"]) == ("approved", usd(0), [])
    (approved,) = work.bench.said(work.contract_id)
    assert isinstance(approved, MilestoneApproved)
    assert (approved.amount_minor, approved.still_held_minor) == (HELD, 0)


def test_a_part_goes_down_at_once_and_the_rest_can_be_approved(work: Work) -> None:
    work.funded()
    view = work.done(work.employer, "approve", {"amount": usd(20_000)})
    assert (view["state"], view["held"]) == ("funded", usd(100_000))
    assert work.done(work.employer, "approve")["state"] == "approved"
    amounts = [(e.amount_minor, e.still_held_minor) for e in work.bench.said(work.contract_id)]  # type: ignore[attr-defined]
    assert amounts == [(20_000, 100_000), (100_000, 0)]


def test_more_than_is_held_is_409_saying_how_much_is(work: Work) -> None:
    work.funded()
    answer = work.post(work.employer, "approve", {"amount": usd(HELD + 1)})
    assert problem(answer) == (409, "not_covered")
    assert answer.json()["held"] == usd(HELD)


@pytest.mark.parametrize(
    ("amount", "field"),
    [
        ({"amount_minor": 5_000, "currency": "eur"}, "currency"),
        ({"amount_minor": 0, "currency": "usd"}, "amount.amount_minor"),
        ({"amount_minor": -5, "currency": "usd"}, "amount.amount_minor"),
        ({"amount_minor": 5.5, "currency": "usd"}, "amount.amount_minor"),
        ({"amount_minor": 5_000}, "amount.currency"),
        ({"amount_minor": 5_000, "currency": "xyz"}, "amount.currency"),
    ],
)
def test_a_wrong_amount_is_422_naming_the_field(work: Work, amount: Any, field: str) -> None:
    work.funded()
    answer = work.post(work.employer, "approve", {"amount": amount})
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


@pytest.mark.parametrize(
    ("step", "body", "field"),
    [
        ("request-changes", {}, "reason"),
        ("request-changes", {"reason": ""}, "reason"),
        ("request-changes", {"reason": "x" * 2_001}, "reason"),
        ("request-release", {"links": ["ftp://example.com"]}, "links.0"),
        ("request-release", {"links": ["https://example.com"] * 11}, "links"),
        ("request-release", {"note": "x" * 2_001}, "note"),
        ("approve", {"sum": 1}, "sum"),
    ],
)
def test_a_wrong_body_is_422_naming_the_field(work: Work, step: str, body: Any, field: str) -> None:
    work.funded()
    answer = work.post(work.employer, step, body)
    assert answer.status_code == 422
    assert field in answer.json()["detail"]


# -- refusals ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("step", "body"), STEPS)
@pytest.mark.scenario(12)
def test_before_it_is_funded_nothing_is_reviewed(work: Work, step: str, body: Any) -> None:
    who = work.trainer if step in ("request-release", "withdraw-request") else work.employer
    assert problem(work.post(who, step, body)) == (409, "milestone_not_funded")


@pytest.mark.parametrize(("step", "body"), STEPS)
def test_the_other_party_may_not(work: Work, step: str, body: Any) -> None:
    work.funded()
    who = work.employer if step in ("request-release", "withdraw-request") else work.trainer
    assert problem(work.post(who, step, body)) == (403, "forbidden")


@pytest.mark.parametrize(("step", "body"), STEPS)
def test_a_stranger_finds_nothing(work: Work, step: str, body: Any) -> None:
    work.funded()
    assert problem(work.post(STRANGER, step, body)) == (404, "not_found")


def test_a_stranger_sees_nothing(work: Work) -> None:
    answer = work.bench.call(STRANGER, "GET", f"/milestones/{work.milestone_id}/review")
    assert problem(answer) == (404, "not_found")


def test_an_operator_sees_and_acts(work: Work) -> None:
    work.funded()
    assert work.done(OPERATOR, "approve")["state"] == "approved"
    assert work.review(OPERATOR)["releases"][0]["approved_by"] == "opr_1"


@pytest.mark.parametrize(("step", "body"), STEPS[1:3])
def test_without_a_request_there_is_nothing_to_take_or_send_back(work: Work, step: str, body: Any) -> None:
    work.funded()
    who = work.trainer if step == "withdraw-request" else work.employer
    assert problem(work.post(who, step, body)) == (409, "release_not_requested")


def test_an_approved_milestone_is_not_requested_again(work: Work) -> None:
    work.funded()
    work.done(work.employer, "approve")
    assert problem(work.post(work.trainer, "request-release")) == (409, "milestone_not_releasable")


def test_an_unknown_milestone_is_404_after_a_moment(bench: Bench) -> None:
    answer = bench.call(STRANGER, "POST", "/milestones/mls_none/approve")
    assert problem(answer) == (404, "not_found")


# -- again, at once, and late ------------------------------------------------------------------------------


@pytest.mark.scenario(3)
def test_asking_again_answers_the_present_state(work: Work) -> None:
    work.funded()
    first = work.done(work.trainer, "request-release")
    assert work.done(work.trainer, "request-release") == first
    approved = work.done(work.employer, "approve")
    assert work.done(work.employer, "approve") == approved
    assert work.bench.told(work.contract_id) == ["release_requested", "milestone_approved"]


def test_the_same_key_approves_a_part_once(work: Work) -> None:
    work.funded()
    body = {"amount": usd(20_000)}
    first, second = (work.post(work.employer, "approve", body, key="k1") for _ in range(2))
    assert second.json() == first.json()
    assert second.headers["Idempotency-Replayed"] == "true"
    assert work.review()["held"] == usd(100_000)


def test_the_same_key_for_another_amount_is_refused(work: Work) -> None:
    work.funded()
    work.post(work.employer, "approve", {"amount": usd(20_000)}, key="k1")
    again = work.post(work.employer, "approve", {"amount": usd(30_000)}, key="k1")
    assert problem(again) == (422, "idempotency_key_reused")


@pytest.mark.scenario(47)
def test_of_two_parts_at_once_that_are_too_much_together_one_is_refused(work: Work) -> None:
    work.funded()
    answers: list[httpx.Response] = []
    calls = [
        threading.Thread(target=lambda: answers.append(work.post(work.employer, "approve", {"amount": usd(70_000)})))
        for _ in range(2)
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert sorted(answer.status_code for answer in answers) == [202, 409]
    assert work.review()["held"] == usd(50_000)


def test_approving_and_withdrawing_at_once_are_decided_one_after_the_other(work: Work) -> None:
    work.funded()
    work.done(work.trainer, "request-release")
    answers: dict[str, httpx.Response] = {}
    calls = [
        threading.Thread(target=lambda: answers.update(approve=work.post(work.employer, "approve"))),
        threading.Thread(target=lambda: answers.update(withdraw=work.post(work.trainer, "withdraw-request"))),
    ]
    for call in calls:
        call.start()
    for call in calls:
        call.join()
    assert answers["approve"].status_code == 202  # it may release what is funded as well as what is asked for
    assert answers["withdraw"].status_code in (202, 409)
    (first,) = work.review()["rounds"]
    assert first["outcome"] == ("withdrawn" if answers["withdraw"].status_code == 202 else "approved")


def test_news_of_the_charge_that_is_on_its_way_is_waited_for(work: Work) -> None:
    late = threading.Timer(WAIT_S / 2, work.funded)
    late.start()
    answer = work.post(work.trainer, "request-release")
    late.join()
    assert answer.status_code == 202


def test_a_stranger_is_not_waited_for(work: Work, monkeypatch: pytest.MonkeyPatch) -> None:
    with nobody_waits(monkeypatch):
        work.post(STRANGER, "approve")
