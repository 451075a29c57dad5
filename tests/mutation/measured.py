"""The last whole result of each module and the commit it was measured at, kept in measured.json.

So modules can be measured one by one, and what was measured once is not lost when a later run tries other modules.
"""

import json
import subprocess
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import groupby
from pathlib import Path

from tests.mutation.mutants import Mutant, Score, score

_FILE = Path(__file__).with_name("measured.json")
_COUNTS = ("services", "schemas", "tests/unit")
"""What a score depends on."""


@dataclass(frozen=True, slots=True)
class Measured:
    """A module all of whose faults were tried."""

    module: str
    commit: str
    caught: int
    mistyped: int
    survivors: tuple[Mutant, ...]

    @property
    def score(self) -> Score:
        found = score(self.module, self.survivors)
        return Score(self.module, self.caught, found.survived, found.wording, self.mistyped, 0)


def with_run(known: Mapping[str, Measured], mutants: Sequence[Mutant], commit: str) -> dict[str, Measured]:
    """What is known after a run: a module of which a fault was not tried keeps the result it had."""
    found = dict(known)
    for module, group in groupby(sorted(mutants, key=lambda mutant: mutant.module), key=lambda mutant: mutant.module):
        of = list(group)
        counts = score(module, of)
        if not counts.untried:
            survivors = tuple(mutant for mutant in of if mutant.outcome == "survived")
            found[module] = Measured(module, commit, counts.caught, counts.mistyped, survivors)
    return found


def commit() -> str:
    """The commit that is checked out, with a `+` when something that counts is not committed."""
    head = _git("rev-parse", "--short=10", "HEAD")
    return f"{head}+" if _git("status", "--porcelain", "--", *_COUNTS) else head


def load() -> dict[str, Measured]:
    """What is on file, by module."""
    rows = json.loads(_FILE.read_text(encoding="utf-8")) if _FILE.exists() else {}
    return {
        module: Measured(
            module, row["commit"], row["caught"], row["mistyped"],
            tuple(Mutant(module, **survivor, outcome="survived") for survivor in row["survivors"]),
        )
        for module, row in rows.items()
    }  # fmt: skip


def save(known: Mapping[str, Measured]) -> None:
    """Write the file, in an order that does not change."""
    rows = {module: _row(known[module]) for module in sorted(known)}
    _FILE.write_text(json.dumps(rows, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")


def _row(of: Measured) -> dict[str, object]:
    survivors = [{name: asdict(mutant)[name] for name in ("where", "before", "after")} for mutant in of.survivors]
    return {"commit": of.commit, "caught": of.caught, "mistyped": of.mistyped, "survivors": survivors}


def _git(*arguments: str) -> str:
    return subprocess.run(["git", *arguments], capture_output=True, text=True, check=True).stdout.strip()
