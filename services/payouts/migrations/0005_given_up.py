"""Who gave up a payout that was never transferred."""

import sqlalchemy as sa
from alembic import op

revision = "0005"
down_revision = "0004"


def upgrade() -> None:
    op.add_column("payouts", sa.Column("given_up_by", sa.Text))
