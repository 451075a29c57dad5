"""The web application: the API, the hosted pages, the control interface, health."""

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

from fastapi import FastAPI
from starlette.requests import Request
from starlette.responses import Response

from services.stripe_sandbox import control, control_objects
from services.stripe_sandbox.api import Api
from services.stripe_sandbox.pages import routes as pages
from services.stripe_sandbox.resources import load_all
from services.stripe_sandbox.sandbox import Sandbox
from services.stripe_sandbox.settings import Settings

TICK_S = 0.1
log = logging.getLogger(__name__)


def build_app(settings: Settings) -> FastAPI:
    """The application with a sandbox of its own, at `app.state.sandbox`."""
    load_all()
    sandbox = Sandbox(settings)
    api = Api(sandbox)

    @asynccontextmanager
    async def lifespan(_app: FastAPI) -> AsyncIterator[None]:
        ticking = asyncio.create_task(_tick_for_ever(sandbox))
        yield
        ticking.cancel()
        with suppress(asyncio.CancelledError):
            await ticking
        await sandbox.webhooks.close()
        sandbox.close()

    app = FastAPI(title="Stripe sandbox", lifespan=lifespan, docs_url=None, redoc_url=None, openapi_url=None)
    app.state.sandbox = sandbox

    async def call_api(request: Request) -> Response:
        return await api.handle(request)

    for root in ("/v1/{rest:path}", "/v2/{rest:path}"):
        app.add_route(root, call_api, methods=["GET", "POST", "DELETE", "PUT", "PATCH"])
    app.include_router(control.router(sandbox))
    app.include_router(control_objects.router(sandbox))
    app.include_router(pages.router(sandbox))

    async def live() -> dict[str, str]:
        return {"status": "ok"}

    async def metrics() -> Response:
        return Response(sandbox.metrics.exposition(), media_type="text/plain; version=0.0.4")

    app.add_api_route("/health/live", live)
    app.add_api_route("/health/ready", live)
    app.add_api_route("/metrics", metrics)
    return app


async def _tick_for_ever(sandbox: Sandbox) -> None:
    while True:
        await asyncio.sleep(TICK_S)
        try:
            await sandbox.settle()
        except Exception:
            # The clock of the sandbox must not stop for one defect; it is seen in the log.
            log.exception("a tick of the sandbox failed")
