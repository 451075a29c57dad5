"""Ends what a test session started when the session itself dies before it could (kill -9, a closed terminal).

A small process of its own: it reads from a pipe that only the session holds, and acts when the pipe closes. After an
orderly end there is nothing left for it to do.
"""

import contextlib
import shutil
import subprocess
import sys
from pathlib import Path

_CHECKOUT = Path(__file__).resolve().parents[2]


class Guard:
    """Watches over one root folder of a test session."""

    def __init__(self, root: Path) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.platform.guard", str(root)],
            stdin=subprocess.PIPE,
            cwd=_CHECKOUT,
            start_new_session=True,
        )

    def release(self) -> None:
        """The session cleaned up in order (or did not: then the guard does it now)."""
        assert self._process.stdin is not None
        self._process.stdin.close()
        self._process.wait(timeout=120)


def clean(root: Path) -> None:
    """End every process that was started from this root folder and remove all its files."""
    # Imported here: the guard of a session that ends in order never needs them, and starts and ends at once.
    from deploy.local.layout import Layout  # noqa: PLC0415
    from deploy.local.postgres import Postgres  # noqa: PLC0415

    layout = Layout(root)
    processes = layout.processes()
    for name in reversed(processes.names()):
        processes.stop(name, timeout_s=5)
    Postgres(
        home=layout.postgres, tools=layout.tools, ports=layout.ports(), processes=processes, durable=False
    ).remove()
    _unmount(root)
    shutil.rmtree(root, ignore_errors=True)


def _unmount(root: Path) -> None:
    """Filesystems that a test mounted below its root (a small one, to be filled)."""
    with contextlib.suppress(FileNotFoundError):  # not Linux: nothing is mounted there
        places = [line.split()[1] for line in Path("/proc/self/mounts").read_text().splitlines()]
        for place in reversed(places):
            if place.startswith(f"{root}/"):
                subprocess.run(["umount", place], check=False)


if __name__ == "__main__":
    sys.stdin.read()
    watched = Path(sys.argv[1])
    if watched.exists():
        clean(watched)
