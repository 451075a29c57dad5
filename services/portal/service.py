"""The front door's life: settings, the services behind it, HTTP, and a graceful end. It keeps no state."""

import asyncio
import logging
import sys

from services.portal.app import build_app
from services.portal.settings import PortalSettings
from services.portal.upstreams import Upstream, Upstreams
from services.runtime.service import app_server

NAME = "portal"


def main() -> None:
    """Run until told to stop."""
    settings = PortalSettings()
    logging.basicConfig(level=settings.log_level, format=f"%(asctime)s %(levelname)s {NAME} %(name)s: %(message)s")
    logging.getLogger("httpx").setLevel(logging.WARNING)  # one line a call is the access log that we do not keep
    try:
        behind = settings.upstreams()
    except ValueError as error:
        sys.exit(str(error))
    asyncio.run(_serve(settings, behind))


async def _serve(settings: PortalSettings, behind: tuple[Upstream, ...]) -> None:
    async with Upstreams(behind) as upstreams:
        server = app_server(build_app(upstreams, settings.public_url), settings)
        await server.serve()  # returns at SIGTERM or SIGINT, when open calls are answered
