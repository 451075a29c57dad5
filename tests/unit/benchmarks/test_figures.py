"""The arithmetic that every published figure goes through."""

import pytest

from benchmarks.figures import Cpu, Latency, Run, cpu_ratio, latency_of, percentile, rate, ratio, summary


def run(per_second: float, *, worker: float = 0.0, latency: Latency | None = None) -> Run:
    return Run(per_second, 1_000, 1.0, Cpu(worker, 0.0, 0.0), latency)


def test_a_rate_counts_what_came_after_the_first_moment() -> None:
    assert rate([(10.0, 500), (11.0, 300), (12.0, 100)]) == (200.0, 2.0)


@pytest.mark.parametrize("seen", [[], [(1.0, 500)], [(1.0, 500), (1.0, 500)]])
def test_a_rate_without_time_is_refused(seen: list[tuple[float, int]]) -> None:
    with pytest.raises(ValueError, match="more commands"):
        rate(seen)


@pytest.mark.parametrize(("share", "expected"), [(0.0, 1), (0.5, 50), (0.51, 51), (0.99, 99), (1.0, 100)], ids=str)
def test_a_percentile_is_a_value_that_was_measured(share: float, expected: int) -> None:
    assert percentile(list(range(100, 0, -1)), share) == expected


def test_a_percentile_of_one_value_is_that_value() -> None:
    assert percentile([7.0], 0.99) == 7.0


def test_no_values_have_no_percentile() -> None:
    with pytest.raises(ValueError, match="no values"):
        percentile([], 0.5)


def test_latencies_are_told_in_milliseconds() -> None:
    assert latency_of([0.001, 0.002, 0.25]) == Latency(2.0, 250.0)


def test_cpu_is_told_for_a_thousand_commands() -> None:
    used = Cpu(5.0, 2.0, 1.5).minus(Cpu(1.0, 1.0, 0.5))

    assert used.per_thousand(4_000) == Cpu(1.0, 0.25, 0.25)


def test_cpu_together_is_all_of_it() -> None:
    assert Cpu(1.0, 0.5, 0.25).total == 1.75


def test_a_summary_takes_the_median_of_each_figure_on_its_own() -> None:
    told = summary(
        [
            run(100, worker=3.0, latency=Latency(1.0, 9.0)),
            run(300, worker=1.0, latency=Latency(3.0, 8.0)),
            run(200, worker=2.0, latency=Latency(2.0, 7.0)),
        ]
    )

    assert (told.per_second, told.lowest, told.highest) == (200, 100, 300)
    assert told.cpu.worker == 2.0
    assert told.latency == Latency(2.0, 8.0)


def test_the_cores_used_follow_from_rate_and_cpu() -> None:
    assert summary([run(5_000, worker=0.25)]).cores == 1.25


def test_a_summary_without_latencies_has_none() -> None:
    assert summary([run(1)]).latency is None


def test_a_ratio_is_the_median_of_the_rounds_own_ratios() -> None:
    # The second round ran on a machine half as fast: the medians' ratio would be 8.
    ours, theirs = [run(1_000), run(500), run(800)], [run(100), run(50), run(100)]

    assert ratio(ours, theirs) == 10.0


def test_rounds_that_do_not_pair_have_no_ratio() -> None:
    with pytest.raises(ValueError, match="shorter"):
        ratio([run(1), run(2)], [run(1)])


def test_a_cpu_ratio_says_what_theirs_needs_for_each_of_ours() -> None:
    assert cpu_ratio([run(1, worker=0.5)], [run(1, worker=2.0)]) == 4.0
