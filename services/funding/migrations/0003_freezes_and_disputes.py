"""Freezes, card disputes, and transfers that came back."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "freezes",
        sa.Column("milestone_id", sa.Text, primary_key=True),
        sa.Column("cause", sa.Text, primary_key=True),
        sa.Column("about", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("frozen_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("lifted_at", sa.DateTime(timezone=True)),
    )
    op.create_table(
        "card_disputes",
        sa.Column("dispute_id", sa.Text, primary_key=True),
        sa.Column("funding_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("withdrawn_minor", sa.BigInteger, nullable=False),
        sa.Column("reinstated_minor", sa.BigInteger, nullable=False),
        sa.Column("fee_minor", sa.BigInteger, nullable=False),
        sa.Column("from_held_minor", sa.BigInteger, nullable=False),
        sa.Column("from_fees_minor", sa.BigInteger, nullable=False),
        sa.Column("debt_minor", sa.BigInteger, nullable=False),
        sa.Column("recovered_minor", sa.BigInteger, nullable=False),
        sa.Column("lost_minor", sa.BigInteger, nullable=False),
        sa.Column("evidence_due_at", sa.DateTime(timezone=True)),
        sa.Column("is_charge_refundable", sa.Boolean, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "returned_transfers",
        sa.Column("transfer_id", sa.Text, primary_key=True),
        sa.Column("payout_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("reversed_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("changed_at", sa.DateTime(timezone=True), nullable=False),
    )
