"""Refunds and reversals."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.add_column("transfers", sa.Column("reversed_minor", sa.BigInteger, nullable=False, server_default="0"))
    op.create_table(
        "refunds",
        sa.Column("refund_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("funding_id", sa.Text, nullable=False),
        sa.Column("payment_intent_id", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("by_hand", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("attempt", sa.Integer, nullable=False),
        sa.Column("stripe_refund_id", sa.Text, unique=True),
        sa.Column("debited_minor", sa.BigInteger, nullable=False),
        sa.Column("returned_minor", sa.BigInteger, nullable=False),
        sa.Column("pending_reason", sa.Text, nullable=False),
        sa.Column("failure_reason", sa.Text, nullable=False),
        comment="Refunds, as we last told of them; those made at Stripe by hand under Stripe's id.",
    )
    op.create_table(
        "reversals",
        sa.Column("reversal_id", sa.Text, primary_key=True),
        sa.Column("payout_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("transfer_id", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("by_hand", sa.Boolean, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("stripe_reversal_id", sa.Text, unique=True),
        comment="Reversals of transfers; those made at Stripe by hand under Stripe's id.",
    )
