"""What approvals stores."""

from sqlalchemy import BigInteger, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

reviews = Table(
    "reviews",
    metadata,
    Column("milestone_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("employer_id", Text, nullable=False),
    Column("trainer_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("round", Integer, nullable=False),
    Column("freezes", JSONB, nullable=False),
    comment="Where the review of each milestone stands; what is held is what the ledger published.",
)

terms = Table(
    "terms",
    metadata,
    Column("contract_id", Text, primary_key=True),
    Column("auto_approve_after_days", Integer, nullable=False),
    comment="Contracts that approve by themselves when nobody answers; all others have no row.",
)

rounds = Table(
    "rounds",
    metadata,
    Column("milestone_id", Text, primary_key=True),
    Column("round", Integer, primary_key=True, autoincrement=False),
    Column("note", Text),
    Column("links", JSONB, nullable=False),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    Column("review_due_at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    Column("ended_at", DateTime(timezone=True)),
    comment="Every request for release and what became of it.",
)

releases = Table(
    "releases",
    metadata,
    Column("release_id", Text, primary_key=True),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("round", Integer, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("approved_by", Text, nullable=False),
    Column("approved_at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("reason", Text),
    comment="Every amount approved, and what the ledger answered.",
)

disputes = Table(
    "disputes",
    metadata,
    Column("dispute_id", Text, primary_key=True),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("contract_id", Text, nullable=False),
    Column("opened_by", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("outcome", Text, nullable=False),
    Column("to_trainer_minor", BigInteger, nullable=False),
    Column("to_employer_minor", BigInteger, nullable=False),
    Column("refunding_minor", BigInteger, nullable=False),
    Column("release_id", Text),
    Column("settled_by", Text),
    Column("settlement", Text),
    Column("settled_at", DateTime(timezone=True)),
    comment="Disputes between the parties, and how each ended.",
)
