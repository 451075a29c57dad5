"""What funding stores."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, SmallInteger, Table, Text

metadata = MetaData()

milestones = Table(
    "milestones",
    metadata,
    Column("milestone_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("employer_id", Text, nullable=False),
    Column("trainer_id", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("description", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("cancelled", Boolean, nullable=False),
    comment="The terms, as contracts published them.",
)

fundings = Table(
    "fundings",
    metadata,
    Column("funding_id", Text, primary_key=True),
    Column("milestone_id", Text, nullable=False),
    Column("contract_id", Text, nullable=False, index=True),
    Column("employer_id", Text, nullable=False, index=True),
    Column("trainer_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("payment_method_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("marketplace_fee_minor", BigInteger, nullable=False),
    Column("initiation_fee_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("fee_rule", Text, nullable=False),
    Column("payment_intent_id", Text),
    Column("charge_id", Text),
    Column("expires_at", DateTime(timezone=True)),
    Column("requested_at", DateTime(timezone=True), nullable=False),
    comment="One charge for one milestone, in as many attempts as it takes.",
)

funding_attempts = Table(
    "funding_attempts",
    metadata,
    Column("funding_id", Text, primary_key=True),
    Column("attempt", Integer, primary_key=True),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("payment_method_id", Text, nullable=False),
    Column("outcome", Text, nullable=False),
    Column("code", Text),
    Column("reason", Text),
    Column("advice", Text),
    Column("ended_at", DateTime(timezone=True), nullable=False),
    comment="Attempts that have an answer.",
)

payment_methods = Table(
    "payment_methods",
    metadata,
    Column("payment_method_id", Text, primary_key=True),
    Column("employer_id", Text, nullable=False, index=True),
    Column("brand", Text, nullable=False),
    Column("last4", Text, nullable=False),
    Column("exp_month", SmallInteger, nullable=False),
    Column("exp_year", SmallInteger, nullable=False),
    Column("is_default", Boolean, nullable=False),
    Column("removed", Boolean, nullable=False),
    Column("added_at", DateTime(timezone=True), nullable=False),
)

ledger_entries = Table(
    "ledger_entries",
    metadata,
    Column("posting_id", Text, primary_key=True),
    Column("line", SmallInteger, primary_key=True),
    Column("kind", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("contract_id", Text, nullable=False),
    Column("currency", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("cause_id", Text, nullable=False),
    Column("posted_at", DateTime(timezone=True), nullable=False),
    comment="Double entry, append-only: debits positive, credits negative; a posting sums to zero per currency.",
)
