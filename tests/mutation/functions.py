"""Faults in functions: mutmut plants them and picks the unit tests that call the function (`[tool.mutmut]`).

It keeps its results in `mutants/`, function by function, so a second run tries only what changed. It does not see
that a test changed: then the survivors are tried again here.
"""

import hashlib
import json
import os
import subprocess
import sys
from collections.abc import Iterator, Sequence
from pathlib import Path

from mutmut.__main__ import get_diff_for_mutant, mangled_name_from_mutant_name
from mutmut.configuration import Config

from tests.mutation.mutants import Mutant, Outcome

FOLDER = Path("mutants")
_TESTS = Path("tests/unit")
_MUTMUT = Path(__file__).with_name("planting.py")
_OF_TESTS = FOLDER / "tests.sha256"
_SURVIVED, _NO_TEST, _MISTYPED = 0, 33, 37
"""mutmut's exit codes of a fault that no test noticed, of one in a function that no test calls, of one mypy refused."""


class NotRunError(Exception):
    """mutmut could not run."""


def modules() -> list[str]:
    """The modules that faults of functions are planted in, but for those that turned out to have none."""
    Config.ensure_loaded()
    chosen = Config.get()
    sources = [path for folder in chosen.source_paths for path in sorted(Path(folder).rglob("*.py"))]
    without = {meta.relative_to(FOLDER).with_suffix("") for meta in FOLDER.rglob("*.meta")}
    without = {source for source in without if not _codes(source)}
    return [_module(source) for source in sources if chosen.should_mutate(source) and source not in without]


def run(jobs: int, only: Sequence[str] = ()) -> None:
    """Try every fault that has no result yet, of all modules or of `only` these.

    Raises NotRunError when mutmut gave up. When it is interrupted, what was found until then is kept.
    """
    now = hashlib.sha256(b"".join(path.read_bytes() for path in sorted(_TESTS.rglob("*.py")))).hexdigest()
    if _OF_TESTS.exists() and _OF_TESTS.read_text() != now:
        _forget_survivors()
        # It asks only new tests which functions they call; one that changed may call others now.
        (FOLDER / "mutmut-stats.json").unlink(missing_ok=True)
    FOLDER.mkdir(exist_ok=True)
    _OF_TESTS.write_text(now)
    names = [name for module in only if module in modules() for name in _untried(module)]
    if only and not names:
        return
    here = Path(sys.executable).parent
    # It finds mypy by its name alone.
    environment = {**os.environ, "PATH": f"{here}{os.pathsep}{os.environ.get('PATH', '')}"}
    command = [sys.executable, "-P", _MUTMUT, "run", "--max-children", str(jobs), *names]
    with subprocess.Popen(command, env=environment) as mutmut:
        try:
            code = mutmut.wait()
        except KeyboardInterrupt:
            mutmut.wait()  # it hears Control-C too, and ends what it is at
            raise
    if code:
        raise NotRunError("mutmut stopped: what it said stands above")


def results() -> list[Mutant]:
    """What the runs so far found."""
    Config.ensure_loaded()
    return list(_results())


def _results() -> Iterator[Mutant]:
    for meta in sorted(FOLDER.rglob("*.meta")):
        source = meta.relative_to(FOLDER).with_suffix("")
        if not Config.get().should_mutate(source):
            continue  # it was once
        module, current = _module(source), _is_current(source)
        for name, code in _codes(source).items():
            untried = code is None or not current
            outcome: Outcome = "untried" if untried else "mistyped" if code == _MISTYPED else "caught"
            before = after = ""
            if not untried and code in (_SURVIVED, _NO_TEST):
                outcome = "survived"
                before, after = _change(name, source)
            yield Mutant(module, _function(name), before, after, outcome)


def _untried(module: str) -> list[str]:
    """The names, or patterns, of the faults to try."""
    source = Path(*module.split(".")).with_suffix(".py")
    if not _is_current(source):
        return [f"{module}.*"]
    return [name for name, code in _codes(source).items() if code is None]


def _codes(source: Path) -> dict[str, int | None]:
    """mutmut's exit code of each fault; None where it was not tried."""
    codes: dict[str, int | None] = json.loads((FOLDER / f"{source}.meta").read_text())["exit_code_by_key"]
    return codes


def _is_current(source: Path) -> bool:
    """Whether the faults on file are those of the source as it is: mutmut's own question."""
    faulty = FOLDER / source
    return source.exists() and faulty.exists() and source.stat().st_mtime < faulty.stat().st_mtime


def _module(source: Path) -> str:
    return ".".join(source.with_suffix("").parts)


def _function(name: str) -> str:
    """`services.funding.domain.xǁFundingǁmove__mutmut_3` is about `Funding.move`."""
    mangled = mangled_name_from_mutant_name(name).rpartition(".")[2]
    return mangled.strip("xǁ").replace("ǁ", ".") if "ǁ" in mangled else mangled.removeprefix("x_")


def _change(name: str, source: Path) -> tuple[str, str]:
    lines = get_diff_for_mutant(name, path=source).splitlines()[2:]
    return tuple(" ".join(line[1:].strip() for line in lines if line.startswith(sign)) for sign in "-+")  # type: ignore[return-value]


def _forget_survivors() -> None:
    for meta in FOLDER.rglob("*.meta"):
        known = json.loads(meta.read_text())
        codes = known["exit_code_by_key"]
        known["exit_code_by_key"] = {n: None if c in (_SURVIVED, _NO_TEST) else c for n, c in codes.items()}
        meta.write_text(json.dumps(known))
