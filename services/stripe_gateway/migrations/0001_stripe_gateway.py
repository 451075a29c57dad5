"""The gateway's tables, as of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "attempts",
        sa.Column("attempt_id", sa.Text, primary_key=True),
        sa.Column("arrival", sa.Text, nullable=False),
        sa.Column("key", sa.Text, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("about", sa.Text, nullable=False, index=True),
        sa.Column("operation", sa.Text, nullable=False),
        sa.Column("command_type", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("idempotency_key", sa.Text, nullable=False, unique=True),
        sa.Column("target", sa.Text, nullable=False),
        sa.Column("parameters", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("correlation_id", sa.Text, nullable=False),
        sa.Column("traceparent", sa.Text, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("closed_at", sa.DateTime(timezone=True)),
        sa.Column("object_id", sa.Text),
        sa.Column("http_status", sa.SmallInteger),
        sa.Column("code", sa.Text),
        sa.Column("message", sa.Text),
        sa.Column("request_id", sa.Text),
        sa.Index("attempts_unknown", "arrival", postgresql_where=sa.text("state = 'unknown'")),
        sa.Index("attempts_open", "arrival", postgresql_where=sa.text("state = 'open'")),
    )
    op.create_table(
        "intents",
        sa.Column("funding_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("employer_id", sa.Text, nullable=False),
        sa.Column("charge_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("payment_intent_id", sa.Text, unique=True),
        sa.Column("payment_method_id", sa.Text),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("last_failed_charge_id", sa.Text),
    )
    op.create_table(
        "transfers",
        sa.Column("payout_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("transfer_id", sa.Text, unique=True),
    )
    op.create_table(
        "accounts",
        sa.Column("trainer_id", sa.Text, primary_key=True),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, unique=True),
        sa.Column("transfers", sa.Text),
        sa.Column("requirements", postgresql.JSONB, nullable=False),
        sa.Column("details_submitted", sa.Boolean, nullable=False),
    )
    op.create_table(
        "customers",
        sa.Column("employer_id", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("customer_id", sa.Text, unique=True),
    )
    op.create_table(
        "payment_methods",
        sa.Column("payment_method_id", sa.Text, primary_key=True),
        sa.Column("employer_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "bank_payouts",
        sa.Column("stripe_payout_id", sa.Text, primary_key=True),
        sa.Column("trainer_id", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("arrival_at", sa.DateTime(timezone=True)),
        sa.Column("failure_code", sa.Text),
        sa.Column("transfer_ids", postgresql.JSONB, nullable=False),
    )
    op.create_table(
        "webhooks",
        sa.Column("event_id", sa.Text, primary_key=True),
        sa.Column("arrival", sa.Text, nullable=False),
        sa.Column("endpoint", sa.Text, nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("account", sa.Text, nullable=False),
        sa.Column("object_id", sa.Text, nullable=False),
        sa.Column("lane", sa.SmallInteger, nullable=False),
        sa.Column("body", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("received_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("handled_at", sa.DateTime(timezone=True)),
        sa.Index("webhooks_parked", "arrival", postgresql_where=sa.text("state = 'parked'")),
        sa.Index("webhooks_received", "arrival", postgresql_where=sa.text("state = 'received'")),
    )
