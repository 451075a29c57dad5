"""Small filesystems of their own for the broker's and the database's data, which can be filled to the last byte."""

import os
import subprocess
from pathlib import Path

SIZES_MB = {"kafka": 1_024, "postgres": 1_536}
_BALLAST = "ballast"
_BLOCK = b"\0" * 1_048_576


class NoDiskError(Exception):
    """This machine does not let us mount a filesystem; the text says why."""


def mount(folder: Path, size_mb: int) -> None:
    """A filesystem in memory at this folder, of this size at most. Raises NoDiskError."""
    if os.geteuid() != 0:
        raise NoDiskError("only root may mount a small filesystem")
    folder.mkdir(parents=True, exist_ok=True)
    done = subprocess.run(
        ["mount", "-t", "tmpfs", "-o", f"size={size_mb}m,mode=0755", "tranche-chaos", str(folder)],
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode != 0:
        raise NoDiskError(f"mount -t tmpfs: {done.stderr.strip()}")


def fill(folder: Path) -> int:
    """Write until nothing more fits; returns how many bytes that were."""
    written = 0
    descriptor = os.open(folder / _BALLAST, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    try:
        for block in (_BLOCK, _BLOCK[:4096]):
            while True:
                try:
                    written += os.write(descriptor, block)
                except OSError:  # no space left
                    break
    finally:
        os.close(descriptor)
    return written


def relieve(folder: Path) -> None:
    """Take away what `fill` wrote."""
    (folder / _BALLAST).unlink(missing_ok=True)
