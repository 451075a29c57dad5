"""The arithmetic of the figures. Pure: samples in, figures out."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from statistics import median


@dataclass(frozen=True, slots=True)
class Cpu:
    """CPU seconds, or CPU seconds for 1,000 commands where it says so."""

    worker: float
    database: float
    broker: float

    @property
    def total(self) -> float:
        return self.worker + self.database + self.broker

    def minus(self, earlier: "Cpu") -> "Cpu":
        """What was used since an earlier reading."""
        return Cpu(self.worker - earlier.worker, self.database - earlier.database, self.broker - earlier.broker)

    def per_thousand(self, commands: int) -> "Cpu":
        """For each 1,000 of these commands."""
        scale = 1000 / commands
        return Cpu(self.worker * scale, self.database * scale, self.broker * scale)


@dataclass(frozen=True, slots=True)
class Latency:
    """From handing a command to the producer until its event is seen on the topic, in milliseconds."""

    p50_ms: float
    p99_ms: float


@dataclass(frozen=True, slots=True)
class Run:
    """One run of one contender."""

    per_second: float
    """Commands carried to their event, a second."""
    commands: int
    seconds: float
    cpu: Cpu
    """CPU seconds for 1,000 commands."""
    latency: Latency | None
    """At a steady rate far below what it can do; None where there is no topic."""


@dataclass(frozen=True, slots=True)
class Summary:
    """The medians of one contender's runs, figure by figure."""

    per_second: float
    lowest: float
    highest: float
    cpu: Cpu
    latency: Latency | None

    @property
    def cores(self) -> float:
        """How many cores this rate keeps busy."""
        return self.cpu.total * self.per_second / 1000


def rate(seen: Sequence[tuple[float, int]]) -> tuple[float, float]:
    """Events a second, and the seconds, from the first to the last of `seen`: (moment in seconds, how many came).

    What came at the first moment is not counted: it was made before the clock began. Raises ValueError when there is
    no time between the first and the last.
    """
    if len(seen) < 2 or seen[-1][0] <= seen[0][0]:
        raise ValueError("all events came at one moment: give more commands")
    seconds = seen[-1][0] - seen[0][0]
    return sum(count for _, count in seen[1:]) / seconds, seconds


def percentile(values: Sequence[float], share: float) -> float:
    """The value that `share` (0 to 1) of the values do not exceed (nearest rank). Raises ValueError for none."""
    if not values:
        raise ValueError("no values: no percentile")
    ordered = sorted(values)
    return ordered[max(0, math.ceil(share * len(ordered)) - 1)]


def latency_of(seconds: Sequence[float]) -> Latency:
    """The percentiles of delays given in seconds."""
    return Latency(percentile(seconds, 0.5) * 1000, percentile(seconds, 0.99) * 1000)


def summary(runs: Sequence[Run]) -> Summary:
    """The median of each figure on its own."""
    latencies = [run.latency for run in runs if run.latency is not None]
    return Summary(
        per_second=median(run.per_second for run in runs),
        lowest=min(run.per_second for run in runs),
        highest=max(run.per_second for run in runs),
        cpu=Cpu(
            median(run.cpu.worker for run in runs),
            median(run.cpu.database for run in runs),
            median(run.cpu.broker for run in runs),
        ),
        latency=Latency(median(one.p50_ms for one in latencies), median(one.p99_ms for one in latencies))
        if latencies
        else None,
    )


def ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> float:
    """How many times faster: the median over the rounds, each of which ran both one after the other.

    Pairs, because a machine that other work slows down slows both runs of a round.
    """
    return median(our.per_second / their.per_second for our, their in zip(ours, theirs, strict=True))


def cpu_ratio(ours: Sequence[Run], theirs: Sequence[Run]) -> float:
    """How many times the CPU of ours theirs needs for a command, all processes together: the median over the rounds.

    It hardly depends on what else the machine does.
    """
    return median(their.cpu.total / our.cpu.total for our, their in zip(ours, theirs, strict=True))
