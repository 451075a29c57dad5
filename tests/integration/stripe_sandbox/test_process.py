"""The process itself: refuses live keys, and what it holds survives kill -9."""

import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import pytest
import stripe

from services.stripe_sandbox.testing import free_port

ROOT = Path(__file__).resolve().parents[3]


@contextmanager
def process(**settings: str) -> Iterator[tuple[subprocess.Popen[bytes], str]]:
    port = free_port()
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRANCHE_")}
    running = subprocess.Popen(
        [sys.executable, "-m", "services.stripe_sandbox"],
        env={**clean, "TRANCHE_HTTP_PORT": str(port), **settings},
        cwd=ROOT,
        stderr=subprocess.PIPE,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while running.poll() is None:
            try:
                httpx.get(f"{url}/health/ready")
                break
            except httpx.TransportError:
                assert time.monotonic() < deadline
                time.sleep(0.02)
        yield running, url
    finally:
        running.kill()
        running.wait()
        if running.stderr:
            running.stderr.close()


@pytest.mark.parametrize("name", ["TRANCHE_STRIPE_API_KEY", "STRIPE_SECRET_KEY"])
def test_it_does_not_start_with_a_live_key(name: str) -> None:
    with process(**{name: "sk_live_1234"}) as (running, _):
        assert running.wait(20) != 0
        assert running.stderr is not None
        said = running.stderr.read().decode()
    assert "live Stripe key" in said
    assert "sk_live_1234" not in said


def test_it_serves_health_and_metrics() -> None:
    with process() as (_, url):
        assert httpx.get(f"{url}/health/live").json() == {"status": "ok"}
        assert "stripe_sandbox_requests_total" in httpx.get(f"{url}/metrics").text


def test_what_it_holds_survives_kill_9(tmp_path: Path) -> None:
    state = {
        "TRANCHE_SANDBOX_STATE": str(tmp_path / "sandbox.db"),
        "TRANCHE_CLOCK_FILE": str(tmp_path / "clock"),
    }

    stripe.enable_telemetry = False
    http = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)

    def client(url: str) -> stripe.StripeClient:
        return stripe.StripeClient("sk_test_x", base_addresses={"api": url}, http_client=http)

    with process(**state) as (running, url):
        made = client(url).v1.payment_intents.create(
            {"amount": 10_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True},
            {"idempotency_key": "k"},
        )
        running.send_signal(signal.SIGKILL)
        running.wait()
    with process(**state) as (_, url):
        again = client(url).v1.payment_intents.create(
            {"amount": 10_000, "currency": "usd", "payment_method": "pm_card_visa", "confirm": True},
            {"idempotency_key": "k"},
        )
        assert again.id == made.id
        httpx.post(f"{url}/_sim/clock/advance", json={"seconds": 3 * 86_400})
        assert client(url).v1.balance.retrieve().available[0].amount == 9_680
    http.close()
