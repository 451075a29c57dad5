"""Real small servers: what stands behind the front door in these tests, and the door itself."""

import asyncio
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

import uvicorn
from fastapi import FastAPI

from deploy.local.ports import free_port
from services.portal.app import build_app
from services.portal.upstreams import Upstream, Upstreams

PATIENCE_S = 20.0


class Server:
    """An application on a port, until stopped. It can be started again on the same port."""

    def __init__(self, app: FastAPI, port: int | None = None) -> None:
        self.app = app
        self.port = port or free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.start()

    def start(self) -> None:
        config = uvicorn.Config(self.app, port=self.port, log_level="warning", lifespan="off")
        self._server = uvicorn.Server(config)
        self._thread = threading.Thread(target=self._server.run, daemon=True)
        self._thread.start()
        eventually(lambda: self._server.started, "it listens")

    def stop(self) -> None:
        self._server.should_exit = True
        self._thread.join(PATIENCE_S)


class RawServer:
    """Takes connections and does with them what it is told: for what no application can do, such as dying."""

    def __init__(self, on_request: Callable[[asyncio.StreamWriter], None], port: int) -> None:
        self.requests = 0
        self._on_request = on_request
        self._loop = asyncio.new_event_loop()
        self._server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", port))
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        self.requests += 1
        self._on_request(writer)
        writer.close()

    def stop(self) -> None:
        self._server.close()
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(PATIENCE_S)
        self._loop.close()


@contextmanager
def front_door(*upstreams: Upstream) -> Iterator[str]:
    """The front door before these services; gives its address."""
    port = free_port()
    up, end = threading.Event(), threading.Event()

    async def live() -> None:
        async with Upstreams(upstreams) as behind:
            app = build_app(behind, f"http://localhost:{port}")
            server = uvicorn.Server(uvicorn.Config(app, port=port, log_level="warning", lifespan="off"))
            serving = asyncio.create_task(server.serve())
            while not server.started:
                await asyncio.sleep(0.01)
            up.set()
            await asyncio.to_thread(end.wait)
            server.should_exit = True
            await serving

    thread = threading.Thread(target=asyncio.run, args=(live(),), daemon=True)
    thread.start()
    assert up.wait(PATIENCE_S)
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        end.set()
        thread.join(PATIENCE_S)


def eventually(look: Callable[[], object], what: str) -> None:
    """Until it is so."""
    until = time.monotonic() + PATIENCE_S
    while not look():
        assert time.monotonic() < until, f"never seen: {what}"
        time.sleep(0.02)
