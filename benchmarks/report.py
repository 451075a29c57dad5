"""The results as people read them: ratios first, absolute figures beside for orientation."""

import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.contenders import CEILING, CEILING_TITLE, CORE, ON_KAFKA, PLAIN, PLAIN_KEYED, TRANCHE, TRANCHE_TWO
from benchmarks.figures import Run, Summary, cpu_ratio, ratio, summary

TITLES = {**{contender.name: contender.title for contender in ON_KAFKA}, CEILING: CEILING_TITLE}
Runs = Mapping[str, Sequence[Run]]


@dataclass(frozen=True)
class Comparison:
    """A ratio that we look at, and what issue 3 asks of it."""

    title: str
    ours: str
    theirs: str
    goal: float | None


COMPARISONS = (
    Comparison("tranche / (a) plain", TRANCHE.name, PLAIN.name, 40),
    Comparison("tranche / (a) with 16 in flight", TRANCHE.name, PLAIN_KEYED.name, None),
    Comparison("tranche / (b) Core in batches", TRANCHE.name, CORE.name, None),
    Comparison("tranche / (c) ceiling", TRANCHE.name, CEILING, 0.2),
    Comparison("two processes / one", TRANCHE_TWO.name, TRANCHE.name, 1.7),
)
_RATIO_HEAD = ("", "events per second", "goal", "CPU for a command, theirs / ours")
_FIGURE_HEAD = (
    "", "events/s", "lowest to highest", "p50 ms", "p99 ms", "CPU worker", "database", "broker", "together",
    "cores used",
)  # fmt: skip


def ratio_rows(runs: Runs) -> list[tuple[str, ...]]:
    """One row a comparison of which both sides were run."""
    rows = []
    for comparison in COMPARISONS:
        if comparison.ours in runs and comparison.theirs in runs:
            pair = runs[comparison.ours], runs[comparison.theirs]
            goal = "" if comparison.goal is None else f"{comparison.goal:g}"
            rows.append((comparison.title, f"{ratio(*pair):.2f}", goal, f"{cpu_ratio(*pair):.2f}"))
    return rows


def figure_rows(runs: Runs) -> list[tuple[str, ...]]:
    """One row a contender."""
    return [_figures(TITLES[name], summary(found)) for name, found in runs.items()]


def _figures(title: str, found: Summary) -> tuple[str, ...]:
    latency = (f"{found.latency.p50_ms:.1f}", f"{found.latency.p99_ms:.1f}") if found.latency else ("", "")
    cpu = found.cpu
    return (
        title, f"{found.per_second:,.0f}", f"{found.lowest:,.0f} to {found.highest:,.0f}", *latency,
        *(f"{seconds:.3f}" for seconds in (cpu.worker, cpu.database, cpu.broker, cpu.total)),
        f"{found.cores:.2f}",
    )  # fmt: skip


def show(console: Console, runs: Runs, machine: Mapping[str, str]) -> None:
    """Print both tables."""
    for head, rows, title in (
        (_RATIO_HEAD, ratio_rows(runs), "Ratios: medians over the rounds"),
        (_FIGURE_HEAD, figure_rows(runs), "For orientation: medians; CPU seconds for 1,000 commands"),
    ):
        table = Table(title=title, title_justify="left")
        for number, name in enumerate(head):
            table.add_column(name, justify="left" if number == 0 else "right", no_wrap=number > 0)
        for row in rows:
            table.add_row(*row)
        console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine.items()), style="dim")


def markdown(runs: Runs, machine: Mapping[str, str], when: datetime) -> str:
    """The same as a page."""
    rounds = max(len(found) for found in runs.values())
    given = ", ".join(f"{TITLES[name]} {found[0].commands:,}" for name, found in runs.items())
    return "\n".join(
        [
            "# The latest run of `make bench`",
            "",
            f"{when:%Y-%m-%d}, {rounds} round(s). What is measured, and how: [README.md](../README.md).",
            "",
            *_page_table(_RATIO_HEAD, ratio_rows(runs)),
            "",
            "A ratio is the median over the rounds, each of which runs every contender once, one after the other.",
            "",
            "For orientation (another machine, other figures): medians; CPU is seconds for 1,000 commands; latency is",
            "from handing a command to the producer until its event is seen, at 200 commands a second. Cores used: by",
            "worker, database and broker together at that rate; near all of the machine's, more processes cannot help.",
            "",
            *_page_table(_FIGURE_HEAD, figure_rows(runs)),
            "",
            f"Commands in a run: {given}.",
            "",
            *(f"- {name}: {value}" for name, value in machine.items()),
            "",
        ]
    )


def _page_table(head: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    line: Callable[[Sequence[str]], str] = lambda cells: "| " + " | ".join(cells) + " |"  # noqa: E731
    return [line(head), "|---|" + "---:|" * (len(head) - 1), *map(line, rows)]


def write(folder: Path, runs: Runs, machine: Mapping[str, str]) -> None:
    """Keep the results: `latest.md` for people, `latest.json` with every run for programs."""
    when = datetime.now(UTC)
    folder.mkdir(exist_ok=True)
    (folder / "latest.md").write_text(markdown(runs, machine, when))
    told = {
        "at": when.isoformat(timespec="seconds"),
        "machine": dict(machine),
        "ratios": {c.title: ratio(runs[c.ours], runs[c.theirs]) for c in COMPARISONS
                   if c.ours in runs and c.theirs in runs},
        "runs": {name: [asdict(run) for run in found] for name, found in runs.items()},
    }  # fmt: skip
    (folder / "latest.json").write_text(json.dumps(told, indent=1) + "\n")
