"""The report of each night's reconciliation."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "reconciliations",
        sa.Column("night", sa.DateTime(timezone=True), primary_key=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("agrees", sa.Boolean, nullable=False),
        sa.Column("differences", postgresql.JSONB, nullable=False),
        sa.Column("short", postgresql.JSONB, nullable=False),
        sa.Column("alarms", postgresql.JSONB, nullable=False),
        sa.Column("frozen", postgresql.JSONB, nullable=False),
        sa.Column("lines", postgresql.JSONB, nullable=False),
        comment="The report of each night's reconciliation.",
    )
