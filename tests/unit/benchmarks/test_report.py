"""The tables that people read."""

import json
from datetime import UTC, datetime
from pathlib import Path

from benchmarks.figures import Cpu, Latency, Run
from benchmarks.report import figure_rows, markdown, ratio_rows, write

RUNS = {
    "tranche": [Run(8_000, 20_000, 2.5, Cpu(0.09, 0.03, 0.04), Latency(3.0, 9.0))] * 3,
    "plain": [Run(500, 4_000, 8.0, Cpu(1.7, 0.4, 0.1), Latency(8.0, 20.0))] * 3,
    "ceiling": [Run(32_000, 60_000, 2.0, Cpu(0.001, 0.02, 0.0), None)] * 3,
}
MACHINE = {"cores": "2"}


def test_a_ratio_stands_beside_its_goal() -> None:
    assert ratio_rows(RUNS) == [
        ("tranche / (a) plain", "16.00", "40", "13.75"),
        ("tranche / (c) ceiling", "0.25", "0.2", "0.13"),
    ]


def test_what_was_not_run_is_not_compared() -> None:
    assert ratio_rows({"tranche": RUNS["tranche"]}) == []


def test_a_contender_without_a_topic_has_no_latency() -> None:
    rows = {row[0]: row for row in figure_rows(RUNS)}

    assert rows["tranche, one process"][3:5] == ("3.0", "9.0")
    assert rows["(c) ceiling: COPY, no Kafka"][3:5] == ("", "")


def test_the_page_says_how_many_rounds_and_commands() -> None:
    page = markdown(RUNS, MACHINE, datetime(2026, 1, 2, tzinfo=UTC))

    assert "2026-01-02, 3 round(s)" in page
    assert "(a) plain FastStream + ORM 4,000" in page
    assert "- cores: 2" in page


def test_every_run_is_kept(tmp_path: Path) -> None:
    write(tmp_path, RUNS, MACHINE)

    kept = json.loads((tmp_path / "latest.json").read_text())
    assert kept["ratios"]["tranche / (a) plain"] == 16.0
    assert len(kept["runs"]["plain"]) == 3
    assert (tmp_path / "latest.md").exists()
