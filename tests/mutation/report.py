"""The score per module and the survivors with their reasons: printed, and kept in docs/mutation.md."""

import textwrap
import tomllib
from collections.abc import Collection, Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import groupby
from pathlib import Path

from tests.mutation.measured import Measured
from tests.mutation.mutants import Mutant, Score, by_module, total

GOAL_PERCENT = 80
PAGE = Path("docs/mutation.md")
_REASONS = Path(__file__).with_name("survivors.toml")
_HEAD = """\
# Mutation testing

`make mutate` plants one small fault after another in the modules that decide about money and runs the unit tests that
touch it. A fault that no test notices survives: it is a behaviour that nothing holds in place. This page is written by
`make mutate ARGS=--write`; `python -m tests.mutation --help` says more.

- **Functions**: [mutmut](https://mutmut.readthedocs.io), on the modules that `[tool.mutmut]` in `pyproject.toml` tells
  apart from their plumbing by name. It leaves out what stands outside of functions, and properties.
- **State tables** are no functions, so `tests/mutation/tables.py` plants faults in them: an edge that is gone, leads
  elsewhere or says nothing, a set of states that lacks one. Only the service's unit tests may notice.
- **Wording**: survivors that change nothing but the letters of a text for people stand in a column of their own and
  in no score, since no test should pin a message's words. Counted as survivors too, the score is {with_wording:.1f} %.
- **Types**: what mypy refuses (in `make check`) could not land, so no test is asked and it is in no score either.
- Survivors count against the score whatever their reason. The goal is {goal} % for each module.
- **At**: the commit whose code and tests were measured, with a `+` when something was not committed yet. Modules can be
  measured one by one (`make mutate ARGS="--write services.funding.refunds"`). A run that is stopped changes only the
  modules that it finished: a score here is always the score of a whole module.
- Results are kept in `mutants/`, so a second run tries only what changed; `--fresh` begins anew.
{unmeasured}"""
_UNMEASURED = "**{count} of {all} modules have no whole result yet**: {names}."


@dataclass(frozen=True, slots=True)
class Reason:
    """Why a survivor may stay."""

    module: str
    where: str
    contains: str
    """A part of the faulty source."""
    reason: str

    def fits(self, mutant: Mutant) -> bool:
        return (self.module, self.where) == (mutant.module, mutant.where) and self.contains in mutant.after


def reasons() -> list[Reason]:
    """Those in survivors.toml."""
    return [Reason(**row) for row in tomllib.loads(_REASONS.read_text(encoding="utf-8")).get("survivor", [])]


def page(known: Mapping[str, Measured], modules: Collection[str], why: Sequence[Reason]) -> str:
    """docs/mutation.md, of what is `known` of all these modules."""
    scores = [known[module].score for module in sorted(known)]
    whole = total(scores)
    missing = sorted({*modules} - {*known})
    names = ", ".join(f"`{module}`" for module in missing)
    said = _UNMEASURED.format(count=len(missing), all=len(modules), names=names)
    unmeasured = f"\n{textwrap.fill(said, 120, break_on_hyphens=False)}\n" if missing else ""
    head = _HEAD.format(goal=GOAL_PERCENT, with_wording=whole.percent_of_all, unmeasured=unmeasured)
    rows = _table([*scores, whole], ("at", [known[of.module].commit for of in scores] + [""]))
    left = [mutant for of in known.values() for mutant in of.survivors]
    stale = [of for of in why if of.module in known and not any(of.fits(mutant) for mutant in left)]
    return "\n".join([head, *rows, "", *survivors(left, why), *_stale(stale)]) + "\n"


def table(mutants: Sequence[Mutant]) -> list[str]:
    """The scores of a run, as it went."""
    scores = by_module(mutants)
    rows = [*scores, total(scores)]
    return list(_table(rows, ("untried", [str(of.untried) for of in rows])))


def complaints(mutants: Sequence[Mutant], modules: Sequence[str]) -> Iterator[str]:
    """What is not as it should be: faults that were not tried, modules below the goal. `modules`: those asked for."""
    scores = by_module(mutants)
    if untried := sum(of.untried for of in scores):
        again = f'make mutate ARGS="{" ".join(modules)}"' if modules else "make mutate"
        yield f"{untried:,} of {len(mutants):,} faults were not tried: `{again}` goes on with them"
    if low := [of.module for of in scores if of.percent < GOAL_PERCENT]:
        yield f"below {GOAL_PERCENT} %: {', '.join(low)}"


def survivors(mutants: Sequence[Mutant], known: Sequence[Reason]) -> Iterator[str]:
    """Each with its reason, or that there is none."""
    left = [mutant for mutant in mutants if mutant.outcome == "survived" and not mutant.is_wording]
    why = {mutant: next((r.reason for r in known if r.fits(mutant)), "") for mutant in left}
    yield "## Survivors"
    for module, of in groupby(sorted(left, key=lambda m: (m.module, m.where)), key=lambda m: m.module):
        yield from ("", f"### `{module}`", "")
        for (where, reason), same in groupby(sorted(of, key=lambda m: (m.where, why[m])), lambda m: (m.where, why[m])):
            yield f"- `{where}`: {reason or '**no test notices it**'}"
            yield from (f"  - {_change(mutant)}" for mutant in same)


def _stale(known: Sequence[Reason]) -> Iterator[str]:
    if known:
        yield from ("", "Reasons without a survivor, to be removed from `tests/mutation/survivors.toml`:", "")
        yield from (f"- `{of.module}` `{of.where}`: `{of.contains}`" for of in known)


def _table(rows: Sequence[Score], last: tuple[str, Sequence[str]]) -> Iterator[str]:
    name, values = last
    yield f"| module | faults | caught | survived | wording | types | score | {name} |"
    yield "| --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: |"
    for of, value in zip(rows, values, strict=True):
        counts = (of.caught + of.survived, of.caught, of.survived, of.wording, of.mistyped)
        percent = f"{of.percent:.1f} %" if counts[0] else "-"
        yield f"| `{of.module}` | {' | '.join(map(str, counts))} | {percent} | {value} |"


def _change(mutant: Mutant) -> str:
    return f"`{_short(mutant.before)}` as `{_short(mutant.after)}`"


def _short(source: str) -> str:
    return source.replace("`", "'") if len(source) <= 160 else source[:157].replace("`", "'") + "..."
