"""A service's database in memory: transactions that commit or vanish, lanes as locks, numbers given before the commit.

What is modelled is what the runtime relies on (services/runtime/storage.py). A transaction's writes are its own until
it commits, then they are there all at once. Numbers of the event log are taken when a line is written, so that they
become visible in the order of the commits, which is another one.
"""

from bisect import insort
from collections.abc import Callable, Collection, Iterable, Iterator, Mapping, Sequence
from contextlib import contextmanager
from datetime import datetime
from typing import Any, NamedTuple, TypeVar

from psycopg import errors

from services.runtime.bulk import Entity
from services.runtime.event_log import CHANNEL, Logged, Row
from services.runtime.records import Record, as_text
from services.runtime.storage import Answer, Known, Position, Wanted
from services.runtime.timers import Timer
from tests.simulation.hub import Hub, Signal
from tests.simulation.memory.state import Kept, Shape, State, as_stored, shape_of

R = TypeVar("R", bound=NamedTuple)


class MemoryDatabase:
    """See services/runtime/storage.py: Database. Shared by the replicas of a service."""

    def __init__(self, name: str, hub: Hub) -> None:
        self.name = name
        self.hub = hub
        self.state = State()
        self.last_number = 0
        self.floors: dict[MemoryTransaction, int] = {}
        self.lanes: dict[int, MemoryTransaction] = {}
        self.freed = Signal()
        self.timers_in_hand: dict[tuple[str, str], MemoryTransaction] = {}
        self.listeners: dict[str, list[Listener]] = {}
        self.leader: MemoryLog | None = None
        self.trouble: Callable[[str], None] = lambda what: None
        """May raise an OperationalError: before a transaction began, or after it was committed."""
        self.on_commit: Callable[[MemoryTransaction], None] = lambda transaction: None
        self._shapes: dict[Entity[Any], Shape] = {}
        self._serial = 0

    @contextmanager
    def transaction(self) -> Iterator["MemoryTransaction"]:
        self.hub.step("a transaction begins")
        self.trouble("begin")
        transaction = MemoryTransaction(self)
        try:
            yield transaction
            self.hub.step("a transaction is about to commit")
            transaction.commit()
        except BaseException:
            transaction.end()
            raise
        # A crash here has committed, and nobody was told.
        self.hub.step("a transaction was committed")
        self.trouble("commit")

    def rows(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        self.hub.step("rows are read")
        self.trouble("begin")
        return self.committed(entity, column, values)

    def positions(self, topics: Collection[str]) -> dict[tuple[str, int], Position]:
        self.hub.step("positions are read")
        return {place: position for place, position in self.state.positions.items() if place[0] in topics}

    def answer(self, party: str, key: str) -> Answer | None:
        self.hub.step("an answer is looked up")
        return self.state.answers.get((party, key))

    def timers(self) -> tuple[int, datetime | None]:
        timers = self.state.timers.values()
        return len(timers), min((timer.due_at for timer in timers), default=None)

    @contextmanager
    def open_log(self) -> Iterator["MemoryLog"]:
        """A connection for a relay."""
        log = MemoryLog(self)
        try:
            yield log
        finally:
            log.close()

    # -- for the stand-ins and the invariants; no step is taken

    def committed(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        """Committed rows by a column, in the order of their making."""
        wanted = set(values)
        rows = self.state.rows.get(entity.table.name, {})
        if entity.key_names == (column,):
            return [rows[value] for value in sorted(wanted) if value in rows]
        return [row for row in rows.values() if getattr(row, column) in wanted]

    def table(self, name: str, **where: Any) -> list[Any]:
        """Committed rows of a table by its name, with these values."""
        rows = self.state.rows.get(name, {}).values()
        return [row for row in rows if all(getattr(row, column) == value for column, value in where.items())]

    def shape(self, entity: Entity[Any]) -> Shape:
        """What is to be minded about a table."""
        shape = self._shapes.get(entity)
        if shape is None:
            shape = self._shapes[entity] = shape_of(entity)
        return shape

    def serial(self) -> int:
        """A running number, for rows without a key of their own."""
        self._serial += 1
        return self._serial

    def notify(self, channel: str) -> None:
        """Wake who listens."""
        for listener in self.listeners.get(channel, ()):
            listener.wake()


class Listener:
    """Somebody who listens on channels; what is said while he is busy is not lost."""

    def __init__(self, hub: Hub, on_wake: Callable[[], None] | None = None) -> None:
        self._hub = hub
        self._on_wake = on_wake
        self.signal = Signal()
        self.pending = False

    def wake(self) -> None:
        self.pending = True
        self._hub.wake(self.signal)
        if self._on_wake is not None:
            self._on_wake()

    def wait(self, timeout_s: float | None) -> None:
        if not self.pending:
            self._hub.wait(self.signal, timeout_s)
        self.pending = False


class MemoryTransaction:
    """See services/runtime/storage.py: Transaction."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._hub = database.hub
        self.held: list[int] = []
        self.written: dict[Entity[Any], dict[Any, Any]] = {}
        self.lines: list[tuple[Logged, str | None]] = []
        self.streams: dict[str, int] = {}
        self.seen: dict[tuple[str, str], int] = {}
        self.moved: dict[tuple[str, int], Position] = {}
        self.parked: dict[tuple[str, int, int], Kept] = {}
        self.answers: dict[tuple[str, str], Answer] = {}
        self.timers: dict[tuple[str, str], Timer | None] = {}
        self.woken: list[str] = []

    def take(self, wanted: Wanted) -> Known:
        database, state = self._database, self._database.state
        lanes = sorted(wanted.lanes)
        while any(database.lanes.get(lane, self) is not self for lane in lanes):
            self._hub.wait(database.freed)
        for lane in lanes:
            database.lanes[lane] = self
        self.held += lanes
        self._hub.step("lanes are held")
        return Known(
            {place: p.next_offset for place, p in state.positions.items() if place[0] in wanted.topics},
            {command for command in wanted.commands if command in state.answered},
            {stream: state.seen[stream] for stream in wanted.streams if stream in state.seen},
            {kept.key for kept in state.parked.values()},
            self.versions(wanted.keys),
        )

    def see(self, moved: Mapping[tuple[str, str], int]) -> None:
        self.seen.update(moved)

    def move(self, positions: Mapping[tuple[str, int], int], topic_ids: Mapping[str, str]) -> None:
        for place, offset in positions.items():
            self.moved[place] = Position(topic_ids.get(place[0], ""), offset)

    def select(self, entity: Entity[R], column: str, values: Iterable[str]) -> list[R]:
        self._hub.step("rows are loaded")
        wanted = set(values)
        found = {entity.key_of(row): row for row in self._database.committed(entity, column, wanted)}
        for key, row in self.written.get(entity, {}).items():
            found.pop(key, None)
            if getattr(row, column) in wanted:
                found[key] = row
        return list(found.values())

    def insert(self, entity: Entity[R], records: Sequence[R]) -> None:
        shape = self._database.shape(entity)
        rows = self.written.setdefault(entity, {})
        for record in records:
            row = as_stored(entity, shape, record)
            key = shape.key(row) if shape.has_key else self._database.serial()
            if key in rows or key in self._database.state.rows.get(entity.table.name, {}):
                raise errors.UniqueViolation(f"{entity.table.name}: {key} is there already")
            rows[key] = row
            self._check_unique(entity, shape, key, row)

    def update(self, entity: Entity[R], records: Sequence[R]) -> None:
        shape = self._database.shape(entity)
        rows = self.written.setdefault(entity, {})
        stored = self._database.state.rows.get(entity.table.name, {})
        for record in records:
            row = as_stored(entity, shape, record)
            key = shape.key(row)
            if key not in rows and key not in stored:
                raise RuntimeError(f"{entity.table.name}: {key} is not there to update")
            rows[key] = row
            self._check_unique(entity, shape, key, row)

    def _check_unique(self, entity: Entity[Any], shape: Shape, key: Any, row: Any) -> None:
        for column in shape.unique:
            value = getattr(row, column)
            if value is None:
                continue
            own = self.written.get(entity, {})
            stored = self._database.state.rows.get(entity.table.name, {})
            for other_key, other in (*stored.items(), *own.items()):
                if other_key != key and getattr(own.get(other_key, other), column) == value:
                    raise errors.UniqueViolation(f"{entity.table.name}.{column}: {value} is there already")

    def versions(self, keys: Collection[str]) -> dict[str, int]:
        streams = {**self._database.state.streams, **self.streams}
        return {key: streams[key] for key in keys if key in streams}

    def say(self, rows: Sequence[Row]) -> None:
        database = self._database
        database.floors.setdefault(self, database.last_number)
        for row in rows:
            if row.command_id is not None and (
                row.command_id in database.state.answered or any(row.command_id == other for _, other in self.lines)
            ):
                raise errors.UniqueViolation(f"event_log: {row.command_id} is answered already")
            database.last_number += 1
            self.lines.append((Logged(database.last_number, *row[:9], *row[10:]), row.command_id))
        self.woken.append(CHANNEL)
        self._hub.step("numbers are taken")

    def advance(self, new: Mapping[str, int], known: Mapping[str, int]) -> None:
        for key in new:
            if key in self._database.state.streams or key in self.streams:
                raise errors.UniqueViolation(f"streams: {key} is there already")
        self.streams |= {**new, **known}

    def queue_behind(self, record: Record, key: str, reason: str, at: datetime) -> None:
        headers = {name: as_text(value) for name, value in record.headers}
        self.parked.setdefault(record[:3], Kept(key, record, headers, reason, at))

    def keep_answer(self, party: str, key: str, answer: Answer, at: datetime) -> None:
        if (party, key) in self._database.state.answers:
            raise errors.UniqueViolation(f"http_requests: {party} {key} is there already")
        self.answers[party, key] = answer

    def wake(self, channel: str) -> None:
        self.woken.append(channel)

    def set_timers(self, timers: Sequence[Timer]) -> None:
        self.timers |= {(timer.key, timer.name): timer for timer in timers}

    def take_due_timers(self, now: datetime, most: int) -> list[Timer]:
        in_hand = self._database.timers_in_hand
        due = sorted(
            (t for place, t in self._database.state.timers.items() if t.due_at <= now and place not in in_hand),
            key=lambda timer: (timer.due_at, timer.key, timer.name),
        )[:most]
        in_hand.update({(timer.key, timer.name): self for timer in due})
        self.timers |= {(timer.key, timer.name): None for timer in due}
        self._hub.step("timers are taken")
        return due

    # -- its end

    def commit(self) -> None:
        """All at once. Raises UniqueViolation when another was first, and nothing happens."""
        database, state = self._database, self._database.state
        for _, command in self.lines:
            if command is not None and command in state.answered:
                raise errors.UniqueViolation(f"event_log: {command} is answered already")
        for answered in self.answers:
            if answered in state.answers:
                raise errors.UniqueViolation(f"http_requests: {answered} is there already")
        for entity, rows in self.written.items():
            state.rows.setdefault(entity.table.name, {}).update(rows)
        for line, command in self.lines:
            insort(state.log, line)
            if command is not None:
                state.answered[command] = line.sequence
        state.streams |= self.streams
        state.seen |= self.seen
        for place, position in self.moved.items():
            before = state.positions.get(place)
            if before is None or before.next_offset < position.next_offset:
                state.positions[place] = Position(
                    before.topic_id if before else position.topic_id, position.next_offset
                )
        for place, kept in self.parked.items():
            state.parked.setdefault(place, kept)
        state.answers |= self.answers
        for place, timer in self.timers.items():
            if timer is None:
                state.timers.pop(place, None)
            else:
                state.timers[place] = timer
        self.end()
        database.on_commit(self)
        for channel in dict.fromkeys(self.woken):
            database.notify(channel)

    def end(self) -> None:
        """Let go of the locks; what was not committed has never been."""
        database = self._database
        database.floors.pop(self, None)
        for place in [place for place, holder in database.timers_in_hand.items() if holder is self]:
            del database.timers_in_hand[place]
        if self.held:
            for lane in self.held:
                database.lanes.pop(lane, None)
            self.held = []
            self._hub.wake(database.freed)


class MemoryLog:
    """See services/runtime/storage.py: Log."""

    def __init__(self, database: MemoryDatabase) -> None:
        self._database = database
        self._hub = database.hub
        self._listener = Listener(database.hub)

    def close(self) -> None:
        """The connection ends: another may lead."""
        if self._database.leader is self:
            self._database.leader = None
            self._database.listeners[CHANNEL].remove(self._listener)

    def lead(self) -> bool:
        self._hub.step("the relay's lock is asked for")
        if self._database.leader is None:
            self._database.leader = self
            self._database.listeners.setdefault(CHANNEL, []).append(self._listener)
        return self._database.leader is self

    def wait(self, timeout_s: float) -> None:
        del timeout_s  # a guard against lost notifications, which are none of this database's faults
        self._listener.wait(None)

    def cursor(self, relay: str) -> int:
        self._hub.step("the cursor is read")
        return self._database.state.cursors.setdefault(relay, 0)

    def move_cursor(self, relay: str, sequence: int) -> None:
        self._hub.step("the cursor is about to move")
        self._database.state.cursors[relay] = sequence

    def last_number(self) -> int:
        self._hub.step("the last number is read")
        return self._database.last_number

    def lowest_floor(self) -> int | None:
        self._hub.step("the floors are read")
        return min(self._database.floors.values(), default=None)

    def lines(self, after: int, up_to: int, limit: int) -> list[Logged]:
        self._hub.step("lines are read")
        return [line for line in self._database.state.log if after < line.sequence <= up_to][:limit]

    def places_after(self, sequence: int) -> set[tuple[str, str]]:
        return {(line.topic, line.key) for line in self._database.state.log if line.sequence > sequence}

    def event_ids(self, numbers: Iterable[int]) -> dict[int, str]:
        wanted = set(numbers)
        return {line.sequence: line.event_id for line in self._database.state.log if line.sequence in wanted}
