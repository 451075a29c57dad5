"""What the auditor stores of its own."""

from sqlalchemy import Boolean, Column, DateTime, Integer, MetaData, Table
from sqlalchemy.dialects.postgresql import JSONB

metadata = MetaData()

reconciliations = Table(
    "reconciliations",
    metadata,
    Column("night", DateTime(timezone=True), primary_key=True),
    Column("at", DateTime(timezone=True), nullable=False),
    Column("looks", Integer, nullable=False),
    Column("agrees", Boolean, nullable=False),
    Column("differences", JSONB, nullable=False),
    Column("short", JSONB, nullable=False),
    Column("alarms", JSONB, nullable=False),
    Column("frozen", JSONB, nullable=False),
    Column("lines", JSONB, nullable=False),
    comment="The report of each night's reconciliation. `differences`: what nobody could explain, by identity; "
    "`short`: what is not covered, in minor units by currency; `lines`: all of it in words.",
)
