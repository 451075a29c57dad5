"""Reading the log while transactions run side by side: never a gap, never a stream out of order (ADR 0003)."""

import random
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg

from schemas.funding import DefaultPaymentMethodChanged
from services.runtime import event_log
from services.runtime.database import Connection
from services.runtime.event_log import Line
from services.runtime.lanes import lane_of
from services.runtime.postgres import PostgresLog, PostgresTransaction
from tests.integration.runtime.world import NOW, World


def _line(world: World, key: str) -> Line:
    message = DefaultPaymentMethodChanged(employer_id=key, payment_method_id="pm")
    return Line(message, world.processor.ids.new("evt", NOW), NOW, "cor", "", None, "")


@contextmanager
def _connections(world: World, count: int) -> Iterator[list[Connection]]:
    connections = [psycopg.connect(world.url) for _ in range(count)]
    try:
        yield connections
    finally:
        for connection in connections:
            connection.close()


def _hold(connection: Connection, key: str) -> None:
    connection.execute("SELECT lane FROM lanes WHERE lane = %s FOR UPDATE", (lane_of(key),))


def _by_number(connection: Connection, after: int) -> list[int]:
    """The naive reader."""
    rows = connection.execute("SELECT sequence FROM event_log WHERE sequence > %s ORDER BY sequence", (after,))
    return [sequence for (sequence,) in rows.fetchall()]


def _by_transaction(connection: Connection) -> list[tuple[int, int, int]]:
    """The reader that waits for older transaction ids: (xid, number, version). xmin is the writer's xid."""
    return connection.execute(
        "SELECT xmin::text::bigint, sequence, stream_version FROM event_log "
        "WHERE xmin::text::bigint < pg_snapshot_xmin(pg_current_snapshot())::text::bigint ORDER BY 1, 2"
    ).fetchall()


def test_reading_by_number_alone_loses_a_line_and_the_log_does_not(world: World) -> None:
    with _connections(world, 3) as (slow, quick, reader):
        reader.autocommit = True
        event_log.append(PostgresTransaction(slow), [_line(world, "a")])
        event_log.append(PostgresTransaction(quick), [_line(world, "b")])
        quick.commit()
        assert event_log.read(PostgresLog(reader), 0, 10) == []
        naive = _by_number(reader, 0)
        slow.commit()
        naive += _by_number(reader, naive[-1])
        assert naive == [2], "the naive reader shows no loss here: this test shows nothing"
        assert [line.sequence for line in event_log.read(PostgresLog(reader), 0, 10)] == [1, 2]


def test_a_rolled_back_number_holds_nobody_up(world: World) -> None:
    with _connections(world, 3) as (gone, quick, reader):
        reader.autocommit = True
        event_log.append(PostgresTransaction(gone), [_line(world, "a")])
        event_log.append(PostgresTransaction(quick), [_line(world, "b")])
        quick.commit()
        gone.rollback()
        assert [line.sequence for line in event_log.read(PostgresLog(reader), 0, 10)] == [2]


def test_reading_by_transaction_id_publishes_a_stream_out_of_order_and_the_log_does_not(world: World) -> None:
    with _connections(world, 4) as (early, third, quick, reader):
        reader.autocommit = True
        for connection in (early, third, quick):  # each takes its transaction id, in this order
            connection.execute("SELECT pg_current_xact_id()")
        _hold(quick, "k")
        event_log.append(PostgresTransaction(quick), [_line(world, "k")])
        quick.commit()
        _hold(early, "k")  # had waited for the lane: version 2 under the smaller transaction id
        event_log.append(PostgresTransaction(early), [_line(world, "k")])
        early.commit()
        # `third` still runs.
        first_read = [version for *_, version in _by_transaction(reader)]
        assert [(line.sequence, line.stream_version) for line in event_log.read(PostgresLog(reader), 0, 10)] == [
            (1, 1),
            (2, 2),
        ]
        third.rollback()
        one_read = [version for *_, version in _by_transaction(reader)]
    assert first_read == [2], "version 2 would have gone out while version 1 was held back"
    assert one_read == [2, 1], "in one read, too, the order would have been wrong"


def test_many_writers_with_pauses_and_rollbacks_are_read_whole_and_in_order(world: World) -> None:
    keys = [f"stress{number}" for number in range(6)]
    until = time.monotonic() + 3.0
    trouble: list[BaseException] = []

    def write(seed: int) -> None:
        chance = random.Random(seed)
        try:
            with psycopg.connect(world.url) as connection:
                while time.monotonic() < until:
                    connection.execute("SELECT pg_current_xact_id()")
                    time.sleep(chance.choice((0, 0, 0.002)))
                    key = chance.choice(keys)
                    _hold(connection, key)
                    event_log.append(
                        PostgresTransaction(connection), [_line(world, key) for _ in range(chance.randint(1, 4))]
                    )
                    time.sleep(chance.choice((0, 0, 0.001, 0.01)))
                    if chance.random() < 0.2:
                        connection.rollback()
                    else:
                        connection.commit()
        except BaseException as error:
            trouble.append(error)

    writers = [threading.Thread(target=write, args=(seed,)) for seed in range(8)]
    for writer in writers:
        writer.start()
    seen: list[tuple[int, str, int]] = []
    with psycopg.connect(world.url, autocommit=True) as reader:
        while True:
            ended = not any(writer.is_alive() for writer in writers)
            lines = event_log.read(PostgresLog(reader), seen[-1][0] if seen else 0, 50)
            seen += [(line.sequence, line.key, line.stream_version) for line in lines]
            if ended and not lines:
                break
    assert trouble == []
    assert len(seen) > 300
    assert seen == world.rows("SELECT sequence, key, stream_version FROM event_log ORDER BY sequence")
    for key in keys:
        versions = [version for _, of, version in seen if of == key]
        assert versions == list(range(1, len(versions) + 1))
