"""kill -9 of any one service in the middle of the story, and a restart, changes nothing in its end."""

import threading
import time
from collections.abc import Callable

import pytest

from deploy.local.story import FIRST_MINOR, SECOND_MINOR, Story
from services.auditor.audit import audit, database_urls
from services.auditor.reconcile.findings import Reconciliation
from services.auditor.reconcile.telling import tell
from tests.platform.running import RunningPlatform

KILLED_IN = {
    "contracts": ("hire", "approve"),
    "funding": ("hire", "authenticate", "approve"),
    "approvals": ("request", "approve"),
    "payouts": ("approve", "bank"),
    "stripe_gateway": ("hire", "authenticate", "approve", "bank"),
}
"""The steps in which each service has money, or the word about it, in its hands."""


@pytest.mark.parametrize("service", KILLED_IN)
def test_the_story_ends_the_same(
    service: str, story: Story, running_platform: RunningPlatform, look: Callable[[], Reconciliation]
) -> None:
    for number, step in enumerate(story.steps()):
        if step.name in KILLED_IN[service]:
            crash = threading.Thread(target=_crash, args=(running_platform, service, 0.02 + 0.06 * (number % 4)))
            crash.start()
            step.act()
            crash.join()
        else:
            step.act()

    assert story.books() == {
        "charged": FIRST_MINOR + SECOND_MINOR,
        "held": SECOND_MINOR,
        "released": FIRST_MINOR,
        "refunded": 0,
        "charged_back": 0,
    }
    assert _charges_at_stripe(story) == 2
    assert _transfers_at_stripe(story) == 1
    report = audit(database_urls(running_platform.database_url), running_platform.clock.now())
    assert report.violations == []
    reconciled = look()
    assert reconciled.agrees, "\n".join(tell(reconciled))


def _crash(running_platform: RunningPlatform, service: str, after_s: float) -> None:
    time.sleep(after_s)
    running_platform.kill(service)
    running_platform.start(service)


def _charges_at_stripe(story: Story) -> int:
    charges = story.at_stripe("/v1/charges?limit=100")["data"]
    return sum(c["status"] == "succeeded" and c["metadata"]["contract_id"] == story.contract_id for c in charges)


def _transfers_at_stripe(story: Story) -> int:
    transfers = story.at_stripe("/v1/transfers?limit=100")["data"]
    return sum(t["metadata"].get("contract_id") == story.contract_id for t in transfers)
