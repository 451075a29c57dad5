"""What approvals hears, and the commands that come over Kafka, on a real database."""

from typing import Any

import pytest
from alembic.autogenerate import compare_metadata
from alembic.migration import MigrationContext

from schemas.approvals import ApproveMilestone, CommandRejected, CommandUnchanged, RequestRelease
from schemas.base import Actor
from services.approvals.tables import metadata
from tests.integration.approvals.work import HELD, Work, usd
from tests.integration.bench import Bench


def _ask(work: Work, command: type[Any], **fields: Any) -> None:
    service = Actor(role="service", party_id="svc_1")
    work.bench.hear(command(actor=service, contract_id=work.contract_id, milestone_id=work.milestone_id, **fields))


def _release_ids(work: Work) -> list[str]:
    return [release["release_id"] for release in work.review()["releases"]]


def test_the_ledger_confirms_what_was_approved(work: Work) -> None:
    work.funded().done(work.employer, "approve")
    work.released(_release_ids(work)[0], HELD, 0)
    view = work.review()
    assert (view["state"], view["held"], view["releases"][0]["outcome"]) == ("approved", usd(0), "released")


def test_a_refused_release_opens_the_review_again_with_what_is_held(work: Work) -> None:
    work.funded().done(work.employer, "approve")
    work.refused(_release_ids(work)[0], HELD, 100_000)
    view = work.review()
    assert (view["state"], view["held"]) == ("funded", usd(100_000))
    assert view["releases"][0]["outcome"] == "refused"
    assert view["releases"][0]["reason"]
    assert work.done(work.employer, "approve")["state"] == "approved"


def test_a_confirmed_part_does_not_give_back_one_that_is_under_way(work: Work) -> None:
    work.funded()
    work.done(work.employer, "approve", {"amount": usd(20_000)})
    work.done(work.employer, "approve", {"amount": usd(30_000)})
    work.released(_release_ids(work)[0], 20_000, 100_000)
    assert work.review()["held"] == usd(70_000)


def test_a_charge_may_be_heard_before_its_milestone(bench: Bench) -> None:
    work = Work(bench, "early").funded()
    assert work.review(work.trainer)["state"] == "funded"
    assert work.added().review()["state"] == "funded"


def test_a_whole_review_in_one_batch(work: Work) -> None:
    service = Actor(role="service", party_id="svc_1")
    of = {"actor": service, "contract_id": work.contract_id, "milestone_id": work.milestone_id}
    work.bench.hear(
        work.fact("funding.milestone_funded", held_minor=HELD),
        RequestRelease(**of, note="Done"),
        ApproveMilestone(**of, amount_minor=20_000, currency="usd"),
        RequestRelease(**of, note="The rest"),
        ApproveMilestone(**of),
    )
    view = work.review()
    assert (view["state"], [r["outcome"] for r in view["rounds"]]) == ("approved", ["approved_in_part", "approved"])


def test_a_refused_command_is_answered_with_the_code(work: Work) -> None:
    _ask(work, ApproveMilestone)
    (rejected,) = work.bench.said(work.contract_id)
    assert isinstance(rejected, CommandRejected)
    assert rejected.code == "milestone_not_funded"


def test_a_command_for_what_is_so_already_is_answered(work: Work) -> None:
    work.funded()
    _ask(work, RequestRelease)
    _ask(work, RequestRelease)
    assert isinstance(work.bench.said(work.contract_id)[-1], CommandUnchanged)


def test_a_command_about_another_contract_is_not_found(work: Work) -> None:
    work.funded()
    work.bench.hear(
        RequestRelease(
            actor=Actor(role="service", party_id="svc_1"), contract_id="ctr_other", milestone_id=work.milestone_id
        )
    )
    rejected = work.bench.said("ctr_other")[-1]
    assert isinstance(rejected, CommandRejected)
    assert rejected.code == "not_found"


def test_an_answer_about_nothing_known_is_not_dropped(bench: Bench) -> None:
    with pytest.raises(LookupError):
        Work(bench, "lost").released("rel_lost", HELD, 0)


def test_the_migrations_make_the_tables_that_the_code_uses(bench: Bench) -> None:
    with bench.engine.connect() as connection:
        context = MigrationContext.configure(
            connection, opts={"include_name": lambda name, kind, _: kind != "table" or name in metadata.tables}
        )
        differences = [d for d in compare_metadata(context, metadata) if "comment" not in str(d[0])]
    assert differences == []
