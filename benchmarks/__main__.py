"""`python -m benchmarks`: all contenders on one real Kafka and PostgreSQL, round by round, as a table of ratios."""

import signal
import sys
from dataclasses import replace
from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from benchmarks.contenders import CEILING, ON_KAFKA, TRANCHE
from benchmarks.figures import Run
from benchmarks.machine import describe, tools
from benchmarks.measure import Plan, measure, measure_ceiling
from benchmarks.profile import profile as show_profile
from benchmarks.report import TITLES, show, write
from benchmarks.stage import BenchError, Stage, open_stage
from deploy.local.errors import LocalError

RESULTS = Path(__file__).parent / "results"
_PROFILED = 60_000
_FOR_THE_BROKER = 2
"""Runs that count for nobody, before the first round: the JVM compiles what it runs often, with up to a whole core, and
whoever had his turn then was slower than he is."""
_WIDTH = 140
"""Columns where the output goes to a file."""


def main(
    commands: Annotated[
        int, typer.Option(min=100, help="Commands in a run of tranche; the others' are a fixed part of it.")
    ] = Plan.commands,
    runs: Annotated[int, typer.Option(min=1, max=20, help="Rounds; figures are medians over them.")] = 3,
    only: Annotated[list[str] | None, typer.Option(help="Run these contenders alone, and keep no results.")] = None,
    profile: Annotated[bool, typer.Option("--profile", help="Show where tranche's time goes instead.")] = False,
) -> None:
    """Measure tranche beside its peers. Some five minutes; ends what it started, also on Ctrl-C."""
    signal.signal(signal.SIGINT, signal.default_int_handler)  # also where a shell started us with it ignored
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(143))  # as Ctrl-C: what was started is ended
    console = Console(width=None if sys.stdout.isatty() else _WIDTH)
    unknown = set(only or ()) - TITLES.keys()
    if unknown:
        raise typer.BadParameter(f"there is no {', '.join(sorted(unknown))}: choose from {', '.join(TITLES)}")
    plan = Plan(commands=commands)
    try:
        with open_stage() as stage:
            if profile:
                show_profile(stage, replace(plan, commands=max(commands, _PROFILED), latency=0), console)
                return
            found = rounds(stage, plan, runs, only or list(TITLES), console)
            machine = describe(stage.server_url, tools())
    except (BenchError, LocalError) as error:
        console.print(f"bench: {error}", style="red", markup=False)
        raise typer.Exit(1) from error
    show(console, found, machine)
    if only is None:
        write(RESULTS, found, machine)
        console.print(f"kept in {RESULTS.relative_to(Path.cwd()) if RESULTS.is_relative_to(Path.cwd()) else RESULTS}")


def rounds(stage: Stage, plan: Plan, count: int, names: list[str], console: Console) -> dict[str, list[Run]]:
    """Every contender once in each round, so that whatever disturbs the machine disturbs all of them."""
    by_name = {contender.name: contender for contender in ON_KAFKA}
    found: dict[str, list[Run]] = {name: [] for name in TITLES if name in names}
    console.print("warming the broker up ...")
    for _ in range(_FOR_THE_BROKER):
        measure(stage, TRANCHE, replace(plan, latency=0))
    for number in range(1, count + 1):
        for name, runs in found.items():
            run = measure_ceiling(stage, plan) if name == CEILING else measure(stage, by_name[name], plan)
            runs.append(run)
            latency = f", p50 {run.latency.p50_ms:.1f} ms" if run.latency else ""
            console.print(f"{number}/{count} {TITLES[name]}: {run.per_second:,.0f}/s{latency}", highlight=False)
    return found


if __name__ == "__main__":
    typer.run(main)
