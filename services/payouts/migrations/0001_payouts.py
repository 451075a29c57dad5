"""Payouts' tables, as of the first release."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects.postgresql import JSONB

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "payout_accounts",
        sa.Column("trainer_id", sa.Text, primary_key=True),
        sa.Column("country", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("account_id", sa.Text),
        sa.Column("requirements", JSONB, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("times_ready", sa.Integer, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "payouts",
        sa.Column("payout_id", sa.Text, primary_key=True),
        # One payout a release, whatever else goes wrong: the database keeps it.
        sa.Column("release_id", sa.Text, nullable=False, unique=True),
        sa.Column("contract_id", sa.Text, nullable=False, index=True),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("trainer_id", sa.Text, nullable=False, index=True),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text),
        sa.Column("waits_for", sa.Text, index=True),
        sa.Column("times_ready", sa.Integer, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("transfer_id", sa.Text),
        sa.Column("stripe_payout_id", sa.Text),
        sa.Column("arrival_at", sa.DateTime(timezone=True)),
        sa.Column("failure_code", sa.Text),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("updated_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "transfers",
        sa.Column("transfer_id", sa.Text, primary_key=True),
        sa.Column("payout_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("trainer_id", sa.Text, nullable=False),
    )
    op.create_table(
        "bank_payouts",
        sa.Column("transfer_id", sa.Text, primary_key=True),
        sa.Column("trainer_id", sa.Text, nullable=False),
        sa.Column("stripe_payout_id", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("arrival_at", sa.DateTime(timezone=True)),
        sa.Column("failure_code", sa.Text),
    )
