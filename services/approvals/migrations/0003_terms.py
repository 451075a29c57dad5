"""Contracts whose releases are approved when nobody answers."""

import sqlalchemy as sa
from alembic import op

revision = "0003"
down_revision = "0002"


def upgrade() -> None:
    op.create_table(
        "terms",
        sa.Column("contract_id", sa.Text, primary_key=True),
        sa.Column("auto_approve_after_days", sa.Integer, nullable=False),
    )
