"""Kafka and PostgreSQL as local processes in a folder of the session's own."""

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


@contextmanager
def temporary_root() -> Iterator[Path]:
    """A root folder for a platform; when the session ends, however it ends, nothing of it is left."""
    root = Path(tempfile.mkdtemp(prefix="tranche-test-"))
    root.chmod(0o711)  # PostgreSQL's user passes through
    guard = Guard(root)
    try:
        yield root
    finally:
        clean(root)
        guard.release()


@contextmanager
def local_backing() -> Iterator[Backing]:
    """A real broker and a real database server for one session, ended with it."""
    with temporary_root() as root:
        layout = Layout(root)
        ports, processes = layout.ports(), layout.processes()
        kafka = Kafka(home=layout.kafka, jars=Jars(layout.tools), ports=ports, processes=processes, heap_mb=512)
        postgres = Postgres(home=layout.postgres, tools=layout.tools, ports=ports, processes=processes, durable=False)
        with ThreadPoolExecutor() as both:
            bootstrap, url = both.submit(kafka.start), both.submit(postgres.start)
        yield Backing(kafka_bootstrap=bootstrap.result(), database_url=url.result())
