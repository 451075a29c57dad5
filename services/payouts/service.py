"""The wiring of payouts, nothing else."""

from pathlib import Path

from services.payouts.handlers import HANDLERS
from services.payouts.routes import router
from services.payouts.settings import PayoutsSettings
from services.runtime.service import Service

SERVICE = Service(
    name="payouts",
    topics=("payouts.commands", "funding.events", "stripe.events"),
    handlers=HANDLERS,
    routes=[router],
    folder=Path(__file__).parent,
    settings=PayoutsSettings,
)


def main() -> None:
    """Run until told to stop."""
    SERVICE.run()
