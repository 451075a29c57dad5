"""When the outcome of an unknown call is looked for next."""

import sqlalchemy as sa
from alembic import op

revision = "0002"
down_revision = "0001"


def upgrade() -> None:
    op.create_table(
        "unknown_looks",
        sa.Column("attempt_id", sa.Text, primary_key=True),
        sa.Column("looks", sa.Integer, nullable=False),
        sa.Column("look_at", sa.DateTime(timezone=True), nullable=False),
        comment="Calls whose outcome nobody knew: how often it was looked for, and when it is next.",
    )
