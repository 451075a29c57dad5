"""What became of each mutant, and the score that follows."""

import re
from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass
from itertools import groupby
from typing import Literal

Outcome = Literal["caught", "survived", "mistyped", "untried"]
"""`mistyped`: mypy refuses it, so it could not land; no test is asked. `untried`: the run was stopped before it."""

_TEXT = re.compile(r"\"([^\"]*)\"|'([^']*)'")


@dataclass(frozen=True, slots=True)
class Mutant:
    """One small fault planted in the source."""

    module: str
    """`services.funding.domain`."""
    where: str
    """The function, or the table."""
    before: str
    after: str
    """The source without the fault and with it; both empty where they need not be known (it did not survive)."""
    outcome: Outcome

    @property
    def is_wording(self) -> bool:
        """Whether the fault changes nothing but a text for people: its letters, or its case.

        No test should pin the words of a message, so these are counted apart.
        """
        texts = [[a or b for a, b in _TEXT.findall(line)] for line in (self.before, self.after)]
        if len(texts[0]) != len(texts[1]):
            return False
        changed = [(a, b) for a, b in zip(*texts, strict=True) if a != b]
        return bool(changed) and all(
            " " in a.strip() and b.lower() in (a.lower(), f"xx{a.lower()}xx") for a, b in changed
        )


@dataclass(frozen=True, slots=True)
class Score:
    """Of one module, or of all."""

    module: str
    caught: int
    survived: int
    wording: int
    """Survivors that change the words of a message alone."""
    mistyped: int
    untried: int

    @property
    def percent(self) -> float:
        """The share that tests caught of the faults that types allow; messages' words are left out."""
        return 100 * self.caught / (self.caught + self.survived) if self.caught + self.survived else 100.0

    @property
    def percent_of_all(self) -> float:
        """The same with messages' words."""
        whole = self.caught + self.survived + self.wording
        return 100 * self.caught / whole if whole else 100.0


def score(module: str, mutants: Iterable[Mutant]) -> Score:
    """Count."""
    found = Counter("wording" if m.outcome == "survived" and m.is_wording else m.outcome for m in mutants)
    return Score(module, found["caught"], found["survived"], found["wording"], found["mistyped"], found["untried"])


def by_module(mutants: Iterable[Mutant]) -> list[Score]:
    """Module by module."""
    ordered = sorted(mutants, key=lambda mutant: mutant.module)
    return [score(module, of) for module, of in groupby(ordered, key=lambda mutant: mutant.module)]


def total(scores: Iterable[Score]) -> Score:
    """Of all of them together."""
    counts = [(of.caught, of.survived, of.wording, of.mistyped, of.untried) for of in scores]
    return Score("overall", *(sum(column) for column in zip(*counts, strict=True))) if counts else score("overall", [])
