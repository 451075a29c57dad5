"""Contracts whose releases are approved when nobody answers."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.add_column("contracts", sa.Column("auto_approve_after_days", sa.Integer))
