"""Runs a service as it is and looks, every few milliseconds, at what each of its threads is doing.

    python -m benchmarks.sampler FILE services.funding

While the file FILE.on exists samples are taken; at the end their counts are in FILE, as JSON:
{"stages": {thread: {stage: {"running": n, "waiting": n}}}, "functions": {thread: {function: n}}}. Looking costs some
speed, so the rate of such a run is not a figure.
"""

import json
import runpy
import sys
import threading
import time
from collections import Counter
from collections.abc import Mapping
from pathlib import Path
from types import FrameType
from typing import Any, NamedTuple

_EVERY_S = 0.002
_SWITCH_S = 0.0002
"""Else the interpreter lock would come to us mostly where a thread begins to wait, and waits would seem long."""
_THREADS = {"funding-worker": "worker", "funding-relay": "relay", "MainThread": "http"}

# By thread: (a function on the stack, the stage it stands for). The first that is found, from the innermost frame out.
_STAGES: dict[str, tuple[tuple[str, str], ...]] = {
    "worker": (
        ("Worker._read", "read and validate records"),
        ("Processor._take", "lock lanes, find duplicates"),
        ("Processor._load", "load rows"),
        ("Processor._decide", "decide"),
        ("Workspace.flush", "write states and ledger"),
        ("append", "write the event log"),
        ("_move_positions", "move positions"),
        ("Connection.commit", "commit"),
        ("metrics.outcome", "count outcomes"),
        ("Worker._tell_onlookers", "commit offsets for onlookers"),
        ("Worker._decide", "the rest of a batch"),
        ("Worker._step", "wait for Kafka"),
    ),
    "relay": (
        ("read", "read the log"),
        ("_Acknowledged.send", "hand records to the producer"),
        ("_Acknowledged.wait", "wait for acknowledgements"),
        ("Relay._publish", "the rest of a chunk"),
        ("Connection.notifies", "wait to be woken"),
        ("Relay._follow", "move the cursor"),
    ),
}
_WAITS = {"wait", "wait_for", "wait_c", "fetch_many"}
"""Innermost Python frames within psycopg that stand for a wait for PostgreSQL (what is below them is C)."""


class Sample(NamedTuple):
    """One look at one thread."""

    thread: str
    stage: str
    how: str
    """running, or waiting (for PostgreSQL)."""
    function: str
    """The innermost one that is Python."""


def main() -> None:
    """Sample the module that is named, run as a program."""
    target, module = Path(sys.argv[1]), sys.argv[2]
    ended = threading.Event()
    samples: Counter[Sample] = Counter()
    sys.setswitchinterval(_SWITCH_S)
    sampling = threading.Thread(target=_sample, args=(target.with_suffix(".on"), ended, samples), daemon=True)
    sampling.start()
    sys.argv = [module]
    try:
        runpy.run_module(module, run_name="__main__", alter_sys=True)
    finally:
        ended.set()
        sampling.join()
        target.write_text(json.dumps(summed(samples)))


def summed(samples: Mapping[Sample, int]) -> dict[str, Any]:
    """The samples by stage and by function."""
    stages: dict[str, dict[str, dict[str, int]]] = {}
    functions: dict[str, Counter[str]] = {}
    for sample, count in samples.items():
        of_thread = stages.setdefault(sample.thread, {})
        of_thread.setdefault(sample.stage, {"running": 0, "waiting": 0})[sample.how] += count
        functions.setdefault(sample.thread, Counter())[sample.function] += count
    return {"stages": stages, "functions": functions}


def _sample(switch: Path, ended: threading.Event, samples: "Counter[Sample]") -> None:
    while not ended.is_set():
        time.sleep(_EVERY_S)
        if not switch.exists():
            continue
        names = {thread.ident: _THREADS.get(thread.name) for thread in threading.enumerate()}
        for ident, frame in sys._current_frames().items():
            if (thread := names.get(ident)) in _STAGES:
                samples[place(str(thread), frame)] += 1


def place(thread: str, innermost: FrameType) -> Sample:
    """The stage that a thread's stack stands for, and whether it runs or waits for PostgreSQL there."""
    code = innermost.f_code
    waits = "psycopg" in code.co_filename and code.co_name in _WAITS
    how = "waiting" if waits else "running"
    function = f"{Path(code.co_filename).stem}.{code.co_qualname}"
    frame: FrameType | None = innermost
    on_stack = set()
    while frame is not None:
        on_stack.add(frame.f_code.co_qualname)
        frame = frame.f_back
    for named, stage in _STAGES[thread]:
        if named in on_stack:
            return Sample(thread, stage, how, function)
    return Sample(thread, "other", how, function)


if __name__ == "__main__":
    main()
