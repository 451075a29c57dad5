"""The work that every contender is given: contracts with one milestone each, and a command to fund it.

One command in a hundred is sent twice, as Kafka and its clients may: whoever funds a milestone twice loses.
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC, datetime

import psycopg
from confluent_kafka import Producer

from schemas.base import Actor
from schemas.envelope import Envelope, Headers, write_headers
from schemas.funding import FundMilestone
from services.runtime.ids import IdSource
from services.runtime.lanes import lane_of

EMPLOYERS = 100
SENT_TWICE = 100
"""One in so many."""
_BEHIND = 50
"""So many commands later the second copy comes: in the same batch for some, in another for others."""


@dataclass(frozen=True, slots=True)
class Order:
    """One milestone to fund."""

    command_id: str
    contract_id: str
    milestone_id: str
    employer_id: str

    @property
    def command(self) -> FundMilestone:
        return FundMilestone(
            actor=Actor(role="employer", party_id=self.employer_id),
            contract_id=self.contract_id,
            milestone_id=self.milestone_id,
        )

    def headers(self, now: datetime) -> Headers:
        """As any service writes them."""
        return write_headers(
            Envelope(self.command_id, FundMilestone.type_name, "bench", self.milestone_id, now, self.command_id, "")
        )


def make_orders(count: int) -> list[Order]:
    """So many orders, each of a contract of its own."""
    ids, now = IdSource(), datetime.now(UTC)
    return [
        Order(ids.new("cmd", now), ids.new("ctr", now), ids.new("mls", now), f"emp_{number % EMPLOYERS}")
        for number in range(count)
    ]


def seed(database_url: str, orders: Iterable[Order]) -> None:
    """The rows that funding knows before: the terms of each milestone, a card for each employer."""
    now = datetime.now(UTC)
    with psycopg.connect(database_url) as connection, connection.cursor() as cursor:
        with cursor.copy("COPY milestones FROM STDIN") as copy:
            for order in orders:
                copy.write_row(
                    (order.milestone_id, order.contract_id, order.employer_id, "trn_1", 1, "Label 1,000 images",
                     120_000, "usd", False)
                )  # fmt: skip
        with cursor.copy("COPY payment_methods FROM STDIN") as copy:
            for number in range(EMPLOYERS):
                copy.write_row((f"pm_{number}", f"emp_{number}", "visa", "4242", 12, 2030, True, False, now))
    with psycopg.connect(database_url, autocommit=True) as connection:
        connection.execute("VACUUM ANALYZE")
        connection.execute("CHECKPOINT")


def with_copies(orders: Sequence[Order]) -> list[Order]:
    """The orders as they are sent: some of them a second time, a little later."""
    sent: list[Order] = []
    for place, order in enumerate(orders):
        sent.append(order)
        behind = place - _BEHIND
        if behind >= 0 and behind % SENT_TWICE == 0:
            sent.append(orders[behind])
    return sent


def produce(producer: Producer, order: Order, now: datetime) -> None:
    """Hand one command to the producer, which must have room for it."""
    producer.produce(
        FundMilestone.topic,
        value=order.command.model_dump_json(),
        key=order.contract_id,
        partition=lane_of(order.contract_id),
        headers=order.headers(now),  # type: ignore[arg-type]
    )


def preload(bootstrap: str, orders: Sequence[Order]) -> None:
    """Put all commands on the topic and wait until the broker has them. Raises RuntimeError when it does not."""
    producer = Producer({"bootstrap.servers": bootstrap, "linger.ms": 5, "queue.buffering.max.messages": 1_000_000,
                         "log_level": 0})  # fmt: skip
    now = datetime.now(UTC)
    for order in with_copies(orders):
        produce(producer, order, now)
    if producer.flush(30):
        raise RuntimeError("the broker did not take the commands within 30 s")
