"""What contracts stores."""

from sqlalchemy import BigInteger, Boolean, Column, Date, DateTime, Index, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

contracts = Table(
    "contracts",
    metadata,
    Column("contract_id", Text, primary_key=True),
    Column("job_id", Text, nullable=False),
    Column("employer_id", Text, nullable=False),
    Column("trainer_id", Text, nullable=False),
    Column("title", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("auto_approve_after_days", Integer),
    Index("contracts_of_employer", "employer_id", "created_at", "contract_id"),
    Index("contracts_of_trainer", "trainer_id", "created_at", "contract_id"),
    Index("contracts_by_age", "created_at", "contract_id"),
    comment="Who hired whom, for which job, in which currency.",
)

milestones = Table(
    "milestones",
    metadata,
    Column("milestone_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False, index=True),
    Column("employer_id", Text, nullable=False),
    Column("trainer_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("milestone_name", Text),
    Column("description", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("due_date", Date),
    Column("status", Text, nullable=False),
    Column("funding_state", Text, nullable=False),
    Column("payout_state", Text, nullable=False),
    Column("held_minor", BigInteger, nullable=False),
    Column("unsettled_minor", BigInteger, nullable=False),
    Column("released_minor", BigInteger, nullable=False),
    Column("refunded_minor", BigInteger, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("charged_back_minor", BigInteger, nullable=False),
    Column("returning_minor", BigInteger, nullable=False),
    Column("review", Text, nullable=False),
    Column("freezes", JSONB, nullable=False),
    Column("refunds", JSONB, nullable=False),
    Column("chargebacks", JSONB, nullable=False),
    comment="The terms, which are ours, and what everybody sees; sums of money are what the ledger published.",
)

payouts = Table(
    "payouts",
    metadata,
    Column("payout_id", Text, primary_key=True),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("state", Text, nullable=False),
    comment="How far each release of a milestone is on its way to the bank, as payouts published it.",
)

payment_methods = Table(
    "payment_methods",
    metadata,
    Column("payment_method_id", Text, primary_key=True),
    Column("employer_id", Text, nullable=False, index=True),
    Column("removed", Boolean, nullable=False),
    comment="Whether an employer can be charged, as funding published it: for refusing a hire early.",
)

trainers = Table(
    "trainers",
    metadata,
    Column("trainer_id", Text, primary_key=True),
    Column("country", Text, nullable=False),
    comment="Where a trainer is paid, as payouts published it: for refusing a hire early.",
)

timeline = Table(
    "timeline",
    metadata,
    Column("entry_id", Text, primary_key=True),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("type", Text, nullable=False),
    Column("text", Text, nullable=False),
    comment="Append-only: what happened to a milestone, in words people read.",
)
