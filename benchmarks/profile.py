"""Where tranche's time goes: its own metrics, CPU by thread, and what each thread does when one looks."""

import json
import tempfile
from pathlib import Path
from typing import Any

import httpx
from prometheus_client.parser import text_string_to_metric_families
from rich.console import Console
from rich.table import Table

from benchmarks.contenders import TRANCHE
from benchmarks.cpu import thread_seconds
from benchmarks.figures import Run
from benchmarks.measure import Plan, measure
from benchmarks.stage import Running, Stage

_FUNCTIONS = 25
_THREADS = 6


class _Edges:
    """What is read before and after the measured part."""

    def __init__(self) -> None:
        self.metrics: list[dict[str, float]] = []
        self.threads: list[dict[str, float]] = []

    def read(self, running: Running) -> None:
        self.metrics.append(_scrape(running.ports[0]))
        self.threads.append(thread_seconds(running.processes[0].pid))

    def moved(self, name: str) -> float:
        """By how much a metric rose."""
        return self.metrics[1].get(name, 0.0) - self.metrics[0].get(name, 0.0)

    def busiest(self) -> list[tuple[str, float]]:
        """Threads by the CPU seconds that they used, the busiest first."""
        used = [(name, seconds - self.threads[0].get(name, 0.0)) for name, seconds in self.threads[1].items()]
        return sorted(used, key=lambda pair: -pair[1])[:_THREADS]


def _scrape(port: int) -> dict[str, float]:
    text = httpx.get(f"http://127.0.0.1:{port}/metrics", timeout=5, trust_env=False).text
    found: dict[str, float] = {}
    for family in text_string_to_metric_families(text):
        for sample in family.samples:
            found[sample.name] = found.get(sample.name, 0.0) + sample.value
    return found


def profile(stage: Stage, plan: Plan, console: Console) -> None:
    """Two runs: as it is, for metrics and CPU; and with the sampler, for stages and functions."""
    edges = _Edges()
    console.print("as the product runs it ...")
    run = measure(stage, TRANCHE, plan, before=edges.read, after=edges.read)
    _show_metrics(console, run, edges)
    with tempfile.TemporaryDirectory(prefix="tranche-bench-") as folder:
        target = Path(folder) / "samples.json"
        switch = target.with_suffix(".on")
        console.print("with a sampler that looks at its threads ...")
        sampled = measure(
            stage, TRANCHE, plan, before=lambda _: switch.touch(), after=lambda _: switch.unlink(),
            sampled_to=str(target),
        )  # fmt: skip
        told = json.loads(target.read_text())
    console.print(f"{sampled.per_second:,.0f}/s while it was looked at")
    for thread in ("worker", "relay"):
        _show_stages(console, thread, told["stages"].get(thread, {}))
    _show_functions(console, told["functions"].get("worker", {}))


def _show_metrics(console: Console, run: Run, edges: _Edges) -> None:
    batches = edges.moved("tranche_batch_seconds_count") or 1
    chunks = edges.moved("tranche_relay_delay_seconds_count") or 1
    in_batches = edges.moved("tranche_batch_seconds_sum")
    table = Table(title=f"{run.commands:,} commands: {run.per_second:,.0f}/s in {run.seconds:.2f} s", show_header=False)
    table.add_column()
    table.add_column(justify="right")
    for name, value in (
        ("batches", f"{batches:,.0f}"),
        ("records in a batch", f"{edges.moved('tranche_batch_size_records_sum') / batches:,.0f}"),
        ("one transaction, ms", f"{1000 * in_batches / batches:.1f}"),
        ("time within transactions", f"{in_batches / run.seconds:.0%}"),
        ("chunks of the relay", f"{chunks:,.0f}"),
        (
            "decision to acknowledgement, ms (mean over chunks)",
            f"{1000 * edges.moved('tranche_relay_delay_seconds_sum') / chunks:.0f}",
        ),
        ("CPU of worker, s for 1,000", f"{run.cpu.worker:.3f}"),
        ("CPU of database, s for 1,000", f"{run.cpu.database:.3f}"),
        ("CPU of broker, s for 1,000", f"{run.cpu.broker:.3f}"),
        *(
            (f"thread {name.partition('/')[0]}, share of one core", f"{seconds / run.seconds:.0%}")
            for name, seconds in edges.busiest()
        ),
    ):
        table.add_row(name, value)
    console.print(table)


def _show_stages(console: Console, thread: str, stages: dict[str, Any]) -> None:
    looks = sum(found["running"] + found["waiting"] for found in stages.values()) or 1
    table = Table(title=f"the {thread}'s time, by {looks:,} looks")
    for name in ("stage", "share", "of it waiting for PostgreSQL"):
        table.add_column(name, justify="left" if name == "stage" else "right")
    for stage, found in sorted(stages.items(), key=lambda pair: -sum(pair[1].values())):
        table.add_row(stage, f"{sum(found.values()) / looks:.1%}", f"{found['waiting'] / looks:.1%}")
    console.print(table)


def _show_functions(console: Console, functions: dict[str, int]) -> None:
    looks = sum(functions.values()) or 1
    table = Table(title="the worker's innermost Python functions")
    table.add_column("function")
    table.add_column("share", justify="right")
    for name, count in sorted(functions.items(), key=lambda pair: -pair[1])[:_FUNCTIONS]:
        table.add_row(name, f"{count / looks:.1%}")
    console.print(table)
