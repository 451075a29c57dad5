"""The tables that the runtime keeps in each service's database, beside the service's own.

They are created by the runtime's own migration step (`database.migrate`), so that no service repeats them.
"""

from sqlalchemy import (
    BigInteger,
    Column,
    DateTime,
    Index,
    Integer,
    LargeBinary,
    MetaData,
    Sequence,
    SmallInteger,
    Table,
    Text,
)
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

lanes = Table(
    "lanes",
    metadata,
    Column("lane", SmallInteger, primary_key=True, autoincrement=False),
    comment="One row per partition number. Whoever decides about a key holds its lane until commit (ADR 0002).",
)

consumer_positions = Table(
    "consumer_positions",
    metadata,
    Column("topic", Text, primary_key=True),
    Column("partition", Integer, primary_key=True),
    Column("topic_id", Text, nullable=False),
    Column("next_offset", BigInteger, nullable=False),
    comment="Where consumption stands: moved in the transaction of the effects, so effects happen exactly once.",
)

streams = Table(
    "streams",
    metadata,
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    comment="The version of the last event this service published for a key.",
)

streams_seen = Table(
    "streams_seen",
    metadata,
    Column("source", Text, primary_key=True),
    Column("key", Text, primary_key=True),
    Column("version", BigInteger, nullable=False),
    comment="The version of the last event taken from another service's stream: at or below is a duplicate, "
    "more than one above is a loss.",
)

event_log_sequence = Sequence("event_log_sequence", metadata=metadata, data_type=BigInteger)

event_log = Table(
    "event_log",
    metadata,
    Column(
        "sequence",
        BigInteger,
        event_log_sequence,
        primary_key=True,
        server_default=event_log_sequence.next_value(),
    ),
    Column("topic", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("stream_version", BigInteger, nullable=False),
    Column("event_id", Text, nullable=False),
    Column("time", DateTime(timezone=True), nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text, nullable=False),
    Column("command_id", Text),
    Column("traceparent", Text, nullable=False),
    Column("body", Text, nullable=False),
    Index("event_log_command", "command_id", unique=True, postgresql_where="command_id IS NOT NULL"),
    comment="Append-only: every message this service ever said, and the audit trail. `command_id` marks the first "
    "answer to a command, so the log is also the list of commands that are done.",
)

relay_cursor = Table(
    "relay_cursor",
    metadata,
    Column("relay", Text, primary_key=True),
    Column("sequence", BigInteger, nullable=False),
    comment="Everything up to this number is acknowledged by Kafka.",
)

parked_messages = Table(
    "parked_messages",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=True),
    Column("key", Text, nullable=False, index=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary),
    Column("reason", Text, nullable=False),
    Column("parked_at", DateTime(timezone=True), nullable=False),
    Index("parked_messages_place", "topic", "partition", "offset", unique=True),
    comment="A key whose message cannot be handled, and all that came after it, in order. Empty is healthy.",
)

discarded_messages = Table(
    "discarded_messages",
    metadata,
    Column("id", BigInteger, primary_key=True, autoincrement=False),
    Column("key", Text, nullable=False, index=True),
    Column("topic", Text, nullable=False),
    Column("partition", Integer, nullable=False),
    Column("offset", BigInteger, nullable=False),
    Column("headers", JSONB, nullable=False),
    Column("body", LargeBinary),
    Column("parked_reason", Text, nullable=False),
    Column("parked_at", DateTime(timezone=True), nullable=False),
    Column("reason", Text, nullable=False),
    Column("discarded_by", Text, nullable=False),
    Column("discarded_at", DateTime(timezone=True), nullable=False),
    comment="Append-only: parked messages that an operator gave up, with who, when and why; under their id of then.",
)

http_requests = Table(
    "http_requests",
    metadata,
    Column("party", Text, primary_key=True),
    Column("idempotency_key", Text, primary_key=True),
    Column("request_hash", Text, nullable=False),
    Column("status", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("answered_at", DateTime(timezone=True), nullable=False),
    comment="Answers by Idempotency-Key, written in the transaction of the effect.",
)

timers = Table(
    "timers",
    metadata,
    Column("key", Text, primary_key=True),
    Column("name", Text, primary_key=True),
    Column("due_at", DateTime(timezone=True), nullable=False, index=True),
    Column("command_id", Text, nullable=False),
    Column("topic", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("subject", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("causation_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("body", Text, nullable=False),
    comment="Commands that this service gives itself when they are due: moved to the event log, once (ADR 0005).",
)
