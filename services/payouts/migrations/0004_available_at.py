"""From when the trainer's balance at Stripe has what was transferred."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.add_column("payouts", sa.Column("available_at", sa.DateTime(timezone=True)))
