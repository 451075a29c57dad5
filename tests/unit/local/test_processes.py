"""Processes of one platform."""

import os
import signal
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from deploy.local.errors import LocalError
from deploy.local.processes import Processes, fingerprint, start_moment

PATH = {"PATH": os.environ["PATH"]}


@pytest.fixture
def processes(tmp_path: Path) -> Processes:
    return Processes(tmp_path / "run", tmp_path / "logs")


def _comes_true(condition: Callable[[], object]) -> bool:
    give_up = time.monotonic() + 10
    while not condition() and time.monotonic() < give_up:
        time.sleep(0.01)
    return bool(condition())


def test_a_started_process_is_found_by_another_session(processes: Processes, tmp_path: Path) -> None:
    started = processes.start("one", ["sleep", "30"], PATH, cwd=tmp_path)
    assert Processes(tmp_path / "run", tmp_path / "logs").find("one") == started
    processes.kill("one")


def test_an_ended_process_is_not_found_but_remembered(processes: Processes, tmp_path: Path) -> None:
    processes.start("one", ["sleep", "30"], PATH, cwd=tmp_path)
    processes.kill("one")
    assert processes.find("one") is None
    assert processes.names() == ["one"]


def test_a_stopped_process_is_forgotten(processes: Processes, tmp_path: Path) -> None:
    pid = processes.start("one", ["sleep", "30"], PATH, cwd=tmp_path).pid
    assert processes.stop("one", timeout_s=5) is True
    assert start_moment(pid) is None
    assert processes.names() == []


def test_children_of_a_killed_process_are_killed_with_it(processes: Processes, tmp_path: Path) -> None:
    processes.start("one", ["sh", "-c", "sleep 30 & echo $!; wait"], PATH, cwd=tmp_path)
    assert _comes_true(lambda: processes.log_tail("one"))
    child = int(processes.log_tail("one"))
    assert start_moment(child) is not None
    processes.kill("one")
    assert _comes_true(lambda: start_moment(child) is None)


def test_a_program_that_is_not_there_is_said(processes: Processes, tmp_path: Path) -> None:
    with pytest.raises(LocalError, match="no-such-program is not there"):
        processes.start("one", ["no-such-program"], PATH, cwd=tmp_path)


def test_the_last_words_of_a_process_can_be_read(processes: Processes, tmp_path: Path) -> None:
    processes.start("one", ["sh", "-c", "echo first; echo; echo last"], PATH, cwd=tmp_path)
    assert _comes_true(lambda: processes.find("one") is None)
    assert processes.log_tail("one", lines=3) == "first | last"


def test_only_our_own_settings_make_a_process_another() -> None:
    same = fingerprint(["run"], {"TRANCHE_A": "1", "TERM": "xterm"})
    assert fingerprint(["run"], {"TRANCHE_A": "1", "TERM": "dumb"}) == same
    assert fingerprint(["run"], {"TRANCHE_A": "2", "TERM": "xterm"}) != same


def test_no_zombie_stays_of_a_process_that_was_seen_to_have_ended(processes: Processes, tmp_path: Path) -> None:
    pid = processes.start("one", ["sleep", "30"], PATH, cwd=tmp_path).pid
    os.kill(pid, signal.SIGKILL)
    assert _comes_true(lambda: processes.find("one") is None)
    with pytest.raises(ChildProcessError):  # already collected
        os.waitpid(pid, os.WNOHANG)
