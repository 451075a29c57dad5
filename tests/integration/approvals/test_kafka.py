"""Approvals on the real topics: commands and others' facts in, its own facts out."""

from collections.abc import Iterator

import pytest

from schemas.approvals import ApproveMilestone, MilestoneApproved
from schemas.base import Actor
from services.approvals.service import SERVICE
from tests.integration.approvals.work import HELD, Work, usd
from tests.integration.bench import Bench, eventually
from tests.platform.backing import Backing


@pytest.fixture(scope="module")
def live(platform: Backing) -> Iterator[Bench]:
    """The service with its worker and its relay."""
    bench = Bench(SERVICE, platform)
    with bench.running():
        yield bench
    bench.close()


def test_a_review_on_the_topics(live: Bench) -> None:
    work = Work(live, "ka1")
    live.send(work.fact("contracts.milestone_added"), work.fact("funding.milestone_funded", held_minor=HELD))
    eventually(lambda: live.call(work.employer, "GET", f"/milestones/{work.milestone_id}/review").json().get("state")
               == "funded" or None, "the charge")  # fmt: skip
    work.done(work.trainer, "request-release")
    work.done(work.employer, "request-changes", {"reason": "Image 17 has no label."})
    release_id = work.done(work.employer, "approve")["releases"][0]["release_id"]
    records = live.heard_on("approvals.events", work.contract_id, 3)
    assert [envelope.type.split(".")[1] for envelope, _ in records] == [
        "release_requested",
        "changes_requested",
        "milestone_approved",
    ]
    assert [envelope.stream_version for envelope, _ in records] == [1, 2, 3]
    live.send(
        work.fact("funding.release_refused", release_id=release_id, amount_minor=HELD, held_minor=100_000),
    )
    eventually(lambda: work.review()["held"] == usd(100_000) or None, "the refusal")
    assert work.review()["state"] == "funded"


@pytest.mark.scenario(3)
def test_an_approval_sent_twice_releases_once(live: Bench) -> None:
    work = Work(live, "ka2")
    live.send(work.fact("contracts.milestone_added"), work.fact("funding.milestone_funded", held_minor=HELD))
    eventually(lambda: live.call(work.employer, "GET", f"/milestones/{work.milestone_id}/review").json().get("state")
               == "funded" or None, "the charge")  # fmt: skip
    command = ApproveMilestone(
        actor=Actor(role="service", party_id="svc_1"), contract_id=work.contract_id, milestone_id=work.milestone_id,
        amount_minor=20_000, currency="usd",
    )  # fmt: skip
    live.send(command, command, identifier="cmd_ka2")
    live.send(command.model_copy(update={"amount_minor": 100_000}))
    approved = [message for _, message in live.heard_on("approvals.events", work.contract_id, 2)]
    assert [(m.amount_minor, m.still_held_minor) for m in approved if isinstance(m, MilestoneApproved)] == [
        (20_000, 100_000),
        (100_000, 0),
    ]
