"""(a) A plain service: FastStream, async SQLAlchemy ORM, one message a transaction, inbox and outbox.

As a good team writes it: several messages at once, one at a time for each contract, so that its order is kept;
the duplicate is refused by one statement; the relay is woken by the commit.
"""

import asyncio
import os
from collections.abc import Sequence
from datetime import UTC, datetime

from confluent_kafka import Message
from sqlalchemy import select
from sqlalchemy.dialects.postgresql import insert
from sqlalchemy.ext.asyncio import AsyncSession, async_sessionmaker
from sqlalchemy.orm import DeclarativeBase

from benchmarks.peers import service, tables
from benchmarks.peers.relay import OutboxRelay
from benchmarks.peers.work import entry_row, fund, funding_row, outbox_row, words
from schemas.envelope import Envelope, read_body, read_headers
from schemas.funding import FundMilestone
from services.funding import tables as funding_tables
from services.funding.records import Decided, Funding

GROUP = "bench-plain"
IN_FLIGHT = int(os.environ.get("BENCH_IN_FLIGHT", "16"))
"""Transactions at once. 1, as FastStream itself runs a subscriber, carries 0.6 of 16; 4, 8 and 32 the same as 16."""


class Base(DeclarativeBase):
    """The models; their tables are the service's own."""


class MilestoneModel(Base):
    __table__ = funding_tables.milestones


class FundingModel(Base):
    __table__ = funding_tables.fundings

    def record(self) -> Funding:
        """As the decision wants it."""
        return Funding(*[getattr(self, column.name) for column in funding_tables.fundings.columns])


class MethodModel(Base):
    __table__ = funding_tables.payment_methods


class AttemptModel(Base):
    __table__ = funding_tables.funding_attempts


class EntryModel(Base):
    __table__ = funding_tables.ledger_entries


class OutboxModel(Base):
    __table__ = tables.outbox


class Plain:
    """The service."""

    def __init__(self) -> None:
        self._sessions = async_sessionmaker(service.open_engine(IN_FLIGHT), expire_on_commit=False)
        self._relay: OutboxRelay | None = None

    def relay(self) -> OutboxRelay:
        """Made in the running loop."""
        self._relay = service.open_relay()
        return self._relay

    async def handle(self, records: tuple[Message, ...]) -> None:
        """Several at once, one at a time for each key."""
        by_key: dict[bytes, list[Message]] = {}
        for record in records:
            by_key.setdefault(record.key() or b"", []).append(record)
        waiting = iter(by_key.values())

        async def work() -> None:
            for of_key in waiting:
                await self._in_order(of_key)

        async with asyncio.TaskGroup() as together:
            for _ in range(min(IN_FLIGHT, len(by_key))):
                together.create_task(work())

    async def _in_order(self, records: Sequence[Message]) -> None:
        for record in records:
            envelope = read_headers(record.headers())
            command = read_body(envelope.type, record.value())
            assert isinstance(command, FundMilestone)
            async with self._sessions.begin() as session:
                await _fund(session, envelope, command)
            if self._relay is not None:
                self._relay.wake()


async def _fund(session: AsyncSession, envelope: Envelope, command: FundMilestone) -> None:
    now = datetime.now(UTC)
    first = await session.execute(
        insert(tables.inbox)
        .values(message_id=envelope.id, received_at=now)
        .on_conflict_do_nothing()
        .returning(tables.inbox.c.message_id)
    )
    if first.first() is None:
        return
    milestone = await session.get(MilestoneModel, command.milestone_id, with_for_update=True)
    models = (await session.scalars(select(FundingModel).where(FundingModel.contract_id == command.contract_id))).all()
    of_contract = [model.record() for model in models]
    methods = []
    if milestone is not None:
        methods = (
            await session.scalars(select(MethodModel).where(MethodModel.employer_id == milestone.employer_id))
        ).all()
    attempts = []
    if any(funding.milestone_id == command.milestone_id and funding.state == "failed" for funding in of_contract):
        attempts = (
            await session.scalars(select(AttemptModel).where(AttemptModel.milestone_id == command.milestone_id))
        ).all()
    decided = fund(command, envelope, now, milestone, of_contract, methods, attempts)
    if isinstance(decided, Decided):
        known = next((model for model in models if model.funding_id == decided.funding.funding_id), None)
        if known is None:
            session.add(FundingModel(**funding_row(decided.funding)))
        else:
            for name, value in funding_row(decided.funding).items():
                setattr(known, name, value)
        session.add_all(EntryModel(**entry_row(entry)) for entry in decided.entries)
    session.add_all(OutboxModel(**outbox_row(message, envelope, now)) for message in words(decided, command, envelope))


def main() -> None:
    """Until told to stop."""
    plain = Plain()
    service.run(GROUP, FundMilestone.topic, 100, plain.handle, plain.relay)


if __name__ == "__main__":
    main()
