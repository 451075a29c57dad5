"""What of a refund is the platform's own money."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("refunds", sa.Column("lost_minor", sa.BigInteger, nullable=False, server_default="0"))
    op.alter_column("refunds", "lost_minor", server_default=None)
