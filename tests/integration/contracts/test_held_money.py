"""Refunds, disputes and freezes as everybody sees them, on a real database."""

from typing import Any

import pytest

from tests.integration.bench import Bench, problem
from tests.integration.contracts.hires import Hire, usd

HELD = 120_000


def _told(hire: Hire, name: str, held_minor: int, **changed: Any) -> None:
    """A word of the ledger, after which so much is held."""
    hire.bench.hear(hire.fact(f"funding.{name}", held_minor=held_minor, still_held_minor=held_minor, **changed))


def test_given_back_it_is_refunded_and_the_contract_may_be_archived(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    _told(hire, "refund_requested", 0, amount_minor=HELD, refund_id=f"rfd_{hire.name}", cause="given_back")
    assert hire.shown() == ("ACTIVE_FUNDED", "refund_pending", "none")
    assert problem(bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/archive")) == (
        409,
        "unresolved_milestones",
    )
    _told(hire, "milestone_refunded", 0, amount_minor=HELD, refund_id=f"rfd_{hire.name}")
    milestone = hire.milestone(hire.trainer)
    assert hire.shown() == ("REFUNDED", "refunded", "none")
    assert milestone["label"] == "Refunded"
    assert (milestone["held"], milestone["released"], milestone["refunded"]) == (usd(0), usd(0), usd(HELD))
    assert [entry["type"] for entry in milestone["timeline"]][-2:] == [
        "funding.refund_requested",
        "funding.milestone_refunded",
    ]
    assert bench.call(hire.employer, "POST", f"/contracts/{hire.contract_id}/archive").status_code == 200


def test_a_dispute_of_the_parties_is_seen_by_both_and_settled(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    bench.hear(hire.fact("approvals.milestone_disputed", reason="The images were exchanged."))
    assert (hire.shown()[0], hire.milestone()["frozen"]) == ("DISPUTED", True)
    bench.hear(
        hire.fact(
            "approvals.dispute_resolved", to_trainer_minor=70_000, to_employer_minor=50_000, reason="Most was done."
        ),
        hire.fact("funding.funds_released", amount_minor=70_000, still_held_minor=50_000),
    )
    _told(hire, "refund_requested", 0, amount_minor=50_000, refund_id=f"rfd_{hire.name}", cause="dispute_decided")
    _told(hire, "milestone_refunded", 0, amount_minor=50_000, refund_id=f"rfd_{hire.name}")
    milestone = hire.milestone()
    assert (hire.shown()[:2], milestone["frozen"]) == (("PAID", "funded"), False)
    assert (milestone["released"], milestone["refunded"]) == (usd(70_000), usd(50_000))
    assert "500.00 USD to the employer" in next(e["text"] for e in milestone["timeline"] if "settled" in e["text"])


@pytest.mark.scenario(65)
def test_a_card_dispute_is_seen_by_the_trainer_until_it_is_lost(hire: Hire) -> None:
    hire.make(fund=True).funded()
    about = {"about": f"dp_{hire.name}", "dispute_id": f"dp_{hire.name}", "funding_id": f"fnd_{hire.name}"}
    _told(hire, "funds_frozen", HELD, cause="card_dispute", **about)
    assert hire.shown() == ("DISPUTED", "funded", "none")
    taken = {"charged_back_minor": HELD, "recovery_minor": 0}
    _told(hire, "milestone_charged_back", 0, final=False, **taken, **about)
    milestone = hire.milestone(hire.trainer)
    assert hire.shown() == ("DISPUTED", "charged_back", "none")
    assert (milestone["held"], milestone["charged_back"]) == (usd(0), usd(HELD))
    assert "the bank has not decided yet" in milestone["timeline"][-1]["text"]
    _told(hire, "milestone_charged_back", 0, final=True, **taken, **about)
    _told(hire, "funds_unfrozen", 0, cause="card_dispute", still_frozen=False, **about)
    assert hire.shown() == ("REFUNDED", "charged_back", "none")
    assert "1,200.00 USD is gone" in " ".join(e["text"] for e in hire.milestone(hire.trainer)["timeline"])


def test_another_freeze_is_a_flag(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    _told(hire, "funds_frozen", HELD, cause="fraud_warning", about="issfr_1")
    assert (hire.shown()[0], hire.milestone()["frozen"]) == ("ACTIVE_FUNDED", True)
    _told(hire, "funds_unfrozen", HELD, cause="fraud_warning", about="issfr_1", still_frozen=False)
    assert (hire.shown()[0], hire.milestone()["frozen"]) == ("ACTIVE_FUNDED", False)


def test_a_reversed_payout_is_held_again(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    bench.hear(
        hire.fact("approvals.milestone_approved", amount_minor=HELD, still_held_minor=0),
        hire.fact("funding.funds_released", amount_minor=HELD, still_held_minor=0),
        hire.fact("payouts.payout_initiated", payout_id=f"pay_{hire.name}"),
        hire.fact("payouts.payout_reversed", payout_id=f"pay_{hire.name}", whole=True, reason="Paid to the wrong one"),
    )
    _told(hire, "funds_returned", HELD, amount_minor=HELD, recovered_minor=0)
    milestone = hire.milestone()
    assert hire.shown() == ("ACTIVE_FUNDED", "funded", "reversed")
    assert (milestone["held"], milestone["released"]) == (usd(HELD), usd(0))
