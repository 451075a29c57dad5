"""The wiring of contracts, nothing else."""

from pathlib import Path

from services.contracts.handlers import HANDLERS
from services.contracts.routes import router
from services.contracts.settings import ContractsSettings
from services.runtime.service import Service

SERVICE = Service(
    name="contracts",
    topics=("contracts.commands", "funding.events", "approvals.events", "payouts.events"),
    handlers=HANDLERS,
    routes=[router],
    folder=Path(__file__).parent,
    settings=ContractsSettings,
)


def main() -> None:
    """Run until told to stop."""
    SERVICE.run()
