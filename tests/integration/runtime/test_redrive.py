"""What waits parked is put back in its order or given up with a record of it, and its key goes on."""

from collections.abc import Callable, Iterator
from typing import Any

import psycopg
import pytest

from schemas.base import Message
from schemas.envelope import Envelope, write_headers
from schemas.funding import DefaultPaymentMethodChanged
from services.runtime import redrive as redriving
from services.runtime.database import Connection
from services.runtime.lanes import lane_of
from services.runtime.redrive import Discarded, NothingParkedError, NotYetError, Redriven
from tests.integration.runtime.toy import service as toy
from tests.integration.runtime.world import World, eventually


@pytest.fixture
def at_work(world: World) -> Iterator[World]:
    """The world with its worker running."""
    with world.running(world.worker()):
        yield world


@pytest.fixture
def connection(world: World) -> Iterator[Connection]:
    """An operator's."""
    with psycopg.connect(world.url, autocommit=True) as connection:
        yield connection


@pytest.fixture
def mended(monkeypatch: pytest.MonkeyPatch) -> Callable[[], None]:
    """Mends the handlers: from then on nothing breaks them."""

    def mend() -> None:
        for message in ("contracts.milestone_added.v1", "funding.set_default_payment_method.v1"):
            registered = toy.HANDLERS.get(message)
            assert registered is not None
            calm = registered.__class__(lambda context, m: toy._count(context, m.key) and None, registered.loads)  # type: ignore[func-returns-value]
            monkeypatch.setitem(toy.HANDLERS._by_type, message, calm)

    return mend


class Operator:
    """Does what `tranche dlq` does."""

    def __init__(self, world: World, connection: Connection) -> None:
        self._world, self._connection = world, connection

    def redrive(self, key: str) -> Redriven:
        return redriving.redrive(self._connection, self._world.processor, key)

    def discard(self, identifier: int, **how: Any) -> Discarded:
        return redriving.discard(self._connection, self._world.processor, identifier, "a test sent it", "anna", **how)


@pytest.fixture
def operator(world: World, connection: Connection) -> Operator:
    return Operator(world, connection)


def _await_parked(world: World, key: str, count: int) -> list[int]:
    """The ids of what waits, in order, once there are this many."""
    eventually(lambda: len(world.parked(key)) == count, f"{count} of {key} wait: {world.parked(key)}")
    return [
        identifier for (identifier,) in world.rows("SELECT id FROM parked_messages WHERE key = %s ORDER BY id", key)
    ]


def _counted(world: World, key: str, count: int) -> None:
    eventually(lambda: world.counts().get(key) == count, f"{key} counted to {count}: {world.counts()}")


def _seen(world: World, key: str) -> int:
    return sum(version for (version,) in world.rows("SELECT version FROM streams_seen WHERE key = %s", key))


def _answered_in_order(world: World, key: str) -> list[str]:
    return [cause for (cause,) in world.rows("SELECT causation_id FROM event_log WHERE key = %s AND topic = "
                                             "'funding.events' ORDER BY sequence", key)]  # fmt: skip


def _send_broken(world: World, said: "tuple[Envelope, Message]", body: bytes = b"{") -> None:
    envelope, message = said
    world.produce((message.topic, lane_of(message.key), message.key.encode(), body, write_headers(envelope)))


# -- redrive -----------------------------------------------------------------------------------------------


def test_all_of_a_key_is_put_back_in_its_order_and_the_stream_goes_on(
    at_work: World, operator: Operator, mended: Callable[[], None]
) -> None:
    key = at_work.new_key()
    said = [at_work.fact(key), at_work.fact(key, "boom"), *(at_work.fact(key) for _ in range(5))]
    at_work.send(*said)
    _await_parked(at_work, key, 6)
    before = at_work.rows("SELECT topic, partition, next_offset FROM consumer_positions ORDER BY 1, 2")
    mended()
    assert operator.redrive(key) == Redriven(key, done=6)
    assert at_work.rows("SELECT topic, partition, next_offset FROM consumer_positions ORDER BY 1, 2") == before
    assert _answered_in_order(at_work, key) == [envelope.id for envelope, _ in said]
    assert at_work.parked(key) == []
    at_work.send(at_work.fact(key))
    _counted(at_work, key, 8)
    assert _seen(at_work, key) == 8


def test_what_a_redrive_says_is_published_once(world: World, operator: Operator, mended: Callable[[], None]) -> None:
    key = world.new_key()
    with world.running():
        world.send(world.fact(key, "boom"), world.fact(key))
        _await_parked(world, key, 2)
        mended()
        operator.redrive(key)
        eventually(world.everything_is_published, "all published")
    told = [(e.stream_version, m.payment_method_id) for e, m in world.published()
            if isinstance(m, DefaultPaymentMethodChanged) and m.key == key]  # fmt: skip
    assert told == [(1, "count_1"), (2, "count_2")]


def test_one_that_fails_again_stays_with_its_new_reason_and_all_behind_it_and_the_earlier_are_done(
    at_work: World, operator: Operator
) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key, version=2), at_work.fact(key, "boom", version=3), at_work.fact(key, version=4))
    first, second, third = _await_parked(at_work, key, 3)
    at_work.send(at_work.fact(key, version=1))  # what was missing comes, and waits at the end
    _await_parked(at_work, key, 4)
    result = operator.redrive(key)
    assert result == Redriven(key, 2, 0, 2, "ValueError: the toy was told to break", second)
    assert at_work.counts()[key] == 2
    assert _seen(at_work, key) == 2
    assert [reason for _, reason in at_work.parked(key)] == [
        result.reason,
        "waits behind an earlier message of its key",
    ]
    assert _await_parked(at_work, key, 2) == [second, third]
    at_work.send(at_work.fact(key, version=5))
    assert first not in _await_parked(at_work, key, 3)


def test_what_was_answered_or_seen_meanwhile_is_dropped_as_a_duplicate(at_work: World, operator: Operator) -> None:
    key = at_work.new_key()
    command = at_work.command(key)
    at_work.send(at_work.fact(key), command)
    _counted(at_work, key, 2)
    at_work.send(at_work.fact(key, version=3))
    _await_parked(at_work, key, 1)
    at_work.send(at_work.fact(key, version=1), command, command, at_work.fact(key, version=2))
    eventually(lambda: len(at_work.parked(key)) == 5, "all wait")
    assert operator.redrive(key) == Redriven(key, done=2, duplicates=3)
    assert at_work.counts()[key] == 4


def test_a_loss_waits_for_the_version_that_is_missing_and_only_its_own_key_does(
    at_work: World, operator: Operator
) -> None:
    lost = at_work.new_key()
    other = at_work.new_key(lane_of(lost))
    at_work.send(at_work.fact(lost), at_work.fact(lost, version=3), at_work.fact(lost, version=4), at_work.fact(other))
    first, _ = _await_parked(at_work, lost, 2)
    result = operator.redrive(lost)
    assert (result.done, result.left, result.stopped_at) == (0, 2, first)
    assert f"a loss in the stream contracts/{lost}: version 3 came after version 1" in result.reason
    at_work.send(at_work.fact(other), at_work.fact(lost, version=2))
    _counted(at_work, other, 2)
    _await_parked(at_work, lost, 3)
    assert operator.redrive(lost) == Redriven(lost, done=3)
    at_work.send(at_work.fact(lost, version=5))
    _counted(at_work, lost, 5)


def test_a_redrive_waits_for_whoever_holds_the_lane(
    world: World, operator: Operator, connection: Connection, mended: Callable[[], None]
) -> None:
    key = world.new_key()
    with world.running(world.worker()):
        world.send(world.fact(key, "boom"))
        _await_parked(world, key, 1)
    mended()
    connection.execute("SET lock_timeout = '200ms'")
    with psycopg.connect(world.url) as holder:
        holder.execute("SELECT 1 FROM lanes WHERE lane = %s FOR UPDATE", (lane_of(key),))
        with pytest.raises(psycopg.errors.LockNotAvailable):
            operator.redrive(key)
        assert len(world.parked(key)) == 1
        holder.rollback()
    assert operator.redrive(key).done == 1


def test_nothing_of_a_key_is_said(world: World, operator: Operator, connection: Connection) -> None:
    with pytest.raises(NothingParkedError, match="nothing of ctr_none is parked"):
        operator.redrive("ctr_none")
    with pytest.raises(NothingParkedError, match="has the id 99"):
        operator.discard(99)
    with pytest.raises(NothingParkedError, match="nothing of x is parked"):
        redriving.key_of(connection, "x")


# -- events that cannot be read ----------------------------------------------------------------------------


@pytest.mark.scenario(11)
def test_an_event_that_cannot_be_read_waits_with_its_key_in_its_order_and_others_go_on(
    at_work: World, operator: Operator, connection: Connection
) -> None:
    key = at_work.new_key()
    other = at_work.new_key(lane_of(key))
    at_work.send(at_work.fact(key))
    _send_broken(at_work, at_work.fact(key))
    at_work.send(at_work.fact(key), at_work.fact(other))
    _counted(at_work, other, 1)
    broken, _ = _await_parked(at_work, key, 2)
    assert at_work.counts()[key] == 1
    (letter,) = at_work.letters(key)
    assert letter.parked
    assert "the body is no contracts.milestone_added.v1" in letter.reason
    result = operator.redrive(key)
    assert (result.done, result.left, result.stopped_at) == (0, 2, broken)
    # Another build, whose catalogue reads it, would go on; here its body is put right by hand.
    _, message = at_work.fact(key, version=2)
    connection.execute(
        "UPDATE parked_messages SET body = %s WHERE id = %s", (message.model_dump_json().encode(), broken)
    )
    assert operator.redrive(key) == Redriven(key, done=2)
    at_work.send(at_work.fact(key, version=4))
    _counted(at_work, key, 4)


def test_one_that_cannot_be_read_is_in_its_order_within_a_batch_too(world: World) -> None:
    key = world.new_key()
    world.send(world.fact(key))
    _send_broken(world, world.fact(key))
    world.send(world.fact(key), world.fact(key))
    with world.running(world.worker()):
        _await_parked(world, key, 3)
    assert world.counts()[key] == 1
    assert len(world.letters(key)) == 1


def test_one_that_cannot_be_read_and_was_seen_before_holds_up_nothing(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key), at_work.fact(key))
    _counted(at_work, key, 2)
    _send_broken(at_work, at_work.fact(key, version=2))
    at_work.send(at_work.fact(key, version=3))
    _counted(at_work, key, 3)
    (letter,) = at_work.letters(key)
    assert not letter.parked


# -- discard -----------------------------------------------------------------------------------------------


def test_a_discarded_event_is_kept_and_said_and_its_stream_goes_on(at_work: World, operator: Operator) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key))
    _send_broken(at_work, at_work.fact(key), b"not json")
    at_work.send(at_work.fact(key))
    broken, _ = _await_parked(at_work, key, 2)
    done = operator.discard(broken)
    assert (done.skipped, done.missing, done.left) == (0, 0, 1)
    ((body, parked_reason, reason, by),) = at_work.rows(
        "SELECT body, parked_reason, reason, discarded_by FROM discarded_messages WHERE id = %s AND key = %s",
        broken,
        key,
    )
    assert (bytes(body), reason, by) == (b"not json", "a test sent it", "anna")
    letter, fact = at_work.letters(key)
    assert (fact.reason, fact.discarded_by, fact.offset) == (reason, by, letter.offset)
    assert fact.parked_reason == parked_reason == letter.reason
    assert operator.redrive(key) == Redriven(key, done=1)
    at_work.send(at_work.fact(key))
    _counted(at_work, key, 3)
    assert _seen(at_work, key) == 4


def test_a_discarded_command_moves_no_stream(at_work: World, operator: Operator) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key), at_work.command(key, "boom"))
    (command,) = _await_parked(at_work, key, 1)
    assert operator.discard(command).left == 0
    at_work.send(at_work.fact(key), at_work.command(key))
    _counted(at_work, key, 3)
    assert _seen(at_work, key) == 2


def test_an_event_is_not_given_up_before_an_earlier_one_of_its_stream(at_work: World, operator: Operator) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key, "boom"), at_work.fact(key))
    first, second = _await_parked(at_work, key, 2)
    with pytest.raises(NotYetError, match=f"message {first} is version 1"):
        operator.discard(second)
    assert _await_parked(at_work, key, 2) == [first, second]
    assert at_work.rows("SELECT id FROM discarded_messages") == []


def test_a_forged_version_that_is_given_up_does_not_make_the_true_ones_look_seen(
    at_work: World, operator: Operator
) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key), at_work.fact(key, version=10**6))
    (forged,) = _await_parked(at_work, key, 1)
    assert operator.discard(forged).missing == 10**6 - 2
    at_work.send(at_work.fact(key, version=2))
    _counted(at_work, key, 2)


def test_a_loss_that_is_given_up_by_name_lets_the_stream_go_on(at_work: World, operator: Operator) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key), at_work.fact(key, version=4), at_work.fact(key, version=5))
    first, _ = _await_parked(at_work, key, 2)
    assert operator.discard(first, skip_missing=True).skipped == 2
    assert at_work.letters(key)[-1].skipped_versions == 2
    assert operator.redrive(key) == Redriven(key, done=1)
    at_work.send(at_work.fact(key, version=6))
    _counted(at_work, key, 3)


# -- seen by the operator ----------------------------------------------------------------------------------


def test_an_operator_sees_what_waits_and_which_field_is_wrong(at_work: World, connection: Connection) -> None:
    whole, broken = at_work.new_key(), at_work.new_key()
    at_work.send(at_work.fact(whole, "boom"), at_work.fact(whole))
    envelope, message = at_work.fact(broken)
    wrong = message.model_dump_json().replace('"amount_minor":100', '"amount_minor":"1.5"').encode()
    first, _ = _await_parked(at_work, whole, 2)
    _send_broken(at_work, (envelope, message), wrong)
    (second,) = _await_parked(at_work, broken, 1)
    seen = redriving.waiting(connection)
    assert [(w.key, w.messages, w.first_id) for w in seen] == [(whole, 2, first), (broken, 1, second)]
    assert seen[0].reason == "ValueError: the toy was told to break"
    assert redriving.faults(redriving.find(connection, first)) == []
    (fault,) = redriving.faults(redriving.find(connection, second))
    assert fault.startswith("amount_minor: ")
    assert redriving.key_of(connection, str(second)) == broken


def test_parked_keys_are_measured(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key, "boom"), at_work.fact(key))
    _await_parked(at_work, key, 2)
    with at_work.serving() as http:
        lines = http.get(str(http.base_url).replace("/v1", "") + "metrics").text.splitlines()
    assert "tranche_parked_keys 1.0" in lines
    assert "tranche_parked_messages 2.0" in lines
