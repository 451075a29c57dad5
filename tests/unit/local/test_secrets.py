"""Development secrets."""

from pathlib import Path

from deploy.local.development_secrets import ensure_secrets, read_secrets
from deploy.local.services import SERVICES, Surroundings


def test_secrets_are_made_once(tmp_path: Path) -> None:
    made = ensure_secrets(tmp_path / "secrets.env")
    assert ensure_secrets(tmp_path / "secrets.env") == made == read_secrets(tmp_path / "secrets.env")


def test_a_secret_that_is_missing_is_added_and_the_others_stay(tmp_path: Path) -> None:
    (tmp_path / "secrets.env").write_text("TRANCHE_AUTH_SECRET=mine\n")
    made = ensure_secrets(tmp_path / "secrets.env")
    assert made["TRANCHE_AUTH_SECRET"] == "mine"
    assert made["TRANCHE_STRIPE_WEBHOOK_SECRET"].startswith("whsec_")


def test_only_the_owner_may_read_them(tmp_path: Path) -> None:
    ensure_secrets(tmp_path / "secrets.env")
    assert (tmp_path / "secrets.env").stat().st_mode & 0o777 == 0o600


def test_the_key_is_one_for_tests(tmp_path: Path) -> None:
    assert ensure_secrets(tmp_path / "secrets.env")["TRANCHE_STRIPE_API_KEY"].startswith("sk_test_")


def test_what_services_are_told_shows_no_secret_when_printed() -> None:
    around = Surroundings(
        kafka_bootstrap="",
        database_url="",
        clock_file="",
        sandbox_state="",
        analytics_data="",
        ports={service.name: 1 for service in SERVICES},
        secrets={"TRANCHE_AUTH_SECRET": "hush"},
        shell={"TRANCHE_AUTH_SECRET": "hush"},
    )
    assert "hush" not in repr(around)
