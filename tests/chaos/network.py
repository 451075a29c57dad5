"""TCP wires between two of the platform's processes, each of which can be cut, held silent or slowed down."""

import asyncio
import contextlib
import threading
from collections.abc import Callable
from typing import Literal

Trouble = Literal["none", "cut", "silent", "slow"]
"""`cut`: connections end and new ones are refused; `silent`: nothing passes and nobody is told; `slow`: later."""

_CHUNK = 65_536
_SLOW_S = 0.4
_CONNECT_S = 5.0
_REFUSED_AFTER_S = 0.2
"""A call that comes to nothing ends after this, or those who call again at once would do nothing else."""


class Wire:
    """One listening port whose connections lead to another port of this machine."""

    def __init__(self, name: str, target: Callable[[], int]) -> None:
        self.name = name
        self.port = 0
        self._target = target
        self._trouble: Trouble = "none"
        self._passes = asyncio.Event()
        self._passes.set()
        self._writers: set[asyncio.StreamWriter] = set()
        self._meetings: set[asyncio.Task[None]] = set()
        self._server: asyncio.Server | None = None

    async def open(self) -> None:
        """Listen, at any free port."""
        self._server = await asyncio.start_server(self._meet, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """End all connections and listen no more."""
        if self._server:
            self._server.close()
        self._abort()
        for task in list(self._meetings):
            task.cancel()
        await asyncio.gather(*self._meetings, return_exceptions=True)

    async def suffer(self, trouble: Trouble, drop: bool = False) -> None:
        """From now on this trouble. `drop`: connections that were open end."""
        self._trouble = trouble
        if trouble == "silent":
            self._passes.clear()
        else:
            self._passes.set()
        if trouble == "cut" or drop:
            self._abort()

    def _abort(self) -> None:
        for writer in self._writers:
            writer.transport.abort()

    async def _meet(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._meetings.add(task)
        task.add_done_callback(self._meetings.discard)
        self._writers.add(writer)
        beyond: asyncio.StreamWriter | None = None
        try:
            if self._trouble == "cut":
                await asyncio.sleep(_REFUSED_AFTER_S)
                return
            await self._passes.wait()
            # Nobody listens there: to the one who calls this looks as the death of the other side would.
            answers, beyond = await asyncio.wait_for(asyncio.open_connection("127.0.0.1", self._target()), _CONNECT_S)
            self._writers.add(beyond)
            ways = [asyncio.create_task(self._pump(reader, beyond)), asyncio.create_task(self._pump(answers, writer))]
            try:
                await asyncio.wait(ways)
            finally:
                for way in ways:
                    way.cancel()
        except (OSError, TimeoutError):
            await asyncio.sleep(_REFUSED_AFTER_S)
        finally:
            for end in (writer, beyond):
                if end is not None:
                    self._writers.discard(end)
                    end.transport.abort()

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError):
            while data := await reader.read(_CHUNK):
                await self._passes.wait()
                if self._trouble == "slow":
                    await asyncio.sleep(_SLOW_S)
                writer.write(data)
                await writer.drain()
            if writer.can_write_eof():
                writer.write_eof()
            return
        writer.transport.abort()


class Network:
    """All wires, in a thread of their own."""

    def __init__(self) -> None:
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, name="network", daemon=True)
        self._thread.start()
        self.wires: dict[str, Wire] = {}

    def lay(self, name: str, target: Callable[[], int]) -> int:
        """A new wire to a port, which is asked for at each connection; returns where it listens."""
        wire = self.wires[name] = Wire(name, target)
        self._do(wire.open())
        return wire.port

    def suffer(self, name: str, trouble: Trouble, drop: bool = False) -> None:
        """Give one wire this trouble, or take it away (`none`)."""
        self._do(self.wires[name].suffer(trouble, drop))

    def heal(self) -> None:
        """No trouble on any wire."""
        for name in self.wires:
            self.suffer(name, "none")

    def close(self) -> None:
        """End every connection and the thread."""
        for wire in self.wires.values():
            self._do(wire.close())
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)
        self._loop.close()

    def _do(self, what: "asyncio._CoroutineLike[None]") -> None:
        asyncio.run_coroutine_threadsafe(what, self._loop).result(10)
