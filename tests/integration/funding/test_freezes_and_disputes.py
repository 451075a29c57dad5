"""Frozen money, disputes at the bank and between the parties, and transfers that came back, on a real database."""

from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest

from schemas.base import Actor
from schemas.fixtures import example
from schemas.funding import (
    ChargebackReversed,
    FreezeFunds,
    FundsReleased,
    FundsReturned,
    MilestoneChargedBack,
    RefundRequested,
    ReleaseRefused,
)
from tests.integration.bench import Bench, problem
from tests.integration.funding.charges import Charge

OPERATOR = ("operator", "opr_1")
WHOLE = 132_995


class Trouble:
    """A funded milestone, and what happens to it."""

    def __init__(self, bench: Bench, charge: Charge) -> None:
        self.bench = bench
        self.charge = charge.funded()
        self.funding_id = charge.requests()[0].funding_id

    def fact(self, type_name: str, **changed: Any) -> Any:
        message = example(f"{type_name}.v1").message
        given = {
            "contract_id": self.charge.contract_id, "milestone_id": self.charge.milestone_id,
            "funding_id": self.funding_id, "charge_id": f"ch_{self.funding_id}", "employer_id": self.charge.employer[1],
            "trainer_id": self.charge.trainer[1], "currency": "usd", **changed,
        }  # fmt: skip
        return message.model_copy(
            update={name: value for name, value in given.items() if name in type(message).model_fields}
        )

    def hear(self, type_name: str, **changed: Any) -> list[Any]:
        before = len(self.bench.said(self.charge.contract_id))
        self.bench.hear(self.fact(type_name, **changed))
        return self.bench.said(self.charge.contract_id)[before:]

    def dispute(self, status: str, withdrawn: int = 0, reinstated: int = 0, fee: int = 1_500) -> list[Any]:
        return self.hear(
            "stripe.charge_dispute_changed", dispute_id=f"du_{self.charge.name}", status=status,
            withdrawn_minor=withdrawn, reinstated_minor=reinstated, fee_minor=fee,
        )  # fmt: skip

    def approve(self, amount_minor: int = 120_000) -> list[Any]:
        before = len(self.bench.said(self.charge.contract_id))
        self.bench.hear(self.charge.approval(amount_minor, release_id=f"rel_{self.charge.name}_{before}"))
        return self.bench.said(self.charge.contract_id)[before:]

    def transfer(self, amount_minor: int = 120_000) -> None:
        self.hear(
            "stripe.transfer_created", transfer_id=f"tr_{self.charge.name}", payout_id="pay_1",
            amount_minor=amount_minor,
        )  # fmt: skip

    def reverse(self, total: int) -> list[Any]:
        return self.hear(
            "stripe.transfer_reversed", transfer_id=f"tr_{self.charge.name}", payout_id="pay_1", reversed_minor=total,
            amount_minor=120_000,
        )  # fmt: skip

    def post(self, action: str, who: tuple[str, str] = OPERATOR, body: Any = None) -> Any:
        path = f"/milestones/{self.charge.milestone_id}/{action}"
        return self.bench.call(who, "POST", path, {"reason": "why"} if body is None else body)

    def frozen_by(self) -> list[str]:
        return [freeze["cause"] for freeze in self.charge.shown()["freezes"]]


@pytest.fixture
def trouble(bench: Bench, charge: Charge) -> Trouble:
    return Trouble(bench, charge)


def kinds(events: list[Any]) -> list[str]:
    return [event.type_name.split(".")[1] for event in events]


# -- warnings and operators ----------------------------------------------------------------------------------


@pytest.mark.scenario(44)
def test_a_fraud_warning_freezes_the_release_until_an_operator_lifts_it(trouble: Trouble) -> None:
    warning = {"warning_id": f"issfr_{trouble.charge.name}", "actionable": True}
    assert kinds(trouble.hear("stripe.early_fraud_warning_raised", **warning)) == ["funds_frozen"]
    assert trouble.hear("stripe.early_fraud_warning_raised", **warning) == []
    (refused,) = trouble.approve()
    assert isinstance(refused, ReleaseRefused)
    assert refused.code == "frozen"
    assert trouble.post("unfreeze").json() == {"data": []}
    assert kinds(trouble.approve()) == ["funds_released"]


def test_a_fraud_warning_that_is_settled_freezes_no_more(trouble: Trouble) -> None:
    about = {"warning_id": f"issfr_{trouble.charge.name}"}
    trouble.hear("stripe.early_fraud_warning_raised", actionable=True, **about)
    assert kinds(trouble.hear("stripe.early_fraud_warning_raised", actionable=False, **about)) == ["funds_unfrozen"]


@pytest.mark.scenario(44)
def test_while_stripe_reviews_the_payment_it_is_funded_and_not_released(trouble: Trouble) -> None:
    about = {"review_id": f"prv_{trouble.charge.name}"}
    assert kinds(trouble.hear("stripe.review_changed", open=True, **about)) == ["funds_frozen"]
    assert trouble.charge.shown()["state"] == "funded"
    assert kinds(trouble.approve()) == ["release_refused"]
    assert kinds(trouble.hear("stripe.review_changed", open=False, reason="approved", **about)) == ["funds_unfrozen"]
    assert kinds(trouble.approve()) == ["funds_released"]


def test_operators_freeze_and_unfreeze_and_parties_do_not(trouble: Trouble) -> None:
    assert problem(trouble.post("freeze", trouble.charge.employer)) == (403, "forbidden")
    assert problem(trouble.post("freeze", ("trainer", "trn_stranger"))) == (404, "not_found")
    frozen = trouble.post("freeze")
    assert (frozen.status_code, [f["cause"] for f in frozen.json()["data"]]) == (202, ["operator"])
    assert trouble.post("freeze").status_code == 202
    assert problem(trouble.post("refund", trouble.charge.trainer)) == (409, "funds_frozen")
    assert kinds(trouble.approve()) == ["release_refused"]
    assert problem(trouble.post("unfreeze", trouble.charge.trainer)) == (403, "forbidden")
    assert trouble.post("unfreeze").json() == {"data": []}
    assert trouble.charge.told().count("funds_frozen") == trouble.charge.told().count("funds_unfrozen") == 1


@pytest.mark.scenario(76)
def test_what_reconciliation_sends_freezes_that_milestone_and_no_other(bench: Bench, trouble: Trouble) -> None:
    other = trouble.charge.addition(milestone="_2")
    bench.hear(other)
    command = FreezeFunds(
        actor=Actor(role="service", party_id="reconcile"), contract_id=trouble.charge.contract_id,
        milestone_id=trouble.charge.milestone_id, cause="reconciliation", reason="ledger and Stripe differ",
    )  # fmt: skip
    before = len(bench.said(trouble.charge.contract_id))
    bench.hear(command)
    bench.hear(command)
    told = bench.said(trouble.charge.contract_id)[before:]
    assert kinds(told) == ["funds_frozen", "command_unchanged"]
    assert (told[0].milestone_id, told[0].cause) == (trouble.charge.milestone_id, "reconciliation")
    assert kinds(trouble.approve()) == ["release_refused"]


# -- disputes at the bank ------------------------------------------------------------------------------------


@pytest.mark.scenario(65)
def test_a_dispute_before_the_release_blocks_it_and_ends_lost(bench: Bench, trouble: Trouble) -> None:
    told = trouble.dispute("needs_response", WHOLE)
    assert kinds(told) == ["funds_frozen", "milestone_charged_back"]
    assert trouble.dispute("needs_response", WHOLE) == []
    assert kinds(trouble.approve()) == ["release_refused"]
    assert problem(trouble.post("refund", body={})) == (409, "nothing_to_refund")
    assert problem(trouble.post("unfreeze")) == (409, "not_an_operators_freeze")
    final, lifted = trouble.dispute("lost", WHOLE)
    assert isinstance(final, MilestoneChargedBack)
    assert (final.final, final.charged_back_minor, final.fees_minor, final.dispute_fee_minor) == (
        True, 120_000, 12_995, 1_500,
    )  # fmt: skip
    assert kinds([lifted]) == ["funds_unfrozen"]
    assert trouble.charge.balances() == {
        "stripe_balance": -3_887 - 1_500, "charged_back": -120_000, "chargeback_paid": 120_000, "stripe_fees": 3_887,
        "dispute_fees": 1_500,
    }  # fmt: skip
    shown = trouble.charge.shown()
    assert shown["state"] == "charged_back"
    assert [(d["state"], d["with_bank_minor"]) for d in shown["disputes"]] == [("lost", WHOLE)]


@pytest.mark.scenario(65)
def test_a_dispute_that_is_won_is_released_afterwards(trouble: Trouble) -> None:
    trouble.dispute("needs_response", WHOLE)
    assert kinds(trouble.dispute("won", WHOLE, WHOLE)) == ["chargeback_reversed", "funds_unfrozen"]
    assert kinds(trouble.approve()) == ["funds_released"]


@pytest.mark.scenario(67)
def test_an_inquiry_freezes_and_moves_nothing_until_it_escalates(trouble: Trouble) -> None:
    before = trouble.charge.balances()
    assert kinds(trouble.dispute("warning_needs_response", fee=0)) == ["funds_frozen"]
    assert trouble.charge.balances() == before
    assert kinds(trouble.approve()) == ["release_refused"]
    assert kinds(trouble.dispute("warning_closed", fee=0)) == ["funds_unfrozen"]
    assert kinds(trouble.dispute("needs_response", WHOLE)) == ["funds_frozen", "milestone_charged_back"]
    assert trouble.frozen_by() == ["card_dispute"]


@pytest.mark.scenario(66)
def test_a_dispute_after_the_release_is_a_debt_that_a_reversal_pays_and_a_win_pays_out_again(
    bench: Bench, trouble: Trouble
) -> None:
    trouble.approve()
    trouble.transfer()
    taken = trouble.dispute("needs_response", WHOLE)[-1]
    assert isinstance(taken, MilestoneChargedBack)
    assert (taken.charged_back_minor, taken.recovery_minor) == (0, 120_000)
    assert trouble.charge.balances()["trainer_debts"] == 120_000
    (returned,) = trouble.reverse(120_000)
    assert isinstance(returned, FundsReturned)
    assert (returned.recovered_minor, returned.held_minor) == (120_000, 0)
    assert "trainer_debts" not in trouble.charge.balances()
    back, again, lifted = trouble.dispute("won", WHOLE, WHOLE)
    assert isinstance(back, ChargebackReversed)
    assert isinstance(again, FundsReleased)
    assert again.amount_minor == 120_000
    assert again.release_id not in {
        m.release_id for m in bench.said(trouble.charge.contract_id)[:-3] if isinstance(m, FundsReleased)
    }
    assert kinds([lifted]) == ["funds_unfrozen"]
    assert trouble.charge.balances()["released"] == -120_000
    assert "transferred" not in trouble.charge.balances()


@pytest.mark.scenario(52)
@pytest.mark.parametrize("dispute_first", [True, False])
def test_of_an_approval_and_a_dispute_the_one_recorded_first_decides(
    bench: Bench, trouble: Trouble, dispute_first: bool
) -> None:
    approval = trouble.charge.approval(120_000)
    dispute = trouble.fact(
        "stripe.charge_dispute_changed", dispute_id=f"du_{trouble.charge.name}", status="needs_response",
        withdrawn_minor=WHOLE, reinstated_minor=0, fee_minor=0,
    )  # fmt: skip
    both = [dispute, approval]
    bench.hear(*both if dispute_first else reversed(both))
    balances = trouble.charge.balances()
    if dispute_first:
        assert trouble.charge.told()[-1] == "release_refused"
        assert (balances["charged_back"], balances.get("trainer_debts")) == (-120_000, None)
    else:
        assert (balances["released"], balances["trainer_debts"]) == (-120_000, 120_000)


@pytest.mark.scenario(52)
def test_an_approval_and_a_dispute_at_the_same_time_are_serialised(bench: Bench, trouble: Trouble) -> None:
    with ThreadPoolExecutor() as threads:
        at_once = [
            threads.submit(bench.hear, trouble.charge.approval(120_000)),
            threads.submit(trouble.dispute, "needs_response", WHOLE),
        ]
        for running in at_once:
            running.result()
    balances = trouble.charge.balances()
    released, charged_back = -balances.get("released", 0), -balances.get("charged_back", 0)
    assert sorted((released, charged_back)) == [0, 120_000]
    assert balances.get("trainer_debts", 0) == released


@pytest.mark.scenario(69)
def test_a_dispute_of_a_charge_that_was_refunded_in_part(bench: Bench, trouble: Trouble) -> None:
    trouble.post("refund", body={"amount": {"amount_minor": 20_000, "currency": "usd"}})
    requested = next(m for m in bench.said(trouble.charge.contract_id) if isinstance(m, RefundRequested))
    trouble.hear(
        "stripe.refund_changed", refund_id=requested.refund_id, stripe_refund_id=f"re_{trouble.charge.name}",
        status="succeeded", amount_minor=22_000, debited_minor=22_000, returned_minor=0,
    )  # fmt: skip
    trouble.dispute("needs_response", WHOLE)
    balances = trouble.charge.balances()
    assert (balances["charged_back"], balances["refunded"], balances["platform_losses"]) == (-100_000, -20_000, 22_000)
    assert balances["stripe_balance"] == WHOLE - 3_887 - 22_000 - WHOLE - 1_500
    trouble.dispute("won", WHOLE, WHOLE)
    assert trouble.charge.balances()["held"] == -100_000
    assert "platform_losses" not in trouble.charge.balances()


# -- transfers that came back --------------------------------------------------------------------------------


@pytest.mark.scenario(61)
def test_a_refund_after_the_transfer_needs_the_reversal_first(bench: Bench, trouble: Trouble) -> None:
    trouble.approve()
    trouble.transfer()
    refused = trouble.post("refund", body={})
    assert problem(refused) == (409, "nothing_to_refund")
    assert "reverses the transfer first" in refused.json()["detail"]
    returned, frozen = trouble.reverse(50_000)
    assert kinds([returned, frozen]) == ["funds_returned", "funds_frozen"]
    assert trouble.reverse(50_000) == []
    assert (trouble.charge.balances()["held"], trouble.charge.balances()["released"]) == (-50_000, -70_000)
    assert kinds(trouble.approve(50_000)) == ["release_refused"]
    assert problem(trouble.post("refund", trouble.charge.trainer, {})) == (409, "funds_frozen")
    assert trouble.post("refund", body={}).json()["refund_minor"] == 55_000
    assert trouble.charge.balances()["refunded"] == -50_000


def test_what_came_back_is_approved_anew_once_an_operator_unfreezes_it(trouble: Trouble) -> None:
    trouble.approve()
    trouble.transfer()
    trouble.reverse(120_000)
    trouble.post("unfreeze")
    assert kinds(trouble.approve()) == ["funds_released"]
    assert trouble.charge.balances()["released"] == -120_000


# -- disputes between the parties ----------------------------------------------------------------------------


@pytest.mark.scenario(51)
def test_a_party_dispute_freezes_and_its_settlement_splits_what_is_held(bench: Bench, trouble: Trouble) -> None:
    dispute_id = f"dsp_{trouble.charge.name}"
    assert kinds(trouble.hear("approvals.milestone_disputed", dispute_id=dispute_id)) == ["funds_frozen"]
    assert kinds(trouble.approve()) == ["release_refused"]
    assert problem(trouble.post("refund", trouble.charge.trainer, {})) == (409, "funds_frozen")
    told = trouble.hear(
        "approvals.dispute_resolved", dispute_id=dispute_id, release_id=f"rel_{dispute_id}", to_trainer_minor=80_000,
        to_employer_minor=40_000,
    )  # fmt: skip
    assert kinds(told) == ["funds_unfrozen", "funds_released", "refund_requested", "create_refund"]
    balances = trouble.charge.balances()
    assert (balances["released"], balances["refunded"], balances["fees_returned"]) == (-80_000, -40_000, -4_000)
    assert "held" not in balances


@pytest.mark.scenario(51)
def test_a_settlement_that_a_card_dispute_overtook_is_not_carried_out(bench: Bench, trouble: Trouble) -> None:
    dispute_id = f"dsp_{trouble.charge.name}"
    trouble.hear("approvals.milestone_disputed", dispute_id=dispute_id)
    trouble.dispute("warning_needs_response", fee=0)
    before = trouble.charge.balances()
    told = trouble.hear(
        "approvals.dispute_resolved", dispute_id=dispute_id, release_id=f"rel_{dispute_id}", to_trainer_minor=80_000,
        to_employer_minor=40_000,
    )  # fmt: skip
    assert kinds(told) == ["release_refused", "refund_failed", "funds_frozen", "funds_unfrozen"]
    assert trouble.charge.balances() == before
    assert sorted(trouble.frozen_by()) == ["card_inquiry", "operator"]


def test_a_party_dispute_that_stops_leaves_the_banks_own_freeze(trouble: Trouble) -> None:
    dispute_id = f"dsp_{trouble.charge.name}"
    trouble.hear("approvals.milestone_disputed", dispute_id=dispute_id)
    trouble.dispute("warning_needs_response", fee=0)
    (lifted,) = trouble.hear("approvals.dispute_stopped", dispute_id=dispute_id)
    assert (lifted.cause, lifted.still_frozen) == ("party_dispute", True)
    assert trouble.frozen_by() == ["card_inquiry"]


def test_an_operator_may_give_back_what_the_parties_dispute(trouble: Trouble) -> None:
    trouble.hear("approvals.milestone_disputed", dispute_id=f"dsp_{trouble.charge.name}")
    assert trouble.post("refund", body={}).status_code == 202
    assert trouble.charge.balances()["refunded"] == -120_000
