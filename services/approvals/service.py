"""The wiring of approvals, nothing else."""

from pathlib import Path

from services.approvals.handlers import HANDLERS
from services.approvals.routes import router
from services.approvals.settings import ApprovalsSettings
from services.runtime.service import Service

SERVICE = Service(
    name="approvals",
    topics=("approvals.commands", "contracts.events", "funding.events"),
    handlers=HANDLERS,
    routes=[router],
    folder=Path(__file__).parent,
    settings=ApprovalsSettings,
)


def main() -> None:
    """Run until told to stop."""
    SERVICE.run()
