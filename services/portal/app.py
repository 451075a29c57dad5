"""The front door's own routes; everything else is passed on."""

import orjson
from fastapi import FastAPI
from prometheus_client import generate_latest
from starlette.responses import HTMLResponse, Response

from services.portal import pages
from services.portal.proxy import Proxy
from services.portal.routing import METHODS
from services.portal.upstreams import Upstreams
from services.runtime.problems import Problem, install


def build_app(upstreams: Upstreams, public_url: str) -> FastAPI:
    """The application. `upstreams` must be open for as long as it serves."""
    app = FastAPI(title="Tranche: front door", docs_url=None, redoc_url=None, openapi_url=None)
    install(app)

    @app.get("/")
    async def _start() -> HTMLResponse:
        return pages.start_page(await upstreams.states(), public_url)

    @app.get("/docs")
    async def _docs() -> HTMLResponse:
        return pages.docs_page()

    @app.get("/docs/{name}")
    async def _asset(name: str) -> Response:
        found = pages.asset(name)
        if found is None:
            raise Problem(404, "not_found", f"there is no /docs/{name}")
        return found

    @app.get("/v1/openapi.json")
    async def _openapi() -> Response:
        return _json(upstreams.document)

    @app.get("/health/live")
    async def _live() -> Response:
        return _json({"live": True})

    @app.get("/health/ready")
    async def _ready() -> Response:
        # Ready to take calls: every route is known. A service that is away later on answers 503 for its own calls
        # only; the door stays open for all others. `services` says how each is now.
        unknown = upstreams.unknown
        parts = {"routes": not unknown, "unknown": unknown, "services": await upstreams.states()}
        return _json(parts, 503 if unknown else 200)

    @app.get("/metrics")
    async def _metrics() -> Response:
        return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    app.add_route("/{path:path}", Proxy(upstreams).handle, methods=list(METHODS))
    return app


def _json(value: object, status: int = 200) -> Response:
    return Response(orjson.dumps(value), status, media_type="application/json")
