"""Duplicates, losses and what cannot be handled: only the key it concerns waits, and nothing is lost."""

from base64 import b64decode
from collections.abc import Iterator

import pytest

from schemas.envelope import write_headers
from services.runtime.lanes import lane_of
from services.runtime.processor import Batch
from tests.integration.runtime.world import World, eventually


@pytest.fixture
def at_work(world: World) -> Iterator[World]:
    """The world with its worker running."""
    with world.running(world.worker()):
        yield world


def _counted(world: World, key: str, count: int) -> None:
    eventually(lambda: world.counts().get(key) == count, f"{key} counted to {count}: {world.counts()}")


def test_a_version_heard_before_is_dropped(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key), at_work.fact(key), at_work.fact(key, version=1), at_work.fact(key, version=2))
    at_work.send(at_work.fact(key, version=3))
    _counted(at_work, key, 3)
    assert at_work.letters(key) == []


def test_a_gap_parks_its_key_and_others_of_the_lane_go_on(at_work: World) -> None:
    lost = at_work.new_key()
    other = at_work.new_key(lane_of(lost))
    at_work.send(at_work.fact(lost), at_work.fact(lost, version=3), at_work.fact(other), at_work.fact(lost, version=4))
    eventually(lambda: len(at_work.parked(lost)) == 2, "the two facts wait")  # topics have no order among each other
    at_work.send(at_work.command(lost), at_work.fact(other))
    _counted(at_work, other, 2)
    eventually(lambda: len(at_work.parked(lost)) == 3, "two facts and a command wait")
    assert at_work.counts()[lost] == 1
    (letter,) = at_work.letters(lost)
    assert letter.parked
    assert f"contracts/{lost}: version 3 came after version 1" in letter.reason
    reasons = [reason for _, reason in at_work.parked(lost)]
    assert reasons[0] == letter.reason
    assert set(reasons[1:]) == {"waits behind an earlier message of its key"}


def test_what_waits_stays_in_its_order(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(*(at_work.fact(key, version=version) for version in range(2, 40)))
    eventually(lambda: len(at_work.parked(key)) == 38, "all wait")
    offsets = [offset for offset, _ in at_work.parked(key)]
    assert offsets == sorted(offsets)
    headers = at_work.rows("SELECT headers ->> 'ce_streamversion' FROM parked_messages WHERE key = %s ORDER BY id", key)
    assert [int(version) for (version,) in headers] == list(range(2, 40))


def test_a_parked_key_is_a_conflict_over_http(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.fact(key, version=2))
    eventually(lambda: at_work.parked(key), "parked")
    with at_work.serving() as http:
        answer = http.post(f"/counters/{key}", json={})
    assert (answer.status_code, answer.json()["code"]) == (409, "parked")
    assert key not in at_work.counts()


def test_a_handler_that_raises_parks_its_key_alone(at_work: World) -> None:
    broken, *others = [at_work.new_key(3) for _ in range(5)]
    facts = [at_work.fact(key) for key in others]
    at_work.send(*facts[:2], at_work.fact(broken, "boom"), *facts[2:], at_work.fact(broken))
    for key in others:
        _counted(at_work, key, 1)
    eventually(lambda: len(at_work.parked(broken)) == 2, "both of its messages wait")
    (letter,) = at_work.letters(broken)
    assert letter.reason == "ValueError: the toy was told to break"
    assert broken not in at_work.counts()


def test_a_command_that_breaks_parks_its_key(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.command(key, "boom"))
    (letter,) = eventually(lambda: at_work.letters(key), "the letter")
    assert letter.parked


_COMMAND_TYPE = b"funding.set_default_payment_method.v1"
_NO_MESSAGES = {
    "no headers": (lambda world, key: (b"{}", []), "the header ce_specversion is missing"),
    "no JSON": (
        lambda world, key: (b"\xff\x00{", _headers(world, key, ce_streamversion=b"0")),
        "the body is no contracts.milestone_added.v1",
    ),
    "an unknown type": (
        lambda world, key: (b"{}", _headers(world, key, ce_type=b"contracts.unheard_of.v1", ce_streamversion=b"0")),
        "'contracts.unheard_of.v1' is not in the catalogue",
    ),
    "a command that claims a version": (
        lambda world, key: (b"{", _headers(world, key, ce_type=_COMMAND_TYPE)),
        "the body is no funding.set_default_payment_method.v1",
    ),
    "another topic's": (
        lambda world, key: (_command(world, key), _headers(world, key, ce_type=_COMMAND_TYPE)),
        "belongs on funding.commands, not on contracts.events",
    ),
    "another key": (
        lambda world, key: (_fact(world, "another"), _headers(world, key)),
        "the key must be the body's contract_id (another)",
    ),
    "no body": (lambda world, key: (None, _headers(world, key, ce_streamversion=b"0")), "without a body"),
    "a NUL in its id": (lambda world, key: (_fact(world, key), _headers(world, key, ce_id=b"a\0b")), "ce_id must"),
}  # fmt: skip


def _headers(world: World, key: str, **changed: bytes) -> list[tuple[str, bytes]]:
    envelope, _ = world.fact(key)
    return list({**dict(write_headers(envelope)), **changed}.items())


def _fact(world: World, key: str) -> bytes:
    return world.fact(key)[1].model_dump_json().encode()


def _command(world: World, key: str) -> bytes:
    return world.command(key)[1].model_dump_json().encode()


@pytest.mark.scenario(11)
def test_what_is_no_message_is_a_dead_letter_with_its_exact_bytes_and_the_partition_goes_on(at_work: World) -> None:
    cases = []
    for what, (make, reason) in _NO_MESSAGES.items():
        key = at_work.new_key(5)
        body, headers = make(at_work, key)
        cases.append((what, key, body, reason))
        at_work.produce(("contracts.events", 5, key.encode(), body, headers))
    after = at_work.new_key(5)
    at_work.send(at_work.fact(after))
    _counted(at_work, after, 1)
    for what, key, body, reason in cases:
        (letter,) = at_work.letters(key)
        assert reason in letter.reason, what
        assert b64decode(letter.body_base64) == (body or b""), what
        assert not letter.parked, what
        assert (letter.topic_name, letter.partition) == ("contracts.events", 5), what
        assert at_work.parked(key) == [], what


def test_a_key_that_is_no_text_is_a_dead_letter_too(at_work: World) -> None:
    at_work.produce(("contracts.events", 6, b"\xff\x00k", b"\x00", [("odd", b"\x00\xfe")]))
    at_work.produce(("contracts.events", 6, None, None, []))
    after = at_work.new_key(6)
    at_work.send(at_work.fact(after))
    _counted(at_work, after, 1)
    (letter,) = at_work.letters(r"\xff\x00k")
    assert letter.headers == {"odd": r"\x00\xfe"}
    assert len(at_work.letters("")) == 1


def test_a_header_with_nul_does_not_keep_a_message_from_being_parked(at_work: World) -> None:
    key = at_work.new_key()
    envelope, message = at_work.fact(key, "boom")
    headers = [*write_headers(envelope), ("odd", b"a\0b")]
    at_work.produce((message.topic, lane_of(key), key.encode(), message.model_dump_json().encode(), headers))
    eventually(lambda: at_work.parked(key), "parked")
    ((stored, body),) = at_work.rows("SELECT headers ->> 'odd', body FROM parked_messages WHERE key = %s", key)
    assert stored == r"a\x00b"
    assert bytes(body) == message.model_dump_json().encode()


# -- commands ----------------------------------------------------------------------------------------------


def test_a_command_twice_in_one_batch_has_one_effect(world: World) -> None:
    key = world.new_key()
    command = world.command(key, identifier="cmd_one_batch")
    world.send(command, command)
    with world.running(world.worker()):
        last = world.new_key(lane_of(key))
        world.send(world.command(last))
        _counted(world, last, 1)
    assert world.counts()[key] == 1


@pytest.mark.scenario(1)
def test_a_command_in_two_batches_has_one_effect(at_work: World) -> None:
    key = at_work.new_key()
    command = at_work.command(key, identifier="cmd_two_batches")
    at_work.send(command)
    _counted(at_work, key, 1)
    at_work.send(command, at_work.command(key))
    _counted(at_work, key, 2)
    assert len(at_work.logged(key)) == 2


def test_a_command_heard_over_http_and_from_kafka_has_one_effect(world: World) -> None:
    key = world.new_key()
    command = world.command(key, identifier="cmd_both_ways")
    assert world.processor.run(Batch([world.delivery(command)])) != [None]
    assert world.processor.run(Batch([world.delivery(command, offset=10**9)])) == [None]
    assert world.counts()[key] == 1


def test_a_refused_command_is_answered_by_an_event_once(at_work: World) -> None:
    key = at_work.new_key()
    refused = at_work.command(key, "refuse", identifier="cmd_refused")
    at_work.send(refused, refused, at_work.command(key))
    _counted(at_work, key, 1)
    rejected, _ = at_work.logged(key)
    assert rejected.model_dump(include={"command_id", "code", "asked_of", "detail"}) == {
        "command_id": "cmd_refused", "code": "not_now", "asked_of": key, "detail": "the toy was told to refuse",
    }  # fmt: skip


def test_asking_for_what_is_so_is_answered_by_an_event(at_work: World) -> None:
    key = at_work.new_key()
    at_work.send(at_work.command(key, "same", identifier="cmd_same"))
    (unchanged,) = eventually(lambda: at_work.logged(key), "the answer")
    assert unchanged.type_name == "funding.command_unchanged.v1"
    assert unchanged.command_id == "cmd_same"  # type: ignore[attr-defined]


def test_a_command_that_led_to_nothing_is_answered_too_and_never_decided_anew(world: World) -> None:
    key = world.new_key()
    looked = world.command(key, "nothing", identifier="cmd_looked")
    world.processor.run(Batch([world.delivery(looked, offset=10**9)]))
    (unchanged,) = world.logged(key)
    assert unchanged.type_name == "funding.command_unchanged.v1"

    world.processor.run(Batch([world.delivery(world.command(key))]))  # now it would find something to do
    world.processor.run(Batch([world.delivery(looked, offset=10**9)]))

    assert world.counts()[key] == 1
