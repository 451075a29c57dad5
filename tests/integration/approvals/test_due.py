"""Requests that nobody answers: reminders by the clock, and the approval that comes by itself."""

from datetime import timedelta
from itertools import count

import pytest

from schemas.approvals import BY_RULE, ApprovalDue, ApproveMilestone, CheckReview, MilestoneApproved
from schemas.base import Actor, Message
from schemas.envelope import Envelope
from services.approvals.service import SERVICE
from services.runtime.processor import Batch
from services.runtime.timers import Timers
from tests.integration.approvals.work import HELD, Work, usd
from tests.integration.bench import Bench

_NUMBERS = count(1)


def _requested(bench: Bench, auto_approve_after_days: int | None = None) -> Work:
    work = Work(bench, f"due{next(_NUMBERS)}")
    terms = work.fact("contracts.contract_created", auto_approve_after_days=auto_approve_after_days)
    bench.hear(terms)
    work.added().funded().done(work.trainer, "request-release")
    return work


def _reminded(work: Work) -> list[int]:
    return [said.days_left for said in work.bench.said(work.contract_id) if isinstance(said, ApprovalDue)]


def _fired(work: Work) -> tuple[Envelope, Message]:
    """The one command that its timer gives now, not taken yet."""
    [fired] = [(envelope, command) for envelope, command in work.bench.fired() if command.key == work.contract_id]
    return fired


def _approvals(work: Work) -> list[MilestoneApproved]:
    return [said for said in work.bench.said(work.contract_id) if isinstance(said, MilestoneApproved)]


def test_the_employer_is_reminded_and_without_the_term_nothing_is_ever_approved(bench: Bench) -> None:
    work = _requested(bench)
    bench.later(days=10.9)
    assert _reminded(work) == []
    bench.later(days=0.2)
    assert _reminded(work) == [3]
    bench.later(days=2)
    assert _reminded(work) == [3, 1]
    bench.later(days=2)
    assert _reminded(work) == [3, 1, -1]
    assert work.contract_id not in {command.key for command in bench.later(days=400)}
    assert work.review()["state"] == "requested"


def test_a_clock_that_jumps_over_reminders_tells_the_one_that_is_true(bench: Bench) -> None:
    work = _requested(bench)
    bench.later(days=13.5)
    assert _reminded(work) == [1]


def test_an_answer_ends_the_reminders(bench: Bench) -> None:
    work = _requested(bench)
    bench.later(days=11)
    work.done(work.employer, "request-changes", {"reason": "Image 17 has no label."})
    bench.later(days=30)
    assert _reminded(work) == [3]


@pytest.mark.scenario(53)
def test_the_review_period_of_such_a_contract_ends_with_an_approval_by_the_rule(bench: Bench) -> None:
    work = _requested(bench, auto_approve_after_days=5)
    bench.later(days=4.9)
    assert (_reminded(work), _approvals(work)) == ([1], []), "three days are not true any more"
    bench.later(days=0.2)
    [approved] = _approvals(work)
    assert (approved.amount_minor, approved.still_held_minor, approved.approved_by) == (HELD, 0, BY_RULE)
    view = work.review()
    assert (view["state"], view["held"], view["releases"][0]["approved_by"]) == ("approved", usd(0), BY_RULE)
    bench.later(days=30)
    assert len(_approvals(work)) == 1


@pytest.mark.scenario(53)
def test_the_timer_on_two_replicas_and_the_same_command_twice_approve_once(bench: Bench) -> None:
    work = _requested(bench, auto_approve_after_days=1)
    bench.clock.advance(timedelta(days=1))
    other = Timers(SERVICE.name, bench.processor.database, bench.clock, poll_s=1, most=500)
    envelope, command = _fired(work)
    assert other.fire() == 0
    for identifier in (envelope.id, envelope.id, "cmd_forged"):
        again = bench.envelope(command, identifier)
        bench.processor.run(Batch([bench.as_heard(again, command)]))
    assert len(_approvals(work)) == 1


@pytest.mark.scenario(53)
@pytest.mark.parametrize("rule_first", [True, False])
def test_of_the_rule_and_the_employer_at_the_same_moment_one_approves(bench: Bench, rule_first: bool) -> None:
    work = _requested(bench, auto_approve_after_days=1)
    bench.clock.advance(timedelta(days=1))
    envelope, check = _fired(work)
    employer = Actor(role="employer", party_id=work.employer[1])
    approval = ApproveMilestone(actor=employer, contract_id=work.contract_id, milestone_id=work.milestone_id)
    both = [bench.as_heard(envelope, check), bench.as_heard(bench.envelope(approval), approval)]
    bench.processor.run(Batch(both if rule_first else both[::-1]))
    [approved] = _approvals(work)
    assert approved.amount_minor == HELD
    assert approved.approved_by == (BY_RULE if rule_first else work.employer[1])


@pytest.mark.scenario(53)
@pytest.mark.parametrize("answer", ["withdraw-request", "request-changes"])
def test_after_another_answer_and_in_a_new_round_the_old_timer_approves_nothing(bench: Bench, answer: str) -> None:
    work = _requested(bench, auto_approve_after_days=5)
    bench.later(days=4)
    if answer == "withdraw-request":
        work.done(work.trainer, answer)
    else:
        work.done(work.employer, answer, {"reason": "Image 17 has no label."})
    bench.later(days=3)
    assert _approvals(work) == []
    work.done(work.trainer, "request-release")
    stale = CheckReview(contract_id=work.contract_id, milestone_id=work.milestone_id, round=1)
    bench.hear(stale)
    bench.later(days=4)
    assert _approvals(work) == [], "the new round has its own five days"
    bench.later(days=1.1)
    assert len(_approvals(work)) == 1


def test_a_part_that_the_employer_released_ends_the_request_and_the_rest_stays_held(bench: Bench) -> None:
    work = _requested(bench, auto_approve_after_days=5)
    work.done(work.employer, "approve", {"amount": usd(20_000)})
    bench.later(days=6)
    assert [approved.amount_minor for approved in _approvals(work)] == [20_000]
