"""What contracts hears, and the commands that come over Kafka, on a real database."""

from typing import Any

import psycopg
import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from schemas.base import Actor
from schemas.contracts import (
    AddMilestone,
    ArchiveContract,
    CommandRejected,
    CommandUnchanged,
    CreateContract,
    MilestoneAmended,
    MilestoneStatusChanged,
)
from services.contracts.tables import metadata
from tests.integration.bench import Bench
from tests.integration.contracts.hires import Hire, usd


def test_the_whole_way_from_the_charge_to_the_bank(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    shown = [hire.shown()]
    for facts in (
        [hire.fact("approvals.release_requested")],
        [hire.fact("approvals.changes_requested")],
        [hire.fact("approvals.release_requested")],
        [hire.fact("approvals.milestone_approved", amount_minor=120_000, still_held_minor=0)],
        [hire.fact("funding.funds_released", amount_minor=120_000, still_held_minor=0)],
        [hire.fact("payouts.payout_initiated", payout_id=f"pay_{hire.name}")],
        [hire.fact("payouts.payout_in_transit", payout_id=f"pay_{hire.name}")],
        [hire.fact("payouts.payout_paid", payout_id=f"pay_{hire.name}")],
    ):
        bench.hear(*facts)
        shown.append(hire.shown())
    assert [status for status, _, _ in shown] == [
        "ACTIVE_FUNDED", "PENDING_APPROVAL", "ACTIVE_FUNDED", "PENDING_APPROVAL", *["PAID"] * 5,
    ]  # fmt: skip
    assert [payout for _, _, payout in shown[-4:]] == ["none", "initiated", "in_transit", "paid"]
    milestone = hire.milestone(hire.trainer)
    assert (milestone["amount"], milestone["held"], milestone["released"]) == (usd(120_000), usd(0), usd(120_000))
    assert milestone["label"] == "Paid"


def test_the_timeline_keeps_everything_in_order(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    bench.hear(hire.fact("approvals.release_requested", note="All done."))
    timeline = hire.milestone()["timeline"]
    assert [entry["type"] for entry in timeline] == [
        "contracts.milestone_added",
        "funding.funding_requested",
        "funding.milestone_funded",
        "approvals.release_requested",
    ]
    assert timeline[2]["text"] == "1,200.00 USD was charged and is held"
    assert [entry["at"] for entry in timeline] == sorted(entry["at"] for entry in timeline)


def test_every_change_that_is_shown_is_published(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True).funded()
    changes = [event for event in bench.said(hire.contract_id) if isinstance(event, MilestoneStatusChanged)]
    assert [(change.previous_status, change.status, change.funding_state) for change in changes] == [
        ("NOT_FUNDED", "ACTIVE_FUNDED", "funded")
    ]


def test_one_batch_of_many_facts_ends_as_one_by_one(bench: Bench, hire: Hire) -> None:
    hire.make()
    bench.hear(
        hire.fact("funding.funding_requested"),
        hire.fact("funding.milestone_funded", held_minor=120_000),
        hire.fact("approvals.release_requested"),
        hire.fact("approvals.milestone_approved", amount_minor=20_000, still_held_minor=100_000),
        hire.fact("funding.funds_released", amount_minor=20_000, still_held_minor=100_000),
    )
    assert hire.shown() == ("ACTIVE_FUNDED", "funded", "none")
    assert hire.milestone()["held"] == usd(100_000)


def test_the_review_may_be_heard_before_the_charge(bench: Bench, hire: Hire) -> None:
    hire.make()
    bench.hear(hire.fact("approvals.release_requested"))
    hire.funded()
    assert hire.shown() == ("PENDING_APPROVAL", "funded", "none")


def test_a_cancelled_milestone_whose_charge_succeeded_is_funded_again(bench: Bench, hire: Hire) -> None:
    hire.make()
    bench.call(hire.employer, "POST", f"/milestones/{hire.milestone_id}/cancel")
    hire.funded()
    assert hire.shown() == ("ACTIVE_FUNDED", "funded", "none")


def test_a_charge_of_the_former_amount_counts_and_the_terms_follow(bench: Bench, hire: Hire) -> None:
    hire.make()
    bench.call(hire.employer, "PATCH", f"/milestones/{hire.milestone_id}", {"amount": usd(90_000)})
    hire.funded(120_000)
    assert hire.milestone()["amount"] == usd(120_000)
    assert [e.amount_minor for e in bench.said(hire.contract_id) if isinstance(e, MilestoneAmended)] == [
        90_000,
        120_000,
    ]


def test_a_failed_charge_leaves_it_open_to_edits(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True)
    bench.hear(hire.fact("funding.funding_requested"), hire.fact("funding.funding_failed"))
    assert hire.shown() == ("NOT_FUNDED", "failed", "none")
    edit = bench.call(hire.employer, "PATCH", f"/milestones/{hire.milestone_id}", {"description": "Other"})
    assert edit.status_code == 200


def test_a_fact_about_no_milestone_of_ours_is_not_dropped(bench: Bench, hire: Hire) -> None:
    with pytest.raises(LookupError):
        bench.hear(hire.fact("funding.milestone_funded", contract_id="ctr_lost", milestone_id="mls_lost"))


# -- commands over Kafka -----------------------------------------------------------------------------------


def _create(hire: Hire, **changed: Any) -> CreateContract:
    return CreateContract(
        **{
            "actor": Actor(role="service", party_id="svc_1"),
            "contract_id": f"ctr_{hire.name}",
            "milestone_id": f"mls_{hire.name}",
            "job_id": "job_1",
            "employer_id": hire.employer[1],
            "trainer_id": hire.trainer[1],
            "title": "Label images",
            "currency": "usd",
            "description": "Label 1,000 images",
            "amount_minor": 120_000,
            **changed,
        }
    )


def test_a_command_hires_as_http_does(bench: Bench, hire: Hire) -> None:
    bench.hear(_create(hire))
    assert bench.told(f"ctr_{hire.name}") == ["contract_created", "milestone_added"]


def test_the_same_hire_by_another_command_is_answered_and_changes_nothing(bench: Bench, hire: Hire) -> None:
    bench.hear(_create(hire), _create(hire))
    assert isinstance(bench.said(f"ctr_{hire.name}")[-1], CommandUnchanged)
    assert bench.told(f"ctr_{hire.name}").count("contract_created") == 1


def test_a_refused_command_is_answered_with_the_code(bench: Bench, hire: Hire) -> None:
    bench.hear(_create(hire, fund=True))
    (rejected,) = bench.said(f"ctr_{hire.name}")
    assert isinstance(rejected, CommandRejected)
    assert rejected.code == "payment_method_required"


@pytest.mark.scenario(43)
def test_the_minimum_holds_for_commands_too(bench: Bench, hire: Hire) -> None:
    bench.hear(_create(hire, amount_minor=10))
    (rejected,) = bench.said(f"ctr_{hire.name}")
    assert isinstance(rejected, CommandRejected)
    assert rejected.code == "amount_out_of_bounds"


def test_hiring_adding_and_archiving_in_one_batch(bench: Bench, hire: Hire) -> None:
    service = Actor(role="service", party_id="svc_1")
    contract_id = f"ctr_{hire.name}"
    bench.hear(
        _create(hire),
        AddMilestone(
            actor=service, contract_id=contract_id, milestone_id=f"mls_{hire.name}_2", description="Review",
            amount_minor=5_000, currency="usd",
        ),
        ArchiveContract(actor=service, contract_id=contract_id),
    )  # fmt: skip
    assert bench.told(contract_id) == ["contract_created", "milestone_added", "milestone_added", "command_rejected"]


# -- the schema --------------------------------------------------------------------------------------------


def test_the_migrations_make_the_tables_that_the_code_uses(bench: Bench) -> None:
    with bench.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        )
        differences = [d for d in compare_metadata(context, metadata) if "comment" not in str(d[0])]
    assert differences == []


def test_the_timeline_is_only_ever_added_to(bench: Bench, hire: Hire) -> None:
    hire.make(fund=True)
    query = "SELECT entry_id, at, text FROM timeline WHERE milestone_id = %s ORDER BY entry_id"
    with psycopg.connect(bench.url, autocommit=True) as connection:
        before = connection.execute(query, (hire.milestone_id,)).fetchall()
        hire.funded()
        assert connection.execute(query, (hire.milestone_id,)).fetchall()[: len(before)] == before
