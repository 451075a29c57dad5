"""Every figure a service tells about itself, in one place, with what it means. Served at /metrics."""

from collections import Counter as Counted
from collections.abc import Iterable

from prometheus_client import Counter, Gauge, Histogram

from services.runtime.decisions import Outcome, Refused, Unchanged

_SECONDS = (0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10)

LAST_POLL = Gauge("tranche_last_poll_timestamp_seconds", "Unix time of the consumer's last poll; old means stuck")
LAG = Gauge("tranche_consumer_lag_records", "Records in the partition that are not decided yet", ["topic", "partition"])
BATCH_SIZE = Histogram(
    "tranche_batch_size_records",
    "Records decided in one transaction",
    buckets=(1, 2, 5, 10, 25, 50, 100, 250, 500, 1000),
)
BATCH_TIME = Histogram("tranche_batch_seconds", "One transaction, from the first lock to the commit", buckets=_SECONDS)
COMMITS = Counter("tranche_batches_committed", "Transactions committed by the consumer")
RETRIES = Counter("tranche_batch_retries", "Batches tried again after transient trouble", ["error"])
OUTCOMES = Counter("tranche_messages", "Messages by what became of them", ["type", "outcome"])
RELAYED = Counter("tranche_relayed_records", "Records the relay has had acknowledged by Kafka", ["topic"])
RELAY_DELAY = Histogram(
    "tranche_relay_delay_seconds", "From the decision's time to Kafka's acknowledgement", buckets=_SECONDS
)
RELAY_LEADER = Gauge("tranche_relay_leader", "1 where this replica relays the event log, else 0")
PARKED_KEYS = Gauge("tranche_parked_keys", "Keys that wait for an operator; anything above 0 is an alarm")
PARKED_MESSAGES = Gauge("tranche_parked_messages", "Messages that wait with their keys for an operator")
TIMERS_WAITING = Gauge("tranche_timers_waiting", "Timers that are set; read every few seconds")
TIMERS_OVERDUE = Gauge(
    "tranche_timers_overdue_seconds", "How long the oldest due timer has waited; above a few seconds is an alarm"
)
TIMERS_FIRED = Counter("tranche_timers_fired", "Timers whose command this replica moved to the event log")
HTTP_TIME = Histogram("tranche_http_seconds", "HTTP calls", ["method", "route", "status"], buckets=_SECONDS)


def outcome(type_name: str, result: Outcome, count: int = 1) -> None:
    """Count messages by what became of them."""
    OUTCOMES.labels(type_name, kind_of(result)).inc(count)


def kind_of(result: Outcome) -> str:
    """What became of a message, in a word."""
    match result:
        case Refused():
            return "refused"
        case Unchanged():
            return "unchanged"
        case _:
            return "done"


def outcomes(type_names: Iterable[str], results: Iterable[Outcome]) -> None:
    """Count a batch: a label is looked up once for all messages of a kind."""
    counted = Counted(zip(type_names, map(kind_of, results), strict=True))
    for (type_name, kind), count in counted.items():
        OUTCOMES.labels(type_name, kind).inc(count)
