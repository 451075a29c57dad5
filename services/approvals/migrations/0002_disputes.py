"""Disputes between the parties, and what freezes a milestone's money."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("reviews", sa.Column("freezes", postgresql.JSONB, nullable=False, server_default="[]"))
    op.alter_column("reviews", "freezes", server_default=None)
    op.create_table(
        "disputes",
        sa.Column("dispute_id", sa.Text, primary_key=True),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("opened_by", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("opened_at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("outcome", sa.Text, nullable=False),
        sa.Column("to_trainer_minor", sa.BigInteger, nullable=False),
        sa.Column("to_employer_minor", sa.BigInteger, nullable=False),
        sa.Column("refunding_minor", sa.BigInteger, nullable=False),
        sa.Column("release_id", sa.Text),
        sa.Column("settled_by", sa.Text),
        sa.Column("settlement", sa.Text),
        sa.Column("settled_at", sa.DateTime(timezone=True)),
    )
