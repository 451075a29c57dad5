"""Contracts' tables, as of the first release."""

import sqlalchemy as sa
from alembic import op

revision = "0001"
down_revision = None


def upgrade() -> None:
    op.create_table(
        "contracts",
        sa.Column("contract_id", sa.Text, primary_key=True),
        sa.Column("job_id", sa.Text, nullable=False),
        sa.Column("employer_id", sa.Text, nullable=False),
        sa.Column("trainer_id", sa.Text, nullable=False),
        sa.Column("title", sa.Text, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_index("contracts_of_employer", "contracts", ["employer_id", "created_at", "contract_id"])
    op.create_index("contracts_of_trainer", "contracts", ["trainer_id", "created_at", "contract_id"])
    op.create_index("contracts_by_age", "contracts", ["created_at", "contract_id"])
    op.create_table(
        "milestones",
        sa.Column("milestone_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False, index=True),
        sa.Column("employer_id", sa.Text, nullable=False),
        sa.Column("trainer_id", sa.Text, nullable=False),
        sa.Column("number", sa.Integer, nullable=False),
        sa.Column("milestone_name", sa.Text),
        sa.Column("description", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("due_date", sa.Date),
        sa.Column("status", sa.Text, nullable=False),
        sa.Column("funding_state", sa.Text, nullable=False),
        sa.Column("payout_state", sa.Text, nullable=False),
        sa.Column("held_minor", sa.BigInteger, nullable=False),
        sa.Column("unsettled_minor", sa.BigInteger, nullable=False),
        sa.Column("released_minor", sa.BigInteger, nullable=False),
        sa.Column("refunded_minor", sa.BigInteger, nullable=False),
        sa.Column("created_at", sa.DateTime(timezone=True), nullable=False),
    )
    op.create_table(
        "payouts",
        sa.Column("payout_id", sa.Text, primary_key=True),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("state", sa.Text, nullable=False),
    )
    op.create_table(
        "payment_methods",
        sa.Column("payment_method_id", sa.Text, primary_key=True),
        sa.Column("employer_id", sa.Text, nullable=False, index=True),
        sa.Column("removed", sa.Boolean, nullable=False),
    )
    op.create_table(
        "trainers",
        sa.Column("trainer_id", sa.Text, primary_key=True),
        sa.Column("country", sa.Text, nullable=False),
    )
    op.create_table(
        "timeline",
        sa.Column("entry_id", sa.Text, primary_key=True),
        sa.Column("milestone_id", sa.Text, nullable=False, index=True),
        sa.Column("at", sa.DateTime(timezone=True), nullable=False),
        sa.Column("type", sa.Text, nullable=False),
        sa.Column("text", sa.Text, nullable=False),
    )
