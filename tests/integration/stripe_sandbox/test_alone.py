"""The sandbox for others: `tranche sandbox`, and the fixtures as the README shows them."""

import os
import re
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import httpx
import stripe

from services.stripe_sandbox.testing import free_port

ROOT = Path(__file__).resolve().parents[3]
README = ROOT / "services/stripe_sandbox/README.md"


def environment(**more: str) -> dict[str, str]:
    clean = {name: value for name, value in os.environ.items() if not name.startswith("TRANCHE_")}
    return {**clean, "PYTHONPATH": str(ROOT), **more}


@contextmanager
def alone(tmp_path: Path, *options: str) -> Iterator[str]:
    port = free_port()
    running = subprocess.Popen(
        [sys.executable, "-m", "deploy.local.cli", "sandbox", "--port", str(port), *options],
        env=environment(),
        cwd=tmp_path,
        stderr=subprocess.DEVNULL,
    )
    url = f"http://127.0.0.1:{port}"
    try:
        deadline = time.monotonic() + 20
        while True:
            assert running.poll() is None
            assert time.monotonic() < deadline
            try:
                httpx.get(f"{url}/health/ready")
                break
            except httpx.TransportError:
                time.sleep(0.02)
        yield url
    finally:
        running.kill()
        running.wait()


def test_the_command_starts_it_and_its_state_and_clock_survive_kill_9(tmp_path: Path) -> None:
    http = stripe.HTTPXClient(timeout=10, allow_sync_methods=True)
    stripe.enable_telemetry = False

    def client(url: str) -> stripe.StripeClient:
        return stripe.StripeClient("sk_test_x", base_addresses={"api": url}, http_client=http)

    with alone(tmp_path, "--state", "stripe.db") as url:
        made = client(url).v1.customers.create({"name": "Kept"})
        httpx.post(f"{url}/_sim/clock/advance", json={"seconds": 30 * 86_400})
        before_s = httpx.get(f"{url}/_sim/clock").json()["unix"]
    with alone(tmp_path, "--state", "stripe.db") as url:
        assert client(url).v1.customers.retrieve(made.id).name == "Kept"
        assert httpx.get(f"{url}/_sim/clock").json()["unix"] >= before_s
    http.close()


def test_a_directory_that_is_not_there_is_said_in_one_line(tmp_path: Path) -> None:
    ended = subprocess.run(
        [sys.executable, "-m", "deploy.local.cli", "sandbox", "--state", str(tmp_path / "no/stripe.db")],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    assert ended.returncode != 0
    assert "there is no directory" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_the_fixtures_work_as_the_readme_shows(tmp_path: Path) -> None:
    (shown,) = [
        code for code in re.findall(r"```python\n(.*?)```", README.read_text(), re.DOTALL) if "pytest_plugins" in code
    ]
    (tmp_path / "test_shown.py").write_text(shown)
    ended = subprocess.run(
        [sys.executable, "-m", "pytest", "-q", "-p", "no:cacheprovider", "test_shown.py"],
        env=environment(),
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert "1 passed" in ended.stdout, ended.stdout + ended.stderr
