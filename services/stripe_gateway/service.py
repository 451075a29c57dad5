"""The wiring of the gateway, nothing else."""

import sys
from collections.abc import Sequence
from pathlib import Path

from services.runtime.service import Part, Runtime, Service
from services.runtime.stripe_keys import KeyRefusedError, check_key
from services.stripe_gateway.desk import Desk
from services.stripe_gateway.handlers import HANDLERS
from services.stripe_gateway.logs import hide_secrets
from services.stripe_gateway.routes import router
from services.stripe_gateway.settings import GatewaySettings, secrets_of


def _parts(runtime: Runtime) -> Sequence[Part]:
    hide_secrets()
    if not isinstance(runtime.settings, GatewaySettings):
        raise TypeError("the gateway needs the gateway's settings")
    return [Desk(runtime, runtime.settings)]


SERVICE = Service(
    name="stripe_gateway",
    topics=("stripe.commands",),
    handlers=HANDLERS,
    routes=[router],
    folder=Path(__file__).parent,
    settings=GatewaySettings,
    parts=_parts,
)


def main() -> None:
    """Run until stopped. Refuses to start where real money and play money could meet, or without webhook secrets."""
    settings = GatewaySettings()
    try:
        check_key(
            settings.stripe_api_key.get_secret_value(), settings.stripe_api_base, test_mode=settings.stripe_test_mode
        )
    except KeyRefusedError as error:
        sys.exit(f"stripe_gateway refuses to start: {error}")
    for name in ("stripe_webhook_secret", "stripe_connect_webhook_secret"):
        if not secrets_of(getattr(settings, name)):
            sys.exit(f"stripe_gateway refuses to start: TRANCHE_{name.upper()} is not set, no webhook could be checked")
    SERVICE.run()
