"""Free loopback ports, kept from one start of the platform to the next."""

import errno
import json
import random
import socket
import time
from collections.abc import Iterable
from pathlib import Path

from deploy.local.errors import LocalError
from deploy.local.locks import only_one

# Below the range that systems hand out for outgoing connections (32768 and up on Linux, 49152 elsewhere), so that no
# client's connection takes a port between our choosing it and a service's binding it, or while a service restarts.
_LOWEST = 18_000
_HIGHEST = 31_999
_TRIES = 200
_LETTING_GO_S = 2.0


def is_free(port: int, host: str = "127.0.0.1") -> bool:
    """Whether a server could listen on this port now."""
    with socket.socket(socket.AF_INET, socket.SOCK_STREAM) as probe:
        # As servers do: a port whose last connections are in TIME_WAIT is free.
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                return False
            raise
    return True


def free_port(preferred: int | None = None, taken: Iterable[int] = ()) -> int:
    """A free loopback port: the preferred one, else any, and none of `taken`.

    Chosen at random so that two platforms that start at the same moment do not choose the same one.
    Raises LocalError when no free port was found.
    """
    taken = set(taken)
    if preferred is not None and preferred not in taken and is_free(preferred):
        return preferred
    for _ in range(_TRIES):
        port = random.randint(_LOWEST, _HIGHEST)  # noqa: S311 - spread, not secrecy
        if port not in taken and is_free(port):
            return port
    raise LocalError(f"no free loopback port between {_LOWEST} and {_HIGHEST}: end some servers on this machine")


def _becomes_free(port: int) -> bool:
    """A killed process lets go of its port a moment after it is dead: its threads end one by one."""
    give_up = time.monotonic() + _LETTING_GO_S
    while not is_free(port):
        if time.monotonic() > give_up:
            return False
        time.sleep(0.02)
    return True


class Ports:
    """The ports of one platform by name, in a file: a restart listens where it listened before."""

    def __init__(self, path: Path) -> None:
        self._path = path

    def get(self, name: str) -> int | None:
        """The port that was given to `name`, if any."""
        return self._read().get(name)

    def ensure(self, name: str, *, running: bool, preferred: int | None = None) -> int:
        """The port of `name`: the one it had, unless it is not running and somebody else took the port meanwhile."""
        with only_one(self._path.with_suffix(".lock")):  # services start side by side
            ports = self._read()
            port = ports.get(name)
            if port is not None and (running or _becomes_free(port)):
                return port
            others = [other for key, other in ports.items() if key != name]
            ports[name] = free_port(preferred, others)
            aside = self._path.with_suffix(".new")
            aside.write_text(json.dumps(ports, indent=1) + "\n")
            aside.replace(self._path)
            return ports[name]

    def _read(self) -> dict[str, int]:
        try:
            return {str(name): int(port) for name, port in json.loads(self._path.read_text()).items()}
        except FileNotFoundError:
            return {}
