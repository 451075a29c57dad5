"""Until when money may be held."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    op.create_table(
        "hold_limits",
        sa.Column("funding_id", sa.Text, primary_key=True),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("employer_id", sa.Text, nullable=False),
        sa.Column("trainer_id", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("hold_until", sa.DateTime(timezone=True), nullable=False),
        sa.Column("decide_since", sa.DateTime(timezone=True)),
    )
