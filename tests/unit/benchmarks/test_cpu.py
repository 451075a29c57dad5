"""CPU of a process and what is below it."""

import os
import subprocess
import sys

from benchmarks.cpu import thread_seconds, tree_seconds

BURN = "import time\nwhile time.process_time() < 0.3: pass\n"
BY_A_CHILD = f"import subprocess, sys\nsubprocess.run([sys.executable, '-c', {BURN!r}], check=True)\n"
THEN_WAIT = "print(flush=True)\nsys.stdin.read()\n"


def burnt(program: str) -> tuple[float, dict[str, float]]:
    """What is told of a process that ran the program and then waits."""
    with subprocess.Popen(
        [sys.executable, "-c", f"import sys\n{program}{THEN_WAIT}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        told = tree_seconds(child.pid), thread_seconds(child.pid)
        assert child.stdin is not None
        child.stdin.close()
    return told


def test_a_process_counts() -> None:
    assert 0.28 <= burnt(BURN)[0] < 3


def test_a_child_that_ended_counts() -> None:
    tree, threads = burnt(BY_A_CHILD)

    assert tree >= 0.28
    assert sum(threads.values()) < tree - 0.2


def test_what_is_below_counts_with_what_is_above() -> None:
    before = tree_seconds(os.getpid())

    with subprocess.Popen(
        [sys.executable, "-c", f"import sys\n{BURN}{THEN_WAIT}"], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as child:
        assert child.stdout is not None
        child.stdout.readline()
        used = tree_seconds(os.getpid()) - before
        assert child.stdin is not None
        child.stdin.close()

    assert used >= 0.28


def test_a_process_that_is_gone_used_nothing() -> None:
    ended = subprocess.Popen([sys.executable, "-c", ""])
    ended.wait()

    assert tree_seconds(ended.pid) == 0.0
