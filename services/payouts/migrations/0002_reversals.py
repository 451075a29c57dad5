"""Reversals of transfers, and how long a payout is held."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    for name in ("reversed_minor", "reversing_minor"):
        op.add_column("payouts", sa.Column(name, sa.BigInteger, nullable=False, server_default="0"))
        op.alter_column("payouts", name, server_default=None)
    op.add_column("payouts", sa.Column("held_since", sa.DateTime(timezone=True)))
    op.add_column("payouts", sa.Column("overdue", sa.Boolean, nullable=False, server_default=sa.false()))
    op.alter_column("payouts", "overdue", server_default=None)
    op.execute("UPDATE payouts SET held_since = updated_at WHERE state = 'held'")
    op.create_table(
        "reversals",
        sa.Column("reversal_id", sa.Text, primary_key=True),
        sa.Column("payout_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("asked_by", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("code", sa.Text),
        sa.Column("detail", sa.Text),
        sa.Column("asked_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("ended_at", sa.DateTime(timezone=True)),
    )
