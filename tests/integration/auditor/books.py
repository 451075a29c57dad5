"""Databases of a platform where one milestone went from hire to bank, and a second is under way."""

import itertools
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import psycopg
from psycopg import sql

from deploy.local.postgres import create_databases
from services import runtime
from services.auditor.audit import Report, audit
from services.auditor.invariants.rule import CORE
from services.runtime.database import migrate

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
_SERVICES = Path(next(iter(runtime.__path__))).parent
_COPIES = itertools.count(1)


def template(server: str, service: str) -> str:
    """A migrated database of a service with its part of the healthy story; made once a session."""
    name = f"audited_{service}"
    if create_databases(server, [name]):
        migrate(f"{server}/{name}", _SERVICES / service)
        with psycopg.connect(f"{server}/{name}") as connection:
            for table, rows in STORY[service].items():
                for row in rows:
                    insert(connection, table, row)
    return name


def insert(connection: "psycopg.Connection[Any]", table: str, row: Mapping[str, Any]) -> None:
    """Insert a row; what a column without a default is not given is filled by its type."""
    required = connection.execute(
        "SELECT column_name, data_type FROM information_schema.columns "
        "WHERE table_name = %s AND is_nullable = 'NO' AND column_default IS NULL AND is_identity = 'NO'",
        (table,),
    ).fetchall()
    full = {column: _FILLING[kind] for column, kind in required} | dict(row)
    connection.execute(
        sql.SQL("INSERT INTO {} ({}) VALUES ({})").format(
            sql.Identifier(table),
            sql.SQL(", ").join(map(sql.Identifier, full)),
            sql.SQL(", ").join(sql.Placeholder() * len(full)),
        ),
        list(full.values()),
    )


_FILLING: dict[str, Any] = {
    "text": "",
    "integer": 0,
    "smallint": 0,
    "bigint": 0,
    "boolean": False,
    "timestamp with time zone": NOW,
    "jsonb": "[]",
}


@dataclass
class Books:
    """One test's own copy of all five databases."""

    server: str
    urls: dict[str, str]

    def plant(self, service: str, *statements: str) -> None:
        """Change a service's database past its code."""
        with psycopg.connect(self.urls[service]) as connection:
            for statement in statements:
                connection.execute(statement)  # type: ignore[call-overload]  # a test's own text

    def add(self, service: str, table: str, **row: Any) -> None:
        """Insert a row past the service's code."""
        with psycopg.connect(self.urls[service]) as connection:
            insert(connection, table, row)

    def audit(self, later: timedelta = timedelta(0)) -> Report:
        return audit(self.urls, NOW + later)

    def broken(self) -> dict[str, str]:
        """The ids concerned, by rule that is broken."""
        return {violation.rule.name: violation.ids for violation in self.audit().violations}


def copy(server: str) -> Books:
    """Fresh copies of the healthy databases."""
    number = next(_COPIES)
    urls = {}
    for service in CORE:
        source, name = template(server, service), f"books{number}_{service}"
        with psycopg.connect(f"{server}/postgres", autocommit=True) as connection:
            connection.execute(
                sql.SQL("CREATE DATABASE {} TEMPLATE {}").format(sql.Identifier(name), sql.Identifier(source))
            )
        urls[service] = f"{server}/{name}"
    return Books(server, urls)


def _events(topic: str, *lines: tuple[str, dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"topic": topic, "key": "ctr_1", "type": kind, "stream_version": number, "event_id": f"{topic}{number}",
         "body": "{}", **row}
        for number, (kind, row) in enumerate(lines, start=1)
    ]  # fmt: skip


def _posting(posting_id: str, kind: str, milestone_id: str, **accounts: int) -> list[dict[str, Any]]:
    return [
        {"posting_id": posting_id, "line": line, "kind": kind, "account": account, "milestone_id": milestone_id,
         "contract_id": "ctr_1", "currency": "USD", "amount_minor": amount}
        for line, (account, amount) in enumerate(accounts.items())
    ]  # fmt: skip


def _seen(*versions: tuple[str, int]) -> list[dict[str, Any]]:
    return [{"source": source, "key": "ctr_1", "version": version} for source, version in versions]


def _log(name: str, version: int) -> dict[str, list[dict[str, Any]]]:
    return {
        "streams": [{"key": "ctr_1", "version": version}],
        "relay_cursor": [{"relay": name, "sequence": version}],
    }


_OF = {"contract_id": "ctr_1", "currency": "USD"}

STORY: dict[str, dict[str, list[dict[str, Any]]]] = {
    "contracts": {
        "contracts": [{"contract_id": "ctr_1", "currency": "USD", "state": "active"}],
        "milestones": [
            {**_OF, "milestone_id": "mst_1", "status": "PAID", "funding_state": "funded", "payout_state": "paid",
             "amount_minor": 1000, "released_minor": 1000},
            {**_OF, "milestone_id": "mst_2", "status": "NOT_FUNDED", "funding_state": "processing",
             "payout_state": "none", "amount_minor": 500},
        ],
        "payouts": [{"payout_id": "pay_1", "milestone_id": "mst_1", "state": "paid"}],
        "event_log": _events("contracts.events", ("contracts.contract_created.v1", {})),
        **_log("contracts", 1),
        "streams_seen": _seen(("funding", 2), ("approvals", 1), ("payouts", 1)),
    },
    "funding": {
        "fundings": [
            {**_OF, "funding_id": "fnd_1", "milestone_id": "mst_1", "state": "released", "amount_minor": 1000,
             "marketplace_fee_minor": 100, "charge_id": "ch_1", "payment_intent_id": "pi_1"},
            {**_OF, "funding_id": "fnd_2", "milestone_id": "mst_2", "state": "processing", "amount_minor": 500,
             "marketplace_fee_minor": 50},
        ],
        "ledger_entries": [
            *_posting("pst_1", "charge_requested", "mst_1", charges_in_flight=1100, funding_in_flight=-1100),
            *_posting("pst_2", "charge_answered", "mst_1", charges_in_flight=-1100, funding_in_flight=1100),
            *_posting("pst_3", "charge_succeeded", "mst_1", stripe_balance=1100, held=-1000, marketplace_fees=-100),
            *_posting("pst_4", "funds_released", "mst_1", held=1000, released=-1000),
            *_posting("pst_5", "transfer_made", "mst_1", transferred=1000, stripe_balance=-1000),
            *_posting("pst_6", "charge_requested", "mst_2", charges_in_flight=550, funding_in_flight=-550),
        ],
        "event_log": [
            *_events("funding.events", ("funding.milestone_funded.v1", {}), ("funding.funds_released.v1", {})),
            {"topic": "stripe.commands", "key": "ctr_1", "type": "stripe.create_payment_intent.v1",
             "event_id": "cmd_1", "body": '{"funding_id": "fnd_1"}'},
            {"topic": "stripe.commands", "key": "ctr_1", "type": "stripe.create_payment_intent.v1",
             "event_id": "cmd_2", "body": '{"funding_id": "fnd_2"}'},
        ],
        "streams": [{"key": "ctr_1", "version": 2}],
        "relay_cursor": [{"relay": "funding", "sequence": 4}],
        "streams_seen": _seen(("contracts", 1), ("approvals", 1), ("payouts", 1), ("stripe_gateway", 2)),
    },
    "approvals": {
        "reviews": [
            {**_OF, "milestone_id": "mst_1", "state": "approved"},
            {**_OF, "milestone_id": "mst_2", "state": "not_funded"},
        ],
        "releases": [{"release_id": "rel_1", "milestone_id": "mst_1", "outcome": "released", "amount_minor": 1000}],
        "event_log": _events("approvals.events", ("approvals.milestone_approved.v1", {})),
        **_log("approvals", 1),
        "streams_seen": _seen(("contracts", 1), ("funding", 2)),
    },
    "payouts": {
        "payouts": [
            {**_OF, "payout_id": "pay_1", "release_id": "rel_1", "milestone_id": "mst_1", "state": "paid",
             "amount_minor": 1000, "transfer_id": "tr_1"},
        ],
        "event_log": [
            *_events("payouts.events", ("payouts.payout_paid.v1", {})),
            {"topic": "stripe.commands", "key": "ctr_1", "type": "stripe.create_transfer.v1", "event_id": "cmd_3",
             "body": '{"payout_id": "pay_1"}'},
        ],
        "streams": [{"key": "ctr_1", "version": 1}],
        "relay_cursor": [{"relay": "payouts", "sequence": 2}],
        "streams_seen": _seen(("funding", 2), ("stripe_gateway", 2)),
    },
    "stripe_gateway": {
        "intents": [
            {**_OF, "funding_id": "fnd_1", "milestone_id": "mst_1", "state": "succeeded", "charge_minor": 1100,
             "payment_intent_id": "pi_1"},
            {**_OF, "funding_id": "fnd_2", "milestone_id": "mst_2", "state": "creating", "charge_minor": 550},
        ],
        "transfers": [
            {**_OF, "payout_id": "pay_1", "milestone_id": "mst_1", "state": "created", "amount_minor": 1000,
             "transfer_id": "tr_1"},
        ],
        "attempts": [
            {"attempt_id": "cmd_1", "key": "ctr_1", "about": "fnd_1", "operation": "create_payment_intent",
             "idempotency_key": "intent:fnd_1", "state": "succeeded", "object_id": "pi_1", "closed_at": NOW},
            {"attempt_id": "cmd_2", "key": "ctr_1", "about": "fnd_2", "operation": "create_payment_intent",
             "idempotency_key": "intent:fnd_2", "state": "open"},
            {"attempt_id": "cmd_3", "key": "ctr_1", "about": "pay_1", "operation": "create_transfer",
             "idempotency_key": "transfer:pay_1", "state": "succeeded", "object_id": "tr_1", "closed_at": NOW},
        ],
        "event_log": _events(
            "stripe.events",
            ("stripe.payment_intent_succeeded.v1", {"body": '{"funding_id": "fnd_1"}'}),
            ("stripe.transfer_created.v1", {"body": '{"payout_id": "pay_1"}'}),
        ),
        **_log("stripe_gateway", 2),
        "streams_seen": [],
    },
}  # fmt: skip
