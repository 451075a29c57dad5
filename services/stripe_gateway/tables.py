"""What the gateway stores."""

from sqlalchemy import BigInteger, Boolean, Column, DateTime, Index, Integer, MetaData, SmallInteger, Table, Text
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

attempts = Table(
    "attempts",
    metadata,
    Column("attempt_id", Text, primary_key=True),
    Column("arrival", Text, nullable=False),
    Column("key", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("about", Text, nullable=False, index=True),
    Column("operation", Text, nullable=False),
    Column("command_type", Text, nullable=False),
    Column("number", Integer, nullable=False),
    Column("idempotency_key", Text, nullable=False, unique=True),
    Column("target", Text, nullable=False),
    Column("parameters", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("correlation_id", Text, nullable=False),
    Column("traceparent", Text, nullable=False),
    Column("opened_at", DateTime(timezone=True), nullable=False),
    Column("closed_at", DateTime(timezone=True)),
    Column("object_id", Text),
    Column("http_status", SmallInteger),
    Column("code", Text),
    Column("message", Text),
    Column("request_id", Text),
    Index("attempts_open", "arrival", postgresql_where="state = 'open'"),
    Index("attempts_unknown", "arrival", postgresql_where="state = 'unknown'"),
    comment="Every call to Stripe. The open ones are the work list, also after a crash.",
)

unknown_looks = Table(
    "unknown_looks",
    metadata,
    Column("attempt_id", Text, primary_key=True),
    Column("looks", Integer, nullable=False),
    Column("look_at", DateTime(timezone=True), nullable=False),
    comment="Calls whose outcome nobody knew: how often it was looked for, and when it is next.",
)

intents = Table(
    "intents",
    metadata,
    Column("funding_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("employer_id", Text, nullable=False),
    Column("charge_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("payment_intent_id", Text, unique=True),
    Column("payment_method_id", Text),
    Column("attempt", Integer, nullable=False),
    Column("last_failed_charge_id", Text),
    comment="Payment intents, as we last told of them.",
)

transfers = Table(
    "transfers",
    metadata,
    Column("payout_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("transfer_id", Text, unique=True),
    Column("reversed_minor", BigInteger, nullable=False, server_default="0"),
    comment="Transfers to trainers' accounts, one a payout.",
)

refunds = Table(
    "refunds",
    metadata,
    Column("refund_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("funding_id", Text, nullable=False),
    Column("payment_intent_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("by_hand", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("attempt", Integer, nullable=False),
    Column("stripe_refund_id", Text, unique=True),
    Column("debited_minor", BigInteger, nullable=False),
    Column("returned_minor", BigInteger, nullable=False),
    Column("pending_reason", Text, nullable=False),
    Column("failure_reason", Text, nullable=False),
    comment="Refunds, as we last told of them; those made at Stripe by hand under Stripe's id.",
)

reversals = Table(
    "reversals",
    metadata,
    Column("reversal_id", Text, primary_key=True),
    Column("payout_id", Text, nullable=False, index=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("transfer_id", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("by_hand", Boolean, nullable=False),
    Column("state", Text, nullable=False),
    Column("stripe_reversal_id", Text, unique=True),
    comment="Reversals of transfers; those made at Stripe by hand under Stripe's id.",
)

accounts = Table(
    "accounts",
    metadata,
    Column("trainer_id", Text, primary_key=True),
    Column("country", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("account_id", Text, unique=True),
    Column("transfers", Text),
    Column("requirements", JSONB, nullable=False),
    Column("details_submitted", Boolean, nullable=False),
    comment="Trainers' connected accounts, as we last told of them.",
)

customers = Table(
    "customers",
    metadata,
    Column("employer_id", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("customer_id", Text, unique=True),
)

payment_methods = Table(
    "payment_methods",
    metadata,
    Column("payment_method_id", Text, primary_key=True),
    Column("employer_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("brand", Text, nullable=False, server_default=""),
    Column("last4", Text, nullable=False, server_default=""),
    Column("exp_month", Integer, nullable=False, server_default="0"),
    Column("exp_year", Integer, nullable=False, server_default="0"),
)

bank_payouts = Table(
    "bank_payouts",
    metadata,
    Column("stripe_payout_id", Text, primary_key=True),
    Column("trainer_id", Text, nullable=False),
    Column("account_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("arrival_at", DateTime(timezone=True)),
    Column("failure_code", Text),
    Column("transfer_ids", JSONB, nullable=False),
    comment="Payouts from trainers' Stripe balances to their banks, as we last told of them.",
)

disputes = Table(
    "disputes",
    metadata,
    Column("dispute_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("funding_id", Text, nullable=False),
    Column("charge_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("amount_minor", BigInteger, nullable=False),
    Column("withdrawn_minor", BigInteger, nullable=False),
    Column("reinstated_minor", BigInteger, nullable=False),
    Column("fee_minor", BigInteger, nullable=False),
    Column("currency", Text, nullable=False),
    Column("evidence_due_at", DateTime(timezone=True)),
    Column("is_charge_refundable", Boolean, nullable=False),
    comment="Cardholders' disputes, as we last told of them.",
)

fraud_warnings = Table(
    "fraud_warnings",
    metadata,
    Column("warning_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("funding_id", Text, nullable=False),
    Column("charge_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    comment="Issuers' suspicions of charges.",
)

reviews = Table(
    "reviews",
    metadata,
    Column("review_id", Text, primary_key=True),
    Column("contract_id", Text, nullable=False),
    Column("milestone_id", Text, nullable=False),
    Column("funding_id", Text, nullable=False),
    Column("state", Text, nullable=False),
    comment="Stripe's risk reviews of payments.",
)

balances = Table(
    "balances",
    metadata,
    Column("currency", Text, primary_key=True),
    Column("state", Text, nullable=False),
    Column("available_minor", BigInteger, nullable=False),
    Column("pending_minor", BigInteger, nullable=False),
    Column("reserved_minor", BigInteger, nullable=False),
    comment="What the platform has at Stripe, as we last told of it.",
)

alarms = Table(
    "alarms",
    metadata,
    Column("alarm_id", Text, primary_key=True),
    Column("code", Text, nullable=False),
    Column("about", Text, nullable=False),
    Column("state", Text, nullable=False),
    comment="What an operator was told of the platform's own account.",
)

polls = Table(
    "polls",
    metadata,
    Column("account", Text, primary_key=True),
    Column("turn", BigInteger, nullable=False),
    Column("since", DateTime(timezone=True), nullable=False),
    Column("until", DateTime(timezone=True)),
    Column("after_id", Text),
    Column("is_first", Boolean, nullable=False),
    Column("next_at", DateTime(timezone=True), nullable=False, index=True),
    comment="How far the events of each account at Stripe have been read through, and when it is next.",
)

webhooks = Table(
    "webhooks",
    metadata,
    Column("event_id", Text, primary_key=True),
    Column("arrival", Text, nullable=False),
    Column("endpoint", Text, nullable=False),
    Column("type", Text, nullable=False),
    Column("account", Text, nullable=False),
    Column("object_id", Text, nullable=False),
    Column("lane", SmallInteger, nullable=False),
    Column("body", Text, nullable=False),
    Column("state", Text, nullable=False),
    Column("reason", Text, nullable=False),
    Column("received_at", DateTime(timezone=True), nullable=False),
    Column("handled_at", DateTime(timezone=True)),
    Index("webhooks_received", "arrival", postgresql_where="state = 'received'"),
    Index("webhooks_parked", "arrival", postgresql_where="state = 'parked'"),
    comment="Every word from Stripe, by its event id. It is a hint: the object is read anew.",
)
