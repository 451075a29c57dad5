"""What the figures were taken on: enough to judge them by, nothing that names the machine."""

import os
import platform
from importlib.metadata import version
from pathlib import Path

import psycopg

from deploy.local.layout import Layout

_PACKAGES = ("confluent-kafka", "psycopg", "pydantic", "SQLAlchemy", "asyncpg", "faststream")


def describe(server_url: str, tools: Path) -> dict[str, str]:
    """Cores, memory and versions."""
    with psycopg.connect(f"{server_url}/postgres") as connection:
        row = connection.execute("SHOW server_version").fetchone()
    jar = next(iter(sorted(tools.glob("kafka-libs/kafka_*.jar"))), None)
    return {
        "cores": f"{len(os.sched_getaffinity(0))} x {_processor()}",
        "memory": f"{os.sysconf('SC_PAGE_SIZE') * os.sysconf('SC_PHYS_PAGES') / 2**30:.0f} GiB",
        "system": f"{platform.system()} {platform.machine()}",
        "Python": platform.python_version(),
        "Apache Kafka": jar.stem.rpartition("-")[2] if jar else "unknown",
        "PostgreSQL": str(row[0]).split()[0] if row else "unknown",
        **{name: version(name) for name in _PACKAGES},
    }


def tools() -> Path:
    """Where the checkout keeps Kafka's jars."""
    return Layout(Path()).tools


def _processor() -> str:
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
