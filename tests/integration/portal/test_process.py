"""The front door as a process: how it begins, and how it ends."""

import os
import signal
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest

from deploy.local.ports import free_port
from tests.integration.portal import toys
from tests.integration.portal.serving import PATIENCE_S, Server, eventually

ROOT = Path(__file__).resolve().parents[3]
SERVICES = ("contracts", "funding", "approvals", "payouts", "stripe_gateway")


def start(**settings: str) -> "subprocess.Popen[str]":
    env = {name: value for name, value in os.environ.items() if not name.startswith("TRANCHE_")}
    return subprocess.Popen(
        [sys.executable, "-m", "services.portal"], cwd=ROOT, env={**env, **settings}, stderr=subprocess.PIPE, text=True
    )


@pytest.fixture
def behind() -> Iterator[Server]:
    server = Server(toys.contracts())
    yield server
    server.stop()


def test_it_serves_and_ends_in_order_when_told(behind: Server) -> None:
    port = free_port()
    upstreams = {f"TRANCHE_UPSTREAM_{name.upper()}": "http://127.0.0.1:9" for name in SERVICES}
    process = start(**{**upstreams, "TRANCHE_UPSTREAM_CONTRACTS": behind.url, "TRANCHE_HTTP_PORT": str(port)})

    def answers() -> bool:
        assert process.poll() is None, process.communicate()
        try:
            return httpx.get(f"http://127.0.0.1:{port}/v1/contracts/ctr_1", trust_env=False).status_code == 200
        except httpx.TransportError:
            return False

    eventually(answers, "an answer")
    process.send_signal(signal.SIGTERM)
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 0
    assert "Traceback" not in said


def test_it_says_which_settings_are_missing() -> None:
    process = start(TRANCHE_UPSTREAM_CONTRACTS="http://127.0.0.1:9")
    _, said = process.communicate(timeout=PATIENCE_S)
    assert process.returncode == 1
    assert "TRANCHE_UPSTREAM_FUNDING" in said
    assert "TRANCHE_UPSTREAM_CONTRACTS" not in said
    assert "Traceback" not in said
