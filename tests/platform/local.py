"""Kafka and PostgreSQL as local processes in a folder of the session's own."""

import os
import shutil
import tempfile
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

from deploy.local.kafka import Jars, Kafka
from deploy.local.layout import Layout
from deploy.local.postgres import Postgres
from tests.platform.backing import Backing
from tests.platform.guard import Guard, clean

_MEMORY = Path("/dev/shm")
_ROOM_BYTES = 8 * 1024**3
"""Several times what a whole test session has been seen to keep there."""


@contextmanager
def temporary_root(*, in_memory: bool = True) -> Iterator[Path]:
    """A root folder for a platform; when the session ends, however it ends, nothing of it is left.

    In memory where there is room: a database of its own is some three hundred files, and making them takes most of a
    small test's time on a disk. `in_memory=False`, or TMPDIR in the environment: on the disk, as the product runs.
    """
    root = Path(tempfile.mkdtemp(prefix="tranche-test-", dir=_MEMORY if in_memory and _has_room() else None))
    root.chmod(0o711)  # PostgreSQL's user passes through
    guard = Guard(root)
    try:
        yield root
    finally:
        clean(root)
        guard.release()


def _has_room() -> bool:
    if "TMPDIR" in os.environ or not os.access(_MEMORY, os.W_OK):
        return False
    memory = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines())
    available_bytes = int(memory["MemAvailable"].split()[0]) * 1024
    return min(available_bytes, shutil.disk_usage(_MEMORY).free) >= _ROOM_BYTES


def short_lived_kafka(layout: Layout) -> Kafka:
    """A broker for one session's tests, not started."""
    return Kafka(
        home=layout.kafka,
        jars=Jars(layout.tools),
        ports=layout.ports(),
        processes=layout.processes(),
        heap_mb=512,
        short_lived=True,
    )


@contextmanager
def local_backing() -> Iterator[Backing]:
    """A real broker and a real database server for one session, ended with it."""
    with temporary_root() as root:
        layout = Layout(root)
        ports, processes = layout.ports(), layout.processes()
        postgres = Postgres(home=layout.postgres, tools=layout.tools, ports=ports, processes=processes, durable=False)
        with ThreadPoolExecutor() as both:
            bootstrap, url = both.submit(short_lived_kafka(layout).start), both.submit(postgres.start)
        yield Backing(kafka_bootstrap=bootstrap.result(), database_url=url.result())
