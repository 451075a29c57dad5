"""(b) The same by SQLAlchemy Core: batches of 100 a transaction, rows read by key lists and written by executemany."""

from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

from confluent_kafka import Message
from sqlalchemy import ARRAY, Column, Row, Table, Text, any_, bindparam, select
from sqlalchemy.ext.asyncio import AsyncConnection

from benchmarks.peers import service, tables
from benchmarks.peers.relay import OutboxRelay
from benchmarks.peers.work import entry_row, fund, funding_row, outbox_row, words
from schemas.envelope import Envelope, read_body, read_headers
from schemas.funding import FundMilestone
from services.funding import tables as funding_tables
from services.funding.records import Attempt, Decided, Funding, Milestone, PaymentMethod

GROUP = "bench-core"
BATCH = 100

_WANTED = bindparam("wanted", type_=ARRAY(Text))


def _by(table: Table, column: "Column[str]") -> Any:
    return select(table).where(column == any_(_WANTED))


_MILESTONES = _by(funding_tables.milestones, funding_tables.milestones.c.milestone_id).with_for_update()
_FUNDINGS = _by(funding_tables.fundings, funding_tables.fundings.c.contract_id)
_METHODS = _by(funding_tables.payment_methods, funding_tables.payment_methods.c.employer_id)
_ATTEMPTS = _by(funding_tables.funding_attempts, funding_tables.funding_attempts.c.milestone_id)
_SEEN = select(tables.inbox.c.message_id).where(tables.inbox.c.message_id == any_(_WANTED))
_NEW_SEEN = tables.inbox.insert()
_NEW_FUNDINGS = funding_tables.fundings.insert()
_NEW_ENTRIES = funding_tables.ledger_entries.insert()
_NEW_OUTBOX = tables.outbox.insert()
_CHANGED_FUNDING = funding_tables.fundings.update().where(funding_tables.fundings.c.funding_id == bindparam("known_id"))


class CoreBatches:
    """The service."""

    def __init__(self) -> None:
        self._engine = service.open_engine(1)
        self._relay: OutboxRelay | None = None

    def relay(self) -> OutboxRelay:
        """Made in the running loop."""
        self._relay = service.open_relay()
        return self._relay

    async def handle(self, records: tuple[Message, ...]) -> None:
        """All of them in one transaction."""
        asked = []
        for record in records:
            envelope = read_headers(record.headers())
            command = read_body(envelope.type, record.value())
            assert isinstance(command, FundMilestone)
            asked.append((envelope, command))
        async with self._engine.begin() as connection:
            await _fund_all(connection, asked)
        if self._relay is not None:
            self._relay.wake()


async def _fund_all(connection: AsyncConnection, asked: Sequence[tuple[Envelope, FundMilestone]]) -> None:
    now = datetime.now(UTC)
    seen = {row[0] for row in await _rows(connection, _SEEN, {envelope.id for envelope, _ in asked})}
    fresh = []
    for envelope, command in asked:
        if envelope.id not in seen:
            seen.add(envelope.id)
            fresh.append((envelope, command))
    if not fresh:
        return
    milestones = {
        row.milestone_id: Milestone(*row)
        for row in await _rows(connection, _MILESTONES, {command.milestone_id for _, command in fresh})
    }
    fundings: dict[str, dict[str, Funding]] = {}
    for row in await _rows(connection, _FUNDINGS, {command.contract_id for _, command in fresh}):
        fundings.setdefault(row.contract_id, {})[row.funding_id] = Funding(*row)
    stored = {funding_id for of_contract in fundings.values() for funding_id in of_contract}
    methods: dict[str, list[PaymentMethod]] = {}
    for row in await _rows(connection, _METHODS, {milestone.employer_id for milestone in milestones.values()}):
        methods.setdefault(row.employer_id, []).append(PaymentMethod(*row))
    failed = {f.milestone_id for of_contract in fundings.values() for f in of_contract.values() if f.state == "failed"}
    attempts: dict[str, list[Attempt]] = {}
    for row in await _rows(connection, _ATTEMPTS, failed) if failed else ():
        attempts.setdefault(row.milestone_id, []).append(Attempt(*row))

    changed: dict[str, Funding] = {}
    entries, outbox = [], []
    for envelope, command in fresh:
        milestone = milestones.get(command.milestone_id)
        of_contract = fundings.setdefault(command.contract_id, {})
        decided = fund(
            command, envelope, now, milestone, list(of_contract.values()),
            methods.get(milestone.employer_id, ()) if milestone else (), attempts.get(command.milestone_id, ()),
        )  # fmt: skip
        if isinstance(decided, Decided):
            of_contract[decided.funding.funding_id] = changed[decided.funding.funding_id] = decided.funding
            entries += [entry_row(entry) for entry in decided.entries]
        outbox += [outbox_row(message, envelope, now) for message in words(decided, command, envelope)]

    await connection.execute(_NEW_SEEN, [{"message_id": e.id, "received_at": now} for e, _ in fresh])
    if new := [funding_row(funding) for key, funding in changed.items() if key not in stored]:
        await connection.execute(_NEW_FUNDINGS, new)
    if known := [{**funding_row(f), "known_id": key} for key, f in changed.items() if key in stored]:
        await connection.execute(_CHANGED_FUNDING, known)
    if entries:
        await connection.execute(_NEW_ENTRIES, entries)
    await connection.execute(_NEW_OUTBOX, outbox)


async def _rows(connection: AsyncConnection, statement: Any, wanted: set[str]) -> Sequence[Row[Any]]:
    return (await connection.execute(statement, {"wanted": sorted(wanted)})).all()


def main() -> None:
    """Until told to stop."""
    core = CoreBatches()
    service.run(GROUP, FundMilestone.topic, BATCH, core.handle, core.relay)


if __name__ == "__main__":
    main()
