"""What a service's database does: services/runtime/storage.py as tests."""

from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import AbstractContextManager
from datetime import UTC, datetime, timedelta

import pytest
from psycopg import errors

from services.runtime import event_log
from services.runtime.event_log import Row
from services.runtime.records import Record
from services.runtime.storage import Answer, Database, Log, Position, Transaction, Wanted
from services.runtime.timers import Timer, fire
from tests.integration.runtime.toy.service import COUNTERS, Counter

NOW = datetime(2026, 1, 5, 9, tzinfo=UTC)
NOTHING = Wanted((), (), (), ())
SIZES = (1, 120)
"""Of what is written at once: a few rows, and many, which may go another way."""


class Storage(ABC):
    """A database of one test, and transactions that overlap."""

    database: Database

    @abstractmethod
    def begin(self) -> Transaction:
        """A transaction of its own; it ends with the test unless it is ended."""

    @abstractmethod
    def commit(self, transaction: Transaction) -> None: ...

    @abstractmethod
    def roll_back(self, transaction: Transaction) -> None: ...

    @abstractmethod
    def open_log(self) -> AbstractContextManager[Log]: ...

    @abstractmethod
    def must_wait(self, lane: int) -> bool:
        """Whether another transaction holds a lane."""


def row(key: str, version: int = 0, command_id: str | None = None, number: int = 1) -> Row:
    return Row("funding.events", key, "a.type.v1", key, version, f"evt_{key}_{version}_{number}", NOW, "cor", "cause",
               command_id, "", "{}")  # fmt: skip


def timer(name: str, due_at: datetime, command_id: str = "cmd_1") -> Timer:
    return Timer("ctr_1", name, due_at, command_id, "funding.commands", "a.type.v1", "s", "cor", "cause", "", "{}")


class StorageBehaviour:
    """Inherited with a `storage` fixture."""

    @pytest.fixture
    def log(self, storage: Storage) -> Iterator[Log]:
        with storage.open_log() as log:
            yield log

    # -- rows

    def test_what_is_committed_is_seen(self, storage: Storage) -> None:
        with storage.database.transaction() as transaction:
            transaction.insert(COUNTERS, [Counter("a", 1), Counter("b", 2)])
        assert storage.database.rows(COUNTERS, "key", ("a", "none")) == [Counter("a", 1)]

    def test_what_raises_leaves_nothing_behind(self, storage: Storage) -> None:
        def fails() -> None:
            with storage.database.transaction() as transaction:
                transaction.insert(COUNTERS, [Counter("a", 1)])
                transaction.say([row("a")])
                transaction.move({("t", 0): 5}, {})
                raise ValueError("no")

        with pytest.raises(ValueError, match="no"):
            fails()
        assert storage.database.rows(COUNTERS, "key", ("a",)) == []
        assert storage.database.positions(("t",)) == {}

    def test_writes_are_seen_within_and_not_beside(self, storage: Storage) -> None:
        one, other = storage.begin(), storage.begin()
        one.insert(COUNTERS, [Counter("a", 1)])
        assert one.select(COUNTERS, "key", ("a",)) == [Counter("a", 1)]
        assert other.select(COUNTERS, "key", ("a",)) == []
        storage.commit(one)
        assert other.select(COUNTERS, "key", ("a",)) == [Counter("a", 1)]

    def test_a_row_that_is_there_is_not_inserted_again(self, storage: Storage) -> None:
        with storage.database.transaction() as transaction:
            transaction.insert(COUNTERS, [Counter("a", 1)])
        with pytest.raises(errors.UniqueViolation), storage.database.transaction() as transaction:
            transaction.insert(COUNTERS, [Counter("a", 2)])

    def test_an_update_overwrites_and_needs_its_row(self, storage: Storage) -> None:
        with storage.database.transaction() as transaction:
            transaction.insert(COUNTERS, [Counter("a", 1)])
        with storage.database.transaction() as transaction:
            transaction.update(COUNTERS, [Counter("a", 2)])
        assert storage.database.rows(COUNTERS, "key", ("a",)) == [Counter("a", 2)]
        with pytest.raises(RuntimeError), storage.database.transaction() as transaction:
            transaction.update(COUNTERS, [Counter("b", 1)])

    @pytest.mark.parametrize("count", SIZES)
    def test_what_was_written_is_read_in_the_same_transaction(self, storage: Storage, count: int) -> None:
        keys = [f"k{number:03}" for number in range(count)]
        with storage.database.transaction() as transaction:
            transaction.insert(COUNTERS, [Counter(key, 1) for key in keys])
            transaction.update(COUNTERS, [Counter(key, 2) for key in keys])
            assert sorted(transaction.select(COUNTERS, "key", keys)) == [Counter(key, 2) for key in keys]
        assert sorted(storage.database.rows(COUNTERS, "key", keys)) == [Counter(key, 2) for key in keys]

    @pytest.mark.parametrize("count", SIZES)
    def test_what_is_refused_leaves_nothing_and_says_why(self, storage: Storage, count: int) -> None:
        with storage.database.transaction() as transaction:
            transaction.insert(COUNTERS, [Counter("there", 1)])

        def writes_it_again() -> None:
            with storage.database.transaction() as transaction:
                transaction.see({("contracts", "ctr_1"): 1})
                transaction.insert(
                    COUNTERS, [*(Counter(f"k{number}", 0) for number in range(count)), Counter("there", 2)]
                )
                transaction.say([row("a", number=number) for number in range(count)])
                transaction.move({("t", 0): 5}, {})

        with pytest.raises(errors.UniqueViolation, match="there"):
            writes_it_again()
        assert storage.database.rows(COUNTERS, "key", ("k0", "there")) == [Counter("there", 1)]
        assert storage.database.positions(("t",)) == {}
        with storage.database.transaction() as transaction:  # nothing is left over on the connection either
            assert transaction.take(Wanted((), (), (), (("contracts", "ctr_1"),))).seen == {}
            transaction.move({("t", 0): 6}, {})
        assert storage.database.positions(("t",))["t", 0].next_offset == 6

    # -- lanes and positions

    def test_a_lane_is_held_until_the_end_of_its_transaction(self, storage: Storage) -> None:
        holder = storage.begin()
        holder.take(Wanted((1, 3), (), (), ()))
        assert storage.must_wait(1)
        assert storage.must_wait(3)
        assert not storage.must_wait(2)
        storage.commit(holder)
        assert not storage.must_wait(1)

    def test_a_lane_is_free_after_a_rollback(self, storage: Storage) -> None:
        holder = storage.begin()
        holder.take(Wanted((1,), (), (), ()))
        storage.roll_back(holder)
        assert not storage.must_wait(1)

    def test_positions_move_forward_only(self, storage: Storage) -> None:
        for offset in (7, 5):
            with storage.database.transaction() as transaction:
                transaction.move({("t", 0): offset, ("t", 1): 1}, {"t": "id"})
        assert storage.database.positions(("t", "u")) == {("t", 0): Position("id", 7), ("t", 1): Position("id", 1)}

    def test_taking_tells_what_is_known(self, storage: Storage) -> None:
        with storage.database.transaction() as transaction:
            transaction.move({("t", 0): 7}, {"t": "id"})
            transaction.see({("contracts", "ctr_1"): 3})
            transaction.say([row("ctr_1", command_id="cmd_1")])
            transaction.queue_behind(Record("t", 0, 9, b"ctr_9", [], b"{}"), "ctr_9", "why", NOW)
        wanted = Wanted((0,), ("t",), ("cmd_1", "cmd_2"), (("contracts", "ctr_1"), ("contracts", "ctr_2")))
        with storage.database.transaction() as transaction:
            known = transaction.take(wanted)
        assert known.positions[("t", 0)] == 7
        assert known.done == {"cmd_1"}
        assert known.seen == {("contracts", "ctr_1"): 3}
        assert known.parked == {"ctr_9"}

    def test_a_stream_that_was_seen_is_seen_further(self, storage: Storage) -> None:
        for version in (1, 2):
            with storage.database.transaction() as transaction:
                transaction.see({("contracts", "ctr_1"): version})
        with storage.database.transaction() as transaction:
            assert transaction.take(Wanted((), (), (), (("contracts", "ctr_1"),))).seen == {("contracts", "ctr_1"): 2}

    def test_a_record_is_parked_once(self, storage: Storage) -> None:
        for _ in range(2):
            with storage.database.transaction() as transaction:
                transaction.queue_behind(Record("t", 0, 9, b"ctr_9", [], None), "ctr_9", "why", NOW)
        with storage.database.transaction() as transaction:
            assert transaction.take(NOTHING).parked == {"ctr_9"}

    # -- the event log

    def test_numbers_are_given_before_the_commit(self, storage: Storage, log: Log) -> None:
        """Whoever reads by number alone loses a line; `event_log.read` waits for it."""
        slow, quick = storage.begin(), storage.begin()
        slow.say([row("a")])
        slow.versions(("a",))  # waits until the line is in
        quick.say([row("b")])
        storage.commit(quick)
        assert [line.sequence for line in log.lines(0, log.last_number(), 10)] == [2]
        assert event_log.read(log, 0, 10) == []
        storage.commit(slow)
        assert [(line.sequence, line.key) for line in event_log.read(log, 0, 10)] == [(1, "a"), (2, "b")]

    def test_numbers_that_were_rolled_back_are_passed_by(self, storage: Storage, log: Log) -> None:
        gone, quick = storage.begin(), storage.begin()
        gone.say([row("a")])
        gone.versions(("a",))
        quick.say([row("b")])
        storage.commit(quick)
        storage.roll_back(gone)
        assert [line.sequence for line in event_log.read(log, 0, 10)] == [2]

    def test_lines_are_read_as_they_were_written(self, storage: Storage, log: Log) -> None:
        with storage.database.transaction() as transaction:
            transaction.say([row("a", 1)])
            transaction.say([row("b", 1)])
            transaction.advance({"a": 1, "b": 1}, {})
        with storage.database.transaction() as transaction:
            assert transaction.versions(("a", "c")) == {"a": 1}
            assert transaction.take(Wanted((), (), (), (), ("a", "c"))).versions == {"a": 1}
            transaction.say([row("a", 2)])
            transaction.advance({}, {"a": 2})
        lines = event_log.read(log, 1, 10)
        assert [(line.sequence, line.key, line.stream_version, line.event_id) for line in lines] == [
            (2, "b", 1, "evt_b_1_1"), (3, "a", 2, "evt_a_2_1")
        ]  # fmt: skip
        assert lines[0].time == NOW
        assert event_log.read(log, 0, 1)[0].sequence == 1
        assert log.places_after(1) == {("funding.events", "a"), ("funding.events", "b")}
        assert log.event_ids((3, 9)) == {3: "evt_a_2_1"}

    def test_lines_stand_in_the_order_in_which_they_were_said_few_or_many(self, storage: Storage, log: Log) -> None:
        numbers = iter(range(1, 1_000))
        with storage.database.transaction() as transaction:
            for count in (2, 1, 120, 3, 90, 1):
                transaction.say([row("a", number=next(numbers)) for _ in range(count)])
            transaction.advance({"a": 1}, {})
            transaction.say([row("a", number=next(numbers)) for _ in range(70)])
        lines = event_log.read(log, 0, 1_000)
        assert [line.event_id for line in lines] == [f"evt_a_0_{number}" for number in range(1, 288)]
        assert [line.sequence for line in lines] == list(range(1, 288))

    def test_what_is_asked_while_lines_are_on_their_way_is_answered(self, storage: Storage, log: Log) -> None:
        with storage.database.transaction() as transaction:
            transaction.say([row("a")])
            transaction.insert(COUNTERS, [Counter("a", 1)])
            transaction.say([row("b")])
            assert transaction.select(COUNTERS, "key", ("a",)) == [Counter("a", 1)]
            transaction.say([row("c")])
            transaction.say([row("d")])
        assert [line.key for line in event_log.read(log, 0, 10)] == ["a", "b", "c", "d"]

    def test_a_line_that_is_refused_is_known_before_the_commit(self, storage: Storage) -> None:
        with storage.database.transaction() as transaction:
            transaction.say([row("a", command_id="cmd_1")])

        def says_it_again() -> None:
            with storage.database.transaction() as transaction:
                transaction.insert(COUNTERS, [Counter("a", 1)])
                transaction.say([row("b", command_id="cmd_1")])
                transaction.select(COUNTERS, "key", ("a",))
                pytest.fail("whatever is asked next waits for the lines")

        with pytest.raises(errors.UniqueViolation):
            says_it_again()
        assert storage.database.rows(COUNTERS, "key", ("a",)) == []

    def test_a_command_is_answered_once(self, storage: Storage) -> None:
        with storage.database.transaction() as transaction:
            transaction.say([row("a", command_id="cmd_1")])
        with pytest.raises(errors.UniqueViolation), storage.database.transaction() as transaction:
            transaction.say([row("a", command_id="cmd_1", number=2)])

    def test_one_relays_at_a_time_and_another_after_it(self, storage: Storage) -> None:
        with storage.open_log() as first:
            assert first.lead()
            with storage.open_log() as second:
                assert not second.lead()
        with storage.open_log() as third:
            assert third.lead()

    def test_the_leader_is_woken_by_what_is_said(self, storage: Storage, log: Log) -> None:
        assert log.lead()
        with storage.database.transaction() as transaction:
            transaction.say([row("a")])
        log.wait(60)  # returns at once, or the test takes too long
        assert event_log.read(log, 0, 10)

    def test_the_cursor_stays_where_it_was_moved(self, storage: Storage) -> None:
        with storage.open_log() as log:
            assert log.cursor("toy") == 0
            log.move_cursor("toy", 7)
        with storage.open_log() as log:
            assert log.cursor("toy") == 7

    # -- answers and timers

    def test_an_answer_is_kept_once(self, storage: Storage) -> None:
        answer = Answer("hash", 202, "{}")
        with storage.database.transaction() as transaction:
            transaction.keep_answer("employer:emp_1", "key", answer, NOW)
        assert storage.database.answer("employer:emp_1", "key") == answer
        assert storage.database.answer("employer:emp_2", "key") is None
        with pytest.raises(errors.UniqueViolation), storage.database.transaction() as transaction:
            transaction.keep_answer("employer:emp_1", "key", Answer("other", 200, ""), NOW)

    def test_a_timer_is_replaced_by_its_name(self, storage: Storage) -> None:
        for due_at in (NOW, NOW + timedelta(days=1)):
            with storage.database.transaction() as transaction:
                transaction.set_timers([timer("one", due_at)])
        assert storage.database.timers() == (1, NOW + timedelta(days=1))

    def test_a_timer_fires_once_and_by_one(self, storage: Storage, log: Log) -> None:
        with storage.database.transaction() as transaction:
            transaction.set_timers([timer("one", NOW, "cmd_1"), timer("later", NOW + timedelta(days=1), "cmd_2")])
        one, other = storage.begin(), storage.begin()
        assert fire(one, NOW, 10) == 1
        assert fire(other, NOW, 10) == 0
        storage.roll_back(one)
        storage.commit(other)
        with storage.database.transaction() as transaction:
            assert fire(transaction, NOW, 10) == 1
        assert [line.event_id for line in event_log.read(log, 0, 10)] == ["cmd_1"]
        assert storage.database.timers()[0] == 1
