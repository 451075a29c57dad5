"""What somebody does past the services: in a database, at Stripe."""

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import httpx
import psycopg

from deploy.local.story import CURRENCY, Story
from tests.platform.running import RunningPlatform


@contextmanager
def planted(running_platform: RunningPlatform, story: Story, **accounts: int) -> Iterator[None]:
    """A posting in the live ledger that funding never made; gone again at the end."""
    with psycopg.connect(f"{running_platform.database_url}/tranche_funding", autocommit=True) as connection:
        for line, (account, amount_minor) in enumerate(accounts.items()):
            connection.execute(
                "INSERT INTO ledger_entries (posting_id, line, kind, account, milestone_id, contract_id, currency, "
                "amount_minor, cause_id, posted_at) "
                "VALUES ('pst_planted', %s, 'planted', %s, %s, %s, %s, %s, 'nobody', now())",
                (line, account, story.first, story.contract_id, CURRENCY, amount_minor),
            )
        yield
        # Past the trigger that keeps the ledger append-only: nobody but a test takes a posting away.
        connection.execute("SET session_replication_role = replica")
        connection.execute("DELETE FROM ledger_entries WHERE posting_id = 'pst_planted'")


def at_sandbox(story: Story, method: str, path: str, **parts: Any) -> dict[str, Any]:
    """One call at Stripe, or at the sandbox's control interface."""
    answer = httpx.request(
        method, f"{story.place.sandbox}{path}", headers={"Authorization": f"Bearer {story.place.stripe_key}"},
        timeout=10, trust_env=False, **parts,
    )  # fmt: skip
    answer.raise_for_status()
    found: dict[str, Any] = answer.json()
    return found


def account_of(running_platform: RunningPlatform, story: Story) -> str:
    """The trainer's account at Stripe."""
    with psycopg.connect(f"{running_platform.database_url}/tranche_stripe_gateway", autocommit=True) as connection:
        found = connection.execute("SELECT account_id FROM accounts WHERE trainer_id = %s", (story.trainer.id,))
        row = found.fetchone()
    assert row is not None
    return str(row[0])


def set_payouts(story: Story, interval: str) -> None:
    """How often Stripe pays the platform's balance out to our bank."""
    at_sandbox(story, "POST", "/v1/balance_settings", data={"payments[payouts][schedule][interval]": interval})
