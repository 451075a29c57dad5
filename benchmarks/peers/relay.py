"""From the outbox to Kafka: woken by the commit, never polled, with an idempotent producer.

Written lean, on asyncpg itself: what the peers are slow at is not their relay.
"""

import asyncio

import asyncpg
from confluent_kafka import KafkaError, Message, Producer

from schemas.envelope import Envelope, write_headers
from services.runtime.lanes import lane_of

_CHUNK = 1_000
_GUARD_S = 1.0
"""After a start there may be rows that nobody wakes us for."""
_FLUSH_S = 30.0


class OutboxRelay:
    """Publishes the outbox of one process until cancelled. A row goes when Kafka has it."""

    def __init__(self, database_url: str, bootstrap: str) -> None:
        self._url = database_url
        self._woken = asyncio.Event()
        self._errors: list[KafkaError] = []
        self._producer = Producer(
            {
                "bootstrap.servers": bootstrap,
                "enable.idempotence": True,
                "acks": "all",
                "linger.ms": 1,
                "batch.num.messages": 10_000,
                "delivery.report.only.error": True,
            }
        )

    def wake(self) -> None:
        """There is something to publish."""
        self._woken.set()

    async def run(self) -> None:
        """Until cancelled. Raises RuntimeError when Kafka does not take a record."""
        connection = await asyncpg.connect(self._url)
        try:
            # A row that comes back after a crash of the database is published twice, which Kafka's readers expect.
            await connection.execute("SET synchronous_commit = off")
            while True:
                if not await self._publish(connection):
                    try:
                        await asyncio.wait_for(self._woken.wait(), _GUARD_S)
                    except TimeoutError:
                        continue
                    self._woken.clear()
        finally:
            await connection.close()

    async def _publish(self, connection: asyncpg.Connection) -> bool:
        rows = await connection.fetch("SELECT * FROM outbox ORDER BY id LIMIT $1", _CHUNK)
        if not rows:
            return False
        for row in rows:
            envelope = Envelope(
                row["event_id"], row["type"], "funding", row["subject"], row["time"], row["correlation_id"],
                row["causation_id"],
            )  # fmt: skip
            self._producer.produce(
                row["topic"],
                value=row["body"],
                key=row["key"],
                partition=lane_of(row["key"]),
                headers=write_headers(envelope),  # type: ignore[arg-type]
                on_delivery=self._report,
            )
        left = await asyncio.get_running_loop().run_in_executor(None, self._producer.flush, _FLUSH_S)
        if left or self._errors:
            raise RuntimeError(f"Kafka did not take {left} records: {self._errors[:1]}")
        await connection.execute("DELETE FROM outbox WHERE id = ANY($1::bigint[])", [row["id"] for row in rows])
        return True

    def _report(self, error: KafkaError | None, _: Message) -> None:
        if error is not None:
            self._errors.append(error)
