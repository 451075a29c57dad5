"""A service's life: settings, migrations, the worker, the timers, the relay, HTTP, and a graceful end."""

import gc
import logging
import signal
import sys
import threading
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Protocol

import psycopg
import uvicorn
from fastapi import APIRouter
from sqlalchemy import Engine, text
from sqlalchemy.exc import SQLAlchemyError

from services.runtime.clock import Clock, clock_from
from services.runtime.database import migrate, open_engine
from services.runtime.handlers import Handlers
from services.runtime.http import Gate, build_app
from services.runtime.ids import IdSource
from services.runtime.kafka import Kafka, TopicMissingError
from services.runtime.postgres import Postgres, open_log
from services.runtime.processor import Processor
from services.runtime.relay import LogAheadError, Relay
from services.runtime.settings import Settings
from services.runtime.timers import Timers
from services.runtime.worker import Worker

logger = logging.getLogger(__name__)

_WATCH_S = 0.2
_END_S = 20.0
"""Longest wait for a part to end: below Kubernetes' grace period of 30 seconds."""


class Part(Protocol):
    """Something that runs beside the worker, e.g. the gateway's caller of Stripe."""

    failure: BaseException | None

    def start(self) -> None: ...

    def stop(self) -> None: ...

    def join(self, timeout: float | None = None) -> None: ...


@dataclass(frozen=True, slots=True)
class Runtime:
    """What a service's own parts may use."""

    settings: Settings
    engine: Engine
    clock: Clock
    processor: Processor
    lanes: Callable[[], frozenset[int]]
    """The lanes that are this replica's at the moment: two owners at once are harmless, but waste calls."""


@dataclass(frozen=True, slots=True)
class Service:
    """One service: what it listens to and which code answers. `run()` is its whole life."""

    name: str
    topics: Sequence[str]
    handlers: Handlers
    routes: Sequence[APIRouter]
    folder: Path
    settings: Callable[[], Settings] = Settings
    parts: Callable[[Runtime], Sequence[Part]] = lambda runtime: ()

    def run(self) -> None:
        """Until SIGTERM or SIGINT: drain, flush, leave the group. Exits with 1 when a part failed."""
        settings = self.settings()
        logging.basicConfig(
            level=settings.log_level, format=f"%(asctime)s %(levelname)s {self.name} %(name)s: %(message)s"
        )
        logging.getLogger("alembic").setLevel(logging.WARNING)
        if not settings.auth_secret.get_secret_value():
            sys.exit("TRANCHE_AUTH_SECRET is not set: no token could be checked. `tranche up` sets one by itself.")
        url = settings.database_of(self.name)
        try:
            migrate(url, self.folder)
        except psycopg.OperationalError as error:
            sys.exit(f"{self.name} cannot reach its database tranche_{self.name}: {str(error).splitlines()[0]}")
        engine = open_engine(url)
        clock = clock_from(settings.clock_file)
        database = Postgres(engine)
        processor = Processor(self.name, self.handlers, database, clock, IdSource())
        broker = Kafka(settings.kafka_bootstrap)
        worker = Worker(settings, self.topics, processor, broker)
        relay = Relay(self.name, partial(open_log, url), broker, clock)
        timers = Timers(self.name, database, clock, settings.timer_poll_s, settings.timer_batch_size)
        own = self.parts(Runtime(settings, engine, clock, processor, lambda: worker.lanes))

        def ready() -> dict[str, bool]:
            return {"consumer": worker.assigned.is_set(), "database": _answers(engine)}

        app = build_app(self.name, Gate(processor, engine, settings), ready)
        app.state.parts = own
        for router in self.routes:
            app.include_router(router)
        # Before anything is taken, answered or asked: on a database that was restored from a backup it would be done
        # once more, and what is answered there is lost when the database is brought forward.
        try:
            relay.compare()
        except LogAheadError as error:
            sys.exit(f"{self.name} does not start: {error} `tranche recover {self.name}` brings it there.")
        except TopicMissingError as error:
            sys.exit(f"{self.name} does not start: {error}")
        # The worker is stopped first and the relay last, so that everything decided is published.
        parts: list[Part] = [worker, *own, timers, relay]
        live(settings, app_server(app, settings), parts)
        engine.dispose()
        failures = [part.failure for part in parts if part.failure is not None]
        if failures:
            sys.exit(f"{self.name} stopped: {failures[0]}")


def live(settings: Settings, server: uvicorn.Server, parts: Sequence[Part]) -> None:
    """Start the parts, serve until SIGTERM, SIGINT or the failure of a part, then stop the parts in their order."""
    # What is loaded by now stays; a batch makes thousands of short-lived objects without cycles, so collecting
    # at every 700 of them only costs (6 % of the worker's time, measured).
    gc.freeze()
    gc.set_threshold(50_000, 20, 20)
    for part in parts:
        part.start()
    ended = threading.Event()

    def watch() -> None:
        while not ended.wait(_WATCH_S):
            if any(part.failure is not None for part in parts):
                server.should_exit = True
                return

    threading.Thread(target=watch, name="watch", daemon=True).start()
    logger.info("serves http://%s:%d", settings.http_host, settings.http_port)
    server.run()  # returns at SIGTERM, SIGINT or should_exit, when open calls are answered
    ended.set()
    for part in parts:
        part.stop()
        part.join(_END_S)


class _Server(uvicorn.Server):
    """uvicorn that ends at a signal without dying of it: what comes after it (drain, flush, leave) still runs."""

    @contextmanager
    def capture_signals(self) -> Iterator[None]:
        before = {number: signal.signal(number, self.handle_exit) for number in (signal.SIGTERM, signal.SIGINT)}
        try:
            yield
        finally:
            for number, handler in before.items():
                signal.signal(number, handler)


def app_server(app: object, settings: Settings) -> uvicorn.Server:
    """uvicorn with our settings; access is measured, not logged."""
    config = uvicorn.Config(
        app,  # type: ignore[arg-type]
        host=settings.http_host,
        port=settings.http_port,
        log_level="warning",
        access_log=False,
        timeout_graceful_shutdown=10,
        lifespan="off",
    )
    return _Server(config)


def _answers(engine: Engine) -> bool:
    try:
        with engine.connect() as connection:
            connection.execute(text("SELECT 1"))
    except SQLAlchemyError:
        return False
    return True
