"""The wiring of analytics: settings, the stream and HTTP in one event loop, and a graceful end."""

import asyncio
import logging
import os
import sys

import uvicorn

from services.analytics.api import build_api
from services.analytics.app import Analytics
from services.analytics.settings import AnalyticsSettings
from services.runtime.clock import clock_from
from services.runtime.service import app_server

logger = logging.getLogger(__name__)

_WATCH_S = 0.2
_END_S = 8.0
"""Longest wait for the stream to end: Kafka itself may be gone. What is not settled by then is repeated."""


def main() -> None:
    """Until SIGTERM or SIGINT: settle, commit, leave the group. Exits with 1 when the stream failed."""
    settings = AnalyticsSettings()
    logging.basicConfig(level=settings.log_level, format="%(asctime)s %(levelname)s analytics %(name)s: %(message)s")
    for name in ("faust", "mode", "aiokafka"):
        logging.getLogger(name).setLevel(logging.WARNING)
    if not settings.auth_secret.get_secret_value():
        sys.exit("TRANCHE_AUTH_SECRET is not set: no token could be checked. `tranche up` sets one by itself.")
    if (failure := asyncio.run(_live(settings))) is not None:
        sys.exit(f"analytics stopped: {failure!r}")


async def _live(settings: AnalyticsSettings) -> BaseException | None:
    stream = Analytics(settings, clock_from(settings.clock_file))
    server = app_server(build_api(stream, settings.auth_secret.get_secret_value()), settings)
    streaming = asyncio.create_task(stream.start())
    watching = asyncio.create_task(_watch(stream, streaming, server))
    logger.info("serves http://%s:%d", settings.http_host, settings.http_port)
    await server.serve()  # returns at SIGTERM, SIGINT or should_exit, when open calls are answered
    watching.cancel()
    failure = _failure(stream, streaming)
    if failure is not None:
        logger.error("the stream failed: %r", failure)
    stopping = asyncio.create_task(stream.stop())
    await asyncio.wait({stopping}, timeout=_END_S)
    if not stopping.done():
        # Faust waits for Kafka without an end, and a cancellation does not reach it.
        logger.warning("the stream did not end in %s s and is left; what is not settled is repeated", _END_S)
        logging.shutdown()
        os._exit(1)
    await asyncio.gather(stopping, streaming, watching, return_exceptions=True)
    return failure


async def _watch(stream: Analytics, streaming: asyncio.Task[None], server: uvicorn.Server) -> None:
    while _failure(stream, streaming) is None:
        await asyncio.sleep(_WATCH_S)
    server.should_exit = True


def _failure(stream: Analytics, streaming: asyncio.Task[None]) -> BaseException | None:
    if streaming.done() and not streaming.cancelled() and (error := streaming.exception()):
        return error
    return stream.failure
