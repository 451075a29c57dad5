"""Fixtures for tests against the sandbox: `pytest_plugins = ["services.stripe_sandbox.pytest_plugin"]`.

One server serves the whole session and is emptied before each test; its clock stays where the test before left it.
"""

from collections.abc import Iterator

import pytest
import stripe

from services.stripe_sandbox.testing import SandboxServer
from services.stripe_sandbox.visitor import Visitor


@pytest.fixture(scope="session")
def stripe_sandbox_server() -> Iterator[SandboxServer]:
    """The server of the session; onboarding is reviewed at once."""
    with SandboxServer(sandbox_onboarding_review_s=0) as server:
        yield server


@pytest.fixture
def stripe_sandbox(stripe_sandbox_server: SandboxServer) -> SandboxServer:
    """The server, emptied: no objects, faults, limits or webhook policy of the test before."""
    stripe_sandbox_server.control("POST", "reset")
    return stripe_sandbox_server


@pytest.fixture
def stripe_client(stripe_sandbox: SandboxServer) -> stripe.StripeClient:
    """The official library, pointed at the sandbox."""
    return stripe_sandbox.client()


@pytest.fixture
def stripe_visitor() -> Iterator[Visitor]:
    """A person who fills in the hosted pages."""
    with Visitor() as visitor:
        yield visitor
