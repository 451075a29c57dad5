"""Which processes make up the platform, in start order, and the environment of each."""

import importlib.util
import os
from collections.abc import Mapping
from dataclasses import dataclass, field

FRONT_DOOR = "portal"
SANDBOX = "stripe_sandbox"
AUDITOR = "auditor"


@dataclass(frozen=True)
class LocalService:
    """One service as this machine runs it."""

    name: str
    has_database: bool = True
    package: str = ""
    """Where its code is, when not in `services.<name>`."""

    @property
    def module(self) -> str:
        return self.package or f"services.{self.name}"

    @property
    def exists(self) -> bool:
        """Whether this checkout has the service."""
        try:
            return all(importlib.util.find_spec(f"{self.module}.{part}") for part in ("__main__", "service"))
        except ModuleNotFoundError:
            return False


SERVICES = (
    LocalService(SANDBOX, has_database=False),
    LocalService("contracts"),
    LocalService("funding"),
    LocalService("approvals"),
    LocalService("payouts"),
    LocalService("stripe_gateway"),
    LocalService("analytics"),
    LocalService(AUDITOR),
    LocalService(FRONT_DOOR),
)

# What a process needs of its surroundings and no setting of ours: kept small, so that the shell that `tranche up` is
# typed in does not decide how the platform behaves.
_PASSED_ON = (
    "PATH",
    "HOME",
    "USER",
    "LANG",
    "LC_ALL",
    "TZ",
    "TMPDIR",
    "LD_LIBRARY_PATH",
    "SSL_CERT_FILE",
    "SSL_CERT_DIR",
    "HTTP_PROXY",
    "HTTPS_PROXY",
    "NO_PROXY",
)

# Where things are on this machine is the platform's to say; every other TRANCHE_ variable of the shell is passed on.
_OURS = (
    "TRANCHE_KAFKA_BOOTSTRAP",
    "TRANCHE_DATABASE_URL",
    "TRANCHE_HTTP_HOST",
    "TRANCHE_HTTP_PORT",
    "TRANCHE_PUBLIC_URL",
    "TRANCHE_CLOCK_FILE",
    "TRANCHE_LOCAL_ROOT",
    "TRANCHE_TEST_PLATFORM",
)


@dataclass(frozen=True)
class Surroundings:
    """What all services of one platform share."""

    kafka_bootstrap: str
    database_url: str
    clock_file: str
    sandbox_state: str
    analytics_data: str
    """Where analytics keeps its tables between two starts."""
    ports: Mapping[str, int]
    """HTTP port by service; the front door's among them."""
    secrets: Mapping[str, str] = field(repr=False)
    """Development secrets by variable name; a variable of the shell goes before."""
    shell: Mapping[str, str] = field(repr=False)
    """The environment of whoever starts the platform."""

    @property
    def public_url(self) -> str:
        return f"http://localhost:{self.ports[FRONT_DOOR]}"

    def secret(self, name: str) -> str:
        """A secret as the services know it: the shell's where it sets the variable, else the made one."""
        return self.shell.get(name) or self.secrets[name]

    def url_of(self, service: str) -> str:
        """Base URL of a service's HTTP."""
        return f"http://127.0.0.1:{self.ports[service]}"


def environment(service: LocalService, around: Surroundings) -> dict[str, str]:
    """The whole environment of a service's process."""
    env = {name: around.shell[name] for name in _PASSED_ON if name in around.shell}
    env["PYTHONUNBUFFERED"] = "1"  # what it prints is in its log at once
    env["NO_PROXY"] = ",".join(filter(None, (env.get("NO_PROXY"), "127.0.0.1", "localhost")))
    env |= {
        "TRANCHE_STRIPE_API_BASE": around.url_of(SANDBOX),
        **around.secrets,
        **{name: value for name, value in around.shell.items() if _is_passed_on_setting(name)},
        "TRANCHE_KAFKA_BOOTSTRAP": around.kafka_bootstrap,
        "TRANCHE_DATABASE_URL": around.database_url,
        "TRANCHE_HTTP_HOST": "127.0.0.1",
        "TRANCHE_HTTP_PORT": str(around.ports[service.name]),
        "TRANCHE_PUBLIC_URL": around.public_url,
        "TRANCHE_CLOCK_FILE": around.clock_file,
    }
    if service.name == FRONT_DOOR:
        env |= {
            f"TRANCHE_UPSTREAM_{other.upper()}": around.url_of(other) for other in around.ports if other != FRONT_DOOR
        }
    if service.name == "analytics":
        env["TRANCHE_ANALYTICS_DATA"] = around.analytics_data
    if service.name == SANDBOX:
        # Through the front door, as Stripe's would come.
        door = around.url_of(FRONT_DOOR)
        env |= {
            "TRANCHE_SANDBOX_STATE": around.sandbox_state,
            "TRANCHE_SANDBOX_WEBHOOK_URL": f"{door}/webhooks/stripe",
            "TRANCHE_SANDBOX_CONNECT_WEBHOOK_URL": f"{door}/webhooks/stripe/connect",
        }
    return env


def shell() -> dict[str, str]:
    """The environment of this very process."""
    return dict(os.environ)


def shell_without_secrets() -> dict[str, str]:
    """The same without what would lead tests to somebody's Stripe account."""
    theirs = ("TRANCHE_STRIPE_", "TRANCHE_AUTH_", "TRANCHE_SANDBOX_")
    return {name: value for name, value in os.environ.items() if not name.startswith(theirs)}


def _is_passed_on_setting(name: str) -> bool:
    return name.startswith("TRANCHE_") and name not in _OURS and not name.startswith("TRANCHE_UPSTREAM_")
