"""CPU seconds of a process with all its descendants, the ended ones included. Linux: read from /proc."""

import os
from pathlib import Path

_TICKS = os.sysconf("SC_CLK_TCK")


def tree_seconds(root: int) -> float:
    """User and system time of the process `root` and everything below it; 0.0 when it is gone.

    A descendant that ended counts in what its parent collected.
    """
    parents: dict[int, int] = {}
    used: dict[int, float] = {}
    for folder in Path("/proc").iterdir():
        if folder.name.isdigit() and (fields := _fields(folder / "stat")):
            parents[int(folder.name)] = int(fields[1])
            used[int(folder.name)] = sum(map(int, fields[11:15])) / _TICKS
    inside = {root}
    grew = True
    while grew:
        below = {pid for pid, parent in parents.items() if parent in inside}
        grew = not below <= inside
        inside |= below
    return sum(used.get(pid, 0.0) for pid in inside)


def thread_seconds(pid: int) -> dict[str, float]:
    """The same for each thread of one process, as `name/id`. Python's own threads bear the program's name."""
    found = {}
    for folder in Path(f"/proc/{pid}/task").iterdir():
        if fields := _fields(folder / "stat"):
            name = (folder / "comm").read_text().strip()
            found[f"{name}/{folder.name}"] = sum(map(int, fields[11:13])) / _TICKS
    return found


def _fields(path: Path) -> list[str]:
    try:
        # The name in brackets may hold anything: count from the last bracket. [0] is the state, [1] the parent.
        return path.read_text().rpartition(")")[2].split()
    except (FileNotFoundError, ProcessLookupError):
        return []
