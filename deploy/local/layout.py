"""Where everything of one local platform lies on disk.

The *root* holds one platform: data, logs, records of its processes, secrets. It is `.tranche/` in the checkout unless
told otherwise, so that two checkouts, or a test session beside a running platform, share nothing. The *tools* (Kafka's
jars, PostgreSQL's programs where the machine has none) are the same for all roots of a checkout.
"""

import os
from dataclasses import dataclass, field
from pathlib import Path

from deploy.local.ports import Ports
from deploy.local.processes import Processes

CHECKOUT = Path(__file__).resolve().parents[2]
_DEFAULT_ROOT = CHECKOUT / ".tranche"


def default_root() -> Path:
    """`.tranche/` in the checkout, or the folder that TRANCHE_LOCAL_ROOT names."""
    return Path(os.environ.get("TRANCHE_LOCAL_ROOT", str(_DEFAULT_ROOT))).resolve()


@dataclass(frozen=True)
class Layout:
    """The folders and files of one platform."""

    root: Path
    tools: Path = field(default=_DEFAULT_ROOT / "tools")

    @property
    def kafka(self) -> Path:
        return self.root / "kafka"

    @property
    def postgres(self) -> Path:
        return self.root / "postgres"

    @property
    def logs(self) -> Path:
        return self.root / "logs"

    @property
    def clock(self) -> Path:
        """The development clock's offset (services/runtime/clock.py)."""
        return self.root / "clock"

    @property
    def sandbox_state(self) -> Path:
        return self.root / "sandbox.json"

    @property
    def analytics(self) -> Path:
        return self.root / "analytics"

    @property
    def secrets(self) -> Path:
        return self.root / "secrets.env"

    @property
    def lock(self) -> Path:
        """Held while the platform is brought up or down."""
        return self.root / "lock"

    def ports(self) -> Ports:
        return Ports(self.root / "ports.json")

    def processes(self) -> Processes:
        return Processes(self.root / "run", self.logs)
