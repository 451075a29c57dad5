"""A real PostgreSQL on this machine for one platform: own data, loopback only, never run as root."""

import os
import pwd
import shutil
import signal
import stat
import subprocess
import tempfile
import time
from collections.abc import Iterable, Mapping
from pathlib import Path

import psycopg

from deploy.local.errors import LocalError
from deploy.local.ports import Ports
from deploy.local.postgres_binaries import Binaries, find_binaries
from deploy.local.processes import Process, Processes, RunAs, listens
from services.runtime.databases import create_database

NAME = "postgres"
_START_LIMIT_S = 60
_STOP_LIMIT_S = 20

# Sized for one machine that runs everything: many short transactions with bulk writes.
_SETTINGS = {
    "listen_addresses": "127.0.0.1",
    "unix_socket_directories": "",
    "max_connections": "200",
    "shared_buffers": "256MB",
    "work_mem": "16MB",
    "maintenance_work_mem": "128MB",
    "wal_buffers": "16MB",
    "max_wal_size": "4GB",
    "checkpoint_timeout": "15min",
    "random_page_cost": "1.1",
    # Compiling a plan takes longer than any query of ours.
    "jit": "off",
    # Among its data, not in the machine's /dev/shm, where a killed server would leave it for ever.
    "dynamic_shared_memory_type": "mmap",
    "timezone": "UTC",
    "log_timezone": "UTC",
    "log_line_prefix": "%m [%p] %d ",
}
_NOT_DURABLE = {"fsync": "off", "full_page_writes": "off"}


class Postgres:
    """The database server of one platform.

    `durable=False` does not wait for the disk: faster; a crash of the machine, not of the server, loses data.
    For tests only. `settings` go before ours.
    """

    def __init__(
        self,
        *,
        home: Path,
        tools: Path,
        ports: Ports,
        processes: Processes,
        durable: bool = True,
        settings: Mapping[str, str] | None = None,
    ) -> None:
        self._home = home
        self._tools = tools
        self._ports = ports
        self._processes = processes
        self._durable = durable
        self._settings = {**_SETTINGS, **({} if durable else _NOT_DURABLE), **(settings or {})}

    @property
    def url(self) -> str | None:
        """The server's URL without a database; None before the first start."""
        port = self._ports.get(NAME)
        return f"postgresql://tranche@127.0.0.1:{port}" if port else None

    def find(self) -> Process | None:
        """The server's process while it is alive."""
        return self._processes.find(NAME)

    def start(self) -> str:
        """Start the server unless it runs, wait until it answers, and return its URL.

        Raises LocalError when the programs are missing or the server does not come up.
        """
        process = self.find()
        give_up = time.monotonic() + _START_LIMIT_S
        if process is None:
            process = self._launch()
        while not self._answers(process):
            if self.find() is None:
                said = self._processes.log_tail(NAME)
                # After kill -9 of the server its children may live for a moment: then it must be tried again.
                if not ("shared memory" in said or "lock file" in said) or time.monotonic() > give_up:
                    raise LocalError(
                        f"PostgreSQL ended while it started: {said} (all of it: {self._processes.log(NAME)})"
                    )
                time.sleep(0.3)
                process = self._launch()
            if time.monotonic() > give_up:
                raise LocalError(
                    f"PostgreSQL does not answer after {_START_LIMIT_S} s: see {self._processes.log(NAME)}"
                )
            time.sleep(0.03)
        url = f"postgresql://tranche@127.0.0.1:{self._ports.get(NAME)}"
        create_databases(url, ["tranche"])  # so that the bare URL connects, too
        return url

    def stop(self) -> None:
        """Stop the server, which ends its clients' sessions, and wait for its end."""
        self._processes.stop(NAME, _STOP_LIMIT_S)

    def remove(self) -> None:
        """Remove all data, wherever it was put. The server must be stopped."""
        place = self._recorded_place()
        if place is not None:
            shutil.rmtree(place, ignore_errors=True)
        shutil.rmtree(self._home, ignore_errors=True)

    def _launch(self) -> Process:
        run_as = _user() if os.geteuid() == 0 else None
        place = self._place(run_as)
        data = place / "data"
        version_file = data / "PG_VERSION"
        made_by = int(version_file.read_text()) if version_file.exists() else None
        binaries = find_binaries(self._tools, made_by)
        if run_as and not _reaches(run_as, binaries.folder):
            binaries = binaries.beside(place)
        if made_by is None:
            self._initdb(binaries, data, run_as)
        port = self._ports.ensure(NAME, running=False)
        settings = {**self._settings, "port": str(port)}
        return self._processes.start(
            NAME,
            [
                binaries.postgres,
                "-D",
                str(data),
                *(part for name, value in settings.items() for part in ("-c", f"{name}={value}")),
            ],
            _environment(),
            cwd=place,
            run_as=run_as,
            stop_signal=signal.SIGINT,  # "fast": SIGTERM would wait until every client has left
        )

    def _answers(self, process: Process) -> bool:
        port = self._ports.get(NAME) or 0
        try:
            with psycopg.connect(f"postgresql://tranche@127.0.0.1:{port}/postgres", connect_timeout=2):
                return listens(process, port)
        except psycopg.OperationalError:
            return False

    def _initdb(self, binaries: Binaries, data: Path, run_as: RunAs | None) -> None:
        shutil.rmtree(data, ignore_errors=True)  # what an interrupted first start left
        done = subprocess.run(
            [
                binaries.initdb,
                "--pgdata",
                str(data),
                "--username",
                "tranche",
                "--encoding",
                "UTF8",
                "--locale",
                "C.UTF-8",
                "--auth",
                "trust",
                *([] if self._durable else ["--no-sync"]),
            ],
            env=_environment(),
            cwd=data.parent,
            user=run_as.uid if run_as else None,
            group=run_as.gid if run_as else None,
            extra_groups=[] if run_as else None,
            stdin=subprocess.DEVNULL,
            capture_output=True,
            text=True,
            check=False,
        )
        if done.returncode != 0:
            shutil.rmtree(data, ignore_errors=True)
            said = [line for line in (done.stderr + done.stdout).splitlines() if "error" in line] or [""]
            raise LocalError(f"PostgreSQL's initdb failed: {said[0] or done.stderr.strip()[-200:]}")

    def _place(self, run_as: RunAs | None) -> Path:
        """The folder that holds the data: in the platform's root, or where the server's user can reach it."""
        recorded = self._recorded_place()
        if recorded is not None and recorded.is_dir():
            return recorded
        self._home.mkdir(parents=True, exist_ok=True)
        place = self._home
        if run_as:
            if not _reaches(run_as, self._home):
                place = Path(tempfile.mkdtemp(dir="/var/tmp", prefix="tranche-postgres-"))
            os.chown(place, run_as.uid, run_as.gid)
        # Not removed by its user's hand: what is recorded here is removed again by `make clean`.
        (self._home / "place").write_text(f"{place}\n")
        return place

    def _recorded_place(self) -> Path | None:
        try:
            return Path((self._home / "place").read_text().strip())
        except FileNotFoundError:
            return None


def create_databases(url: str, names: Iterable[str]) -> list[str]:
    """Create those databases on the server that do not exist; returns their names."""
    made = []
    with psycopg.connect(f"{url}/postgres", autocommit=True) as connection:
        existing = {row[0] for row in connection.execute("SELECT datname FROM pg_database")}
        for name in names:
            if name not in existing:
                create_database(connection, name)
                made.append(name)
    return made


def _user() -> RunAs:
    """Whom the server runs as when we are root, whom PostgreSQL refuses."""
    for name in ("postgres", "nobody"):
        try:
            entry = pwd.getpwnam(name)
        except KeyError:
            continue
        return RunAs(name, entry.pw_uid, entry.pw_gid)
    raise LocalError("PostgreSQL does not run as root and there is no user `postgres` or `nobody`: add one")


def _reaches(user: RunAs, path: Path) -> bool:
    """Whether the user may pass through every folder above `path` and into it."""
    path = path.resolve()
    for folder in (path, *path.parents):
        state = folder.stat()
        if state.st_uid == user.uid:
            bit = stat.S_IXUSR
        elif state.st_gid == user.gid:
            bit = stat.S_IXGRP
        else:
            bit = stat.S_IXOTH
        if not state.st_mode & bit:
            return False
    return True


def _environment() -> dict[str, str]:
    kept = ("PATH", "TZ", "TMPDIR", "LD_LIBRARY_PATH")
    # Messages in English: they are read by us, too.
    return {**{name: os.environ[name] for name in kept if name in os.environ}, "LC_ALL": "C"}
