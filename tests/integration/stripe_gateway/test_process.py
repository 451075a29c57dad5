"""The process refuses to start where real money and play money could meet."""

import os
import subprocess
import sys

import pytest

RIGHT = {
    "TRANCHE_AUTH_SECRET": "a-secret-for-tests-of-at-least-32-bytes",
    "TRANCHE_STRIPE_API_KEY": "sk_test_0123456789",
    "TRANCHE_STRIPE_API_BASE": "http://127.0.0.1:12111",
    "TRANCHE_STRIPE_WEBHOOK_SECRET": "whsec_1",
    "TRANCHE_STRIPE_CONNECT_WEBHOOK_SECRET": "whsec_2",
    "TRANCHE_DATABASE_URL": "postgresql://nobody@127.0.0.1:1",
}


def start(**changed: str) -> subprocess.CompletedProcess[str]:
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRANCHE_")}
    return subprocess.run(
        [sys.executable, "-m", "services.stripe_gateway"], env={**env, **RIGHT, **changed}, capture_output=True,
        text=True, timeout=60, check=False,
    )  # fmt: skip


@pytest.mark.scenario(80)
@pytest.mark.parametrize(
    ("changed", "words"),
    [
        ({"TRANCHE_STRIPE_API_KEY": "sk_live_0123456789"}, "live key"),
        ({"TRANCHE_STRIPE_API_BASE": "https://api.stripe.com"}, "TRANCHE_STRIPE_TEST_MODE"),
        ({"TRANCHE_STRIPE_CONNECT_WEBHOOK_SECRET": ""}, "TRANCHE_STRIPE_CONNECT_WEBHOOK_SECRET"),
    ],
)
def test_it_refuses_and_says_why_without_the_key(changed: dict[str, str], words: str) -> None:
    ended = start(**changed)

    assert ended.returncode == 1
    assert "refuses to start" in ended.stderr
    assert words in ended.stderr
    assert "0123456789" not in ended.stderr + ended.stdout


def test_with_right_settings_it_goes_on_to_its_database() -> None:
    ended = start()

    assert "refuses to start" not in ended.stderr
    assert "cannot reach its database" in ended.stderr
