"""From the log to Kafka: each line once, in order, whoever publishes and however often it begins again."""

import time

import pytest

from schemas.envelope import Envelope, write_headers
from services.runtime import relay as relay_module
from services.runtime.lanes import lane_of
from services.runtime.processor import Batch
from services.runtime.relay import LogAheadError, Relay
from tests.integration.runtime.world import World, eventually, told


def _say(world: World, key: str, count: int = 1) -> None:
    world.processor.run(Batch([world.delivery(world.command(key)) for _ in range(count)]))


def _publish(world: World) -> None:
    with world.running(world.relay()):
        eventually(world.everything_is_published, "all published")


def _others_say(world: World, key: str, count: int) -> None:
    """Another service's records in the same partition."""
    envelope, message = world.command(key)
    headers = write_headers(envelope._replace(source="someone_else", sequence=10**6))
    body = message.model_dump_json().encode()
    world.produce(*[("funding.events", lane_of(key), key.encode(), body, headers)] * count)


@pytest.mark.scenario(8)
def test_a_cursor_set_back_repeats_nothing(world: World) -> None:
    keys = [world.new_key() for _ in range(5)]
    for key in keys:
        _say(world, key, 20)
    _publish(world)
    world.execute("UPDATE relay_cursor SET sequence = 7")
    _say(world, keys[0])
    _publish(world)
    assert told(world.published()) == {key: list(range(1, 22 if key == keys[0] else 21)) for key in keys}


def test_a_cursor_set_back_repeats_nothing_where_others_wrote_after_us(world: World) -> None:
    key = world.new_key()
    _say(world, key, 3)
    _publish(world)
    _others_say(world, key, 450)  # more than the first look back
    world.execute("UPDATE relay_cursor SET sequence = 0")
    _say(world, key)
    _publish(world)
    assert told(world.published()) == {key: [1, 2, 3, 4]}


def test_a_database_older_than_the_topics_stops_it(world: World) -> None:
    key = world.new_key()
    _say(world, key, 5)
    _publish(world)
    world.execute("DELETE FROM event_log WHERE sequence > 2")
    world.execute("SELECT setval('event_log_sequence', 2)")
    world.execute("UPDATE relay_cursor SET sequence = 2")
    _say(world, key)
    relay = world.relay()
    relay.start()
    relay.join(10)
    assert not relay.is_alive()
    assert isinstance(relay.failure, LogAheadError)
    assert "holds number 5" in str(relay.failure)
    assert told(world.published()) == {key: [1, 2, 3, 4, 5]}


@pytest.mark.scenario(79)
def test_a_database_older_than_the_topics_is_seen_before_anything_is_begun(world: World) -> None:
    key = world.new_key()
    _say(world, key, 5)
    _publish(world)
    world.relay().compare()
    world.execute("DELETE FROM event_log WHERE sequence > 2")
    world.execute("UPDATE relay_cursor SET sequence = 2")
    _say(world, key)
    with pytest.raises(LogAheadError, match="holds number 5"):
        world.relay().compare()


def _leads(world: World) -> set[int]:
    rows = world.rows(
        "SELECT pid FROM pg_locks WHERE locktype = 'advisory' AND classid = 7021 AND objid = 2 AND objsubid = 2 "
        "AND granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())"
    )
    return {pid for (pid,) in rows}


def test_one_leads_and_the_other_takes_over_when_its_process_is_killed(world: World) -> None:
    first = world.process()
    leader = eventually(lambda: _leads(world), "a leader")
    with world.running(world.relay()):
        key = world.new_key()
        _say(world, key, 50)
        time.sleep(0.7)  # longer than the one that waits takes to look again
        assert _leads(world) == leader
        _say(world, key, 50)
        world.kill(first)
        _say(world, key, 50)
        eventually(lambda: _leads(world) not in (set(), leader), "another leader")
        eventually(world.everything_is_published, "all published")
    assert told(world.published()) == {key: list(range(1, 151))}


def test_a_stopped_relay_publishes_what_is_committed(world: World) -> None:
    key = world.new_key()
    relay: Relay = world.relay()
    with world.running(relay):
        eventually(lambda: _leads(world), "it leads")
        _say(world, key, 200)
    assert told(world.published()) == {key: list(range(1, 201))}


def test_a_restored_database_that_has_gone_on_stops_it_too(world: World) -> None:
    """Its numbers have passed those on the topics by now, but they name other events."""
    key = world.new_key()
    _say(world, key, 5)
    _publish(world)
    world.execute("DELETE FROM event_log WHERE sequence > 2")
    world.execute("SELECT setval('event_log_sequence', 2)")
    world.execute("UPDATE relay_cursor SET sequence = 2")
    _say(world, key, 10)
    relay = world.relay()
    relay.start()
    relay.join(10)
    assert isinstance(relay.failure, LogAheadError)
    assert told(world.published()) == {key: [1, 2, 3, 4, 5]}


def test_what_is_repeated_beyond_a_chunk_is_found_on_other_topics_too(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Dead letters go to a topic whose partitions nobody looks at but for the lines beyond the cursor."""
    monkeypatch.setattr(relay_module, "CHUNK", 10)
    key = world.new_key()
    broken = world.new_key()
    _say(world, key, 25)
    offset = 10**9
    place = ("contracts.events", lane_of(broken))
    world.processor.park(world.delivery(world.fact(broken), offset), "broken", {place: offset + 1}, {})
    _publish(world)
    world.execute("UPDATE relay_cursor SET sequence = 0")
    _say(world, key)
    _publish(world)
    letters = [message for _, message in world.published("funding.dlq") if message.key == broken]
    assert len(letters) == 1


def test_any_other_trouble_ends_it_with_a_word(world: World) -> None:
    world.execute("ALTER TABLE event_log RENAME TO lost")
    relay = world.relay()
    relay.start()
    relay.join(10)
    assert not relay.is_alive()
    assert relay.failure is not None


def test_a_commit_wakes_it(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(relay_module, "_WAKE_S", 600.0)  # without being woken it would sleep on
    key = world.new_key()
    relay = world.relay()
    with world.running(relay):
        eventually(lambda: _leads(world), "it leads")
        for count in (1, 2):
            _say(world, key)
            eventually(lambda: told(world.published()) == {key: list(range(1, count + 1))}, "published")  # noqa: B023
        relay.stop()
        _say(world, key)  # wakes it to its end


def test_a_record_has_the_headers_of_its_envelope(world: World) -> None:
    """The relay writes them by itself, for speed; the envelope says what they are."""
    key = world.new_key()
    envelope, message = world.command(key)
    traced = (envelope._replace(correlation_id="cor_1", traceparent="00-1-2-01"), message)
    world.processor.run(Batch([world.delivery(traced)]))
    _publish(world)
    ((sequence, event_id, moment),) = world.rows("SELECT sequence, event_id, time FROM event_log")
    written = Envelope(
        event_id, "funding.default_payment_method_changed.v1", world.name, "count_1", moment, "cor_1", envelope.id,
        sequence, 1, "00-1-2-01",
    )  # fmt: skip
    assert world.headers_of(key) == [dict(write_headers(written))]
