"""Faults in state tables, which mutmut cannot plant because they are no functions: an edge that is gone, that leads
elsewhere, that says nothing, and a set of states that lacks one.

The tests that notice must say what should be, not what the table says, or they change their mind with it. So only the
unit tests of the service are asked; the drawn diagrams (tests/contract) would notice every change and say nothing.
Each fault is planted in the tables of a forked process that runs those tests until one fails.
"""

import contextlib
import hashlib
import importlib
import io
import json
import os
import signal
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from types import MappingProxyType, ModuleType

import pytest

from services.runtime.states import Edge, StateTable
from tests.mutation.functions import FOLDER, NotRunError
from tests.mutation.mutants import Mutant, Outcome

_CACHE = FOLDER / "tables.json"
_MOST_S = 120
"""Of processor time, however busy the machine is: longer than any service's unit tests by far, so a fault that makes
them go round for ever is noticed, too."""


@dataclass(frozen=True, slots=True)
class Fault:
    """One fault of a table, not planted yet."""

    where: str
    before: str
    after: str
    plant: Callable[[], None]

    @property
    def name(self) -> str:
        return f"{self.where}: {self.before} -> {self.after}"


def modules() -> list[str]:
    """The modules whose tables are tried."""
    return [module.__name__ for module in _modules()]


def run(jobs: int, only: Sequence[str] = ()) -> None:
    """Try every fault that has no result yet of every table, or of `only` these modules.

    Raises NotRunError when the tests fail without one. When it is interrupted, what was found until then is kept.
    """
    for module in _modules():
        if only and module.__name__ not in only:
            continue
        keys = _keys(module)  # of what is tried: the run takes long, and files may change meanwhile
        found = _known(keys)
        asked = [fault for fault in faults_of(module) if fault.name not in found]
        try:
            for name, is_caught in _try(_service(module), asked, jobs):
                found[name] = is_caught
        finally:
            _keep(keys, found)
        print(f"{_service(module)}: {len(asked)} faults in its tables tried", flush=True)


def results() -> list[Mutant]:
    """What the runs so far found."""
    outcomes: dict[bool | None, Outcome] = {True: "caught", False: "survived", None: "untried"}
    return [
        Mutant(module.__name__, fault.where, fault.before, fault.after, outcomes[found.get(fault.name)])
        for module in _modules()
        for found in [_known(_keys(module))]
        for fault in faults_of(module)
    ]


def faults_of(module: ModuleType) -> Iterator[Fault]:
    """All faults that are tried in a service's `states`."""
    for table in module.TABLES:
        states = table.states
        for i, edge in enumerate(table.edges):
            elsewhere = states[(states.index(edge.target) + 1) % len(states)]
            changes = [None, replace(edge, target=elsewhere), *([replace(edge, emits=None)] if edge.emits else [])]
            for changed in changes:
                edges = (*table.edges[:i], *([changed] if changed else []), *table.edges[i + 1 :])
                after = _shown(changed) if changed else "no edge"
                yield Fault(table.name, _shown(edge), after, lambda table=table, edges=edges: _set(table, edges))
    for name, states in vars(module).items():
        if name.isupper() and name[0] != "_" and name != "TABLES" and isinstance(states, frozenset | set | tuple):
            for state in sorted(states):
                less = type(states)(s for s in states if s != state)
                yield Fault(name, name, f"{name} without {state}", lambda n=name, less=less: setattr(module, n, less))


def _shown(edge: Edge) -> str:
    when = f" [{edge.when}]" if edge.when else ""
    return f"{edge.source} --{edge.trigger}{when}--> {edge.target} / {edge.emits or 'nothing'}"


def _set(table: StateTable, edges: tuple[Edge, ...]) -> None:
    """Not by a new table: what cannot be right is refused there, and everybody holds the old one."""
    object.__setattr__(table, "edges", edges)
    questions = {(edge.source, edge.trigger, edge.when): edge for edge in edges}
    object.__setattr__(table, "_by_question", MappingProxyType(questions))


def _modules() -> Iterator[ModuleType]:
    for path in sorted(Path("services").glob("*/states.py")):
        module = importlib.import_module(f"services.{path.parent.name}.states")
        if hasattr(module, "TABLES"):
            yield module


def _service(module: ModuleType) -> str:
    return module.__name__.split(".")[1]


def _known(keys: tuple[str, str]) -> dict[str, bool]:
    """Whether each fault was caught, where that still holds."""
    on_file = json.loads(_CACHE.read_text()) if _CACHE.exists() else {}
    source, with_tests = keys
    return {**on_file.get(source, {}), **on_file.get(with_tests, {})}


def _keep(keys: tuple[str, str], found: Mapping[str, bool]) -> None:
    on_file = json.loads(_CACHE.read_text()) if _CACHE.exists() else {}
    source, with_tests = keys
    on_file[source] = {name: True for name, is_caught in found.items() if is_caught}
    on_file[with_tests] = {name: False for name, is_caught in found.items() if not is_caught}
    _CACHE.parent.mkdir(exist_ok=True)
    _CACHE.write_text(json.dumps(on_file))


def _keys(module: ModuleType) -> tuple[str, str]:
    """What was caught stays caught while the source is the same, what survived while the tests are, too."""
    source = _hash(Path("services") / _service(module), Path("services/runtime/states.py"))
    return source, source + _hash(Path("tests/unit") / _service(module))


def _try(service: str, faults: list[Fault], jobs: int) -> Iterator[tuple[str, bool]]:
    """Each by its name, and whether it is caught."""
    if not faults:
        return
    tests = f"tests/unit/{service}"
    # Everything is imported once, here; the forked processes find it in memory.
    if _pytest("--collect-only", tests) or os.waitstatus_to_exitcode(os.waitpid(_fork(tests, lambda: None), 0)[1]):
        raise NotRunError(f"{tests} fails as it is")
    running: dict[int, Fault] = {}
    try:
        for i, fault in enumerate(faults):
            running[_fork(tests, fault.plant)] = fault
            while len(running) >= (jobs if i + 1 < len(faults) else 1):
                pid, status = os.wait()
                yield running.pop(pid).name, status != 0
    finally:
        for pid in running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)


def _fork(tests: str, plant: Callable[[], None]) -> int:
    if pid := os.fork():
        return pid
    os.setpgrp()  # Control-C is for the parent alone: a test that was interrupted has noticed nothing
    signal.setitimer(signal.ITIMER_PROF, _MOST_S)
    plant()
    # Those about the table first: nearly every fault is noticed there. Properties are left to the faults in functions.
    near = [str(path) for name in ("states", "moves") for path in Path(tests).glob(f"test_{name}.py")]
    asked = [near, [tests]] if near else [[tests]]
    os._exit(next((code for paths in asked if (code := _pytest("-x", "-m", "not hypothesis", *paths))), 0))


def _pytest(*arguments: str) -> int:
    with contextlib.redirect_stdout(io.StringIO()), contextlib.redirect_stderr(io.StringIO()):
        return int(pytest.main(["-q", "-p", "no:cacheprovider", "-p", "tests.mutation.node_ids", *arguments]))


def _hash(*places: Path) -> str:
    paths = [path for place in places for path in (sorted(place.rglob("*.py")) if place.is_dir() else [place])]
    return hashlib.sha256(b"".join(path.read_bytes() for path in paths)).hexdigest()
