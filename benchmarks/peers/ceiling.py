"""(c) The ceiling: the very rows of the work by COPY and UPDATE, 1,000 commands a transaction, with no Kafka, nothing
read and nothing decided. The rows are ready as text before the clock begins.

    python -m benchmarks.peers.ceiling DATABASE_URL COMMANDS

says `ready`, waits for a line, writes, and prints how long it took as JSON.
"""

import json
import sys
import time
from collections.abc import Iterable, Sequence
from datetime import UTC, datetime
from typing import Any, NamedTuple

import psycopg

from benchmarks.peers.work import entry_row, fund, funding_row, outbox_row, words
from benchmarks.workload import Order, make_orders
from schemas.catalogue import PARTITIONS
from schemas.envelope import Envelope
from schemas.funding import FundMilestone
from services.funding.records import Decided, Milestone, PaymentMethod

TRANSACTION = 1_000
_TABLES = {
    "fundings": "",
    "ledger_entries": "",
    "streams": "",
    "event_log": "(topic, key, type, subject, stream_version, event_id, time, correlation_id, causation_id, "
    "command_id, traceparent, body)",
}
_MOVE = "UPDATE consumer_positions SET next_offset = next_offset + %s WHERE topic = 'funding.commands'"


class Chunk(NamedTuple):
    """The COPY text of one transaction, by table."""

    texts: dict[str, str]
    commands: int


def make_chunks(orders: Sequence[Order]) -> list[Chunk]:
    """The rows that funding writes for these orders, ready to send."""
    return [_chunk(orders[begin : begin + TRANSACTION]) for begin in range(0, len(orders), TRANSACTION)]


def _chunk(orders: Sequence[Order]) -> Chunk:
    now = datetime.now(UTC)
    rows: dict[str, list[Iterable[Any]]] = {table: [] for table in _TABLES}
    for order in orders:
        command = order.command
        envelope = Envelope(
            order.command_id, FundMilestone.type_name, "bench", order.milestone_id, now, order.command_id, ""
        )
        milestone = Milestone(
            order.milestone_id, order.contract_id, order.employer_id, "trn_1", 1, "Label 1,000 images", 120_000, "usd",
            cancelled=False,
        )  # fmt: skip
        method = PaymentMethod(
            "pm_1", order.employer_id, "visa", "4242", 12, 2030, is_default=True, removed=False, added_at=now
        )
        decided = fund(command, envelope, now, milestone, (), (method,))
        assert isinstance(decided, Decided)
        rows["fundings"].append(funding_row(decided.funding).values())
        rows["ledger_entries"].extend(entry_row(entry).values() for entry in decided.entries)
        rows["streams"].append((order.contract_id, 1))
        for place, message in enumerate(words(decided, command, envelope)):
            line = outbox_row(message, envelope, now)
            rows["event_log"].append(
                (line["topic"], line["key"], line["type"], line["subject"], 0 if place else 1, line["event_id"], now,
                 line["correlation_id"], line["causation_id"], None if place else order.command_id, "", line["body"])
            )  # fmt: skip
    return Chunk({table: "".join(map(_line, found)) for table, found in rows.items()}, len(orders))


def _line(values: Iterable[Any]) -> str:
    return "\t".join([r"\N" if value is None else str(value).replace("\\", "\\\\") for value in values]) + "\n"


def write(connection: "psycopg.Connection[Any]", chunk: Chunk) -> None:
    """One transaction."""
    with connection.cursor() as cursor:
        for table, columns in _TABLES.items():
            with cursor.copy(f"COPY {table} {columns} FROM STDIN".encode()) as copy:
                copy.write(chunk.texts[table])
        cursor.execute(_MOVE, (chunk.commands // PARTITIONS,))
    connection.commit()


def main() -> None:
    """See the module's text."""
    chunks = make_chunks(make_orders(int(sys.argv[2])))
    with psycopg.connect(sys.argv[1]) as connection:
        connection.execute(
            "INSERT INTO consumer_positions SELECT 'funding.commands', number, 'none', 0 "
            "FROM generate_series(0, %s) AS number",
            (PARTITIONS - 1,),
        )
        connection.commit()
        print("ready", flush=True)
        if not sys.stdin.readline():
            return  # whoever asked has gone
        begin, cpu = time.monotonic(), time.process_time()
        for chunk in chunks:
            write(connection, chunk)
        seconds, used = time.monotonic() - begin, time.process_time() - cpu
    print(json.dumps({"seconds": seconds, "cpu_seconds": used}), flush=True)


if __name__ == "__main__":
    main()
