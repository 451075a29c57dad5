"""Every contender carries a small load, loses nothing and does nothing twice, so that the benchmark cannot rot.

On a broker and a database of its own: the service's topics have fixed names, and are made anew for each run.
"""

import time
from collections.abc import Iterator
from dataclasses import replace

import pytest

from benchmarks.contenders import ON_KAFKA, TRANCHE, Contender
from benchmarks.measure import Plan, check_done, measure, measure_ceiling
from benchmarks.stage import BenchError, Running, Stage, open_stage
from benchmarks.watch import Watch
from benchmarks.workload import make_orders, preload
from deploy.local.processes import Process, is_alive

pytestmark = pytest.mark.integration

PLAN = Plan(commands=200, warm_up=60, latency=20, latency_warm_up=10)


@pytest.fixture(scope="module")
def stage() -> Iterator[Stage]:
    with open_stage(durable=False) as opened:
        yield opened


@pytest.mark.parametrize("contender", ON_KAFKA, ids=lambda contender: contender.name)
def test_a_contender_does_each_command_once(stage: Stage, contender: Contender) -> None:
    started: list[Process] = []

    def remember(running: Running) -> None:
        started.extend(running.processes)

    run = measure(stage, contender, PLAN, before=remember)

    assert run.per_second > 0
    assert run.commands == contender.commands(PLAN.commands)
    assert run.latency is not None
    assert 0 < run.latency.p50_ms <= run.latency.p99_ms
    assert run.cpu.worker > 0
    assert len(started) == contender.processes
    assert not any(map(is_alive, started))


def test_the_ceiling_writes_every_row(stage: Stage) -> None:
    run = measure_ceiling(stage, PLAN)

    assert run.per_second > 0
    assert stage.count("SELECT count(*) FROM fundings") == run.commands
    assert stage.count("SELECT count(*) FROM ledger_entries") == 2 * run.commands
    assert stage.count("SELECT count(*) FROM event_log") == 2 * run.commands


def test_a_contender_that_cannot_start_says_why(stage: Stage) -> None:
    with pytest.raises(BenchError, match=r"No module named benchmarks\.peers\.absent"):
        measure(stage, replace(TRANCHE, module="benchmarks.peers.absent"), PLAN)


def test_nothing_is_done_while_held_and_a_loss_is_noticed(stage: Stage) -> None:
    orders = make_orders(40)
    stage.fresh(orders)
    watch = Watch(stage.bootstrap)
    try:
        with stage.running(TRANCHE) as running:
            with running.held():
                preload(stage.bootstrap, orders)
                time.sleep(0.3)
                assert stage.count("SELECT count(*) FROM fundings") == 0
            watch.take(len(orders), 20)
            check_done(stage, watch, TRANCHE, len(orders))
            stage.count("WITH lost AS (DELETE FROM fundings WHERE milestone_id = "
                        f"'{orders[0].milestone_id}' RETURNING 1) SELECT count(*) FROM lost")  # fmt: skip
            with pytest.raises(BenchError, match="'fundings': 39"):
                check_done(stage, watch, TRANCHE, len(orders), settle_s=0.2)
    finally:
        watch.close()
