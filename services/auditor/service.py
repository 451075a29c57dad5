"""The auditor's life as a process: settings, its database, what it does by the clock, HTTP, and a graceful end.

It decides nothing and consumes no topic, so it has no worker and no relay of the runtime's.
"""

import logging
import sys
from collections.abc import Sequence
from datetime import timedelta
from functools import partial
from pathlib import Path

import orjson
import psycopg
from fastapi import FastAPI
from fastapi.responses import Response
from prometheus_client import generate_latest

from services.auditor.audit import database_urls
from services.auditor.covering.sides import LiveSides
from services.auditor.covering.watch import Watch
from services.auditor.nightly.nightly import Nightly
from services.auditor.nightly.reports import Reports
from services.auditor.reconcile.look import Surroundings, reconcile
from services.auditor.reconcile.stripe_side import open_library
from services.auditor.rounds import Rounds
from services.auditor.sending import send
from services.auditor.settings import AuditorSettings
from services.runtime.clock import clock_from
from services.runtime.database import migrate, open_engine
from services.runtime.service import app_server, live
from services.runtime.stripe_keys import KeyRefusedError, check_key

NAME = "auditor"


def main() -> None:
    """Run until told to stop. Refuses to start where real money and play money could meet."""
    settings = AuditorSettings()
    logging.basicConfig(level=settings.log_level, format=f"%(asctime)s %(levelname)s {NAME} %(name)s: %(message)s")
    for name in ("stripe", "httpx", "httpcore", "alembic"):  # addresses and bodies are nobody's to read
        logging.getLogger(name).setLevel(logging.WARNING)
    key, base = settings.stripe_api_key.get_secret_value(), settings.stripe_api_base
    try:
        check_key(key, base, test_mode=settings.stripe_test_mode)
    except KeyRefusedError as error:
        sys.exit(f"{NAME} refuses to start: {error}")
    url = settings.database_of(NAME)
    try:
        migrate(url, Path(__file__).parent)
    except psycopg.OperationalError as error:
        sys.exit(f"{NAME} cannot reach its database tranche_{NAME}: {str(error).splitlines()[0]}")
    engine = open_engine(url, pool_size=2)
    clock = clock_from(settings.clock_file)
    send_commands = partial(send, settings.kafka_bootstrap)
    with open_library(key, base) as library:
        around = Surroundings(database_urls(settings.database_url), settings.kafka_bootstrap, library)
        nightly = Nightly(
            Reports(engine),
            clock,
            settings.reconcile_hour,
            lambda pause: reconcile(
                around, clock.now, settings.reconcile_looks, settings.reconcile_pause_s, sleep=pause
            ),
            send_commands,
        )
        watch = Watch(LiveSides(around.urls, library), clock, timedelta(seconds=settings.cover_look_s), send_commands)
        parts = [
            Rounds("the nightly reconciliation", nightly.take_turn),
            Rounds("the watch over the cover", watch.take_turn, every_s=2.0),
        ]
        live(settings, app_server(_app(parts), settings), parts)
    engine.dispose()
    failures = [part.failure for part in parts if part.failure is not None]
    if failures:
        sys.exit(f"{NAME} stopped: {failures[0]}")


def _app(parts: Sequence[Rounds]) -> FastAPI:
    app = FastAPI(title="Tranche: auditor", version="1", docs_url=None, redoc_url=None)

    @app.get("/health/live", include_in_schema=False)
    async def _live() -> dict[str, bool]:
        return {"live": True}

    @app.get("/health/ready", include_in_schema=False)
    async def _ready() -> Response:
        running = {part.name: part.is_alive() for part in parts}
        return Response(orjson.dumps(running), 200 if all(running.values()) else 503, media_type="application/json")

    @app.get("/metrics", include_in_schema=False)
    def _metrics() -> Response:
        return Response(generate_latest(), media_type="text/plain; version=0.0.4; charset=utf-8")

    return app
