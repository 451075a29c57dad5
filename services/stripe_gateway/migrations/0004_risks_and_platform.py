"""Card disputes, fraud warnings, reviews; the platform's own balance and alarms; a card's details."""

import sqlalchemy as sa
from alembic import op

revision = "0004"
down_revision = "0003"


def upgrade() -> None:
    for name in ("brand", "last4"):
        op.add_column("payment_methods", sa.Column(name, sa.Text, nullable=False, server_default=""))
    for name in ("exp_month", "exp_year"):
        op.add_column("payment_methods", sa.Column(name, sa.Integer, nullable=False, server_default="0"))
    op.create_table(
        "disputes",
        sa.Column("dispute_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("funding_id", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("reason", sa.Text, nullable=False),
        sa.Column("amount_minor", sa.BigInteger, nullable=False),
        sa.Column("withdrawn_minor", sa.BigInteger, nullable=False),
        sa.Column("reinstated_minor", sa.BigInteger, nullable=False),
        sa.Column("fee_minor", sa.BigInteger, nullable=False),
        sa.Column("currency", sa.Text, nullable=False),
        sa.Column("evidence_due_at", sa.DateTime(timezone=True)),
        sa.Column("is_charge_refundable", sa.Boolean, nullable=False),
        comment="Cardholders' disputes, as we last told of them.",
    )
    op.create_table(
        "fraud_warnings",
        sa.Column("warning_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("funding_id", sa.Text, nullable=False),
        sa.Column("charge_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        comment="Issuers' suspicions of charges.",
    )
    op.create_table(
        "reviews",
        sa.Column("review_id", sa.Text, primary_key=True),
        sa.Column("contract_id", sa.Text, nullable=False),
        sa.Column("milestone_id", sa.Text, nullable=False),
        sa.Column("funding_id", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        comment="Stripe's risk reviews of payments.",
    )
    op.create_table(
        "balances",
        sa.Column("currency", sa.Text, primary_key=True),
        sa.Column("state", sa.Text, nullable=False),
        sa.Column("available_minor", sa.BigInteger, nullable=False),
        sa.Column("pending_minor", sa.BigInteger, nullable=False),
        sa.Column("reserved_minor", sa.BigInteger, nullable=False),
        comment="What the platform has at Stripe, as we last told of it.",
    )
    op.create_table(
        "alarms",
        sa.Column("alarm_id", sa.Text, primary_key=True),
        sa.Column("code", sa.Text, nullable=False),
        sa.Column("about", sa.Text, nullable=False),
        sa.Column("state", sa.Text, nullable=False),
        comment="What an operator was told of the platform's own account.",
    )
