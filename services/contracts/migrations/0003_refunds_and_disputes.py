"""What refunds, chargebacks, freezes and disputes make of a milestone."""

import sqlalchemy as sa
from alembic import op
from sqlalchemy.dialects import postgresql

revision = "0003"
down_revision = "0002"

# What a milestone that is there already begins with.
_ADDED = (
    (sa.Column("charged_back_minor", sa.BigInteger, nullable=False), "0"),
    (sa.Column("returning_minor", sa.BigInteger, nullable=False), "0"),
    (sa.Column("review", sa.Text, nullable=False), "none"),
    (sa.Column("freezes", postgresql.JSONB, nullable=False), "[]"),
    (sa.Column("refunds", postgresql.JSONB, nullable=False), "{}"),
    (sa.Column("chargebacks", postgresql.JSONB, nullable=False), "{}"),
)


def upgrade() -> None:
    for column, first in _ADDED:
        column.server_default = sa.DefaultClause(first)
        op.add_column("milestones", column)
        op.alter_column("milestones", column.name, server_default=None)
    op.execute("UPDATE milestones SET review = 'requested' WHERE status = 'PENDING_APPROVAL'")
    op.execute("UPDATE milestones SET review = 'opened' WHERE status IN ('ACTIVE_FUNDED', 'PAID')")
