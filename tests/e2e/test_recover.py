"""A database that is restored from an older backup in the middle of a story is brought to where the topics are."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import httpx
import psycopg
import pytest
from psycopg import sql

from deploy.local.errors import LocalError
from deploy.local.parties import eventually
from deploy.local.recovering import GATEWAY, RECOVERABLE, gateway
from deploy.local.replaying import subject_of
from deploy.local.story import AUTHENTICATED_CARD, FIRST_MINOR, SECOND_MINOR, Story
from services.auditor.audit import audit, database_urls
from services.auditor.reconcile.findings import Reconciliation
from services.auditor.reconcile.telling import tell
from services.auditor.replay.recover import Recovered, RecoverError, recover
from services.auditor.replay.replay import replay
from tests.platform.running import RunningPlatform


def _admin(running_platform: RunningPlatform, statement: str, *names: str) -> None:
    with psycopg.connect(f"{running_platform.database_url}/postgres", autocommit=True) as connection:
        connection.execute(sql.SQL(statement).format(*map(sql.Identifier, names)))


def _back_up(running_platform: RunningPlatform, service: str) -> None:
    """A copy of its database as it is now; a template may have no connections, so the service is away for it."""
    running_platform.kill(service)
    _admin(running_platform, "DROP DATABASE IF EXISTS {}", f"backup_{service}")
    _admin(running_platform, "CREATE DATABASE {} TEMPLATE {}", f"backup_{service}", f"tranche_{service}")
    running_platform.start(service)


def _lose_and_restore(running_platform: RunningPlatform, service: str) -> None:
    running_platform.kill(service)
    _admin(running_platform, "DROP DATABASE {} WITH (FORCE)", f"tranche_{service}")
    _admin(running_platform, "ALTER DATABASE {} RENAME TO {}", f"backup_{service}", f"tranche_{service}")


def _recover(running_platform: RunningPlatform, service: str) -> Recovered:
    server, bootstrap = running_platform.database_url, running_platform.kafka_bootstrap
    if service == GATEWAY:
        with gateway(server, running_platform.stripe_key, running_platform.sandbox) as subject:
            return recover(subject, server, bootstrap, running_platform.clock.now())
    return recover(subject_of(service), server, bootstrap, running_platform.clock.now())


@pytest.mark.scenario(79)
@pytest.mark.parametrize("service", RECOVERABLE)
def test_the_story_ends_the_same_after_a_restore_of_an_hour_ago(
    service: str, story: Story, running_platform: RunningPlatform, look: Callable[[], Reconciliation]
) -> None:
    for step in story.steps():
        if step.name == "card":
            _back_up(running_platform, service)
        step.act()
        if step.name == "approve":
            running_platform.clock.advance(timedelta(hours=1))
            _lose_and_restore(running_platform, service)
            with pytest.raises(LocalError, match="older than the topics"):
                running_platform.start(service)  # it does not begin
            try:
                recovered = _recover(running_platform, service)
            finally:
                running_platform.start(service)

    assert recovered.lines >= 3
    assert recovered.decided >= 3
    assert story.books() == {
        "charged": FIRST_MINOR + SECOND_MINOR,
        "held": SECOND_MINOR,
        "released": FIRST_MINOR,
        "refunded": 0,
        "charged_back": 0,
    }
    assert _at_stripe(story, "charges") == 2
    assert _at_stripe(story, "transfers") == 1
    report = audit(database_urls(running_platform.database_url), running_platform.clock.now())
    assert report.violations == []
    reconciled = look()
    assert reconciled.agrees, "\n".join(tell(reconciled))
    if service != GATEWAY:
        assert replay(subject_of(service), running_platform.database_url, running_platform.kafka_bootstrap).same


def _sandbox(running_platform: RunningPlatform, method: str, path: str, body: Any = None) -> None:
    url = f"{running_platform.sandbox}/_sim/{path}"
    httpx.request(method, url, json=body, timeout=30, trust_env=False).raise_for_status()


@pytest.mark.scenario(79)
def test_what_stripe_did_and_nobody_heard_of_is_found_and_not_done_again_after_a_day(
    story: Story, tell: Callable[[str], None], running_platform: RunningPlatform, look: Callable[[], Reconciliation]
) -> None:
    """The transfer is made, its answer is lost, and so is the database; a day later no key tells Stripe what it did."""
    tell("again")
    _back_up(running_platform, GATEWAY)
    story.save_card(AUTHENTICATED_CARD)  # something is told since
    _sandbox(running_platform, "PUT", "webhooks/policy", {"drop": ["*"]})
    lost = {"kind": "timeout_after", "method": "POST", "path": "/v1/transfers", "times": 9}
    _sandbox(running_platform, "POST", "faults", lost)
    story.employer.post(f"/milestones/{story.first}/approve")
    eventually(lambda: _at_stripe(story, "transfers") or None, "Stripe has made the transfer")
    _lose_and_restore(running_platform, GATEWAY)
    running_platform.clock.advance(timedelta(hours=25))
    _sandbox(running_platform, "DELETE", "faults")
    with pytest.raises(LocalError, match="older than the topics"):
        running_platform.start(GATEWAY)  # it does not begin

    recovered = _recover(running_platform, GATEWAY)
    running_platform.start(GATEWAY)

    assert recovered.decided >= 1
    story.await_milestone(story.first, status="PAID", payout_state="initiated")
    assert _at_stripe(story, "transfers") == 1
    [call] = _rows(running_platform, "SELECT state, opened_at < %s FROM attempts WHERE operation = 'create_transfer' "
                   "AND key = %s", running_platform.clock.now() - timedelta(hours=24), story.contract_id)  # fmt: skip
    assert call == ("succeeded", True)
    _sandbox(running_platform, "PUT", "webhooks/policy", {})
    assert audit(database_urls(running_platform.database_url), running_platform.clock.now()).violations == []
    assert look().agrees


def _rows(running_platform: RunningPlatform, statement: str, *values: Any) -> list[tuple[Any, ...]]:
    with psycopg.connect(f"{running_platform.database_url}/tranche_{GATEWAY}") as connection:
        return connection.execute(statement.encode(), values).fetchall()


def test_a_service_that_runs_is_not_recovered(running_platform: RunningPlatform) -> None:
    with pytest.raises(RecoverError, match="stop the service first"):
        _recover(running_platform, "payouts")


def _at_stripe(story: Story, what: str) -> int:
    found = httpx.get(
        f"{story.place.sandbox}/v1/{what}?limit=100",
        headers={"Authorization": f"Bearer {story.place.stripe_key}"}, timeout=10, trust_env=False,
    ).json()["data"]  # fmt: skip
    mine = [one for one in found if one["metadata"].get("contract_id") == story.contract_id]
    return sum(one.get("status", "succeeded") == "succeeded" for one in mine)
