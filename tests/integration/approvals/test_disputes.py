"""Disputes between the parties over HTTP and Kafka's messages, on a real database."""

import threading
from itertools import count
from typing import Any

import httpx
import pytest

from schemas.approvals import CommandRejected, DisputeMilestone, DisputeResolved, ResolveDispute
from schemas.base import Actor
from tests.integration.approvals.work import HELD, Work, usd
from tests.integration.bench import Bench, problem

OPERATOR = ("operator", "opr_1")
STRANGER = ("employer", "emp_stranger")
REASON = {"reason": "The images were exchanged."}
_NUMBERS = count(1)


def _disputed(work: Work) -> str:
    """The id of a dispute that the trainer opened."""
    dispute_id: str = work.funded().done(work.trainer, "dispute", REASON)["disputes"][0]["dispute_id"]
    return dispute_id


def _settle(work: Work, dispute_id: str, to_trainer: Any, to_employer: Any, who: Any = OPERATOR) -> httpx.Response:
    body = {"to_trainer": to_trainer, "to_employer": to_employer, "reason": "Six of ten were done."}
    return work.bench.call(who, "POST", f"/disputes/{dispute_id}/resolve", body)


def _held(work: Work, name: str, held_minor: int, **changed: Any) -> None:
    work.bench.hear(work.fact(f"funding.{name}", held_minor=held_minor, still_held_minor=held_minor, **changed))


@pytest.mark.parametrize("party", ["employer", "trainer"])
def test_either_party_disputes_and_nothing_is_released_until_it_is_settled(work: Work, party: str) -> None:
    work.funded().done(work.trainer, "request-release")
    view = work.done(getattr(work, party), "dispute", REASON)
    (dispute,) = view["disputes"]
    assert (view["state"], view["rounds"][0]["outcome"]) == ("disputed", "disputed")
    assert (dispute["outcome"], dispute["opened_by"]) == ("open", getattr(work, party)[1])
    assert problem(work.post(work.employer, "approve")) == (409, "milestone_disputed")
    assert problem(work.post(work.trainer, "request-release")) == (409, "milestone_disputed")
    assert work.done(work.employer, "dispute", REASON) == view
    assert work.bench.told(work.contract_id) == ["release_requested", "milestone_disputed"]


def test_an_operator_divides_it_and_the_ledger_carries_it_out(work: Work) -> None:
    dispute_id = _disputed(work)
    answer = _settle(work, dispute_id, usd(70_000), usd(50_000))
    assert answer.status_code == 202, answer.text
    view = answer.json()
    assert (view["state"], view["held"]) == ("approved", usd(0))
    assert (view["disputes"][0]["outcome"], view["disputes"][0]["to_trainer"]) == ("resolved", usd(70_000))
    (_, event) = work.bench.said(work.contract_id)
    assert isinstance(event, DisputeResolved)
    work.released(event.release_id or "", 70_000, 50_000)
    _held(work, "refund_requested", 0, amount_minor=50_000, cause="dispute_decided")
    view = work.review(work.trainer)
    assert (view["state"], view["held"], view["releases"][0]["outcome"]) == ("approved", usd(0), "released")
    assert _settle(work, dispute_id, usd(70_000), usd(50_000)).json() == view


def test_parts_that_do_not_sum_are_409_with_the_figures(work: Work) -> None:
    answer = _settle(work, _disputed(work), usd(70_000), usd(50_001))
    assert problem(answer) == (409, "parts_do_not_sum")
    assert (answer.json()["held"], answer.json()["given"]) == (usd(HELD), usd(HELD + 1))
    assert work.review()["state"] == "disputed"


@pytest.mark.parametrize(
    ("to_trainer", "to_employer"),
    [
        (usd(-1), usd(HELD + 1)),
        (usd(1.5), usd(HELD)),
        ({"amount_minor": HELD, "currency": "eur"}, {"amount_minor": 0, "currency": "eur"}),
        (usd(HELD), {"amount_minor": 0, "currency": "eur"}),
    ],
)
def test_wrong_parts_are_422(work: Work, to_trainer: Any, to_employer: Any) -> None:
    assert _settle(work, _disputed(work), to_trainer, to_employer).status_code == 422


def test_only_an_operator_settles_and_a_stranger_finds_nothing(work: Work) -> None:
    dispute_id = _disputed(work)
    assert problem(_settle(work, dispute_id, usd(HELD), usd(0), work.trainer)) == (403, "forbidden")
    assert problem(_settle(work, dispute_id, usd(HELD), usd(0), STRANGER)) == (404, "not_found")
    assert problem(_settle(work, "dsp_none", usd(HELD), usd(0))) == (404, "not_found")
    assert problem(work.post(STRANGER, "dispute", REASON)) == (404, "not_found")


def test_before_it_is_funded_and_after_it_is_approved_there_is_nothing_to_dispute(work: Work) -> None:
    assert problem(work.post(work.trainer, "dispute", REASON)) == (409, "milestone_not_funded")
    work.funded().done(work.employer, "approve")
    assert problem(work.post(work.trainer, "dispute", REASON)) == (409, "milestone_not_releasable")


@pytest.mark.scenario(51)
def test_approving_and_disputing_at_once_are_decided_one_after_the_other(bench: Bench) -> None:
    for _ in range(5):
        work = Work(bench, f"race{next(_NUMBERS)}").added().funded()
        answers: dict[str, httpx.Response] = {}
        together = threading.Barrier(2)

        def step(name: str, who: tuple[str, str], body: Any, work: Work = work, answers: Any = answers,
                 together: threading.Barrier = together) -> None:  # fmt: skip
            together.wait()
            answers[name] = work.post(who, name, body)

        calls = [
            threading.Thread(target=step, args=("approve", work.employer, None)),
            threading.Thread(target=step, args=("dispute", work.trainer, REASON)),
        ]
        for call in calls:
            call.start()
        for call in calls:
            call.join()
        won = "approve" if answers["approve"].status_code == 202 else "dispute"
        lost = "dispute" if won == "approve" else "approve"
        assert answers[won].status_code == 202
        code = "milestone_not_releasable" if won == "approve" else "milestone_disputed"
        assert problem(answers[lost]) == (409, code)
        assert work.bench.told(work.contract_id) == [
            "milestone_approved" if won == "approve" else "milestone_disputed",
        ]


# -- what the ledger says ----------------------------------------------------------------------------------


def test_frozen_money_is_409_until_it_is_unfrozen(work: Work) -> None:
    work.funded()
    _held(work, "funds_frozen", HELD, cause="fraud_warning", about="issfr_1")
    answer = work.post(work.employer, "approve")
    assert problem(answer) == (409, "funds_frozen")
    assert answer.json()["causes"] == ["fraud_warning"]
    assert problem(work.post(work.trainer, "request-release")) == (409, "funds_frozen")
    assert work.review()["frozen_by"] == ["fraud_warning"]
    _held(work, "funds_unfrozen", HELD, cause="fraud_warning", about="issfr_1", still_frozen=False)
    assert work.done(work.employer, "approve")["state"] == "approved"


def test_a_refunded_milestone_is_closed_and_opens_again_when_stripe_never_made_the_refund(work: Work) -> None:
    work.funded().done(work.trainer, "request-release")
    _held(work, "refund_requested", 0, amount_minor=HELD, cause="given_back")
    view = work.review()
    assert (view["state"], view["held"], view["rounds"][0]["outcome"]) == ("closed", usd(0), "refunded")
    assert problem(work.post(work.employer, "approve")) == (409, "nothing_held")
    assert work.bench.told(work.contract_id) == ["release_requested", "release_request_withdrawn"]
    _held(work, "refund_failed", HELD, amount_minor=HELD, owed=False)
    assert work.done(work.employer, "approve")["state"] == "approved"


def test_a_chargeback_stops_the_dispute_of_the_parties(work: Work) -> None:
    dispute_id = _disputed(work)
    _held(work, "milestone_charged_back", 0, charged_back_minor=HELD, final=True)
    view = work.review()
    assert (view["state"], view["disputes"][0]["outcome"]) == ("closed", "stopped")
    assert "bank" in view["disputes"][0]["settlement"]
    assert work.bench.told(work.contract_id) == ["milestone_disputed", "dispute_stopped"]
    assert problem(_settle(work, dispute_id, usd(HELD), usd(0))) == (409, "dispute_closed")
    _held(work, "chargeback_reversed", HELD, restored_minor=HELD)
    assert work.review()["state"] == "funded"


def test_a_reversed_transfer_is_held_again_and_frozen(work: Work) -> None:
    work.funded().done(work.employer, "approve")
    work.released(work.review()["releases"][0]["release_id"], HELD, 0)
    _held(work, "funds_frozen", HELD, cause="transfer_reversed", about="tr_1")
    _held(work, "funds_returned", HELD, amount_minor=HELD)
    view = work.review()
    assert (view["state"], view["held"], view["frozen_by"]) == ("funded", usd(HELD), ["transfer_reversed"])
    assert problem(work.post(work.employer, "approve")) == (409, "funds_frozen")


def test_a_dispute_as_commands_on_the_topic(work: Work) -> None:
    work.funded()
    of = {"contract_id": work.contract_id, "milestone_id": work.milestone_id}
    settlement = {"to_trainer_minor": HELD, "to_employer_minor": 0, "currency": "usd", "reason": "All was done."}
    trainer = Actor(role="trainer", party_id=work.trainer[1])
    operator = Actor(role="operator", party_id="opr_1")
    work.bench.hear(DisputeMilestone(actor=trainer, **of, **REASON))
    dispute_id = work.review()["disputes"][0]["dispute_id"]
    work.bench.hear(ResolveDispute(actor=trainer, **of, dispute_id=dispute_id, **settlement))
    work.bench.hear(ResolveDispute(actor=operator, **of, dispute_id=dispute_id, **settlement))
    said = work.bench.said(work.contract_id)
    assert [m.type_name.split(".")[1] for m in said] == ["milestone_disputed", "command_rejected", "dispute_resolved"]
    assert isinstance(said[1], CommandRejected)
    assert said[1].code == "forbidden"
