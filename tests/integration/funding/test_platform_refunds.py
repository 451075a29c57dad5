"""What the trainer has is given to the employer from the platform's own money, on a real database."""

from typing import Any

import pytest

from schemas.base import Actor
from schemas.funding import CommandRejected, PlatformRefundRequested, RefundFromPlatform
from tests.integration.bench import Bench, problem
from tests.integration.funding.test_freezes_and_disputes import OPERATOR, Trouble, kinds, trouble

__all__ = ["trouble"]

pytestmark = pytest.mark.scenario(61)
REASON = "The trainer's account is empty."


def usd(amount_minor: int) -> dict[str, Any]:
    return {"amount_minor": amount_minor, "currency": "usd"}


def _paid_out(trouble: Trouble) -> None:
    trouble.approve()
    trouble.transfer()


def _give(trouble: Trouble, amount_minor: int | None = None, who: tuple[str, str] = OPERATOR) -> Any:
    body: dict[str, Any] = {"reason": REASON}
    if amount_minor is not None:
        body["amount"] = usd(amount_minor)
    return trouble.post("refund-from-platform", who, body)


def _made(trouble: Trouble, refund: Any) -> list[Any]:
    return trouble.hear(
        "stripe.refund_changed", refund_id=refund["refund_id"], stripe_refund_id=f"re_{trouble.charge.name}",
        status="succeeded", amount_minor=refund["refund_minor"], debited_minor=refund["refund_minor"],
        returned_minor=0,
    )  # fmt: skip


def test_it_is_the_platforms_loss_and_the_release_stands(bench: Bench, trouble: Trouble) -> None:
    _paid_out(trouble)
    assert problem(trouble.post("refund", body={})) == (409, "nothing_to_refund")
    answer = _give(trouble, 40_000)
    refund = answer.json()
    assert (answer.status_code, refund["lost_minor"], refund["amount_minor"], refund["refund_minor"]) == (
        202, 40_000, 0, 44_000,
    )  # fmt: skip
    assert (refund["requested_by"], refund["reason"]) == ("opr_1", REASON)
    assert kinds(bench.said(trouble.charge.contract_id)[-2:]) == ["platform_refund_requested", "create_refund"]
    assert kinds(_made(trouble, refund)) == ["platform_refund_made"]
    balances = trouble.charge.balances()
    assert (balances["platform_losses"], balances["platform_refunds"], balances["refund_paid"]) == (
        40_000, -40_000, 44_000,
    )  # fmt: skip
    assert (balances["released"], balances["transferred"], balances.get("refunded")) == (-120_000, 120_000, None)
    assert trouble.charge.shown()["state"] == "released"


def test_never_more_than_the_trainer_has_of_it(trouble: Trouble) -> None:
    _paid_out(trouble)
    trouble.reverse(50_000)
    refused = _give(trouble, 70_001)
    assert (problem(refused), refused.json()["left_minor"]) == ((409, "more_than_transferred"), 70_000)
    assert _give(trouble).json()["lost_minor"] == 70_000
    assert problem(_give(trouble, 1)) == (409, "nothing_with_the_trainer")
    again = _give(trouble)
    assert (again.status_code, again.json()["lost_minor"]) == (202, 70_000)
    assert trouble.charge.told().count("platform_refund_requested") == 1
    # What came back was held again, and goes back as ever.
    assert trouble.post("refund", body={}).json()["amount_minor"] == 50_000


def test_what_comes_back_later_makes_the_loss_good_before_anything_is_held(trouble: Trouble) -> None:
    _paid_out(trouble)
    refund = _give(trouble, 40_000).json()
    _made(trouble, refund)
    assert kinds(trouble.reverse(30_000)) == ["funds_returned", "refund_requested", "milestone_refunded"]
    assert "held" not in trouble.charge.balances()
    told = trouble.reverse(120_000)
    assert kinds(told) == ["funds_returned", "refund_requested", "milestone_refunded", "funds_frozen"]
    balances = trouble.charge.balances()
    assert (balances["held"], balances["refunded"]) == (-80_000, -40_000)
    assert not {"platform_losses", "platform_refunds", "released", "transferred"} & set(balances)


def test_one_that_stripe_refuses_costs_nothing(trouble: Trouble) -> None:
    _paid_out(trouble)
    before = trouble.charge.balances()
    refund = _give(trouble).json()
    told = trouble.hear("stripe.refund_refused", refund_id=refund["refund_id"], code="charge_disputed", message="")
    assert kinds(told) == ["platform_refund_failed"]
    assert trouble.charge.balances() == before
    assert _give(trouble).json()["refund_id"] != refund["refund_id"]


def test_only_an_operator_decides_it_and_says_why(trouble: Trouble) -> None:
    _paid_out(trouble)
    assert problem(_give(trouble, who=trouble.charge.employer)) == (403, "forbidden")
    assert problem(_give(trouble, who=trouble.charge.trainer)) == (403, "forbidden")
    assert problem(_give(trouble, who=("trainer", "trn_stranger"))) == (404, "not_found")
    assert trouble.post("refund-from-platform", body={}).status_code == 422
    assert "platform_refund_requested" not in trouble.charge.told()


def test_a_command_on_the_topic_is_decided_alike(bench: Bench, trouble: Trouble) -> None:
    _paid_out(trouble)
    about = {"contract_id": trouble.charge.contract_id, "milestone_id": trouble.charge.milestone_id, "reason": REASON}
    bench.hear(RefundFromPlatform(actor=Actor(role="service", party_id="svc_1"), **about))
    bench.hear(RefundFromPlatform(actor=Actor(role="operator", party_id="opr_1"), **about))
    said = bench.said(trouble.charge.contract_id)
    answers = [of for of in said if isinstance(of, CommandRejected | PlatformRefundRequested)]
    assert [type(of) for of in answers] == [CommandRejected, PlatformRefundRequested]
