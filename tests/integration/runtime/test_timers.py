"""A timer's command is given once and when it is due, whatever is killed and however many replicas look."""

from datetime import timedelta
from typing import Any

import psycopg
import pytest

from schemas.base import Actor
from schemas.funding import DefaultPaymentMethodChanged, SetDefaultPaymentMethod
from services.runtime import metrics, timers
from services.runtime.postgres import PostgresTransaction
from services.runtime.processor import Batch
from tests.integration.runtime.toy import service as toy
from tests.integration.runtime.world import World, eventually

_DAY_S = 24 * 60 * 60
_REVIEW = timedelta(days=14)


def _set(world: World, key: str, after_s: int = 14 * _DAY_S) -> None:
    world.processor.run(Batch([world.delivery(world.command(key, f"later_{after_s}"))]))


def _waiting(world: World) -> list[str]:
    return [key for (key,) in world.rows("SELECT key FROM timers ORDER BY due_at, key")]


def _given(world: World) -> list[str]:
    """The keys whose command was appended to the log, in its order."""
    rows = world.rows("SELECT key FROM event_log WHERE type = %s ORDER BY sequence", SetDefaultPaymentMethod.type_name)
    return [key for (key,) in rows]


def test_a_timer_is_given_to_the_service_as_a_command_when_the_clock_has_jumped_by_weeks(world: World) -> None:
    key = world.new_key()
    with world.running(world.worker(), world.timers(), world.relay()):
        world.send(world.command(key, f"later_{14 * _DAY_S}"))
        eventually(lambda: _waiting(world) == [key], "the timer")
        world.clock.advance(_REVIEW - timedelta(minutes=1))
        world.send(world.command(other := world.new_key()))
        eventually(lambda: world.counts() == {other: 1}, "something else was decided by the new time")
        assert _given(world) == []
        world.clock.advance(timedelta(minutes=1))
        eventually(lambda: world.counts() == {other: 1, key: 1}, "the timer's command was decided")
    assert (_waiting(world), _given(world)) == ([], [key])
    [(identifier, correlation, causation, first)] = world.rows(
        "SELECT g.event_id, g.correlation_id, g.causation_id, s.correlation_id FROM event_log g, event_log s "
        "WHERE g.type = %s AND s.key = g.key AND s.sequence < g.sequence",
        SetDefaultPaymentMethod.type_name,
    )
    assert correlation == first == causation, "it belongs to the story of what set it"
    assert world.rows("SELECT command_id FROM event_log WHERE command_id = %s", identifier) == [(identifier,)]


def test_two_replicas_at_the_same_time_give_each_command_once(world: World) -> None:
    keys = [world.new_key() for _ in range(200)]
    batch = Batch([world.delivery(world.command(key, "later_60")) for key in keys])
    world.processor.run(batch)
    with world.running(world.timers(most=7), world.timers(most=11)):
        world.clock.advance(timedelta(seconds=60))
        eventually(lambda: _waiting(world) == [], "all taken")
    assert sorted(_given(world)) == sorted(keys)


def test_what_another_replica_has_in_hand_is_passed_by_and_is_there_again_when_it_dies(world: World) -> None:
    for key in (held := world.new_key(), free := world.new_key()):
        _set(world, key, 60)
    world.clock.advance(timedelta(seconds=60))
    dying = psycopg.connect(world.url)
    with PostgresTransaction(dying) as transaction:
        assert timers.fire(transaction, world.clock.now(), most=1) == 1
    assert world.timers().fire() == 1
    assert (_given(world), _waiting(world)) == ([free], [held])
    dying.close()  # between deletion and commit; the server lets go of its locks a moment later
    eventually(lambda: world.timers().fire() == 1, "the timer, free again")
    assert (_given(world), _waiting(world)) == ([free, held], [])


def test_a_timer_survives_the_death_of_the_process_that_set_it(world: World) -> None:
    key = world.new_key()
    first = world.process()
    world.send(world.command(key, f"later_{14 * _DAY_S}"))
    eventually(lambda: _waiting(world) == [key], "the timer")
    world.kill(first)
    world.clock.advance(_REVIEW)
    world.process()
    eventually(lambda: world.counts() == {key: 1}, "decided by the next process")
    assert _given(world) == [key]


def test_a_decision_that_is_rolled_back_leaves_no_timer(world: World) -> None:
    key = world.new_key()
    asked = world.command(key, "later_60")
    with pytest.raises(ValueError, match="told to break"):
        world.processor.run(Batch([world.delivery(asked), world.delivery(world.command(world.new_key(), "boom"))]))
    assert _waiting(world) == []


def test_a_decision_made_again_sets_the_same_command_and_another_decision_another(world: World) -> None:
    key = world.new_key()
    (cause, command), (other, _) = world.command(key), world.command(key)
    due_at = world.clock.now()
    made = timers.timer(cause, due_at, command).command_id
    assert timers.timer(cause, due_at, command).command_id == made
    assert timers.timer(other, due_at, command).command_id != made
    assert timers.timer(cause, due_at + timedelta(seconds=1), command).command_id != made
    assert timers.timer(cause, due_at, command, "another").command_id != made


def test_a_timers_command_that_comes_twice_is_decided_once(world: World) -> None:
    _set(world, key := world.new_key(), 0)
    world.timers().fire()
    [(identifier,)] = world.rows("SELECT event_id FROM event_log WHERE type = %s", SetDefaultPaymentMethod.type_name)
    for offset in (0, 1):
        world.processor.run(Batch([world.delivery(world.command(key, identifier=identifier), offset)]))
    assert world.counts() == {key: 1}


def test_setting_the_same_timer_again_replaces_it(world: World) -> None:
    key = world.new_key()
    first, second = world.command(key, "later_60"), world.command(key, "later_120")
    world.processor.run(Batch([world.delivery(first), world.delivery(second)]))
    third = world.command(key, "later_30")
    [(due,)] = world.rows("SELECT due_at FROM timers")
    assert due - world.clock.now() > timedelta(seconds=100)
    world.processor.run(Batch([world.delivery(third)]))
    [(due, cause)] = world.rows("SELECT due_at, causation_id FROM timers")
    assert due - world.clock.now() <= timedelta(seconds=30)
    assert cause == third[0].id


def test_many_due_at_once_are_taken_in_bounded_batches_the_longest_due_first(world: World) -> None:
    keys = [world.new_key() for _ in range(5)]
    for after_s, key in zip((50, 40, 30, 20, 10), keys, strict=True):
        _set(world, key, after_s)
    world.clock.advance(timedelta(seconds=60))
    taken = world.timers(most=2)
    assert [taken.fire() for _ in range(4)] == [2, 2, 1, 0]
    assert _given(world) == keys[::-1]


def test_what_waits_and_what_is_late_is_measured(world: World) -> None:
    _set(world, world.new_key(), 3_600)
    _set(world, late := world.new_key(), 60)
    world.timers()._observe()
    assert metrics.TIMERS_WAITING._value.get() == 2
    assert metrics.TIMERS_OVERDUE._value.get() == 0
    world.clock.advance(timedelta(seconds=100))
    world.timers()._observe()
    assert 40 <= metrics.TIMERS_OVERDUE._value.get() < 100, late


@pytest.mark.parametrize(
    ("command", "fault"),
    [
        (lambda key: DefaultPaymentMethodChanged(employer_id=key, payment_method_id="x"), "cannot be a timer's"),
        (
            lambda key: SetDefaultPaymentMethod(
                actor=Actor(role="service", party_id="svc_1"), employer_id=f"{key}x", payment_method_id="x"
            ),
            "its lane is not held",
        ),
    ],
)
def test_only_a_command_of_its_own_about_the_key_in_hand_can_be_a_timers(
    world: World, monkeypatch: pytest.MonkeyPatch, command: Any, fault: str
) -> None:
    def set_it(context: Any, key: str) -> int:
        context.at(context.now, command(key))
        return 0

    monkeypatch.setattr(toy, "_count", set_it)
    with pytest.raises(RuntimeError, match=fault):
        world.processor.run(Batch([world.delivery(world.command(world.new_key()))]))
    assert _waiting(world) == []


def test_a_refusal_must_not_have_set_a_timer(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    def set_and_refuse(context: Any, command: Any, after_s: int) -> Any:
        context.at(context.now, command)
        return toy.Refused("conflict", "no", "no")

    monkeypatch.setattr(toy, "_later", set_and_refuse)
    with pytest.raises(RuntimeError, match="after it had written"):
        _set(world, world.new_key())
