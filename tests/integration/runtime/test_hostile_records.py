"""Records that nobody meant well: none of them holds a partition, the relay or another key."""

from base64 import b64decode
from collections.abc import Iterator

import pytest

from schemas.envelope import write_headers
from services.runtime.lanes import lane_of
from tests.integration.runtime.world import World, eventually

_LONG = b"k" * 9_000
"""More than an entry of an index can be."""


@pytest.fixture
def at_work(world: World) -> Iterator[World]:
    """The world with its worker and its relay running."""
    with world.running():
        yield world


def _goes_on(world: World, partition: int) -> None:
    """What comes after it on either topic is handled: which topic is read first, nobody says."""
    fact, command = world.new_key(partition), world.new_key(partition)
    world.send(world.fact(fact), world.command(command))
    eventually(lambda: world.counts().keys() >= {fact, command}, "the next records of the partition")
    eventually(world.everything_is_published, "all published")


def test_a_record_too_large_for_a_letter_is_shown_in_part_and_pointed_to(at_work: World) -> None:
    key = at_work.new_key(4)
    body = bytes(range(256)) * 3_700
    at_work.produce(("contracts.events", 4, key.encode(), body, []))
    _goes_on(at_work, 4)
    ((_, letter),) = [(e, m) for e, m in at_work.published("funding.dlq") if m.key == key]
    shown = b64decode(letter.body_base64)  # type: ignore[attr-defined]
    assert len(shown) >= 400_000
    assert body.startswith(shown)
    assert "too large to be shown whole" in letter.reason  # type: ignore[attr-defined]


def test_headers_too_large_for_a_letter_are_cut(at_work: World) -> None:
    key = at_work.new_key(4)
    at_work.produce(("contracts.events", 4, key.encode(), b"body", [("short", b"kept"), ("long", b"\x01" * 800_000)]))
    _goes_on(at_work, 4)
    (letter,) = at_work.letters(key)
    assert letter.headers == {"short": "kept"}
    assert b64decode(letter.body_base64) == b"body"


def test_a_key_too_long_for_an_index_is_a_letter(at_work: World) -> None:
    at_work.produce(("contracts.events", 7, _LONG, b"{}", []))
    _goes_on(at_work, 7)
    assert len(at_work.letters("k" * 200)) == 1


@pytest.mark.parametrize("header", ["ce_id", "ce_source"])
@pytest.mark.parametrize("value", [_LONG, b"", b"urn:x"])
def test_an_id_that_is_none_is_a_letter(at_work: World, header: str, value: bytes) -> None:
    key = at_work.new_key()
    envelope, message = at_work.command(key, "refuse")
    headers = list({**dict(write_headers(envelope)), header: value}.items())
    at_work.produce((message.topic, lane_of(key), key.encode(), message.model_dump_json().encode(), headers))
    _goes_on(at_work, lane_of(key))
    (letter,) = at_work.letters(key)
    assert header in letter.reason
    assert not letter.parked


def test_a_text_that_the_database_cannot_hold_parks_its_key_alone(at_work: World) -> None:
    key = at_work.new_key()
    envelope, message = at_work.command(key)
    headers = write_headers(envelope._replace(correlation_id="a\0b"))
    at_work.produce((message.topic, lane_of(key), key.encode(), message.model_dump_json().encode(), headers))
    _goes_on(at_work, lane_of(key))
    (letter,) = at_work.letters(key)
    assert letter.parked


def test_what_is_parked_was_not_seen(at_work: World) -> None:
    """A redrive goes on at the very version that could not be handled."""
    key = at_work.new_key()
    at_work.send(at_work.fact(key), at_work.fact(key, "boom"), at_work.fact(key))
    eventually(lambda: len(at_work.parked(key)) == 2, "two wait")
    assert at_work.rows("SELECT version FROM streams_seen WHERE key = %s", key) == [(1,)]


def test_a_parked_answer_is_not_kept_for_an_idempotency_key(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key, version=2))
    eventually(lambda: at_work.parked(key), "parked")
    with at_work.serving() as http:
        headers = {"Idempotency-Key": "again"}
        assert http.post(f"/counters/{key}", json={}, headers=headers).status_code == 409
        at_work.execute("DELETE FROM parked_messages WHERE key = %s", key)
        assert http.post(f"/counters/{key}", json={}, headers=headers).status_code == 202
    assert at_work.counts()[key] == 1
