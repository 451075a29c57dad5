"""Contracts on the real topics: commands and others' facts in, its own facts out."""

from collections.abc import Iterator

import pytest

from schemas.base import Actor
from schemas.contracts import ContractCreated, CreateContract, MilestoneAdded, MilestoneStatusChanged
from services.contracts.service import SERVICE
from tests.integration.bench import Bench, eventually
from tests.integration.contracts.hires import Hire
from tests.platform.backing import Backing


@pytest.fixture(scope="module")
def live(platform: Backing) -> Iterator[Bench]:
    """The service with its worker and its relay."""
    bench = Bench(SERVICE, platform)
    with bench.running():
        yield bench
    bench.close()


def test_a_hire_over_http_is_published_in_order(live: Bench) -> None:
    hire = Hire(live, "k1").make()
    records = live.heard_on("contracts.events", hire.contract_id, 2)
    assert [type(message) for _, message in records] == [ContractCreated, MilestoneAdded]
    assert [envelope.stream_version for envelope, _ in records] == [1, 2]
    assert records[0][0].sequence < records[1][0].sequence


def test_facts_on_the_topics_move_the_status_and_each_move_is_published(live: Bench) -> None:
    hire = Hire(live, "k2").make()
    live.send(hire.fact("funding.funding_requested"), hire.fact("funding.milestone_funded", held_minor=120_000))
    eventually(lambda: hire.shown()[0] == "ACTIVE_FUNDED" or None, "the charge")
    live.send(hire.fact("approvals.milestone_approved", amount_minor=120_000, still_held_minor=0))
    eventually(lambda: hire.shown()[0] == "PAID" or None, "the approval")
    live.send(
        hire.fact("funding.funds_released", amount_minor=120_000, still_held_minor=0),
        hire.fact("payouts.payout_initiated", payout_id="pay_k2"),
    )
    eventually(lambda: hire.shown() == ("PAID", "funded", "initiated") or None, "the transfer")
    records = live.heard_on("contracts.events", hire.contract_id, 6)
    changes = [message for _, message in records if isinstance(message, MilestoneStatusChanged)]
    assert [(change.status, change.funding_state, change.payout_state) for change in changes] == [
        ("NOT_FUNDED", "processing", "none"),
        ("ACTIVE_FUNDED", "funded", "none"),
        ("PAID", "funded", "none"),
        ("PAID", "funded", "initiated"),
    ]


def test_a_command_sent_twice_is_done_once(live: Bench) -> None:
    command = CreateContract(
        actor=Actor(role="service", party_id="svc_1"), contract_id="ctr_k3", milestone_id="mls_k3", job_id="job_1",
        employer_id="emp_k3", trainer_id="trn_k3", title="Label", currency="usd", description="Label 1,000 images",
        amount_minor=5_000,
    )  # fmt: skip
    live.send(command, command, identifier="cmd_k3")
    live.send(command.model_copy(update={"title": "Another"}))
    told = [envelope.type for envelope, _ in live.heard_on("contracts.events", "ctr_k3", 3)]
    assert told == ["contracts.contract_created.v1", "contracts.milestone_added.v1", "contracts.command_rejected.v1"]


def test_a_fact_heard_twice_counts_once(live: Bench) -> None:
    hire = Hire(live, "k4").make()
    live.send(hire.fact("funding.funding_requested"), hire.fact("funding.milestone_funded", held_minor=120_000))
    released = hire.fact("funding.funds_released", amount_minor=20_000, still_held_minor=100_000)
    live.send(released)
    live._versions["funding", hire.contract_id] -= 1
    live.send(released, hire.fact("approvals.release_requested"))
    eventually(lambda: hire.shown()[0] == "PENDING_APPROVAL" or None, "the request")
    eventually(lambda: hire.milestone()["released"]["amount_minor"] == 20_000 or None, "the release")


def test_a_fact_about_no_milestone_of_ours_is_a_dead_letter_and_others_go_on(live: Bench) -> None:
    lost = Hire(live, "k5")
    lost.contract_id, lost.milestone_id = "ctr_k5_lost", "mls_k5_lost"
    live.send(lost.fact("funding.milestone_funded"))
    (letter,) = live.heard_on("contracts.dlq", "ctr_k5_lost", 1)
    assert "mls_k5_lost" in letter[1].reason  # type: ignore[attr-defined]
    hire = Hire(live, "k5").make()
    live.send(hire.fact("funding.funding_requested"))
    eventually(lambda: hire.shown()[1] == "processing" or None, "another contract's charge")
