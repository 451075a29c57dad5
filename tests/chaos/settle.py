"""After the faults: wait, by what can be seen from outside, until everything that was begun has come to its end."""

import time
from datetime import timedelta

import httpx
import psycopg
from confluent_kafka import KafkaException

from deploy.local.lag import consumer_lag
from tests.chaos.load import Load
from tests.chaos.stage import DECIDING, Stage

_CALM_LOOKS = 4
_LOOK_S = 0.7
_NO_PROGRESS_S = 100.0
"""So long without any milestone taking a step: then those that are left are stuck."""
_STILL_S = 15.0
_DAYS = 10
_DAY_S = 1.5

_UNDER_WAY = {
    "calls to Stripe": ("stripe_gateway", "SELECT count(*) FROM attempts WHERE state = 'open'"),
    "webhooks not handled": ("stripe_gateway", "SELECT count(*) FROM webhooks WHERE state = 'received'"),
    **{
        f"lines of {service} not published": (
            service,
            "SELECT count(*) FROM event_log WHERE sequence > coalesce((SELECT max(sequence) FROM relay_cursor), 0)",
        )
        for service in DECIDING
    },
}


def finish_load(stage: Stage, load: Load, until: float) -> None:
    """Wait until every milestone's plan is done, none has moved for long, or it is `until` (monotonic).

    When none takes a step the clock moves by a day: a refund waits for money that is not available yet.
    """
    book, days, moved_at = load.book, 0, time.monotonic()
    while time.monotonic() < until:
        with book.lock:
            left = book.unfinished() or book.open_commands() or any(load.came_late.values())
            stuck_s = time.monotonic() - max(book.progress_at, moved_at)
        if not left or (stuck_s > _NO_PROGRESS_S and days == _DAYS):
            return
        if stuck_s > _STILL_S and days < _DAYS:
            stage.clock.advance(timedelta(days=1))
            days, moved_at = days + 1, time.monotonic()
        time.sleep(0.5)


def calm(stage: Stage, until: float) -> list[str]:
    """Wait until nothing is on its way and stays so; returns what still was when it was `until`."""
    looks: list[object] = []
    busy = ["nothing was looked at"]
    while time.monotonic() < until:
        try:
            busy, state = _look(stage)
        except (KafkaException, psycopg.Error, httpx.HTTPError) as error:
            busy, state = [f"cannot look: {error}"[:200]], None
        looks = [] if busy else [*looks, state]
        if len(looks) >= _CALM_LOOKS and all(look == state for look in looks[-_CALM_LOOKS:]):
            return []
        time.sleep(_LOOK_S)
    return busy


def pass_days(stage: Stage, limit_s: float) -> list[str]:
    """Move the clock day by day: money becomes available, bank payouts land, unknown outcomes are looked for.

    Each day may take `limit_s` to come to rest; gives what did not.
    """
    for _ in range(_DAYS):
        stage.clock.advance(timedelta(days=1))
        time.sleep(_DAY_S)
        if busy := calm(stage, time.monotonic() + limit_s):
            return busy
    return []


def rows(stage: Stage, service: str, sql: str, *values: object) -> list[tuple[object, ...]]:
    """What a service's database answers."""
    with psycopg.connect(f"{stage.database_url}/tranche_{service}", autocommit=True, connect_timeout=5) as connection:
        return connection.execute(sql.encode(), values).fetchall()


def _look(stage: Stage) -> tuple[list[str], object]:
    busy = [
        f"{lag.service} is {lag.behind} behind on {lag.topic}"
        for lag in consumer_lag(stage.kafka_bootstrap, stage.database_url)
        if lag.behind and lag.service in DECIDING
    ]
    for what, (service, sql) in _UNDER_WAY.items():
        ((count,),) = rows(stage, service, sql)
        if count:
            busy.append(f"{count} {what}")
    if not stage.control("GET", "webhooks/idle").json()["idle"]:
        busy.append("webhooks on their way")
    return busy, [rows(stage, service, "SELECT max(sequence) FROM event_log") for service in DECIDING]
