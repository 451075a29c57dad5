"""Money given back, on a real database and over HTTP."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas import stripe
from schemas.base import Actor
from schemas.fixtures import example
from schemas.funding import (
    CommandRejected,
    MilestoneRefunded,
    RefundFailed,
    RefundMilestone,
    RefundRequested,
    ReleaseRefused,
)
from schemas.stripe import CreateRefund
from tests.integration.bench import Bench, between_reads, problem
from tests.integration.funding.charges import Charge

OPERATOR = ("operator", "opr_1")


class Refunds:
    """What is given back of a charge, and Stripe's word on it."""

    def __init__(self, bench: Bench, charge: Charge) -> None:
        self.bench = bench
        self.charge = charge

    def ask(self, who: tuple[str, str] | None = None, amount_minor: int | None = None, key: str | None = None) -> Any:
        body = {} if amount_minor is None else {"amount": {"amount_minor": amount_minor, "currency": "usd"}}
        path = f"/milestones/{self.charge.milestone_id}/refund"
        return self.bench.call(who or self.charge.trainer, "POST", path, body, key)

    def asked(self) -> list[RefundRequested]:
        return [m for m in self.bench.said(self.charge.contract_id) if isinstance(m, RefundRequested)]

    def calls(self) -> list[CreateRefund]:
        return [m for m in self.bench.said(self.charge.contract_id) if isinstance(m, CreateRefund)]

    def heard(self, status: str, debited_minor: int = 0, returned_minor: int = 0, **changed: Any) -> None:
        latest = self.asked()[-1]
        given = {
            "contract_id": latest.contract_id, "milestone_id": latest.milestone_id, "funding_id": latest.funding_id,
            "refund_id": latest.refund_id, "stripe_refund_id": f"re_{latest.refund_id}", "status": status,
            "amount_minor": latest.refund_minor, "debited_minor": debited_minor, "returned_minor": returned_minor,
            **changed,
        }  # fmt: skip
        self.bench.hear(example("stripe.refund_changed.v1").message.model_copy(update=given))

    def refused(self, code: str = "charge_disputed") -> None:
        latest = self.asked()[-1]
        self.bench.hear(
            stripe.RefundRefused(
                contract_id=latest.contract_id, milestone_id=latest.milestone_id, funding_id=latest.funding_id,
                refund_id=latest.refund_id, attempt=1, code=code,
            )
        )  # fmt: skip

    def last(self) -> Any:
        return self.bench.said(self.charge.contract_id)[-1]


@pytest.fixture
def refunds(bench: Bench, charge: Charge) -> Refunds:
    charge.funded()
    return Refunds(bench, charge)


@pytest.mark.scenario(56)
def test_the_trainer_gives_all_back_and_nothing_can_be_released_afterwards(
    bench: Bench, charge: Charge, refunds: Refunds
) -> None:
    answer = refunds.ask()
    assert answer.status_code == 202
    assert (answer.json()["state"], answer.json()["refund_minor"]) == ("asked", 132_000)
    bench.hear(charge.approval(120_000))
    assert isinstance(refunds.last(), ReleaseRefused)
    refunds.heard("succeeded", 132_000)
    assert isinstance(refunds.last(), MilestoneRefunded)
    assert charge.balances() == {
        "stripe_balance": 995 - 3_887, "refunded": -120_000, "fees_returned": -12_000, "refund_paid": 132_000,
        "marketplace_fees": -995, "stripe_fees": 3_887,
    }  # fmt: skip
    bench.hear(charge.approval(1))
    assert isinstance(refunds.last(), ReleaseRefused)
    shown = charge.shown()
    assert shown["state"] == "refunded"
    assert [(r["state"], r["owed_minor"]) for r in shown["refunds"]] == [("made", 0)]


def test_a_funding_is_shown_with_its_refunds_as_they_were_at_one_moment(
    charge: Charge, refunds: Refunds, monkeypatch: pytest.MonkeyPatch
) -> None:
    refunds.ask()
    before = charge.shown()
    with between_reads(monkeypatch, "refunds", lambda: refunds.heard("succeeded", 132_000)):
        seen = charge.shown()
    assert seen == before
    assert [refund["state"] for refund in seen["refunds"]] == ["asked"]
    assert [refund["state"] for refund in charge.shown()["refunds"]] == ["made"]


@pytest.mark.scenario(57)
def test_a_part_back_the_rest_released_and_nothing_beyond(bench: Bench, charge: Charge, refunds: Refunds) -> None:
    assert refunds.ask(amount_minor=50_000).status_code == 202
    refunds.heard("succeeded", 55_000)
    assert problem(refunds.ask(amount_minor=70_001)) == (409, "more_than_held")
    bench.hear(charge.approval(70_001))
    assert isinstance(refunds.last(), ReleaseRefused)
    bench.hear(charge.approval(70_000))
    assert charge.told()[-1] == "funds_released"
    assert (charge.balances()["released"], charge.balances()["refunded"]) == (-70_000, -50_000)
    assert problem(refunds.ask(OPERATOR)) == (409, "nothing_to_refund")


@pytest.mark.scenario(58)
def test_the_same_refund_asked_twice_is_one(bench: Bench, charge: Charge, refunds: Refunds) -> None:
    first, second = refunds.ask(key="again"), refunds.ask(key="again")
    assert first.json() == second.json()
    third = refunds.ask()
    assert (third.status_code, third.json()["refund_id"]) == (202, first.json()["refund_id"])
    assert len(refunds.asked()) == len(refunds.calls()) == 1
    refunds.heard("succeeded", 132_000)
    refunds.heard("succeeded", 132_000)
    assert charge.balances()["refund_paid"] == 132_000


@pytest.mark.scenario(59)
def test_a_refund_that_waits_for_the_balance_is_owed_until_stripe_makes_it(charge: Charge, refunds: Refunds) -> None:
    refunds.ask()
    refunds.heard("pending", pending_reason="insufficient_funds")
    assert [(r["state"], r["code"], r["owed_minor"]) for r in charge.shown()["refunds"]] == [
        ("pending", "insufficient_funds", 132_000)
    ]
    assert "refund_paid" not in charge.balances()
    refunds.heard("succeeded", 132_000)
    assert isinstance(refunds.last(), MilestoneRefunded)


@pytest.mark.scenario(59)
def test_a_refund_that_waits_and_then_fails_stays_owed(charge: Charge, refunds: Refunds) -> None:
    refunds.ask()
    refunds.heard("pending", pending_reason="insufficient_funds")
    refunds.heard("failed", failure_reason="lost_or_stolen_card")
    assert refunds.last().owed
    assert "held" not in charge.balances()


@pytest.mark.scenario(60)
def test_a_refund_that_fails_weeks_later_is_owed_paid_by_hand_and_never_released(
    bench: Bench, charge: Charge, refunds: Refunds
) -> None:
    refunds.ask()
    refunds.heard("succeeded", 132_000)
    refunds.heard("failed", 132_000, 132_000, failure_reason="expired_or_canceled_card")
    failed = refunds.last()
    assert isinstance(failed, RefundFailed)
    assert (failed.owed, failed.code, failed.held_minor) == (True, "expired_or_canceled_card", 0)
    bench.hear(charge.approval(120_000))
    assert isinstance(refunds.last(), ReleaseRefused)
    path = f"/refunds/{refunds.asked()[0].refund_id}/paid-by-hand"
    assert problem(bench.call(charge.trainer, "POST", path, {"reference": "x"})) == (403, "forbidden")
    answer = bench.call(OPERATOR, "POST", path, {"reference": "wire 77"})
    assert (answer.status_code, answer.json()["state"], answer.json()["owed_minor"]) == (202, "by_hand", 0)
    assert refunds.last().by_hand
    assert charge.balances()["paid_by_hand"] == -132_000
    assert bench.call(OPERATOR, "POST", path, {"reference": "wire 77"}).status_code == 202
    assert charge.balances()["paid_by_hand"] == -132_000


@pytest.mark.scenario(63)
@pytest.mark.parametrize("refund_first", [True, False])
def test_of_a_refund_and_a_release_one_succeeds(
    bench: Bench, charge: Charge, refunds: Refunds, refund_first: bool
) -> None:
    command = RefundMilestone(
        actor=Actor(role="trainer", party_id=charge.trainer[1]), contract_id=charge.contract_id,
        milestone_id=charge.milestone_id,
    )  # fmt: skip
    both = [command, charge.approval(120_000)]
    bench.hear(*both if refund_first else reversed(both))
    released, refunded = charge.balances().get("released", 0), charge.balances().get("refunded", 0)
    assert (released, refunded) == ((0, -120_000) if refund_first else (-120_000, 0))
    assert isinstance(refunds.last(), ReleaseRefused if refund_first else CommandRejected)


@pytest.mark.scenario(63)
def test_of_refunds_and_a_release_at_the_same_time_one_succeeds(bench: Bench, charge: Charge, refunds: Refunds) -> None:
    with ThreadPoolExecutor() as threads:
        asked = [threads.submit(refunds.ask, amount_minor=120_000) for _ in range(3)]
        threads.submit(bench.hear, charge.approval(120_000)).result()
        answers = [answer.result().status_code for answer in asked]
    released, refunded = charge.balances().get("released", 0), charge.balances().get("refunded", 0)
    assert sorted((released, refunded)) == [-120_000, 0]
    assert answers.count(202) == len(refunds.asked()) == (1 if refunded else 0)


@pytest.mark.scenario(64)
def test_a_refused_refund_is_closed_with_the_reason_and_not_tried_again(charge: Charge, refunds: Refunds) -> None:
    refunds.ask()
    refunds.refused()
    failed = refunds.last()
    assert isinstance(failed, RefundFailed)
    assert (failed.owed, failed.code, failed.held_minor) == (False, "charge_disputed", 120_000)
    refunds.refused()
    assert len(refunds.calls()) == 1
    assert charge.balances()["held"] == -120_000
    assert charge.shown()["state"] == "funded"


def test_who_may_not_is_told_who_can(charge: Charge, refunds: Refunds) -> None:
    answer = refunds.ask(charge.employer)
    assert problem(answer) == (403, "forbidden")
    assert "the trainer gives the money back" in answer.json()["detail"]
    assert problem(refunds.ask(("trainer", "trn_stranger"))) == (404, "not_found")
    assert refunds.ask(OPERATOR, 1_000).status_code == 202
    assert refunds.asked()[0].cause == "operator"


def test_both_parties_see_what_was_given_back_and_strangers_do_not(
    bench: Bench, charge: Charge, refunds: Refunds
) -> None:
    refunds.ask(amount_minor=1_000)
    path = f"/milestones/{charge.milestone_id}/refunds"
    for who in (charge.employer, charge.trainer, OPERATOR):
        assert [r["amount_minor"] for r in bench.call(who, "GET", path).json()["data"]] == [1_000]
    assert problem(bench.call(("employer", "emp_stranger"), "GET", path)) == (404, "not_found")


def test_a_refund_made_at_stripe_by_hand_is_booked_told_and_freezes_the_rest(
    charge: Charge, refunds: Refunds, caplog: pytest.LogCaptureFixture
) -> None:
    asked = charge.requests()[0]
    refunds.bench.hear(
        example("stripe.refund_changed.v1").message.model_copy(
            update={
                "contract_id": charge.contract_id, "milestone_id": charge.milestone_id, "funding_id": asked.funding_id,
                "refund_id": None, "stripe_refund_id": f"re_hand_{charge.name}", "status": "succeeded",
                "amount_minor": 20_000, "debited_minor": 20_000, "returned_minor": 0, "currency": "usd",
            }
        )
    )  # fmt: skip
    assert "was made at Stripe by hand" in caplog.text
    assert (charge.balances()["held"], charge.balances()["refund_paid"]) == (-100_000, 20_000)
    assert refunds.asked()[0].cause == "made_at_stripe"
    assert [freeze["cause"] for freeze in charge.shown()["freezes"]] == ["reconciliation"]


def test_what_stripe_tells_of_an_unknown_refund_of_ours_is_not_dropped(charge: Charge, refunds: Refunds) -> None:
    refunds.ask(amount_minor=1_000)
    with pytest.raises(LookupError):
        refunds.heard("succeeded", 1_100, refund_id="rfd_lost", stripe_refund_id="re_lost")
