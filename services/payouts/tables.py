"""What payouts stores."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Integer, MetaData, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

accounts = Table(
    "payout_accounts",
    metadata,
    Column("trainer_id", Text, primary_key=True),
    Column("country", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("account_id", Text),
    Column("requirements", JSONB, nullable=False),
    Column("reason", Text),
    Column("times_ready", Integer, nullable=False),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    comment="A trainer's account at Stripe, as Stripe last told; `times_ready` counts how often it became ready.",
)

payouts = Table(
    "payouts",
    metadata,
    Column("payout_id", Text, primary_key=True),
    Column("release_id", Text, nullable=False, unique=True),
    Column("contract_id", Text, nullable=False, index=True),
    Column("milestone_id", Text, nullable=False, index=True),
    Column("trainer_id", Text, nullable=False, index=True),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("charge_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text),
    Column("waits_for", Text, index=True),
    Column("times_ready", Integer, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("transfer_id", Text),
    Column("stripe_payout_id", Text),
    Column("arrival_at", DateTime(timezone=True)),
    Column("failure_code", Text),
    Column("created_at", DateTime(timezone=True), nullable=False),
    Column("updated_at", DateTime(timezone=True), nullable=False),
    Column("reversed_minor", BigInteger, nullable=False),
    Column("reversing_minor", BigInteger, nullable=False),
    Column("held_since", DateTime(timezone=True)),
    Column("overdue", Boolean, nullable=False),
    Column("available_at", DateTime(timezone=True)),
    Column("given_up_by", Text),
    comment="One release on its way to the trainer's bank. `waits_for`: while it is held, the trainer, the milestone, "
    "`platform` or `cover` with the currency; `times_ready`: that of the account when this was last decided.",
)

transfers = Table(
    "transfers",
    metadata,
    Column("transfer_id", Text, primary_key=True),
    Column("payout_id", Text, nullable=False, index=True),
    Column("contract_id", Text, nullable=False),
    Column("trainer_id", Text, nullable=False),
    comment="Whose payout a transfer is: bank payouts name transfers.",
)

bank_payouts = Table(
    "bank_payouts",
    metadata,
    Column("transfer_id", Text, primary_key=True),
    Column("trainer_id", Text, nullable=False),
    Column("stripe_payout_id", Text, nullable=False),
    Column("status", Text, nullable=False),
    Column("arrival_at", DateTime(timezone=True)),
    Column("failure_code", Text),
    comment="What Stripe last told of the bank payout that carries a transfer, be the transfer known here yet or not.",
)

reversals = Table(
    "reversals",
    metadata,
    Column("reversal_id", Text, primary_key=True),
    Column("payout_id", Text, nullable=False, index=True),
    Column("contract_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("asked_by", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("code", Text),
    Column("detail", Text),
    Column("asked_at", DateTime(timezone=True), nullable=False),
    Column("ended_at", DateTime(timezone=True)),
    comment="What was taken back from trainers' accounts, or was to be: who asked, why, and what Stripe answered.",
)

stops = Table(
    "stops",
    metadata,
    Column("milestone_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("causes", JSONB, nullable=False),
    comment="What keeps a milestone's released money from leaving for the trainer, as funding published it.",
)

suspensions = Table(
    "suspensions",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("cause", Text),
    Column("short_minor", BigInteger, nullable=False),
    Column("reason", Text, nullable=False),
    Column("changed_by", Text, nullable=False),
    Column("changed_at", DateTime(timezone=True), nullable=False),
    Column("waived_until", DateTime(timezone=True)),
    comment="Whether released money in a currency may leave: what the auditor found, and what an operator decided.",
)
