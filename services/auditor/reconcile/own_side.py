"""What our databases have: a snapshot each of the ledger, of what was taken from the topics, of the calls under way."""

from collections.abc import Mapping
from contextlib import ExitStack
from dataclasses import dataclass
from datetime import datetime
from typing import NamedTuple

import psycopg

from services.auditor.audit import AuditError, connect
from services.auditor.topics import Said
from services.runtime.database import Connection

Stream = tuple[str, str]
"""Source and key."""


class Movement(NamedTuple):
    """What one posting of the ledger moved on `stripe_balance`, in minor units; positive came in."""

    posting_id: str
    kind: str
    milestone_id: str
    contract_id: str
    currency: str
    cause_id: str
    posted_at: datetime
    net_minor: int


class Saldo(NamedTuple):
    """What postings of one kind moved on one account of the ledger for one milestone, debits positive."""

    milestone_id: str
    contract_id: str
    currency: str
    account: str
    kind: str
    amount_minor: int


@dataclass(frozen=True, slots=True)
class Taken:
    """How far a service had read the topics, and what it set aside."""

    positions: Mapping[tuple[str, int], int]
    parked: frozenset[tuple[str, int, int]]

    def has(self, said: Said) -> bool:
        """Whether it handled this message (or gave it up), as far as its snapshot shows."""
        return said.offset < self.positions.get((said.topic, said.partition), 0) and said.place not in self.parked


@dataclass(frozen=True, slots=True)
class OwnSide:
    """The snapshots."""

    movements: list[Movement]
    saldos: list[Saldo]
    taken: Mapping[str, Taken]
    """By service: funding, payouts."""
    streams: Mapping[Stream, int]
    """The version of the last event that a service decided for a key."""
    under_way: Mapping[str, str]
    """What the gateway has not finished: an id of ours or of Stripe's, and what is under way about it."""
    parked: Mapping[str, str]
    """Webhooks that the gateway set aside, by the object that they are about: no excuse, but a hint."""


def read_own_side(urls: Mapping[str, str]) -> OwnSide:
    """A snapshot each of funding, payouts and the gateway. Raises AuditError."""
    with ExitStack() as opened:
        databases = {
            service: opened.enter_context(connect(service, urls[service]))
            for service in ("funding", "payouts", "stripe_gateway")
        }
        try:
            for database in databases.values():
                database.execute("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY")
                database.execute("SELECT FROM lanes LIMIT 1")  # the snapshot is taken by the first query
            funding = databases["funding"]
            return OwnSide(
                movements=[Movement(*row) for row in funding.execute(_MOVEMENTS)],
                saldos=[Saldo(*row) for row in funding.execute(_SALDOS)],
                taken={service: _taken(databases[service]) for service in ("funding", "payouts")},
                streams={
                    (service, key): version
                    for service, database in databases.items()
                    for key, version in database.execute("SELECT key, version FROM streams")
                },
                under_way=_under_way(databases["stripe_gateway"]),
                parked=_parked(databases["stripe_gateway"]),
            )
        except psycopg.Error as error:
            raise AuditError(f"a database cannot be read: {str(error).splitlines()[0]}") from error


_MOVEMENTS = """
    SELECT posting_id, kind, milestone_id, contract_id, currency, cause_id, posted_at, sum(amount_minor)::bigint
    FROM ledger_entries WHERE account = 'stripe_balance'
    GROUP BY posting_id, kind, milestone_id, contract_id, currency, cause_id, posted_at
    HAVING sum(amount_minor) <> 0
"""
_SALDOS = """
    SELECT milestone_id, contract_id, currency, account, kind, sum(amount_minor)::bigint
    FROM ledger_entries GROUP BY milestone_id, contract_id, currency, account, kind
"""


def _taken(database: Connection) -> Taken:
    positions = database.execute("SELECT topic, partition, next_offset FROM consumer_positions").fetchall()
    parked = database.execute('SELECT topic, partition, "offset" FROM parked_messages').fetchall()
    return Taken(
        {(topic, partition): offset for topic, partition, offset in positions},
        frozenset((topic, partition, offset) for topic, partition, offset in parked),
    )


def _under_way(gateway: Connection) -> dict[str, str]:
    found: dict[str, str] = {}
    for about, target, operation, state, attempt_id in gateway.execute(
        "SELECT about, target, operation, state, attempt_id FROM attempts WHERE state IN ('open', 'unknown')"
    ):
        says = f"the gateway's call {operation} {attempt_id} is {state}"
        found |= {name: says for name in (about, target) if name}
    for object_id, kind, event_id in gateway.execute(
        "SELECT object_id, type, event_id FROM webhooks WHERE state = 'received' AND object_id <> ''"
    ):
        found[object_id] = f"the webhook {kind} {event_id} is not handled yet"
    return found


def _parked(gateway: Connection) -> dict[str, str]:
    return {
        object_id: f"the webhook {kind} {event_id} is parked: {reason}"
        for object_id, kind, event_id, reason in gateway.execute(
            "SELECT object_id, type, event_id, reason FROM webhooks WHERE state = 'parked' AND object_id <> ''"
        )
    }
