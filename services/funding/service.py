"""The wiring of funding, nothing else."""

from pathlib import Path

from services.funding.handlers import HANDLERS
from services.funding.money_routes import router as money_router
from services.funding.routes import router
from services.funding.settings import FundingSettings
from services.runtime.service import Service

SERVICE = Service(
    name="funding",
    topics=("funding.commands", "contracts.events", "approvals.events", "payouts.events", "stripe.events"),
    handlers=HANDLERS,
    routes=[router, money_router],
    folder=Path(__file__).parent,
    settings=FundingSettings,
)


def main() -> None:
    """Run until told to stop."""
    SERVICE.run()
