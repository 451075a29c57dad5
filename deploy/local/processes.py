"""Detached processes of one platform: started, found again, stopped, and never mistaken for another's.

A process is known by its id *and* the moment it started, because ids are used again: what a record names is
signalled only while both still agree.
"""

import contextlib
import hashlib
import json
import os
import signal
import subprocess
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from deploy.local.errors import LocalError

_POLL_S = 0.02
_LOG_TAIL_BYTES = 4000
_LOG_KEPT_BYTES = 20 * 1024 * 1024
"""A log that is longer when its process starts is moved aside, so that .tranche/logs stays small."""

_LAST_THREAD_S = 10.0

# Children of this very process, so that their end can be collected and no zombie stays.
_children: dict[int, subprocess.Popen[bytes]] = {}


@dataclass(frozen=True)
class Process:
    """One started process as it is recorded on disk. `fingerprint` stands for its command and environment."""

    name: str
    pid: int
    started: str
    stop_signal: int
    fingerprint: str


@dataclass(frozen=True)
class RunAs:
    """The user that a process runs as when it must not be root."""

    name: str
    uid: int
    gid: int


def fingerprint(command: Sequence[str], env: Mapping[str, str]) -> str:
    """A digest of the command and our own settings; it differs when a restart would change something."""
    settings = sorted((name, value) for name, value in env.items() if name.startswith("TRANCHE_"))
    text = json.dumps([list(command), settings])
    return hashlib.sha256(text.encode()).hexdigest()


def start_moment(pid: int) -> str | None:
    """When the process with this id started, in the system's own words; None when there is none or it has ended."""
    try:
        # The name in brackets may hold anything, brackets and blanks included: count from the last one.
        fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
        return None if fields[0] in "ZX" else fields[19]
    except (FileNotFoundError, ProcessLookupError):
        if Path("/proc/self/stat").exists():
            return None
    answer = subprocess.run(
        ["ps", "-o", "stat=,lstart=", "-p", str(pid)], capture_output=True, text=True, check=False
    ).stdout.strip()
    return None if not answer or answer.startswith("Z") else answer.partition(" ")[2].strip()


class Processes:
    """The processes of one platform; their records are in `records`, what they print is in `logs`."""

    def __init__(self, records: Path, logs: Path) -> None:
        self._records = records
        self._logs = logs

    def start(
        self,
        name: str,
        command: Sequence[str],
        env: Mapping[str, str],
        *,
        cwd: Path,
        run_as: RunAs | None = None,
        stop_signal: int = signal.SIGTERM,
    ) -> Process:
        """Start `command` on its own, detached from this terminal, with exactly `env` as its environment.

        Raises LocalError when the program is not there.
        """
        self._records.mkdir(parents=True, exist_ok=True)
        self._logs.mkdir(parents=True, exist_ok=True)
        log = self.log(name)
        if log.exists() and log.stat().st_size > _LOG_KEPT_BYTES:
            log.replace(log.with_suffix(".log.1"))
        with log.open("ab") as output:
            try:
                child = subprocess.Popen(  # its end is collected in `_collect`
                    list(command),
                    stdin=subprocess.DEVNULL,
                    stdout=output,
                    stderr=output,
                    env=dict(env),
                    cwd=cwd,
                    start_new_session=True,
                    user=run_as.uid if run_as else None,
                    group=run_as.gid if run_as else None,
                    extra_groups=[] if run_as else None,
                )
            except FileNotFoundError as error:
                raise LocalError(f"{name} cannot start: {command[0]} is not there") from error
        _children[child.pid] = child
        process = Process(
            name=name,
            pid=child.pid,
            started=start_moment(child.pid) or "ended",
            stop_signal=int(stop_signal),
            fingerprint=fingerprint(command, env),
        )
        path = self._path(name)
        aside = path.with_suffix(".new")
        aside.write_text(json.dumps(asdict(process)) + "\n")
        aside.replace(path)
        return process

    def find(self, name: str) -> Process | None:
        """The process with this name while it is alive, else None."""
        process = self._recorded(name)
        return process if process and is_alive(process) else None

    def names(self) -> list[str]:
        """Names of all processes that were started and not stopped, alive or not, the oldest first."""
        records = sorted(self._records.glob("*.json"), key=lambda path: path.stat().st_mtime_ns)
        return [path.stem for path in records]

    def stop(self, name: str, timeout_s: float) -> bool:
        """End the process politely, after `timeout_s` by force. True when it was alive and went politely."""
        process = self._recorded(name)
        polite = False
        if process and is_alive(process):
            _signal(process, process.stop_signal)
            polite = _wait_for_end(process, timeout_s)
            if not polite:
                self._force(process)
        self._path(name).unlink(missing_ok=True)
        return polite

    def kill(self, name: str) -> None:
        """End the process at once, as a crash would. Nothing happens when it is not alive."""
        process = self._recorded(name)
        if process and is_alive(process):
            self._force(process)

    def signal(self, name: str, number: int) -> None:
        """Send the process a signal. Nothing happens when it is not alive."""
        process = self._recorded(name)
        if process and is_alive(process):
            _signal(process, number)

    def log(self, name: str) -> Path:
        """Where the process with this name prints."""
        return self._logs / f"{name}.log"

    def log_tail(self, name: str, lines: int = 3) -> str:
        """The last lines that the process printed, in one line; empty when it printed none."""
        try:
            with self.log(name).open("rb") as file:
                file.seek(max(0, file.seek(0, os.SEEK_END) - _LOG_TAIL_BYTES))
                text = file.read().decode(errors="replace")
        except FileNotFoundError:
            return ""
        return " | ".join(line.strip() for line in text.splitlines()[-lines:] if line.strip())

    def _path(self, name: str) -> Path:
        return self._records / f"{name}.json"

    def _recorded(self, name: str) -> Process | None:
        try:
            return Process(**json.loads(self._path(name).read_text()))
        except FileNotFoundError:
            return None

    def _force(self, process: Process) -> None:
        # The whole session goes, so that no child of a killed process is left behind. The group is ours: the process
        # was just seen alive, and it leads it.
        with contextlib.suppress(ProcessLookupError):
            os.killpg(process.pid, signal.SIGKILL)
        if not _wait_for_end(process, 10):
            raise LocalError(f"{process.name} (process {process.pid}) cannot be killed: the system holds it")


def is_alive(process: Process) -> bool:
    """Whether this very process still runs: neither ended, nor another one with the same id."""
    alive = start_moment(process.pid) == process.started
    if not alive:
        _collect(process.pid)  # after the look, or one that ends between the two is never collected
    return alive


def listens(process: Process, port: int) -> bool:
    """Whether this process is the one that listens on the port, as far as the system tells.

    Another platform's server may answer on a port that we chose too: its answer is not ours. Where there is no /proc
    (not Linux), or it does not show the process's files, anything that listens is taken for it.
    """
    try:
        inodes = _listening_inodes(port)
        files = list(Path(f"/proc/{process.pid}/fd").iterdir())
    except (FileNotFoundError, PermissionError):
        return True
    for file in files:
        with contextlib.suppress(OSError):  # a file that the process closed meanwhile
            target = str(file.readlink())
            if target.startswith("socket:[") and target[8:-1] in inodes:
                return True
    return False


def _listening_inodes(port: int) -> set[str]:
    inodes = set()
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(FileNotFoundError):
            for line in Path(table).read_text().splitlines()[1:]:
                fields = line.split()
                if fields[3] == "0A" and int(fields[1].rpartition(":")[2], 16) == port:
                    inodes.add(fields[9])
    return inodes


def _collect(pid: int) -> None:
    child = _children.get(pid)
    if child is not None and child.poll() is not None:
        del _children[pid]


def _signal(process: Process, number: int) -> None:
    with contextlib.suppress(ProcessLookupError):
        os.kill(process.pid, number)


def _wait_for_end(process: Process, timeout_s: float) -> bool:
    give_up = time.monotonic() + timeout_s
    while is_alive(process):
        if time.monotonic() > give_up:
            return False
        time.sleep(_POLL_S)
    # It is dead once its first thread is; it lets go of its ports, and can be collected, once the last one is.
    child = _children.pop(process.pid, None)
    if child is not None:
        child.wait(timeout=_LAST_THREAD_S)
    return True
