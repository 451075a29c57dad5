"""`tranche check` and `tranche explain`: what they print and how they end."""

from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from deploy.local.cli import app
from deploy.local.errors import LocalError
from services.auditor import audit
from services.auditor.invariants import RULES
from tests.integration.auditor.books import Books


@pytest.fixture
def here(books: Books, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Books:
    """A machine without a platform, told where the databases are."""
    monkeypatch.setenv("TRANCHE_LOCAL_ROOT", str(tmp_path))
    monkeypatch.setenv("TRANCHE_CLOCK_FILE", str(tmp_path / "clock"))
    monkeypatch.setenv("TRANCHE_DATABASE_URL", books.server)
    monkeypatch.setattr(audit, "database_urls", lambda server: books.urls if server == books.server else {})
    return books


def _tranche(*words: str) -> Result:
    return CliRunner().invoke(app, words)


@pytest.mark.usefixtures("here")
def test_healthy_books_end_with_zero() -> None:
    result = _tranche("check")

    assert result.exit_code == 0, result.output
    assert f"{len(RULES)} of {len(RULES)} rules hold" in result.output


def test_a_broken_rule_ends_with_one_and_is_printed_with_what_to_do(here: Books) -> None:
    here.plant("payouts", "UPDATE payouts SET transfer_id = NULL")

    result = _tranche("check")

    assert result.exit_code == 1
    assert "BROKEN payouts_know_their_transfers: " in result.output
    assert "    between services: pay_1: payout none, gateway tr_1 1000" in result.output
    assert "    what to do: Compare the event logs of both" in result.output
    assert f"{len(RULES) - 1} of {len(RULES)} rules hold" in result.output


def test_what_is_open_breaks_nothing(here: Books) -> None:
    here.plant("payouts", "UPDATE payouts SET state = 'held', reason = 'no account', transfer_id = NULL")
    here.plant("stripe_gateway", "DELETE FROM transfers")
    here.plant("contracts", "UPDATE payouts SET state = 'held'")
    here.plant("funding", "UPDATE streams_seen SET version = 1 WHERE source = 'stripe_gateway'")

    result = _tranche("check", "--stale", "1h")

    assert result.exit_code == 0, result.output
    assert "payout held: payouts: pay_1: of mst_1: no account" in result.output


@pytest.mark.usefixtures("here")
def test_explain_prints_what_happened_and_refuses_what_nobody_knows() -> None:
    result = _tranche("explain", "fnd_1")

    assert result.exit_code == 0, result.output
    assert "asks Stripe: create_payment_intent 0 for fnd_1" in result.output
    unknown = _tranche("explain", "fnd_nobody")
    assert isinstance(unknown.exception, LocalError)
    assert "nobody ever said anything about fnd_nobody" in str(unknown.exception)
