"""One run of one contender: how many a second, at what cost, and how long one takes when there is no hurry."""

import json
import subprocess
import sys
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from datetime import UTC, datetime

from confluent_kafka import Producer

from benchmarks.contenders import CEILING_SHARE, Contender
from benchmarks.figures import Cpu, Latency, Run, latency_of, rate
from benchmarks.stage import BenchError, Running, Stage
from benchmarks.watch import EVENTS, Watch
from benchmarks.workload import Order, make_orders, preload, produce
from deploy.local.layout import CHECKOUT

LATENCY_RATE = 200
"""Commands a second while latency is measured."""
_RUN_LIMIT_S = 90.0
_SETTLE_S = 10.0


@dataclass(frozen=True)
class Plan:
    """How much is done in one run."""

    commands: int = 20_000
    warm_up: int = 200
    """Commands before the clock begins: connections, prepared statements and code paths are warm for everybody."""
    latency: int = 600
    """Commands whose latency counts; 0: it is not measured."""
    latency_warm_up: int = 100


Edge = Callable[[Running], None]


def measure(
    stage: Stage,
    contender: Contender,
    plan: Plan,
    *,
    before: Edge = lambda running: None,
    after: Edge = lambda running: None,
    sampled_to: str | None = None,
) -> Run:
    """Run a contender on fresh topics and a fresh database. `before` and `after` are called around the measured part.

    Raises BenchError when a command was lost or done twice, or when it takes too long.
    """
    count = contender.commands(plan.commands)
    paced = plan.latency + plan.latency_warm_up if plan.latency else 0
    orders = make_orders(plan.warm_up + count + paced)
    warm, main, steady = (
        orders[: plan.warm_up], orders[plan.warm_up : plan.warm_up + count], orders[plan.warm_up + count :]
    )  # fmt: skip
    stage.fresh(orders)
    watch = Watch(stage.bootstrap)
    try:
        with stage.running(contender, sampled_to) as running:
            preload(stage.bootstrap, warm)
            watch.take(len(warm), _RUN_LIMIT_S)
            before(running)
            with running.held():
                preload(stage.bootstrap, main)
                started = running.cpu()
            seen = watch.take(len(main), _RUN_LIMIT_S)
            used = running.cpu().minus(started)
            after(running)
            if sorted(seen.keys) != sorted(order.contract_id for order in main):
                raise BenchError(f"{contender.name}: the events are not those of the commands, one for each")
            latency = _latency(stage, watch, steady, plan.latency_warm_up) if paced else None
            check_done(stage, watch, contender, len(orders))
    finally:
        watch.close()
    per_second, seconds = rate(seen.moments)
    return Run(per_second, count, seconds, used.per_thousand(count), latency)


def _latency(stage: Stage, watch: Watch, orders: list[Order], warm_up: int) -> Latency:
    """Send at a steady rate and time each command until its event is here."""
    sent: dict[str, float] = {}
    delays: list[float] = []
    failures: list[Exception] = []

    def see() -> None:
        try:
            watch.each(len(orders), _RUN_LIMIT_S, lambda key, moment: delays.append(moment - sent[key]))
        except Exception as error:
            failures.append(error)

    seeing = threading.Thread(target=see, name="watch")
    seeing.start()
    producer = Producer({"bootstrap.servers": stage.bootstrap, "linger.ms": 0, "log_level": 0})
    begin = time.monotonic()
    for number, order in enumerate(orders):
        pause = begin + number / LATENCY_RATE - time.monotonic()
        if pause > 0:
            time.sleep(pause)
        sent[order.contract_id] = time.monotonic()
        produce(producer, order, datetime.now(UTC))
        producer.poll(0)
    producer.flush(10)
    seeing.join()
    if failures:
        raise failures[0]
    return latency_of(delays[warm_up:])


def check_done(stage: Stage, watch: Watch, contender: Contender, count: int, settle_s: float = _SETTLE_S) -> None:
    """Each of so many commands was done once: in the database and on both topics. Raises BenchError when not."""
    deadline = time.monotonic() + settle_s
    while True:
        found = {
            "fundings": stage.count("SELECT count(*) FROM fundings"),
            "ledger entries": stage.count("SELECT count(*) FROM ledger_entries"),
            "events": watch.on_topic(EVENTS),
            "calls to Stripe": watch.on_topic("stripe.commands"),
        }
        wanted = {"fundings": count, "ledger entries": 2 * count, "events": count, "calls to Stripe": count}
        if found == wanted:
            return
        if time.monotonic() > deadline:
            raise BenchError(f"{contender.name}: there should be {wanted}, there are {found}")
        time.sleep(0.05)


def measure_ceiling(stage: Stage, plan: Plan) -> Run:
    """The same rows by COPY and UPDATE, and nothing else. Its process makes the rows, then waits for us."""
    count = max(1_000, round(plan.commands * CEILING_SHARE))
    stage.fresh([])
    command = [sys.executable, "-m", "benchmarks.peers.ceiling", stage.database_url, str(count)]
    with subprocess.Popen(
        command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True, cwd=CHECKOUT, start_new_session=True
    ) as child:
        try:
            assert child.stdin is not None
            assert child.stdout is not None
            if child.stdout.readline().strip() != "ready":
                raise BenchError("the ceiling did not start")
            before = stage.backing_cpu()
            child.stdin.write("go\n")
            child.stdin.flush()
            told = json.loads(child.stdout.readline() or "{}")
            after = stage.backing_cpu()
            child.wait(10)
        finally:
            child.kill()
    if stage.count("SELECT count(*) FROM fundings") != count or "seconds" not in told:
        raise BenchError("the ceiling did not write all rows")
    used = Cpu(told["cpu_seconds"], after[0] - before[0], after[1] - before[1])
    return Run(count / told["seconds"], count, told["seconds"], used.per_thousand(count), None)
