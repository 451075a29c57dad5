"""What both peers' processes share: settings, the broker, offsets, the relay's life."""

import asyncio
import logging
from collections.abc import Awaitable, Callable
from contextlib import suppress

from confluent_kafka import Message
from faststream import AckPolicy, FastStream
from faststream.confluent import KafkaBroker, KafkaMessage
from sqlalchemy.ext.asyncio import AsyncEngine, create_async_engine

from benchmarks.contenders import DATABASE
from benchmarks.peers.relay import OutboxRelay
from services.runtime.settings import Settings

logger = logging.getLogger(__name__)

Handle = Callable[[tuple[Message, ...]], Awaitable[None]]

_SETTINGS = Settings()
_URL = f"{_SETTINGS.database_url}/{DATABASE}"


def open_engine(connections: int) -> AsyncEngine:
    """A pool on asyncpg, the fastest of the async drivers."""
    return create_async_engine(
        _URL.replace("postgresql://", "postgresql+asyncpg://", 1), pool_size=connections, max_overflow=0
    )


def open_relay() -> OutboxRelay:
    """The relay of this process. Within the running loop."""
    return OutboxRelay(_URL, _SETTINGS.kafka_bootstrap)


def run(group: str, topic: str, at_once: int, handle: Handle, relay: Callable[[], OutboxRelay]) -> None:
    """Consume a topic in batches until told to stop, beside the relay.

    `at_once`: most records handed to `handle`, which returns when all of them are committed. A batch's offsets are
    then marked as done, and committed to Kafka in the background: at least once, without a round trip to the broker
    for each. What comes again after a crash, the inbox refuses.
    """
    broker = KafkaBroker(
        _SETTINGS.kafka_bootstrap,
        allow_auto_create_topics=False,
        log_level=logging.DEBUG,  # not a line a message
        config={"enable.auto.commit": True, "enable.auto.offset.store": False, "auto.commit.interval.ms": 1000},
    )
    app = FastStream(broker)

    @broker.subscriber(
        topic,
        group_id=group,
        batch=True,
        max_records=at_once,
        polling_interval=0.002,  # a batch is waited for no longer than this to fill
        fetch_max_wait_ms=100,
        auto_offset_reset="earliest",
        ack_policy=AckPolicy.MANUAL,
    )
    async def on_batch(message: KafkaMessage) -> None:
        records = message.raw_message
        assert isinstance(records, tuple)
        await handle(records)
        last = {record.partition(): record for record in records}
        for record in last.values():
            message.consumer.consumer.store_offsets(message=record)

    async def life() -> None:
        relaying = asyncio.create_task(relay().run())
        try:
            await app.run()
        finally:
            relaying.cancel()
            with suppress(asyncio.CancelledError):
                await relaying

    logging.basicConfig(level=logging.WARNING)
    asyncio.run(life())  # uvloop was no faster, measured
